package review_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/review"
	"gridpatrol/store"
	"gridpatrol/test/world"
)

func (w *desk) task(in review.NewTask) store.Record {
	w.T.Helper()
	r, err := w.Review.CreateTask(w.Ctx, boss, in)
	w.Must(err)
	return r
}

func (w *desk) move(r store.Record, m review.TaskMove) store.Record {
	w.T.Helper()
	m.Rev = w.Record(string(r.ID)).Rev
	out, err := w.Review.MoveTask(w.Ctx, boss, r.ID, m)
	w.Must(err)
	return out
}

// TestTaskFromInspection: what a task takes over from a failing inspection,
// and until when it is due, which the limits say.
func TestTaskFromInspection(t *testing.T) {
	for name, c := range map[string]struct{ unit, due, dueAt, title string }{
		"diesel_roadside_fail": {"ecology", "2026-11-11", "2026-11-11T16:00:00Z", "柴油车路检路查"},
		"open_burning_fail":    {"urban_management", "2026-10-13", "2026-10-13T01:31:07Z", "露天焚烧"},
		"fireworks_fail":       {"", "2026-10-13", "2026-10-13T01:31:07Z", "烟花爆竹"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newDesk(t)
			p := w.phone("li", street)
			id, doc := world.Fixture(name)
			doc["started_at"] = "2026-10-12T09:31:07+08:00"
			p.applied(id, 0, doc)
			r := w.task(review.NewTask{Inspection: strings.ToUpper(id)})
			if c.unit == "" {
				c.unit = strings.Trim(world.At(t, w.Record(id).Doc, "server", "lead_unit"), `"`)
			}
			for path, want := range map[string]string{
				"inspection": `"` + id + `"`, "area": `"610102003"`, "unit": `"` + c.unit + `"`, "assignee": "null", "due": `"` + c.due + `"`,
			} {
				if got := world.At(t, r.Doc, path); got != want {
					t.Errorf("%s: %s, want %s", path, got, want)
				}
			}
			if world.At(t, r.Doc, "server", "state") != `"assigned"` || world.At(t, r.Doc, "server", "due_at") != `"`+c.dueAt+`"` || world.At(t, r.Doc, "server", "created_by") != `"boss"` {
				t.Errorf("%s", r.Doc)
			}
			called := strings.Trim(world.At(t, w.Record(id).Doc, "server", "title"), `"`)
			if title := world.At(t, r.Doc, "title"); !strings.Contains(title, c.title) || !strings.Contains(title, "疑似") || called != "null" && !strings.Contains(title, called) {
				t.Errorf("title %s", title)
			}
			docs := p.pulled()
			if docs[string(r.ID)] == nil || docs[id] == nil {
				t.Error("the phone gets the task or its inspection not")
			}
		})
	}
}

