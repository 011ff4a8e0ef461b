package e2e_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"gridpatrol/seeds"
)

// office is the supervisors' half of a demo district.
type office struct {
	*server
	phone, boss, admin *account
}

func startOffice(t *testing.T) *office {
	s := startDemo(t)
	return &office{s, s.signIn("inspector3"), s.signIn("supervisor"), s.signIn("admin")}
}

// ask insists on the status.
func (a *account) ask(status int, method, path string, body any) object {
	a.s.t.Helper()
	got, out := a.s.call(method, path, a.token, body)
	if got != status {
		a.s.t.Fatalf("%s %s: %d %v, want %d", method, path, got, out, status)
	}
	return out
}

// in walks into a document.
func in(o object, path ...string) any {
	var v any = o
	for _, name := range path {
		v = v.(object)[name]
	}
	return v
}

func (o *office) want(v any, want string) {
	o.t.Helper()
	if got := fmt.Sprint(v); got != want {
		o.t.Errorf("got %s, want %s", got, want)
	}
}

// truck pushes a failing roadside check and returns its id and plate.
func (o *office) truck() (id, plate string) {
	o.t.Helper()
	doc := seeds.Fixture("diesel_roadside_fail")
	id = uuid.Must(uuid.NewV7()).String()
	doc["id"], doc["area"], doc["session"] = id, "610102003", nil
	plate = doc.Object("answers").Text("plate")
	o.want(o.phone.results(o.phone.put(id, 0, doc))[0]["status"], "applied")
	return id, plate
}

// TestSupervisorsDecide: found, sent back, edited offline, approved and
// locked, through a power cut; then the parked value is taken.
func TestSupervisorsDecide(t *testing.T) {
	o := startOffice(t)
	id, plate := o.truck()
	page := o.boss.ask(200, "GET", "/v1/inspections?verdict=fail&state=received&area=610102003&q="+url.QueryEscape(strings.ToLower(plate)), nil)
	if !slices.ContainsFunc(objects(page["documents"]), func(d object) bool { return d["id"] == id }) {
		t.Fatalf("not found by its plate: %v", page)
	}
	here := "/v1/inspections/" + id
	doc := o.boss.ask(200, "POST", here+"/review", object{"decision": "send_back", "comment": "照片不清", "rev": 1})
	o.want(in(doc, "server", "review", "state"), "has_issues")
	pulled := o.phone.pullAll()[id]["doc"].(object)
	o.want(in(pulled, "server", "review", "comment"), "照片不清")

	o.kill()
	o.start("demo")
	r := o.phone.results(o.phone.put(id, 2, object{"note": "拍清了"}))[0]
	o.want(in(r["doc"].(object), "server", "review", "state"), "edited")
	o.boss.ask(409, "POST", here+"/review", object{"decision": "approve", "rev": 2})
	doc = o.boss.ask(200, "POST", here+"/review", object{"decision": "approve", "rev": 3})
	o.want(in(doc, "server", "review", "state"), "approved")

	r = o.phone.results(o.phone.put(id, 3, object{"note": "又改了"}))[0]
	o.want(r["status"], "conflicted")
	conflict := objects(in(r["doc"].(object), "server", "conflicts"))[0]
	there := here + "/conflicts/" + conflict["k"].(string)
	o.want(o.boss.ask(409, "POST", there, object{"take": "offered", "rev": 5})["code"], "locked")
	o.boss.ask(200, "POST", here+"/review", object{"decision": "reopen", "rev": 5})
	doc = o.boss.ask(200, "POST", there, object{"take": "offered", "rev": 6})
	o.want(doc["note"], "又改了")
	steps := objects(o.boss.ask(200, "GET", here+"/history", nil)["revisions"])
	if len(steps) != 7 || steps[0]["by_name"] == nil || steps[6]["device"] != o.phone.device {
		t.Errorf("history: %v", steps)
	}
	o.phone.ask(403, "POST", here+"/review", object{"decision": "approve", "rev": 7})
}

