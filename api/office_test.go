package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"gridpatrol/api"
	"gridpatrol/auth"
	"gridpatrol/inspection"
	"gridpatrol/review"
	"gridpatrol/sync"
)

// newOffice is a world with a phone in the field.
func newOffice(t testing.TB) *host {
	t.Helper()
	w := newHost(t)
	w.field = w.login("inspector")
	return w
}

// worker is a phone that writes in the area.
func (w *host) worker(area inspection.Area) *phone {
	if area == otherArea {
		return w.login("other")
	}
	return w.field
}

type object = map[string]any

// send pushes one mutation and returns its result.
func (p *phone) send(c inspection.Collection, op, id string, base int64, doc object) sync.Result {
	p.T.Helper()
	p.n++
	m := object{"n": p.n, "collection": c, "op": op, "id": id, "base": base}
	if doc != nil {
		m["doc"] = doc
	}
	b, err := json.Marshal(m)
	p.Must(err)
	var out struct{ Results []sync.Result }
	p.push(string(b)).ok(200).decode(&out)
	return out.Results[0]
}

// samples are small documents of each collection.
func sample(c inspection.Collection, area inspection.Area) object {
	return map[inspection.Collection]object{
		inspection.Inspections: {"area": area, "template": "open_burning", "template_version": 1, "status": "submitted",
			"started_at": "2026-10-12T09:31:07+08:00", "answers": object{"place": "a"}},
		inspection.Sessions: {"area": area, "topic": "diesel_roadside", "note": "a"},
		inspection.Sites:    {"area": area, "name": "a"},
	}[c]
}

// stored makes a document of the collection and returns its id.
func (w *host) stored(c inspection.Collection, area inspection.Area) string {
	w.T.Helper()
	if c == inspection.Tasks {
		return w.taskIn(area, "")
	}
	id := uuid.NewString()
	if r := w.worker(area).send(c, "put", id, 0, sample(c, area)); r.Status != "applied" {
		w.T.Fatalf("%+v", r)
	}
	return id
}

// taskIn makes a task that has come so far that the act may follow.
func (w *host) taskIn(area inspection.Area, act string) string {
	w.T.Helper()
	boss := inspection.NewPrincipal(inspection.RoleSupervisor, inspection.Device{User: "boss"}, area)
	r, err := w.Review.CreateTask(w.Ctx, boss, review.NewTask{Area: string(area), Title: "x", Unit: "ecology", Due: "2026-10-20"})
	w.Must(err)
	before := map[string][]inspection.TaskEvent{
		"verify": {"rectify"}, "reopen": {"rectify"}, "close": {"rectify", "verify"},
	}[act]
	for i, event := range before {
		_, err := w.Review.MoveTask(w.Ctx, boss, r.ID, review.TaskMove{
			Event: event, Rev: int64(i + 1), Rectification: inspection.Object{"note": "x"},
		})
		w.Must(err)
	}
	return string(r.ID)
}

// conflicted makes a document with a parked value and returns its id, the
// conflict's key and its revision.
func (w *host) conflicted(c inspection.Collection, area inspection.Area) (id, k string, rev int64) {
	w.T.Helper()
	id = w.stored(c, area)
	member := map[inspection.Collection]string{inspection.Sites: "name"}[c]
	if member == "" {
		member = "note"
	}
	change := func(v string) object {
		if c == inspection.Tasks {
			return object{"rectification": object{"note": v}}
		}
		return object{member: v}
	}
	w.worker(area).send(c, "put", id, 1, change("b"))
	q := w.login(map[bool]string{true: "inspector", false: "other"}[area != otherArea])
	r := q.send(c, "put", id, 1, change("c"))
	var doc struct {
		Server struct{ Conflicts []struct{ K string } }
	}
	w.Must(json.Unmarshal(r.Doc, &doc))
	if len(doc.Server.Conflicts) != 1 {
		w.T.Fatalf("%s of %s: %s", r.Status, c, r.Doc)
	}
	return id, doc.Server.Conflicts[0].K, *r.Rev
}

// heldIn puts a mutation in quarantine that names the area: its phone has no
// right to it.
func (w *host) heldIn(area inspection.Area) string {
	w.T.Helper()
	stranger := w.worker(map[bool]inspection.Area{true: otherArea, false: ownArea}[area != otherArea])
	id := uuid.NewString()
	if r := stranger.send(inspection.Inspections, "put", id, 0, sample(inspection.Inspections, area)); r.Status != "rejected" {
		w.T.Fatalf("%+v", r)
	}
	keeper := inspection.NewPrincipal(inspection.RoleAdmin, inspection.Device{User: "keeper"}, area)
	page, err := w.Review.Quarantine(w.Ctx, keeper, sync.Held, "", review.MaxLimit)
	w.Must(err)
	for _, r := range page.Records {
		if strings.Contains(string(r.Doc), id) {
			return string(r.ID)
		}
	}
	w.T.Fatal("nothing is held")
	return ""
}