func TestTasksRefused(t *testing.T) {
	w := newDesk(t)
	p := w.phone("li", street)
	draft, gone, fume := world.NewID(), world.NewID(), ""
	d := world.Burning(nil)
	d["status"] = "draft"
	p.applied(draft, 0, d)
	p.applied(gone, 0, world.Burning(nil))
	p.One(store.Applied, p.Delete(gone, 1))
	fume, doc := world.Fixture("restaurant_fume_fail")
	p.applied(fume, 0, doc)
	byHand := func(change func(*review.NewTask)) review.NewTask {
		in := review.NewTask{Area: string(street), Title: "清理院内垃圾", Unit: "urban_management", Due: "2026-10-20"}
		change(&in)
		return in
	}
	for name, c := range map[string]struct {
		in      review.NewTask
		code    inspection.Code
		pointer string
	}{
		"no area":              {byHand(func(in *review.NewTask) { in.Area = "" }), inspection.CodeBadRequest, "/area"},
		"an unknown area":      {byHand(func(in *review.NewTask) { in.Area = "610102999" }), inspection.CodeForbidden, ""},
		"another's area":       {byHand(func(in *review.NewTask) { in.Area = "610103001" }), inspection.CodeForbidden, ""},
		"no title":             {byHand(func(in *review.NewTask) { in.Title = " " }), inspection.CodeBadRequest, "/title"},
		"a long title":         {byHand(func(in *review.NewTask) { in.Title = strings.Repeat("字", 201) }), inspection.CodeBadRequest, "/title"},
		"nobody":               {byHand(func(in *review.NewTask) { in.Unit = "" }), inspection.CodeBadRequest, "/unit"},
		"an unknown unit":      {byHand(func(in *review.NewTask) { in.Unit = "navy" }), inspection.CodeBadRequest, "/unit"},
		"an unknown person":    {byHand(func(in *review.NewTask) { in.Assignee = "nobody" }), inspection.CodeBadRequest, "/assignee"},
		"no day":               {byHand(func(in *review.NewTask) { in.Due = "" }), inspection.CodeBadRequest, "/due"},
		"a kind without limit": {byHand(func(in *review.NewTask) { in.Due, in.Kind = "", "restaurant_fume" }), inspection.CodeBadRequest, "/due"},
		"no date":              {byHand(func(in *review.NewTask) { in.Due = "2026-02-30" }), inspection.CodeBadRequest, "/due"},
		"no id":                {byHand(func(in *review.NewTask) { in.ID = "7" }), inspection.CodeBadRequest, "/id"},
		"an id in use":         {byHand(func(in *review.NewTask) { in.ID = fume }), inspection.CodeConflict, ""},
		"no inspection":        {byHand(func(in *review.NewTask) { in.Inspection = "x" }), inspection.CodeBadRequest, "/inspection"},
		"unknown inspection":   {byHand(func(in *review.NewTask) { in.Inspection = world.NewID() }), inspection.CodeNotFound, ""},
		"a draft":              {review.NewTask{Inspection: draft}, inspection.CodeConflict, ""},
		"a deleted one":        {review.NewTask{Inspection: gone}, inspection.CodeConflict, ""},
		"in another area":      {review.NewTask{Inspection: fume, Area: string(elsewhere)}, inspection.CodeBadRequest, "/area"},
		"no limit says when":   {review.NewTask{Inspection: fume}, inspection.CodeBadRequest, "/due"},
		"a long comment":       {byHand(func(in *review.NewTask) { in.Comment = strings.Repeat("x", 2001) }), inspection.CodeBadRequest, "/comment"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.Review.CreateTask(w.Ctx, boss, c.in)
			refused(t, err, c.code)
			if pointer := pointerOf(err); pointer != c.pointer {
				t.Errorf("at %q, want %q", pointer, c.pointer)
			}
		})
	}
	r := w.task(byHand(func(in *review.NewTask) { in.Kind, in.Due = "open_burning", "" }))
	if world.At(t, r.Doc, "due") != `"2026-10-13"` || world.At(t, r.Doc, "inspection") != "null" || world.At(t, r.Doc, "server", "kind") != `"open_burning"` {
		t.Errorf("by hand: %s", r.Doc)
	}
}

func pointerOf(err error) string {
	var f *inspection.Fault
	if errors.As(err, &f) {
		return f.Pointer
	}
	return ""
}

// TestTaskTwice: a request that is sent again makes no second task.
func TestTaskTwice(t *testing.T) {
	w := newDesk(t)
	in := review.NewTask{ID: world.NewID(), Area: string(street), Title: "x", Unit: "ecology", Due: "2026-10-20"}
	first := w.task(in)
	w.Advance(time.Hour)
	again := w.task(in)
	if again.Rev != 1 || string(again.Doc) != string(first.Doc) {
		t.Errorf("revision %d: %s", again.Rev, again.Doc)
	}
	in.Title = "y"
	_, err := w.Review.CreateTask(w.Ctx, boss, in)
	refused(t, err, inspection.CodeConflict)
	in.Title = "x"
	_, err = w.Review.CreateTask(w.Ctx, deputy, in)
	refused(t, err, inspection.CodeConflict)
}