// TestTasksToTheEnd: a task from a failing inspection, rectified offline,
// sent back once, verified and closed.
func TestTasksToTheEnd(t *testing.T) {
	o := startOffice(t)
	id, _ := o.truck()
	task := o.boss.ask(http.StatusCreated, "POST", "/v1/tasks", object{"inspection": id})
	here := "/v1/tasks/" + task["id"].(string)
	o.want(task["unit"], "ecology")
	o.want(in(task, "server", "state"), "assigned")
	if o.phone.pullAll()[task["id"].(string)] == nil {
		t.Error("the phone doesn't get the task")
	}
	o.phone.n++
	rectify := object{"n": o.phone.n, "collection": "tasks", "op": "put", "id": task["id"], "base": 1,
		"doc": object{"rectification": object{"note": "已维修", "done_at": "2026-10-14T10:00:00+08:00"}}}
	o.want(in(o.phone.results(rectify)[0]["doc"].(object), "server", "state"), "rectified")
	o.boss.ask(409, "POST", here+"/close", object{"rev": 2})
	o.boss.ask(200, "POST", here+"/reopen", object{"rev": 2, "comment": "缺复检报告"})
	o.boss.ask(200, "POST", here+"/rectify", object{"rev": 3, "rectification": object{"note": "复检合格"}})
	o.boss.ask(200, "POST", here+"/verify", object{"rev": 4})
	o.want(in(o.boss.ask(200, "POST", here+"/close", object{"rev": 5}), "server", "state"), "closed")
	steps := objects(o.boss.ask(200, "GET", here+"/history", nil)["revisions"])
	if len(steps) != 6 || steps[0]["by_name"] == nil || steps[4]["kind"] != "put" {
		t.Errorf("history: %v", steps)
	}
	list := o.boss.ask(200, "GET", "/v1/tasks?inspection="+id, nil)
	o.want(list["total"], "1")
}

// TestAdministratorsRule: accounts, a checklist, a limit and a quarantined
// edit.
func TestAdministratorsRule(t *testing.T) {
	o := startOffice(t)
	made := o.admin.ask(http.StatusCreated, "POST", "/v1/users", object{
		"username": "newcomer", "name": "新人", "role": "inspector", "areas": []string{"610102004"}, "password": "a good password",
	})
	newcomer := &account{s: o.server, username: "newcomer", device: uuid.NewString()}
	newcomer.signIn("a good password")
	id := uuid.Must(uuid.NewV7()).String()
	doc := object{"area": "610102003", "template": "coal_patrol", "template_version": 1, "status": "submitted",
		"started_at": "2026-10-12T09:31:07+08:00", "answers": object{"place": "院内", "coal": true}}
	o.want(newcomer.results(newcomer.put(id, 0, doc))[0]["status"], "rejected")

	definition := object{"title": object{"zh": "散煤巡查", "en": "Coal patrol"}, "instance_name": "place",
		"fields": []object{{"type": "text", "name": "place", "label": object{"zh": "地点", "en": "Place"}}, {"type": "boolean", "name": "coal", "label": object{"zh": "散煤", "en": "Coal"}}},
		"rules":  []object{{"name": "clean", "label": object{"zh": "无散煤", "en": "No coal"}, "basis": "大气法", "when": "answered(coal)", "check": "!coal"}}}
	o.want(o.admin.ask(200, "PUT", "/v1/templates/coal_patrol", definition)["id"], "coal_patrol@1")
	o.admin.ask(200, "PUT", "/v1/limits/test", object{"name": "burning_recheck_hours", "value": 12, "comparison": "<=", "unit": "h",
		"source": "a decision of the district", "flag": "P", "enabled": true, "effective_from": "2026-10-01"})
	o.admin.ask(409, "PUT", "/v1/limits/test", object{"name": "burning_recheck_hours", "value": 6, "comparison": "<=", "unit": "h",
		"source": "a decision of the district", "flag": "P", "enabled": true, "effective_from": "2026-10-01"})

	held := objects(o.admin.ask(200, "GET", "/v1/quarantine?state=held", nil)["documents"])
	if len(held) != 1 || held[0]["document"] != id || held[0]["user"] != made["id"] {
		t.Fatalf("held: %v", held)
	}
	out := o.admin.ask(200, "POST", "/v1/quarantine/"+held[0]["id"].(string)+"/release", nil)
	o.want(in(out, "result", "status"), "applied")
	o.want(in(out, "result", "doc", "server", "verdict"), "fail")
	o.want(in(out, "quarantine", "state"), "released")
	if o.phone.pullAll()[id] == nil || o.phone.pullAll()["coal_patrol@1"] == nil {
		t.Error("the street's phone doesn't get what was released, or the checklist")
	}
	o.admin.ask(200, "PATCH", "/v1/users/"+made["id"].(string), object{"disabled": true})
	newcomer.eventually(http.StatusUnauthorized)
	o.boss.ask(403, "GET", "/v1/users", nil)
}