// userIn makes an inspector of the area.
func (w *host) userIn(area inspection.Area) string {
	w.T.Helper()
	u, err := w.Auth.AddUser(w.Ctx, "", auth.NewUser{
		Username: "u" + uuid.NewString()[:8], Name: "x", Password: password, Role: inspection.RoleInspector, Areas: []inspection.Area{area},
	})
	w.Must(err)
	return string(u.ID)
}

const limitRow = `{"name":"burning_recheck_hours","value":12,"comparison":"<=","unit":"h","source":"x","flag":"P","enabled":true,"effective_from":"2026-10-01"}`

// subject returns an address and a body with which the route does its work on
// something fresh of the area.
func (w *host) subject(r api.Route, area inspection.Area) (path, body string) {
	w.T.Helper()
	parts := strings.Split(strings.TrimPrefix(r.Path, "/v1/"), "/")
	last := parts[len(parts)-1]
	c := inspection.Collection(parts[0])
	path = r.Path
	with := func(name, value string) { path = strings.Replace(path, ":"+name, value, 1) }
	switch {
	case strings.HasPrefix(r.Path, api.RxPrefix):
		with("collection", string(inspection.Sites))
		with("version", "0")
		return path, "[]"
	case last == ":k":
		id, k, rev := w.conflicted(c, area)
		with("id", id)
		with("k", k)
		return path, fmt.Sprintf(`{"take":"offered","rev":%d}`, rev)
	case last == "review":
		with("id", w.stored(c, area))
		return path, `{"decision":"approve","rev":1}`
	case r.Path == "/v1/tasks":
		return path, fmt.Sprintf(`{"area":%q,"title":"x","unit":"ecology","due":"2026-10-20"}`, area)
	case c == inspection.Tasks && r.Method == "POST":
		with("id", w.taskIn(area, last))
		rev := map[string]int{"verify": 2, "reopen": 2, "close": 3}[last]
		return path, fmt.Sprintf(`{"rev":%d,"comment":"x","rectification":{"note":"x"}}`, max(rev, 1))
	case c.Writable():
		with("id", w.stored(c, area))
	case c == inspection.Quarantine:
		with("id", w.heldIn(area))
		return path, `{"comment":"x"}`
	case r.Path == "/v1/users":
		return path, fmt.Sprintf(`{"username":"u%s","name":"x","password":%q,"role":"inspector","areas":[%q]}`, uuid.NewString()[:8], password, area)
	case c == inspection.Users:
		with("id", w.userIn(area))
		return path, `{"disabled":true}`
	case c == inspection.Templates:
		with("name", "t"+strings.ReplaceAll(uuid.NewString(), "-", ""))
		return path, `{"title":{"zh":"x","en":"x"},"fields":[{"type":"text","name":"a","label":{"zh":"x","en":"x"}}]}`
	case c == inspection.Limits:
		with("id", uuid.NewString())
		return path, limitRow
	case c == inspection.Targets:
		with("id", uuid.NewString())
		return path, fmt.Sprintf(`{"topic":"diesel_roadside","area":%q,"period":"month","sessions":6,"source":"x","flag":"P","enabled":true,"effective_from":"2027-01-01"}`, ownArea)
	}
	return path, ""
}

// elsewhere are the answers to a supervisor and an administrator about what
// lies in an area of others; the routes that aren't here know no areas.
var elsewhere = map[string][]int{
	"GET /v1/inspections/:id": {404, 404}, "GET /v1/sessions/:id": {404, 404}, "GET /v1/tasks/:id": {404, 404}, "GET /v1/sites/:id": {404, 404},
	"GET /v1/inspections/:id/history": {404, 404}, "GET /v1/sessions/:id/history": {404, 404},
	"GET /v1/tasks/:id/history": {404, 404}, "GET /v1/sites/:id/history": {404, 404},
	"POST /v1/inspections/:id/review": {404, 404}, "POST /v1/inspections/:id/conflicts/:k": {404, 404},
	"POST /v1/sessions/:id/conflicts/:k": {404, 404}, "POST /v1/tasks/:id/conflicts/:k": {404, 404}, "POST /v1/sites/:id/conflicts/:k": {404, 404},
	"POST /v1/tasks": {403, 403}, "POST /v1/tasks/:id/assign": {404, 404}, "POST /v1/tasks/:id/rectify": {404, 404},
	"POST /v1/tasks/:id/verify": {404, 404}, "POST /v1/tasks/:id/reopen": {404, 404}, "POST /v1/tasks/:id/close": {404, 404},
	"POST /v1/users": {403, 403}, "PATCH /v1/users/:id": {403, 403},
	"POST /v1/quarantine/:id/release": {403, 404}, "POST /v1/quarantine/:id/discard": {403, 404},
}