// TestTaskActTwice: an act that is sent again is done once, and another act of
// the same kind on the same revision is refused, not taken for the first.
func TestTaskActTwice(t *testing.T) {
	for name, acts := range map[string][2]review.TaskMove{
		"due":      {{Event: inspection.TaskAssign, Due: new("2026-12-05")}, {Event: inspection.TaskAssign, Due: new("2026-12-06")}},
		"unit":     {{Event: inspection.TaskAssign, Due: new("2026-12-05")}, {Event: inspection.TaskAssign, Due: new("2026-12-05"), Unit: new("transport")}},
		"taken":    {{Event: inspection.TaskAssign, Unit: new("transport")}, {Event: inspection.TaskAssign, Unit: new("transport"), Assignee: new("")}},
		"rectify":  {{Event: inspection.TaskRectify, Rectification: inspection.Object{"note": "a"}}, {Event: inspection.TaskRectify, Rectification: inspection.Object{"note": "b"}}},
		"comment":  {{Event: inspection.TaskAssign, Comment: "a"}, {Event: inspection.TaskAssign, Comment: "b"}},
		"no more":  {{Event: inspection.TaskAssign, Due: new("2026-12-05")}, {Event: inspection.TaskAssign}},
		"no unit…": {{Event: inspection.TaskAssign}, {Event: inspection.TaskAssign, Unit: new("transport")}},
	} {
		w := newDesk(t)
		r := w.task(review.NewTask{ID: world.NewID(), Area: string(street), Title: "x", Unit: "ecology", Due: "2026-10-20"})
		for i := range acts {
			acts[i].Rev = r.Rev
		}
		first, err := w.Review.MoveTask(w.Ctx, boss, r.ID, acts[0])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		again, err := w.Review.MoveTask(w.Ctx, boss, r.ID, acts[0])
		if err != nil || again.Rev != first.Rev || string(again.Doc) != string(first.Doc) {
			t.Errorf("%s again: %d %s, %v", name, again.Rev, again.Doc, err)
		}
		_, err = w.Review.MoveTask(w.Ctx, boss, r.ID, acts[1])
		if inspection.CodeOf(err) != inspection.CodeStale {
			t.Errorf("another %s on the same revision: %v", name, err)
		}
	}
}

// TestTaskFlow is the whole way of a task, with a rectification made offline.
func TestTaskFlow(t *testing.T) {
	w := newDesk(t)
	wang := string(w.Account("wang", inspection.RoleInspector, street).ID)
	p := w.phone(wang, street)
	r := w.task(review.NewTask{Area: string(street), Title: "清理", Unit: "ecology", Due: "2026-10-20"})
	assignee, none, later := wang, "", "2026-10-25"
	r = w.move(r, review.TaskMove{Event: inspection.TaskAssign, Unit: &none, Assignee: &assignee, Due: &later, Comment: "yours"})
	if world.At(t, r.Doc, "unit") != "null" || world.At(t, r.Doc, "assignee") != `"`+wang+`"` || world.At(t, r.Doc, "due") != `"2026-10-25"` || world.At(t, r.Doc, "server", "due_at") != `"2026-10-25T16:00:00Z"` {
		t.Errorf("assigned: %s", r.Doc)
	}
	// The phone pulled revision 1 and rectifies offline; its other members
	// are not its to change.
	photo := edit{"field": "after", "sha256": strings.Repeat("ab", 32), "taken_at": "2026-10-14T10:00:00+08:00"}
	res := p.One(store.Applied, p.Mutation("tasks", "put", string(r.ID), 1, edit{
		"title": "done", "rectification": edit{"note": "清理完毕", "done_at": "2026-10-14T10:00:00+08:00", "photos": []any{photo}},
	}))
	if world.At(t, res.Doc, "server", "state") != `"rectified"` || world.At(t, res.Doc, "title") != `"清理"` || world.At(t, res.Doc, "server", "act", "by") != `"`+wang+`"` ||
		world.At(t, res.Doc, "server", "evidence", "complete") != "false" {
		t.Errorf("rectified: %s", res.Doc)
	}
	_, err := w.Review.MoveTask(w.Ctx, boss, r.ID, review.TaskMove{Event: inspection.TaskVerify, Rev: 2})
	refused(t, err, inspection.CodeStale)
	r = w.move(r, review.TaskMove{Event: inspection.TaskReopen, Comment: "照片不清"})
	if world.At(t, r.Doc, "server", "state") != `"assigned"` || world.At(t, r.Doc, "due") != `"2026-10-25"` || world.At(t, r.Doc, "server", "act", "comment") != `"照片不清"` {
		t.Errorf("sent back: %s", r.Doc)
	}
	p.One(store.Applied, p.Mutation("tasks", "put", string(r.ID), r.Rev, edit{"rectification": edit{"note": "again"}}))
	r = w.move(r, review.TaskMove{Event: inspection.TaskVerify})
	r = w.move(r, review.TaskMove{Event: inspection.TaskClose, Comment: "好"})
	if world.At(t, r.Doc, "server", "state") != `"closed"` || r.Pinned {
		t.Errorf("closed: %s", r.Doc)
	}
	late := p.One(store.Conflicted, p.Mutation("tasks", "put", string(r.ID), r.Rev, edit{"rectification": edit{"note": "too late"}}))
	if world.At(t, late.Doc, "server", "state") != `"closed"` || world.At(t, late.Doc, "rectification", "note") != `"again"` {
		t.Errorf("an edit of a closed task: %s", late.Doc)
	}
	k := key(t, late.Doc, "0")
	_, err = w.Review.Settle(w.Ctx, boss, inspection.Tasks, r.ID, k, review.Settlement{Take: "offered", Rev: *late.Rev})
	refused(t, err, inspection.CodeLocked)
	r = w.move(r, review.TaskMove{Event: inspection.TaskReopen, Comment: "more"})
	r, err = w.Review.Settle(w.Ctx, boss, inspection.Tasks, r.ID, k, review.Settlement{Take: "offered", Rev: r.Rev})
	if err != nil || world.At(t, r.Doc, "rectification", "note") != `"too late"` || world.At(t, r.Doc, "server", "state") != `"assigned"` {
		t.Errorf("settled: %v, %s", err, r.Doc)
	}
}

