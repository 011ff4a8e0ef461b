package api

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"gridpatrol/auth"
	"gridpatrol/inspection"
)

// proof is a way in which a route's caller proves who they are. Whatever the
// way, the outcome is a session, of which the rest is made alike.
type proof struct {
	// scheme is its name among the security schemes of the description.
	scheme string
	// challenge is what a 401 asks for in WWW-Authenticate.
	challenge string
	// session finds out whose request it is. Returns what auth.Service.Authorize
	// does, CodeUnauthenticated where nothing is proven.
	session func(c *call) (auth.Session, error)
}

var (
	// none: anyone may call the route. Who is refused there, as with a wrong
	// password, is asked for what the other routes want.
	none = &proof{challenge: bearer.challenge}
	// bearer is an access token in the Authorization header.
	bearer = &proof{scheme: "bearer", challenge: `Bearer realm="gridpatrol"`, session: bearerSession}
)

func bearerSession(c *call) (auth.Session, error) {
	token, err := bearerToken(c.Request().Header.PeekAll(fiber.HeaderAuthorization))
	if err != nil {
		return auth.Session{}, err
	}
	return c.server.cfg.Auth.Authorize(c.ctx, token)
}

// bearerToken returns the token of the one Authorization header.
func bearerToken(headers [][]byte) (string, error) {
	if len(headers) == 1 {
		scheme, token, _ := strings.Cut(string(headers[0]), " ")
		if token = strings.TrimSpace(token); strings.EqualFold(scheme, "Bearer") && token != "" {
			return token, nil
		}
	}
	return "", unproven()
}

func unproven() error {
	return inspection.Errorf(inspection.CodeUnauthenticated, "%s", inspection.Codes[inspection.CodeUnauthenticated])
}

// challengeOf is what a 401 asks for on the request's route.
func challengeOf(fc *fiber.Ctx) string {
	if c := callOf(fc); c != nil && c.route != nil {
		return c.route.Proof.challenge
	}
	return bearer.challenge
}