// TestElsewhere: no route tells or does anything about another area.
func TestElsewhere(t *testing.T) {
	w := newOffice(t)
	asked := 0
	for i := range w.server.Routes() {
		r := w.server.Routes()[i]
		row, ok := elsewhere[r.Method+" "+r.Path]
		if !ok {
			continue
		}
		asked++
		for k, person := range []string{"supervisor", "admin"} {
			path, body := w.subject(r, otherArea)
			a := w.request(r.Method, path, strings.NewReader(body), typeJSON, w.login(person).bearer())
			if a.status != row[k] {
				t.Errorf("%s %s of %s: %d, want %d: %s", r.Method, r.Path, person, a.status, row[k], a.body)
			}
		}
	}
	if asked != len(elsewhere) {
		t.Errorf("%d of %d routes were asked", asked, len(elsewhere))
	}
	secret := w.stored(inspection.Inspections, otherArea)
	boss := w.login("admin")
	for _, path := range []string{"/v1/inspections", "/v1/inspections?area=61", "/v1/users", "/v1/quarantine"} {
		if a := boss.get(path).ok(200); strings.Contains(string(a.body), secret) || strings.Contains(string(a.body), string(otherArea)) {
			t.Errorf("%s tells %s", path, a.body)
		}
	}
	boss.get("/v1/inspections?area="+string(otherArea)).problem(403, inspection.CodeForbidden)
	boss.get("/v1/tasks?area="+string(otherArea)).problem(403, inspection.CodeForbidden)
}

// TestOfficeIsAsDescribed: each route's answers, good and bad, are those of
// the description.
func TestOfficeIsAsDescribed(t *testing.T) {
	w, s := newOffice(t), newSchemas(t)
	boss := w.login("admin")
	for _, r := range w.server.OfficeRoutes() {
		described := pathParameter.ReplaceAllString(r.Path, "{$1}")
		ask := func(path, body string, headers ...string) *answer {
			return w.request(r.Method, path, strings.NewReader(body), append(headers, boss.bearer())...)
		}
		path, body := w.subject(r, ownArea)
		a := ask(path, body, typeJSON)
		if a.status >= 300 {
			t.Errorf("%s %s: %d %s", r.Method, path, a.status, a.body)
		}
		s.check(r.Method, described, a)
		if strings.Contains(r.Path, ":id") && !strings.HasPrefix(r.Path, "/v1/limits") && !strings.HasPrefix(r.Path, "/v1/targets") {
			s.check(r.Method, described, ask(strings.NewReplacer(":id", uuid.NewString(), ":k", "x").Replace(r.Path), body, typeJSON).ok(404))
			s.check(r.Method, described, ask(strings.NewReplacer(":id", "x", ":k", "x").Replace(r.Path), body, typeJSON).ok(404))
		}
		if r.Cap > 0 {
			s.check(r.Method, described, ask(path, `[7]`, typeJSON).ok(400))
			s.check(r.Method, described, ask(path, body, "Content-Type: text/plain").ok(415))
			s.check(r.Method, described, ask(path, strings.Repeat(" ", r.Cap+1), typeJSON).ok(413))
		}
		s.check(r.Method, described, w.request(r.Method, path, strings.NewReader(body), typeJSON).ok(401))
	}
}