// TestRectifyByHand: a supervisor may say what was done; what was verified
// and changes has to be verified again.
func TestRectifyByHand(t *testing.T) {
	w := newDesk(t)
	p := w.phone("wang", street)
	r := w.task(review.NewTask{Area: string(street), Title: "清理", Unit: "ecology", Due: "2026-10-20"})
	for name, m := range map[string]review.TaskMove{
		"nothing":      {},
		"a wrong type": {Rectification: inspection.Object{"note": true}},
		"no time":      {Rectification: inspection.Object{"done_at": "soon"}},
		"no photo":     {Rectification: inspection.Object{"photos": []any{inspection.Object{"field": "f"}}}},
	} {
		m.Event, m.Rev = inspection.TaskRectify, 1
		_, err := w.Review.MoveTask(w.Ctx, boss, r.ID, m)
		if inspection.CodeOf(err) != inspection.CodeBadRequest || !strings.HasPrefix(pointerOf(err), "/rectification") {
			t.Errorf("%s: %v", name, err)
		}
	}
	r = w.move(r, review.TaskMove{Event: inspection.TaskRectify, Rectification: inspection.Object{"note": "done"}})
	if world.At(t, r.Doc, "rectification", "done_at") != `"2026-10-12T18:00:00+08:00"` || world.At(t, r.Doc, "server", "state") != `"rectified"` {
		t.Errorf("%s", r.Doc)
	}
	r = w.move(r, review.TaskMove{Event: inspection.TaskVerify})
	res := p.One(store.Applied, p.Mutation("tasks", "put", string(r.ID), r.Rev, edit{"rectification": edit{"note": "changed"}}))
	if world.At(t, res.Doc, "server", "state") != `"rectified"` {
		t.Errorf("%s", res.Doc)
	}
}

