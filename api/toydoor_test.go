package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

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

// newToyWorld is a world whose server has the toy's door besides its own.
func newToyWorld(t *testing.T) *world {
	t.Helper()
	var cfg Config
	w := newWorld(t, func(c *Config) { cfg = *c })
	w.shutdown()
	w.must(<-w.served)
	door := toyDoor{w.sync, w.media}
	var err error
	w.server, err = newServer(cfg, func(s *Server) []route { return append(s.table(), door.routes()...) })
	w.must(err)
	w.listen()
	return w
}

// submit sends a form with texts and, if there is one, a photo.
func (p *phone) submit(photo []byte, texts map[string]string, headers ...string) *answer {
	p.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name, text := range texts {
		p.must(form.WriteField(name, text))
	}
	if photo != nil {
		part, err := form.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {`form-data; name="scene_photo"; filename="a.jpg"`}, "Content-Type": {"image/jpeg"},
		})
		p.must(err)
		_, err = part.Write(photo)
		p.must(err)
	}
	p.must(form.Close())
	return p.request(http.MethodPost, "/toy", &body, append(headers, "Content-Type: "+form.FormDataContentType())...)
}

func (p *phone) toyCookie() string { return "Cookie: toy=" + p.signIn.AccessToken }

// document returns an inspection as the native routes have it.
func (p *phone) document(id string) inspection.Object {
	p.t.Helper()
	doc, err := inspection.ParseObject(p.get("/v1/inspections/" + id).ok(200).body)
	p.must(err)
	return doc
}

// TestANewDoorNeedsNothingElse: what an unknown client sends is proven, kept,
// merged, refused and answered as all is.
func TestANewDoorNeedsNothingElse(t *testing.T) {
	w := newToyWorld(t)
	p := w.login("inspector")
	id, photo := uuid.NewString(), picture(1)
	form := func(area inspection.Area, note string) map[string]string {
		return map[string]string{"id": id, "area": string(area), "template": "open_burning", "note": note}
	}
	send := func(photo []byte, texts map[string]string, want string) {
		t.Helper()
		if a := p.submit(photo, texts, p.toyCookie()).ok(200); string(a.body) != want {
			t.Errorf("answered with %s, want %s", a.body, want)
		}
	}
	for _, headers := range [][]string{nil, {"Cookie: toy=x"}, {p.bearer()}} {
		a := p.submit(photo, form(ownArea, "smoke"), headers...)
		if a.status != 401 || a.header.Get("WWW-Authenticate") != toyCookie.challenge {
			t.Errorf("proven by %.20q: %d, %v", headers, a.status, a.header)
		}
	}
	if a := p.request("GET", "/v1/me", nil, p.toyCookie()); a.status != 401 {
		t.Errorf("the toy's cookie opens another route: %d", a.status)
	}

	send(photo, form(ownArea, "smoke"), "applied")
	var doc inspection.Object
	eventually(t, "the photo is known to the record", func() bool {
		doc = p.document(id)
		return doc.Object("server").Object("evidence")["complete"] == true
	})
	photos := doc.Objects("photos")
	if doc.Object("answers").Text("note") != "smoke" || len(photos) != 1 || photos[0].Text("sha256") != sha256Hex(photo) {
		t.Errorf("%s", inspection.AppendJSON(nil, doc))
	}
	p.get("/v1/media/" + sha256Hex(photo)).ok(200)
	send(photo, form(ownArea, "smoke"), "applied") // the first answer was lost
	if again := p.document(id); !inspection.Equal(again, doc) {
		t.Errorf("sent again: %s", inspection.AppendJSON(nil, again))
	}

	// A phone of ours writes a member that the form has not, and an answer.
	edit := fmt.Sprintf(`{"n":1,"collection":"inspections","op":"put","id":%q,"base":1,"doc":{"grid":"610102003-02","answers":{"note":"smoke","colour":"black"}}}`, id)
	w.login("supervisor").push(edit).ok(200)
	send(photo, form(ownArea, "no smoke"), "merged")
	doc = p.document(id)
	if answers := doc.Object("answers"); answers.Text("note") != "no smoke" || answers.Text("colour") != "black" || !doc.Has("grid") {
		t.Errorf("%s", inspection.AppendJSON(nil, doc))
	}

	id = uuid.NewString()
	send(nil, form(otherArea, "not mine"), "rejected area_forbidden")
	if a := p.submit([]byte("<html>"), form(ownArea, "no photo"), p.toyCookie()); a.status != 415 {
		t.Errorf("a file that is no picture: %d", a.status)
	}
}
