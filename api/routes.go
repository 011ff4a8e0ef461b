package api

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"gridpatrol/auth"
	"gridpatrol/inspection"
)

// What a route asks of its caller beyond the permissions of roles.
const (
	public   inspection.Action = "public"    // nothing
	signedIn inspection.Action = "signed_in" // a session of any role
)

// Caps of bodies, in bytes.
const (
	credentialsCap = 16 << 10
	// actCap holds a comment, or what was done about a task, with its photos.
	actCap = 256 << 10
	// definitionCap is the most that a template's definition has.
	definitionCap = 1 << 20
	// maxBatch is the most that a push holds, inflated. Source:
	// docs/contract.md, section 3.
	maxBatch = 8 << 20
)

// route is one line of the table. Cap is the most bytes of a body, gzip
// inflated; with 0 a body is ignored. GET answers HEAD as well.
type route struct {
	Method  string
	Path    string
	Action  inspection.Action
	Cap     int
	Gzip    bool          // Content-Encoding: gzip is taken
	Timeout time.Duration // what the services may take; 0 means requestTimeout
	YAML    bool          // a body in YAML is taken besides JSON
	Handler func(*call) error
}

// table lists all routes; the description and the tests follow it.
func (s *Server) table() []route {
	return slices.Concat(
		s.authRoutes(), s.syncRoutes(), s.rxRoutes(), s.mediaRoutes(), s.deviceRoutes(), s.reviewRoutes(), s.taskRoutes(),
		s.reportRoutes(), s.adminRoutes(), s.operationsRoutes(),
	)
}

// call is one request under way. It ends with the handler: nothing of it may
// be kept by a stream.
type call struct {
	*fiber.Ctx
	server  *Server
	ctx     context.Context
	id      string
	route   *route
	session auth.Session
	// principal is the session as services know it; nil on public routes.
	principal *inspection.Principal
	// bodyRead: the request's body was read to its end.
	bodyRead bool
}

// enter makes the handler of a route: sign-in and role first.
func (s *Server) enter(r *route) fiber.Handler {
	return func(fc *fiber.Ctx) error {
		c := callOf(fc)
		c.route = r
		ctx, cancel := context.WithTimeout(s.base, cmp.Or(r.Timeout, requestTimeout))
		defer cancel()
		c.ctx = ctx
		if err := c.authorize(); err != nil {
			return err
		}
		return r.Handler(c)
	}
}

// authorize fills the session and the principal, unless the route is public.
func (c *call) authorize() error {
	if c.route.Action == public {
		return nil
	}
	token, err := bearer(c.Request().Header.PeekAll(fiber.HeaderAuthorization))
	if err != nil {
		return err
	}
	if c.session, err = c.server.cfg.Auth.Authorize(c.ctx, token); err != nil {
		return err
	}
	if c.principal, err = c.server.principalOf(c.ctx, c.session); err != nil {
		return err
	}
	if c.route.Action == signedIn {
		return nil
	}
	return c.principal.Role.Require(c.route.Action)
}

// principalOf makes the principal of a request, here and nowhere else. Hardly
// anyone has lost an area, so what was confirmed is hardly ever read.
func (s *Server) principalOf(ctx context.Context, session auth.Session) (*inspection.Principal, error) {
	p := &inspection.Principal{
		Device: session.Device, Role: session.User.Role, Rights: session.Rights, FirstSeen: session.FirstSeen,
	}
	var err error
	if len(p.Rights.Revoked) > 0 {
		p.Confirmed, err = s.cfg.Sync.Confirmed(ctx, p.Device)
	}
	return p, err
}

// bearer returns the token of the one Authorization header.
func bearer(headers [][]byte) (string, error) {
	if len(headers) == 1 {
		scheme, token, _ := strings.Cut(string(headers[0]), " ")
		if token = strings.TrimSpace(token); strings.EqualFold(scheme, "Bearer") && token != "" {
			return token, nil
		}
	}
	return "", inspection.Errorf(inspection.CodeUnauthenticated, "%s", inspection.Codes[inspection.CodeUnauthenticated])
}

// methodsOf returns the methods that a path takes, for Allow.
func (s *Server) methodsOf(path string) []string {
	var methods []string
	for i := range s.routes {
		r := &s.routes[i]
		if !fiber.RoutePatternMatch(path, r.Path, fiber.Config{CaseSensitive: true, StrictRouting: true}) {
			continue
		}
		methods = append(methods, r.Method)
		if r.Method == fiber.MethodGet {
			methods = append(methods, fiber.MethodHead)
		}
	}
	if len(methods) > 0 {
		methods = append(methods, fiber.MethodOptions)
	}
	slices.Sort(methods)
	return slices.Compact(methods)
}
