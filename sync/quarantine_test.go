package sync_test

import (
	"strings"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/sync"
)

// quarantined returns what is in quarantine, in order of arrival.
func (w *world) quarantined() []store.Record {
	w.t.Helper()
	page, err := w.store.Changes(w.ctx, store.ChangesQuery{
		Area: inspection.ReferenceArea, Collections: []inspection.Collection{inspection.Quarantine}, Limit: 1000,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return page.Records
}

// held returns the ids of what is in quarantine.
func (w *world) held() (ids []inspection.DocID) {
	w.t.Helper()
	for _, r := range w.quarantined() {
		ids = append(ids, r.ID)
	}
	return ids
}

// root is the administrator of the district.
var root = administrator("610102")

func administrator(areas ...inspection.Area) *inspection.Principal {
	return inspection.NewPrincipal(inspection.RoleAdmin, inspection.Device{User: "root"}, areas...)
}

// TestRelease: a phone loses its area with work still on it; an administrator
// lets the work in as its user's.
func TestRelease(t *testing.T) {
	w := newWorld(t)
	p, q := w.phone("li", "610102004"), w.phone("wang", street)
	id := newID()
	q.one(store.Applied, q.put(id, 0, newInspection(edit{"a": 1, "b": 1})))
	q.one(store.Applied, q.put(id, 1, edit{"answers": edit{"a": 2, "b": 1}}))
	rejected := p.put(id, 1, edit{"answers": edit{"a": 3, "b": 9}})
	p.one(store.Rejected, rejected)
	held := w.held()[0]

	result, doc, err := w.sync.Release(w.ctx, root, held)
	if err != nil || result.Status != store.Conflicted || *result.Rev != 3 {
		t.Fatalf("%v, %+v", err, result)
	}
	// Merged from the revision that it started from, as what the user did.
	if at(t, result.Doc, "answers") != `{"a":2,"b":9}` || at(t, result.Doc, "server", "conflicts", "0", "offered") != "3" ||
		at(t, result.Doc, "server", "conflicts", "0", "by") != `"li"` {
		t.Errorf("%s", result.Doc)
	}
	last := w.history(id)[2]
	if last.Actor != "li" || last.Device != "" || last.Kind != store.KindPut {
		t.Errorf("history says %s, %q, %s", last.Actor, last.Device, last.Kind)
	}
	if at(t, doc, "state") != `"released"` || at(t, doc, "settled", "by") != `"root"` || at(t, doc, "settled", "rev") != "3" || at(t, doc, "mutation") != "null" {
		t.Errorf("quarantine says %s", doc)
	}
	first, err := w.store.Entries(w.ctx, inspection.ReferenceArea, w.record(string(held)).Revisions[:1])
	if err != nil || !strings.Contains(string(first[0].Doc), `"mutation":{`) {
		t.Errorf("history has lost the mutation: %v", err)
	}
	again := p.push(rejected)[0]
	if again.Status != store.Rejected || !again.Replayed || again.Doc != nil {
		t.Errorf("the receipt changed: %+v", again)
	}
	if len(w.held()) != 1 {
		t.Error("the replay is held again")
	}
	_, _, err = w.sync.Release(w.ctx, root, held)
	if inspection.CodeOf(err) != inspection.CodeConflict {
		t.Errorf("released twice: %v", err)
	}
	if len(w.history(id)) != 3 {
		t.Error("released twice, pushed twice")
	}
}

// TestReleaseOfNew: new documents, and those of two phones of one user with
// the same number, come in each for itself.
func TestReleaseOfNew(t *testing.T) {
	w := newWorld(t)
	var ids []string
	for range 2 {
		p := w.phone("li", "610102004")
		ids = append(ids, newID())
		p.one(store.Rejected, p.put(ids[len(ids)-1], 0, newInspection(edit{"a": 1})))
	}
	for _, held := range w.held() {
		if r, _, err := w.sync.Release(w.ctx, root, held); err != nil || r.Status != store.Applied {
			t.Errorf("%v, %+v", err, r)
		}
	}
	for _, id := range ids {
		if r := w.record(id); r.Rev != 1 || at(t, r.Doc, "server", "inspector") != `"li"` {
			t.Errorf("%s: %+v", id, r)
		}
	}
}

// TestReleaseIntoALostArea: what was taken from an administrator is not theirs
// to let work into. The grace is for phones, for what they hold.
func TestReleaseIntoALostArea(t *testing.T) {
	w := newWorld(t)
	p, q := w.phone("li", "610102004"), w.phone("wang", street)
	id := newID()
	q.one(store.Applied, q.put(id, 0, newInspection(edit{"a": 1})))
	p.one(store.Rejected, p.put(id, 1, edit{"answers": edit{"a": 2}})) // names no area: lies where the record lies
	by := administrator("610102004")
	by.FirstSeen = w.clock().Add(-time.Hour)
	by.Rights.Revoked = []inspection.Revocation{{Grant: inspection.Grant{Area: street, Number: 1}, At: w.clock()}}
	w.advance(time.Hour)
	if _, _, err := w.sync.Release(w.ctx, by, w.held()[0]); inspection.CodeOf(err) != inspection.CodeConflict {
		t.Errorf("released into an area that was taken away: %v", err)
	}
	if w.record(id).Rev != 1 {
		t.Error("the record was changed")
	}
}

func TestReleaseRefused(t *testing.T) {
	w := newWorld(t)
	p := w.phone("li", street)
	foreign := newInspection(nil)
	foreign["area"] = "999999999"
	gone := w.phone("wang", "610102004")
	for _, m := range []edit{
		p.put("no uuid", 0, newInspection(nil)),
		p.put(newID(), 0, foreign),
		in("users", p.put(newID(), 0, newInspection(nil))),
		in("tasks", p.put(newID(), 0, edit{"area": street})),
		p.put(newID(), 0, newInspection(edit{"x": strings.Repeat("x", 1<<20)})),
	} {
		p.one(store.Rejected, m)
	}
	gone.one(store.Rejected, gone.put(newID(), 0, newInspection(nil)))
	held := w.held()
	for i, id := range held[:5] {
		if _, _, err := w.sync.Release(w.ctx, root, id); inspection.CodeOf(err) != inspection.CodeConflict {
			t.Errorf("%d: %v", i, err)
		}
	}
	if _, _, err := w.sync.Release(w.ctx, administrator("610103"), held[5]); inspection.CodeOf(err) != inspection.CodeConflict {
		t.Errorf("released by who has no right: %v", err)
	}
	if _, _, err := w.sync.Release(w.ctx, root, inspection.DocID(newID())); inspection.CodeOf(err) != inspection.CodeNotFound {
		t.Errorf("nothing was released: %v", err)
	}
	doc, err := w.sync.Discard(w.ctx, root, held[0], "a test")
	if err != nil || at(t, doc, "state") != `"discarded"` || at(t, doc, "settled", "comment") != `"a test"` {
		t.Errorf("%v, %s", err, doc)
	}
	if _, err = w.sync.Discard(w.ctx, root, held[0], ""); inspection.CodeOf(err) != inspection.CodeConflict {
		t.Errorf("discarded twice: %v", err)
	}
	if len(w.held()) != 6 {
		t.Errorf("%d are held", len(w.held()))
	}
}

// TestTasksOfPhones: a push moves a task on by the table, and never where it
// says nothing of the rectification.
func TestTasksOfPhones(t *testing.T) {
	w := newWorld(t)
	p, id := w.phone("li", street), newID()
	task := func(state inspection.TaskState) {
		_, err := w.sync.Act(w.ctx, sync.Act{
			Area: street, IDs: []inspection.DocID{inspection.DocID(id)}, By: "boss", Kind: store.KindReview,
			Decide: func(_ time.Time, drafts map[inspection.DocID]*sync.Draft) error {
				d := drafts[inspection.DocID(id)]
				d.Server.State = state
				if d.Record.Rev == 0 {
					d.Create(inspection.Tasks, inspection.Object{"id": id, "area": string(street), "title": "x"})
				}
				d.ServerChanged()
				return nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for n, c := range []struct {
		before, after inspection.TaskState
		doc           edit
		status        store.Status
	}{
		{"assigned", "assigned", edit{"title": "y"}, store.Applied},
		{"assigned", "rectified", edit{"rectification": edit{"note": "1"}}, store.Applied},
		{"rectified", "rectified", edit{"rectification": edit{"note": "2"}}, store.Applied},
		{"verified", "verified", edit{"rectification": edit{"note": "2"}}, store.Applied},
		{"verified", "rectified", edit{"rectification": edit{"note": "3"}}, store.Applied},
		{"closed", "closed", edit{"rectification": edit{"note": "4"}}, store.Conflicted},
	} {
		task(c.before)
		r := p.one(c.status, in("tasks", p.put(id, w.record(id).Rev, c.doc)))
		if got := at(t, r.Doc, "server", "state"); got != `"`+string(c.after)+`"` {
			t.Errorf("%d: %s is %s, want %s", n, c.before, got, c.after)
		}
	}
}

// quarantine returns the documents held there.
func (w *world) quarantine() (out []inspection.Object) {
	w.t.Helper()
	for _, r := range w.quarantined() {
		out = append(out, doc(w.t, r.Doc))
	}
	return out
}

func TestRejected(t *testing.T) {
	w := newWorld(t)
	p, stranger := w.phone("li", street), w.phone("zhao", "610102004")
	id := newID()
	p.one(store.Applied, p.put(id, 0, newInspection(edit{"a": 1})))
	elsewhere := newInspection(edit{})
	elsewhere["area"] = "610102004"
	nowhere := newInspection(edit{})
	nowhere["area"] = "999999999"
	typed := newInspection(edit{})
	typed["answers"] = []int{1}
	other := newInspection(edit{})
	other["id"] = newID()

	cases := []struct {
		name string
		by   *phone
		m    edit
		code inspection.Code
	}{
		{"another's area", stranger, stranger.put(id, 1, newInspection(edit{"a": 2})), inspection.CodeAreaForbidden},
		{"another's area, new", stranger, stranger.put(newID(), 0, newInspection(edit{"a": 2})), inspection.CodeAreaForbidden},
		{"another's area, delete", stranger, stranger.del(id, 1), inspection.CodeAreaForbidden},
		{"a known id under another area", stranger, stranger.put(id, 0, elsewhere), inspection.CodeAreaForbidden},
		{"an area that isn't there", p, p.put(newID(), 0, nowhere), inspection.CodeAreaForbidden},
		{"no area", p, p.put(newID(), 0, edit{"template": "x"}), inspection.CodeAreaForbidden},
		{"area changed", p, p.put(id, 1, elsewhere), inspection.CodeAreaForbidden},
		{"another collection", p, in("sessions", p.put(id, 1, edit{"area": street})), inspection.CodeAreaForbidden},
		{"a new task", p, in("tasks", p.put(newID(), 0, edit{"area": street})), inspection.CodeAreaForbidden},
		{"a task deleted", p, in("tasks", p.del(newID(), 0)), inspection.CodeAreaForbidden},
		{"unknown collection", p, in("users", p.put(newID(), 0, edit{"area": street})), inspection.CodeUnknownCollection},
		{"reference data", p, in("limits", p.put(newID(), 0, edit{"area": street})), inspection.CodeReadOnly},
		{"no uuid", p, p.put("diesel-1", 0, newInspection(nil)), inspection.CodeBadID},
		{"two ids", p, p.put(newID(), 0, other), inspection.CodeBadDocument},
		{"wrong type", p, p.put(newID(), 0, typed), inspection.CodeBadDocument},
		{"no document", p, p.put(newID(), 0, nil), inspection.CodeBadDocument},
		{"unknown op", p, edit{"n": 1000, "collection": "inspections", "op": "patch", "id": id}, inspection.CodeUnknownOp},
		{"too deep", p, p.put(newID(), 0, newInspection(edit{"a": nested(40)})), inspection.CodeTooDeep},
		{"too large", p, p.put(newID(), 0, newInspection(edit{"a": strings.Repeat("x", 3<<20)})), inspection.CodeDocumentTooLarge},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			before := len(w.quarantine())
			r := c.by.one(store.Rejected, c.m)
			if deref(r.Code) != string(c.code) || deref(r.Detail) == "" || r.Doc != nil {
				t.Errorf("got %s: %s", deref(r.Code), deref(r.Detail))
			}
			if again := c.by.one(store.Rejected, c.m); !again.Replayed || deref(again.Code) != string(c.code) {
				t.Errorf("no receipt: %+v", again)
			}
			if n := len(w.quarantine()) - before; n != 1 {
				t.Errorf("%d more in quarantine", n)
			}
		})
	}
	if got := at(t, w.record(id).Doc, "answers", "a"); got != "1" {
		t.Errorf("the record changed: %s", got)
	}
}

func nested(levels int) any {
	var v any = 1
	for range levels {
		v = []any{v}
	}
	return v
}

func TestWordsDoNotTellWhichIDsExist(t *testing.T) {
	w := newWorld(t)
	p, stranger := w.phone("li", street), w.phone("zhao", "610102004")
	id := newID()
	p.one(store.Applied, p.put(id, 0, newInspection(nil)))
	known := stranger.one(store.Rejected, stranger.put(id, 0, newInspection(nil)))
	unknown := stranger.one(store.Rejected, stranger.put(newID(), 0, newInspection(nil)))
	if deref(known.Code) != deref(unknown.Code) || deref(known.Detail) != deref(unknown.Detail) {
		t.Errorf("%s and %s", deref(known.Detail), deref(unknown.Detail))
	}
}

func TestQuarantineKeepsTheBytes(t *testing.T) {
	w := newWorld(t)
	p := w.phone("li", street)
	raw := `{ "n":7 , "collection":"inspections","op":"put","id":"nope","base":0,"doc":{"area":"610102003","answers":{"k": 1.50}} }`
	p.pushBody([]byte(`{"mutations":[` + raw + `]}`))
	held := string(inspection.AppendJSON(nil, w.quarantine()[0]["mutation"]))
	if !strings.Contains(held, "1.50") {
		t.Errorf("digits changed: %s", held)
	}
	entries, err := w.store.Commits(w.ctx, inspection.ReferenceArea, 0, 100)
	if err != nil || !strings.Contains(string(entries[len(entries)-1].Bytes), raw) {
		t.Errorf("the log doesn't hold the bytes as sent (%v)", err)
	}
	deep := `{"n":8,"collection":"inspections","op":"put","id":"nope","base":0,"doc":{"a":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}}`
	p.pushBody([]byte(`{"mutations":[` + deep + `]}`))
	if s, _ := w.quarantine()[1]["mutation_base64"].(string); len(s) < len(deep) {
		t.Error("a mutation too deep to embed is not kept")
	}
}

func TestAReplayOfARejectionStaysRejected(t *testing.T) {
	w := newWorld(t)
	p := w.phone("li", "610102004")
	m := p.put(newID(), 0, newInspection(nil))
	p.one(store.Rejected, m)
	p.principal.Rights.Grants = append(p.principal.Rights.Grants, inspection.Grant{Area: street, Number: 5})
	if r := p.one(store.Rejected, m); !r.Replayed {
		t.Error("decided again")
	}
}
