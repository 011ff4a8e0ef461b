package api_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"gridpatrol/api"
	"gridpatrol/inspection"
	"gridpatrol/rxdb"
)

type operation struct {
	Security    []map[string][]string
	RequestBody *struct{}
	Responses   map[string]struct {
		Ref     string `json:"$ref"`
		Content map[string]struct{ Schema any }
	}
}

type openapiDoc struct {
	Paths       map[string]map[string]operation
	Collections map[inspection.Collection]struct {
		SchemaVersion *int `json:"schema_version"`
		Writable      bool
	} `json:"x-collections"`
	Components struct{ Schemas map[string]any }
}

func readDescription(t testing.TB) openapiDoc {
	t.Helper()
	var d openapiDoc
	if err := json.Unmarshal(api.Description, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// pathParameter turns a route's :name into the description's {name}.
var pathParameter = regexp.MustCompile(`:(\w+)`)

func TestRoutesAreDescribedAndTheOtherWay(t *testing.T) {
	w := newHost(t)
	d := readDescription(t)
	described := 0
	for _, ops := range d.Paths {
		described += len(ops)
	}
	if described != len(w.server.Routes()) {
		t.Errorf("%d operations described, %d routes", described, len(w.server.Routes()))
	}
	for _, r := range w.server.Routes() {
		op, ok := d.Paths[pathParameter.ReplaceAllString(r.Path, "{$1}")][strings.ToLower(r.Method)]
		if !ok {
			t.Errorf("%s %s is not described", r.Method, r.Path)
			continue
		}
		if (op.RequestBody != nil) != (r.Cap > 0) {
			t.Errorf("%s %s: body described: %t, cap %d", r.Method, r.Path, op.RequestBody != nil, r.Cap)
		}
		if want := securityOf(r); !reflect.DeepEqual(op.Security, want) {
			t.Errorf("%s %s: security is described as %v, and the route wants %v", r.Method, r.Path, op.Security, want)
		}
	}
}

// securityOf is how the description says what proof a route wants.
func securityOf(r api.Route) []map[string][]string {
	if r.Proof == api.None {
		return []map[string][]string{}
	}
	return []map[string][]string{{r.Scheme(): {}}}
}

func TestDescriptionHasAllCodesAndCollections(t *testing.T) {
	d := readDescription(t)
	described := enumOf(d, "Code")
	for code := range api.Answers() {
		if !slices.Contains(described, string(code)) {
			t.Errorf("the code %s is not described", code)
		}
	}
	all := enumOf(d, "MemberCode")
	for code := range inspection.Codes {
		if !slices.Contains(all, string(code)) {
			t.Errorf("the code %s is not described", code)
		}
	}
	if len(described) != len(api.Answers()) || len(all) != len(inspection.Codes) {
		t.Errorf("%d of %d codes of requests, %d of %d codes in all", len(described), len(api.Answers()), len(all), len(inspection.Codes))
	}
	known := slices.Concat(inspection.FieldCollections, inspection.ReferenceCollections)
	for _, c := range known {
		current, _ := rxdb.SchemaVersion(c)
		if v := d.Collections[c]; v.SchemaVersion == nil || *v.SchemaVersion != current || v.Writable != c.Writable() {
			t.Errorf("collection %s: %+v", c, v)
		}
	}
	if len(d.Collections) != len(known) {
		t.Errorf("%d collections described, %d known", len(d.Collections), len(known))
	}
}

func enumOf(d openapiDoc, schema string) []string {
	var out []string
	o, _ := d.Components.Schemas[schema].(map[string]any)
	list, _ := o["enum"].([]any)
	for _, v := range list {
		s, _ := v.(string)
		out = append(out, s)
	}
	return out
}

// schemas compiles the description's components.
type schemas struct {
	t        testing.TB
	compiler *jsonschema.Compiler
	doc      openapiDoc
}

func newSchemas(t testing.TB) *schemas {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(api.Description))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	return &schemas{t: t, compiler: c, doc: readDescription(t)}
}

func (s *schemas) component(name string) *jsonschema.Schema {
	s.t.Helper()
	compiled, err := s.compiler.Compile("openapi.json#/components/schemas/" + name)
	if err != nil {
		s.t.Fatal(err)
	}
	return compiled
}

// check validates an answer against what is described for its operation and
// status.
func (s *schemas) check(method, path string, a *answer) {
	s.t.Helper()
	response, ok := s.doc.Paths[path][strings.ToLower(method)].Responses[strconv.Itoa(a.status)]
	if !ok {
		s.t.Errorf("%s %s: the status %d is not described: %s", method, path, a.status, a.body)
		return
	}
	name := "Problem"
	if response.Ref == "" {
		if len(response.Content) == 0 && len(a.body) == 0 {
			return
		}
		o, _ := response.Content["application/json"].Schema.(map[string]any)
		ref, _ := o["$ref"].(string)
		name = strings.TrimPrefix(ref, "#/components/schemas/")
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(a.body))
	if err == nil {
		err = s.component(name).Validate(v)
	}
	if err != nil {
		s.t.Errorf("%s %s %d: %v\n%s", method, path, a.status, err, a.body)
	}
}

func TestSchemasCompile(t *testing.T) {
	s := newSchemas(t)
	for name := range s.doc.Components.Schemas {
		s.component(name)
	}
}

func TestAnswersAreAsDescribed(t *testing.T) {
	w, s := newHost(t), newSchemas(t)
	p, boss := w.login("inspector"), w.login("supervisor")
	good := p.mutation(ownArea, "x")
	push := func(headers []string, body string) *answer { return w.post("/v1/sync/push", body, headers...) }
	signedIn := []string{p.bearer()}
	s.check("POST", "/v1/sync/push", p.push(good, p.mutation(otherArea, "y"), `{"n":7}`).ok(200))
	s.check("POST", "/v1/sync/push", p.push(good).ok(200))
	s.check("POST", "/v1/sync/push", push(signedIn, `[]`).ok(400))
	s.check("POST", "/v1/sync/push", push(nil, `{}`).ok(401))
	s.check("POST", "/v1/auth/login", w.post("/v1/auth/login", loginBody("admin", password, uuid.NewString())).ok(200))
	s.check("POST", "/v1/auth/login", w.post("/v1/auth/login", `{"device":7}`).ok(400))
	s.check("POST", "/v1/auth/refresh", w.post("/v1/auth/refresh", `{"refresh_token":"`+boss.signIn.RefreshToken+`"}`).ok(200))
	s.check("POST", "/v1/auth/refresh", w.post("/v1/auth/refresh", `{"refresh_token":"x"}`).ok(401))
	s.check("GET", "/v1/sync/pull", p.get("/v1/sync/pull").ok(200))
	s.check("GET", "/v1/sync/pull", p.get("/v1/sync/pull?history=all&limit=1").ok(200))
	s.check("GET", "/v1/sync/pull", p.get("/v1/sync/pull?limit=x").ok(400))
	s.check("GET", "/v1/me", p.get("/v1/me").ok(200))
	s.check("GET", "/v1/devices", boss.get("/v1/devices").ok(200))
	s.check("GET", "/v1/devices", p.get("/v1/devices").ok(403))
	s.check("GET", "/healthz", p.get("/healthz").ok(200))
	s.check("GET", "/readyz", p.get("/readyz").ok(200))
	s.check("POST", "/v1/auth/logout", w.post("/v1/auth/logout", "", p.bearer()).ok(204))
}

func TestDescriptionIsServed(t *testing.T) {
	w := newHost(t)
	a := w.request("GET", "/openapi.json", nil).ok(200)
	if !bytes.Equal(a.body, w.server.Described()) || a.header.Get("Content-Type") != api.JSONType {
		t.Errorf("served with %v", a.header)
	}
}

// The description lists the formats that there are, of each report its own.
func TestTheDescriptionListsTheFormats(t *testing.T) {
	w := newHost(t)
	type parameter struct {
		Name   string
		Schema struct{ Enum []any }
	}
	var d struct {
		Paths map[string]struct {
			Get struct {
				Parameters []parameter
				Responses  map[string]struct{ Content map[string]any }
			}
		}
	}
	if err := json.Unmarshal(w.server.Described(), &d); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/v1/reports/joint": len(w.server.Config().Reports.Formats()), "/v1/reports/dispatch": 3} {
		get := d.Paths[path].Get
		if files := get.Responses["200"].Content; len(files) != want {
			t.Errorf("%s answers with %v", path, files)
		}
		i := slices.IndexFunc(get.Parameters, func(p parameter) bool { return p.Name == "format" })
		if names := get.Parameters[i].Schema.Enum; len(names) != want || names[0] != "json" {
			t.Errorf("%s takes the formats %q", path, names)
		}
	}
	if bytes.Contains(w.server.Described(), []byte("{formats")) || bytes.Contains(w.server.Described(), []byte("{files")) {
		t.Error("a place for formats is empty")
	}
}
