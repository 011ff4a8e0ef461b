package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"gridpatrol/api"
	"gridpatrol/auth"
	"gridpatrol/inspection"
	"gridpatrol/seeds"
	"gridpatrol/sync"
)

const rxInspections = "/rxdb/inspections/0/"

// rxState is a small inspection as a phone with RxDB has it.
func rxState(area inspection.Area, note string) object {
	return object{"id": uuid.NewString(), "area": area, "template": "open_burning", "template_version": 1, "status": "submitted",
		"started_at": "2026-10-12T09:31:07+08:00", "answers": object{"note": note}, "_deleted": false}
}

func rxRows(t testing.TB, states ...object) string {
	t.Helper()
	rows := make([]object, len(states))
	for i, s := range states {
		rows[i] = object{"newDocumentState": s}
	}
	b, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// rxPush pushes new states and returns the documents in the answer.
func (p *phone) rxPush(states ...object) (docs []object) {
	p.T.Helper()
	p.post(rxInspections+"push", rxRows(p.T, states...), p.bearer()).ok(200).decode(&docs)
	return docs
}

type rxPageJSON struct {
	Documents  []object
	Checkpoint struct {
		ID  string
		Lwt *float64
	}
}

func (p *phone) rxPull(checkpoint string, limit int) (page rxPageJSON) {
	p.T.Helper()
	p.get(fmt.Sprintf("%spull?lwt=0&id=%s&limit=%d", rxInspections, checkpoint, limit)).ok(200).decode(&page)
	return page
}

func TestRxPushPull(t *testing.T) {
	w := newOffice(t)
	p, stranger := w.login("inspector"), w.login("other")
	hidden := rxState(otherArea, "hidden")
	if docs := stranger.rxPush(hidden); len(docs) != 1 {
		t.Fatalf("%v", docs)
	}
	states := []object{rxState(ownArea, "a"), rxState(otherArea, "poison"), rxState(ownArea, "b"), hidden}
	docs := p.rxPush(states...)
	if len(docs) != 2 || docs[0]["id"] != states[0]["id"] || docs[1]["id"] != states[2]["id"] || docs[0]["_deleted"] != false {
		t.Fatalf("%v", docs)
	}
	first := p.rxPull("", 1)
	if len(first.Documents) != 1 || first.Checkpoint.Lwt == nil || strings.Trim(first.Checkpoint.ID, base64URL) != "" {
		t.Fatalf("%+v", first)
	}
	rest := p.rxPull(first.Checkpoint.ID, 10)
	if len(rest.Documents) != 1 || rest.Documents[0]["id"] == first.Documents[0]["id"] {
		t.Errorf("%+v", rest)
	}
	if again := p.rxPull(rest.Checkpoint.ID, 10); len(again.Documents) != 0 || again.Checkpoint.ID == "" {
		t.Errorf("%+v", again)
	}
}

const base64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func TestRxIsAsDescribed(t *testing.T) {
	w, s := newOffice(t), newSchemas(t)
	p := w.login("inspector")
	const pull, push, schema = "/rxdb/{collection}/{version}/pull", "/rxdb/{collection}/{version}/push", "/rxdb/{collection}/schema"
	s.check("POST", push, p.post(rxInspections+"push", rxRows(t, rxState(ownArea, "x")), p.bearer()).ok(200))
	s.check("POST", push, p.post(rxInspections+"push", `[]`, p.bearer()).ok(200))
	s.check("POST", push, p.post(rxInspections+"push", `{}`, p.bearer()).ok(400))
	s.check("POST", push, p.post(rxInspections+"push", strings.Repeat(" ", api.MaxRows+1), p.bearer()).ok(413))
	s.check("POST", push, p.request("POST", rxInspections+"push", strings.NewReader(`[]`), p.bearer(), "Content-Type: text/plain").ok(415))
	s.check("POST", push, p.post(rxInspections+"push", `[]`).ok(401))
	s.check("GET", pull, p.get(rxInspections+"pull").ok(200))
	s.check("GET", pull, p.get(rxInspections+"pull?limit=x").ok(400))
	s.check("GET", pull, p.get(rxInspections+"pull?id=x").ok(400))
	s.check("GET", "/rxdb/{collection}/{version}/pullStream", p.get("/rxdb/inspections/1/pullStream").ok(404))
	for _, c := range slices.Concat(inspection.FieldCollections, inspection.ReferenceCollections) {
		s.check("GET", pull, p.get("/rxdb/"+string(c)+"/0/pull").ok(200))
		s.check("GET", schema, w.request("GET", "/rxdb/"+string(c)+"/schema", nil).ok(200))
	}
	s.check("GET", schema, w.request("GET", "/rxdb/users/schema", nil).ok(404))
}

// TestRxProblems: each carries the member without which the published client
// would take it for a page. Elsewhere there is none.
func TestRxProblems(t *testing.T) {
	w := newHost(t)
	p := w.login("inspector")
	for path, status := range map[string]int{
		"/rxdb/inspections/0/pull?id=%21": 400, "/rxdb/inspections/1/pull": 404, "/rxdb/inspections/x/pull": 404, "/rxdb/inspections/00/pull": 404,
		"/rxdb/inspections/-1/pull": 404, "/rxdb/users/0/pull": 404, "/rxdb/inspections/0/nothing": 404, "/rxdb/inspections/0/push": 405, "/v1/nowhere": 404,
	} {
		a := p.get(path).ok(status)
		var body struct{ Code, Error string }
		a.decode(&body)
		if want := map[bool]string{true: body.Code}[strings.HasPrefix(path, api.RxPrefix)]; body.Error != want || body.Code == "" {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	if status := api.Answers()[inspection.CodeOutdatedSchema]; status != http.StatusUpgradeRequired {
		t.Errorf("an older version of a schema: %d", status)
	}
}

// TestRxSchemasTakeRealDocuments: what is served fits what is served.
func TestRxSchemasTakeRealDocuments(t *testing.T) {
	w := newOffice(t)
	p := w.login("inspector")
	for _, name := range seeds.Fixtures() {
		doc := seeds.Fixture(name)
		doc["area"], doc["more"] = string(ownArea), "kept, and left out"
		c := inspection.Inspections
		if strings.HasPrefix(name, "session_") {
			c = inspection.Sessions
		}
		if r := p.send(c, "put", uuid.NewString(), 0, with(doc, "id", nil)); r.Status != "applied" {
			t.Fatalf("%s: %+v", name, r)
		}
	}
	w.taskIn(ownArea, "close")
	w.conflicted(inspection.Sites, ownArea)
	for _, c := range slices.Concat(inspection.FieldCollections, inspection.ReferenceCollections) {
		schema := w.rxSchemaOf(c)
		var page struct{ Documents []json.RawMessage }
		p.get("/rxdb/" + string(c) + "/0/pull").ok(200).decode(&page)
		if len(page.Documents) == 0 {
			t.Errorf("no %s", c)
		}
		if c.Reference() {
			w.sameAsNative(p, c, page.Documents)
		}
		for _, raw := range page.Documents {
			v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
			w.Must(err)
			delete(v.(object), "_deleted") // RxDB adds it to every schema
			if err := schema.Validate(v); err != nil {
				t.Errorf("%s: %v\n%s", c, err, raw)
			}
		}
	}
}

// sameAsNative: of reference data, clients with RxDB get every member.
func (w *host) sameAsNative(p *phone, c inspection.Collection, documents []json.RawMessage) {
	w.T.Helper()
	var page pageJSON
	p.get("/v1/sync/pull?collections=" + string(c)).ok(200).decode(&page)
	for i, raw := range documents {
		var got object
		w.Must(json.Unmarshal(raw, &got))
		delete(got, "_deleted")
		if !reflect.DeepEqual(got, page.Changes[i].Doc) {
			w.T.Errorf("%s: %v\nnatively %v", c, got, page.Changes[i].Doc)
		}
	}
}

func with(o object, name string, v any) object {
	if o[name] = v; v == nil {
		delete(o, name)
	}
	return o
}

func (w *host) rxSchemaOf(c inspection.Collection) *jsonschema.Schema {
	w.T.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(w.request("GET", "/rxdb/"+string(c)+"/schema", nil).ok(200).body))
	w.Must(err)
	compiler := jsonschema.NewCompiler()
	w.Must(compiler.AddResource("schema.json", v))
	schema, err := compiler.Compile("schema.json")
	w.Must(err)
	return schema
}

// TestLargeDocumentsFillAPageAllTheSame: fewer documents than the limit would
// mean that there are no more.
func TestLargeDocumentsFillAPageAllTheSame(t *testing.T) {
	w := newHost(t)
	p := w.login("inspector")
	for range 5 {
		var states []object
		for range 5 {
			states = append(states, rxState(ownArea, strings.Repeat("x", 900<<10)))
		}
		if docs := p.rxPush(states...); len(docs) != 5 {
			t.Fatalf("%d documents", len(docs))
		}
	}
	page := p.rxPull("", 24)
	if len(page.Documents) != 24 {
		t.Errorf("%d documents", len(page.Documents))
	}
	if rest := p.rxPull(page.Checkpoint.ID, 24); len(rest.Documents) != 1 {
		t.Errorf("%d documents after them", len(rest.Documents))
	}
	if all := p.rxPull("", 5000); len(all.Documents) != 25 || all.Checkpoint.ID == "" {
		t.Errorf("%d documents", len(all.Documents))
	}
	if a := w.request("HEAD", rxInspections+"pull?limit=100", nil, p.bearer()).ok(200); len(a.body) != 0 {
		t.Error("HEAD has a body")
	}
}

func TestManyRowsAtOnce(t *testing.T) {
	w := newHost(t)
	p := w.login("inspector")
	states := make([]object, 2*api.RowsAtOnce+1)
	for i := range states {
		states[i] = rxState(ownArea, "x")
	}
	if docs := p.rxPush(states...); len(docs) != len(states) {
		t.Errorf("%d documents", len(docs))
	}
	var none []object
	for i := range states {
		states[i]["_deleted"] = true
	}
	if none = p.rxPush(states...); len(none) != 0 {
		t.Errorf("%d documents for what is deleted", len(none))
	}
}

// data reads the next event of a stream.
func (e *events) data() (page rxPageJSON) {
	e.t.Helper()
	line, _ := e.next()
	raw, ok := strings.CutPrefix(line, "data: ")
	if !ok || json.Unmarshal([]byte(raw), &page) != nil {
		e.t.Fatalf("no event: %q", line)
	}
	return page
}

func TestRxStream(t *testing.T) {
	w := newHost(t)
	p, colleague, stranger := w.login("inspector"), w.login("supervisor"), w.login("other")
	p.rxPush(rxState(ownArea, "before"))
	e := p.streamOf(rxInspections + "pullStream")
	e.expect(": connected")
	stranger.rxPush(rxState(otherArea, "hidden"))
	colleague.push(strings.Replace(colleague.mutation(ownArea, "x"), `"inspections"`, `"sites"`, 1)).ok(200)
	mine := rxState(ownArea, "after")
	pushed := colleague.rxPush(mine)
	got := e.data()
	if len(got.Documents) != 1 || got.Documents[0]["id"] != mine["id"] || fmt.Sprint(got.Documents[0]) != fmt.Sprint(pushed[0]) {
		t.Fatalf("%+v", got)
	}
	if page := p.rxPull(got.Checkpoint.ID, 10); len(page.Documents) != 0 {
		t.Errorf("after the event's checkpoint: %+v", page)
	}
	elsewhere := []inspection.Area{"610102004"}
	w.patch("inspector", auth.UserPatch{Areas: &elsewhere})
	e.ends()
}

// awaySync has a store that can't be reached, for who follows.
type awaySync struct{ api.Sync }

func (awaySync) Follow(context.Context, *inspection.Principal, inspection.Collection) (*sync.Feed, error) {
	return nil, errors.New("away")
}

// TestRxStreamUnavailable: the published client comes back after a 503, and
// gives up after most others.
func TestRxStreamUnavailable(t *testing.T) {
	w := newHost(t, func(c *api.Config) { c.Sync = awaySync{c.Sync} })
	p := w.login("inspector")
	p.get(rxInspections+"pullStream").problem(503, inspection.CodeUnavailable)
}

// TestRxTokenExpires: pulls and pushes say 401, so that the app signs in.
func TestRxTokenExpires(t *testing.T) {
	w := newHost(t)
	p := w.login("inspector")
	w.Advance(15 * time.Minute)
	p.get(rxInspections+"pull").problem(401, inspection.CodeTokenExpired)
	p.post(rxInspections+"push", "[]", p.bearer()).problem(401, inspection.CodeTokenExpired)
	p.get(rxInspections+"pullStream").problem(401, inspection.CodeTokenExpired)
}
