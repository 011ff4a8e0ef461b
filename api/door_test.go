package api_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"testing"

	"github.com/google/uuid"

	"gridpatrol/api"
	"gridpatrol/inspection"
	"gridpatrol/test/world"
)

// newToyHost is a world whose server has the toy's door besides its own.
func newToyHost(t *testing.T) *host {
	t.Helper()
	w := newHost(t)
	w.shutdown()
	w.Must(<-w.served)
	var err error
	w.server, err = api.NewToyServer(w.config(), w.Sync, w.Media)
	w.Must(err)
	w.listen()
	return w
}

// submit sends a form with texts and, if there is one, a photo.
func (p *phone) submit(photo []byte, texts map[string]string, headers ...string) *answer {
	p.T.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name, text := range texts {
		p.Must(form.WriteField(name, text))
	}
	if photo != nil {
		part, err := form.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {`form-data; name="scene_photo"; filename="a.jpg"`}, "Content-Type": {"image/jpeg"},
		})
		p.Must(err)
		_, err = part.Write(photo)
		p.Must(err)
	}
	p.Must(form.Close())
	return p.request(http.MethodPost, "/toy", &body, append(headers, "Content-Type: "+form.FormDataContentType())...)
}

func (p *phone) toyCookie() string { return "Cookie: toy=" + p.signIn.AccessToken }

// document returns an inspection as the native routes have it.
func (p *phone) document(id string) inspection.Object {
	p.T.Helper()
	doc, err := inspection.ParseObject(p.get("/v1/inspections/" + id).ok(200).body)
	p.Must(err)
	return doc
}

// TestANewDoorNeedsNothingElse: what an unknown client sends is proven, kept,
// merged, refused and answered as all is.
func TestANewDoorNeedsNothingElse(t *testing.T) {
	w := newToyHost(t)
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
		if a.status != 401 || a.header.Get("WWW-Authenticate") != api.ToyChallenge {
			t.Errorf("proven by %.20q: %d, %v", headers, a.status, a.header)
		}
	}
	if a := p.request("GET", "/v1/me", nil, p.toyCookie()); a.status != 401 {
		t.Errorf("the toy's cookie opens another route: %d", a.status)
	}

	send(photo, form(ownArea, "smoke"), "applied")
	var doc inspection.Object
	world.Eventually(t, "the photo is known to the record", func() bool {
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
