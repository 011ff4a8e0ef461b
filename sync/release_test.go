package sync_test

import (
	"strings"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/sync"
)

// held returns the ids of what is in quarantine, in order of arrival.
func (w *world) held() []inspection.DocID {
	w.t.Helper()
	page, err := w.store.Changes(w.ctx, store.ChangesQuery{
		Area: inspection.ReferenceArea, Collections: []inspection.Collection{inspection.Quarantine}, Limit: 100,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	var ids []inspection.DocID
	for _, r := range page.Records {
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