func TestMalformedActs(t *testing.T) {
	w := newOffice(t)
	boss := w.login("admin")
	id := w.stored(inspection.Inspections, ownArea)
	for _, tc := range []struct {
		method, path, body string
		pointers           []string
	}{
		{"POST", "/v1/inspections/" + id + "/review", `{}`, []string{"/decision", "/rev"}},
		{"POST", "/v1/inspections/" + id + "/review", `{"decision":7,"comment":{},"rev":"1"}`, []string{"/decision", "/comment", "/rev"}},
		{"POST", "/v1/inspections/" + id + "/review", `{"decision":"sing","rev":1}`, []string{"/decision"}},
		{"POST", "/v1/inspections/" + id + "/review", `{"decision":"reject","rev":1}`, []string{"/comment"}},
		{"POST", "/v1/inspections/" + id + "/review", `{"decision":"approve","rev":0}`, []string{"/rev"}},
		{"POST", "/v1/inspections/" + id + "/review", `{"decision":"approve","rev":1.5}`, []string{"/rev"}},
		{"POST", "/v1/inspections/" + id + "/conflicts/x", `{"rev":1}`, []string{"/take"}},
		{"POST", "/v1/tasks", ``, []string{"/area"}},
		{"POST", "/v1/tasks", `{"title":[]}`, []string{"/title"}},
		{"POST", "/v1/users", `{"areas":"x"}`, []string{"/username", "/name", "/password", "/role", "/areas"}},
		{"POST", "/v1/users", `{"username":"x","name":"x","password":"` + password + `","role":"inspector","areas":[7]}`, []string{"/areas"}},
		{"PATCH", "/v1/users/x", `{"disabled":"yes"}`, []string{"/disabled"}},
		{"PUT", "/v1/limits/x", `{"name":"x"}`, []string{"/source"}},
	} {
		p := w.request(tc.method, tc.path, strings.NewReader(tc.body), typeJSON, boss.bearer()).problem(400, inspection.CodeBadRequest)
		var got []string
		for _, e := range p.Errors {
			got = append(got, e.Pointer)
		}
		if fmt.Sprint(got) != fmt.Sprint(tc.pointers) {
			t.Errorf("%s %s: members %v, want %v", tc.path, tc.body, got, tc.pointers)
		}
	}
	w.request("PUT", "/v1/templates/x", strings.NewReader("title: ["), "Content-Type: application/yaml", boss.bearer()).problem(400, inspection.CodeBadRequest)
	w.request("PUT", "/v1/templates/x", strings.NewReader("title: {zh: 甲, en: A}\nfields:\n- {type: text, name: a, label: {zh: 甲, en: A}}\n"),
		"Content-Type: application/yaml; charset=utf-8", boss.bearer()).ok(200)
}

func TestListParameters(t *testing.T) {
	w := newOffice(t)
	boss := w.login("supervisor")
	for query, good := range map[string]bool{
		"": true, "area=610102,610102003": true, "verdict=fail&state=edited&evidence=complete&template=x": true, "q=%E9%99%95A": true,
		"from=2026-10-01&to=2026-10-31": true, "from=2026-10-01T00:00:00%2B08:00": true, "limit=1": true, "limit=999999": true, "unknown=1": true,
		"site=0192f3c1-7d1e-7a64-9f0a-3b1c2d4e5f60": true, "cursor=": true,
		"area=61010": false, "verdict=bad": false, "state=closed": false, "evidence=yes": false, "from=soon": false, "to=0001-01-01T00:00:00Z": true, "to=2026-13-01": false,
		"limit=0": false, "limit=x": false, "limit=": false, "cursor=%21": false, "site=x": false, "q=a&q=b": false, "q=a&site=0192f3c1-7d1e-7a64-9f0a-3b1c2d4e5f60": false,
	} {
		if a := boss.get("/v1/inspections?" + query); good {
			a.ok(200)
		} else {
			a.problem(400, inspection.CodeBadParameter)
		}
	}
	for query, good := range map[string]bool{
		"state=rectified&unit=ecology&overdue=true": true, "overdue=false&assignee=x": true, "inspection=0192f3c1-7d1e-7a64-9f0a-3b1c2d4e5f60": true,
		"state=approved": false, "overdue=1": false, "inspection=x": false, "assignee=x&inspection=0192f3c1-7d1e-7a64-9f0a-3b1c2d4e5f60": false,
	} {
		if a := boss.get("/v1/tasks?" + query); good {
			a.ok(200)
		} else {
			a.problem(400, inspection.CodeBadParameter)
		}
	}
}

func FuzzDecodeInspections(f *testing.F) {
	f.Add("610102", "fail", "2026-10-12", "0192f3c1-7d1e-7a64-9f0a-3b1c2d4e5f60", "10")
	f.Add(",", "x", "2026-10-12T00:00:00Z", "", "-1")
	f.Fuzz(func(t *testing.T, area, verdict, day, id, limit string) {
		given := map[string][]string{"area": {area}, "verdict": {verdict}, "from": {day}, "to": {day}, "session": {id}, "limit": {limit}}
		req, err := api.DecodeInspections(func(name string) []string { return given[name] })
		if err != nil {
			if inspection.CodeOf(err) != inspection.CodeBadParameter {
				t.Errorf("refused with %v", err)
			}
			return
		}
		if req.Limit < 1 || req.Limit > review.MaxLimit || !req.From.IsZero() && req.To.Before(req.From) {
			t.Errorf("took %+v", req)
		}
	})
}
