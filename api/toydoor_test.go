package api

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gridpatrol/auth"
	"gridpatrol/inspection"
	"gridpatrol/media"
	"gridpatrol/sync"
)

// toyDoor serves a kind of client that the program doesn't know: a form, sent
// with a cookie, with photos in it. It numbers nothing, assumes nothing, and
// knows four members of an inspection. This is all that such a door takes.
type toyDoor struct {
	sync  *sync.Service
	media *media.Service
}

// toyCookie is the door's own proof: an access token in a cookie.
var toyCookie = &proof{scheme: "toy", challenge: `Cookie realm="toy"`, session: func(c *call) (auth.Session, error) {
	if token := c.Cookies("toy"); token != "" {
		return c.server.cfg.Auth.Authorize(c.ctx, token)
	}
	return auth.Session{}, unproven()
}}

func (d toyDoor) routes() []route {
	return []route{{Method: fiber.MethodPost, Path: "/toy", Proof: toyCookie, Action: inspection.ActionPush, Cap: 2 * media.MaxBytes, Handler: d.submit}}
}

func (d toyDoor) submit(c *call) error {
	_, params, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	if err != nil {
		return badBody("Send a form.")
	}
	edit, err := d.decode(c, multipart.NewReader(c.partBody(), params["boundary"]))
	if err != nil {
		return err
	}
	c.bodyRead = true
	results, err := d.sync.PushEdits(c.ctx, c.principal, []sync.Edit{edit})
	if err != nil {
		return err
	}
	return c.SendString(strings.TrimSpace(fmt.Sprintln(results[0].Status, results[0].Code)))
}

// decode turns the form into an edit: texts are members or answers, files are
// photos, kept as they come.
func (d toyDoor) decode(c *call, form *multipart.Reader) (sync.Edit, error) {
	answers, photos := inspection.Object{}, []any{}
	state := inspection.Object{"answers": answers}
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			state["photos"] = photos
			knows := func(member string) bool { return state.Has(member) }
			return sync.Edit{Collection: inspection.Inspections, State: state, Knows: knows}, nil
		}
		if err != nil {
			return sync.Edit{}, badBody("The form breaks off.")
		}
		if part.FileName() != "" {
			kept, err := d.media.Accept(c.server.base, c.principal, media.Claim{Length: -1, Type: part.Header.Get("Content-Type")}, part)
			if err != nil {
				return sync.Edit{}, err
			}
			photos = append(photos, inspection.Object{"field": part.FormName(), "sha256": kept.SHA256})
			continue
		}
		text, err := io.ReadAll(io.LimitReader(part, 1<<10))
		if err != nil {
			return sync.Edit{}, badBody("The form breaks off.")
		}
		if name := part.FormName(); inspection.HasMember(inspection.Inspections, name) {
			state[name] = string(text)
		} else {
			answers[name] = string(text)
		}
	}
}

// ToyChallenge is what the toy's door asks for.
var ToyChallenge = toyCookie.challenge

// NewToyServer makes a server that has the toy's door besides its own.
func NewToyServer(cfg Config, log *sync.Service, photos *media.Service) (*Server, error) {
	door := toyDoor{log, photos}
	return newServer(cfg, func(s *Server) []route { return append(s.table(), door.routes()...) })
}