func TestMovesRefused(t *testing.T) {
	w := newDesk(t)
	r := w.task(review.NewTask{Area: string(street), Title: "清理", Unit: "ecology", Due: "2026-10-20"})
	none, navy := "", "navy"
	for name, c := range map[string]struct {
		principal *inspection.Principal
		m         review.TaskMove
		code      inspection.Code
	}{
		"verified before":    {boss, review.TaskMove{Event: inspection.TaskVerify, Rev: 1}, inspection.CodeConflict},
		"closed before":      {boss, review.TaskMove{Event: inspection.TaskClose, Rev: 1}, inspection.CodeConflict},
		"reopened while due": {boss, review.TaskMove{Event: inspection.TaskReopen, Comment: "x", Rev: 1}, inspection.CodeConflict},
		"no comment":         {boss, review.TaskMove{Event: inspection.TaskReopen, Rev: 1}, inspection.CodeBadRequest},
		"no revision":        {boss, review.TaskMove{Event: inspection.TaskAssign}, inspection.CodeBadRequest},
		"to nobody":          {boss, review.TaskMove{Event: inspection.TaskAssign, Unit: &none, Rev: 1}, inspection.CodeBadRequest},
		"to an unknown unit": {boss, review.TaskMove{Event: inspection.TaskAssign, Unit: &navy, Rev: 1}, inspection.CodeBadRequest},
		"until no day":       {boss, review.TaskMove{Event: inspection.TaskAssign, Due: &navy, Rev: 1}, inspection.CodeBadRequest},
		"another's":          {remote, review.TaskMove{Event: inspection.TaskAssign, Rev: 1}, inspection.CodeNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.Review.MoveTask(w.Ctx, c.principal, r.ID, c.m)
			refused(t, err, c.code)
		})
	}
	if w.Record(string(r.ID)).Rev != 1 {
		t.Error("a refused act left an entry")
	}
}

func TestTasksAreFound(t *testing.T) {
	w := newDesk(t)
	wang := string(w.Account("wang", inspection.RoleInspector, street).ID)
	p := w.phone("li", street)
	id, doc := world.Fixture("open_burning_fail")
	p.applied(id, 0, doc)
	made := func(due, unit, assignee, from string) string {
		return string(w.task(review.NewTask{Area: string(street), Title: "x", Unit: unit, Assignee: assignee, Due: due, Inspection: from}).ID)
	}
	first, second, third := made("2026-10-12", "ecology", "", id), made("2026-10-11", "ecology", wang, ""), made("2026-11-30", "police", wang, "")
	done := w.task(review.NewTask{Area: string(street), Title: "y", Unit: "police", Due: "2026-10-01"})
	w.move(done, review.TaskMove{Event: inspection.TaskRectify, Rectification: inspection.Object{"note": "x"}})
	for name, c := range map[string]struct {
		principal *inspection.Principal
		req       review.TasksRequest
		want      []string
	}{
		"all, latest due first": {boss, review.TasksRequest{}, []string{third, first, second, string(done.ID)}},
		"of a unit":             {boss, review.TasksRequest{Unit: "ecology"}, []string{first, second}},
		"of a person":           {boss, review.TasksRequest{Assignee: inspection.UserID(wang)}, []string{third, second}},
		"of both":               {boss, review.TasksRequest{Assignee: inspection.UserID(wang), Unit: "police"}, []string{third}},
		"of an inspection":      {boss, review.TasksRequest{Inspection: inspection.DocID(id)}, []string{first}},
		"in a state":            {boss, review.TasksRequest{State: "rectified"}, []string{string(done.ID)}},
		"overdue":               {boss, review.TasksRequest{Overdue: true}, []string{second}},
		"overdue, of a unit":    {boss, review.TasksRequest{Overdue: true, Unit: "police"}, []string{}},
		"overdue and rectified": {boss, review.TasksRequest{Overdue: true, State: "rectified"}, []string{}},
		"of others":             {remote, review.TasksRequest{}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			c.req.Limit = 10
			page, err := w.Review.Tasks(w.Ctx, c.principal, c.req)
			w.Must(err)
			if got := idsOf(page); !slices.Equal(got, c.want) || page.Total != len(c.want) {
				t.Errorf("got %v of %d, want %v", got, page.Total, c.want)
			}
		})
	}
	// The 12th ends in China at 16:00 UTC.
	w.Advance(6*time.Hour + time.Second)
	page, err := w.Review.Tasks(w.Ctx, boss, review.TasksRequest{Overdue: true, Limit: 10})
	if err != nil || !slices.Equal(idsOf(page), []string{first, second}) {
		t.Errorf("the next day %v, %v", idsOf(page), err)
	}
	_, err = w.Review.Tasks(w.Ctx, boss, review.TasksRequest{Assignee: inspection.UserID(wang), Inspection: inspection.DocID(id), Limit: 10})
	refused(t, err, inspection.CodeBadParameter)
}
