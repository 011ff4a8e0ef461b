package sync_test

import (
	"strings"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/sync"
	"gridpatrol/test/world"
)

// quarantined returns what is in quarantine, in order of arrival.
func (w *district) quarantined() []store.Record {
	w.T.Helper()
	page, err := w.Store.Changes(w.Ctx, store.ChangesQuery{
		Area: inspection.ReferenceArea, Collections: []inspection.Collection{inspection.Quarantine}, Limit: 1000,
	})
	w.Must(err)
	return page.Records
}

// held returns the ids of what is in quarantine.
func (w *district) held() (ids []inspection.DocID) {
	w.T.Helper()
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
	w := newDistrict(t)
	p, q := w.phone("li", "610102004"), w.phone("wang", street)
	id := world.NewID()
	q.One(store.Applied, q.Put(id, 0, world.Burning(edit{"a": 1, "b": 1})))
	q.One(store.Applied, q.Put(id, 1, edit{"answers": edit{"a": 2, "b": 1}}))
	rejected := p.Put(id, 1, edit{"answers": edit{"a": 3, "b": 9}})
	p.One(store.Rejected, rejected)
	held := w.held()[0]

	result, doc, err := w.Sync.Release(w.Ctx, root, held)
	if err != nil || result.Status != store.Conflicted || *result.Rev != 3 {
		t.Fatalf("%v, %+v", err, result)
	}
	// Merged from the revision that it started from, as what the user did.
	if world.At(t, result.Doc, "answers") != `{"a":2,"b":9}` || world.At(t, result.Doc, "server", "conflicts", "0", "offered") != "3" ||
		world.At(t, result.Doc, "server", "conflicts", "0", "by") != `"li"` {
		t.Errorf("%s", result.Doc)
	}
	last := w.History(id)[2]
	if last.Actor != "li" || last.Device != "" || last.Kind != store.KindPut {
		t.Errorf("history says %s, %q, %s", last.Actor, last.Device, last.Kind)
	}
	if world.At(t, doc, "state") != `"released"` || world.At(t, doc, "settled", "by") != `"root"` || world.At(t, doc, "settled", "rev") != "3" || world.At(t, doc, "mutation") != "null" {
		t.Errorf("quarantine says %s", doc)
	}
	first, err := w.Store.Entries(w.Ctx, inspection.ReferenceArea, w.Record(string(held)).Revisions[:1])
	if err != nil || !strings.Contains(string(first[0].Doc), `"mutation":{`) {
		t.Errorf("history has lost the mutation: %v", err)
	}
	again := p.Push(rejected)[0]
	if again.Status != store.Rejected || !again.Replayed || again.Doc != nil {
		t.Errorf("the receipt changed: %+v", again)
	}
	if len(w.held()) != 1 {
		t.Error("the replay is held again")
	}
	_, _, err = w.Sync.Release(w.Ctx, root, held)
	if inspection.CodeOf(err) != inspection.CodeConflict {
		t.Errorf("released twice: %v", err)
	}
	if len(w.History(id)) != 3 {
		t.Error("released twice, pushed twice")
	}
}

// TestReleaseOfNew: new documents, and those of two phones of one user with
// the same number, come in each for itself.
func TestReleaseOfNew(t *testing.T) {
	w := newDistrict(t)
	var ids []string
	for range 2 {
		p := w.phone("li", "610102004")
		ids = append(ids, world.NewID())
		p.One(store.Rejected, p.Put(ids[len(ids)-1], 0, world.Burning(edit{"a": 1})))
	}
	for _, held := range w.held() {
		if r, _, err := w.Sync.Release(w.Ctx, root, held); err != nil || r.Status != store.Applied {
			t.Errorf("%v, %+v", err, r)
		}
	}
	for _, id := range ids {
		if r := w.Record(id); r.Rev != 1 || world.At(t, r.Doc, "server", "inspector") != `"li"` {
			t.Errorf("%s: %+v", id, r)
		}
	}
}

// TestReleaseIntoALostArea: what was taken from an administrator is not theirs
// to let work into. The grace is for phones, for what they hold.
func TestReleaseIntoALostArea(t *testing.T) {
	w := newDistrict(t)
	p, q := w.phone("li", "610102004"), w.phone("wang", street)
	id := world.NewID()
	q.One(store.Applied, q.Put(id, 0, world.Burning(edit{"a": 1})))
	p.One(store.Rejected, p.Put(id, 1, edit{"answers": edit{"a": 2}})) // names no area: lies where the record lies
	by := administrator("610102004")
	by.FirstSeen = w.Now().Add(-time.Hour)
	by.Rights.Revoked = []inspection.Revocation{{Grant: inspection.Grant{Area: street, Number: 1}, At: w.Now()}}
	w.Advance(time.Hour)
	if _, _, err := w.Sync.Release(w.Ctx, by, w.held()[0]); inspection.CodeOf(err) != inspection.CodeConflict {
		t.Errorf("released into an area that was taken away: %v", err)
	}
	if w.Record(id).Rev != 1 {
		t.Error("the record was changed")
	}
}

func TestReleaseRefused(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	foreign := world.Burning(nil)
	foreign["area"] = "999999999"
	gone := w.phone("wang", "610102004")
	for _, m := range []edit{
		p.Put("no uuid", 0, world.Burning(nil)),
		p.Put(world.NewID(), 0, foreign),
		world.In("users", p.Put(world.NewID(), 0, world.Burning(nil))),
		world.In("tasks", p.Put(world.NewID(), 0, edit{"area": street})),
		p.Put(world.NewID(), 0, world.Burning(edit{"x": strings.Repeat("x", 1<<20)})),
	} {
		p.One(store.Rejected, m)
	}
	gone.One(store.Rejected, gone.Put(world.NewID(), 0, world.Burning(nil)))
	held := w.held()
	for i, id := range held[:5] {
		if _, _, err := w.Sync.Release(w.Ctx, root, id); inspection.CodeOf(err) != inspection.CodeConflict {
			t.Errorf("%d: %v", i, err)
		}
	}
	if _, _, err := w.Sync.Release(w.Ctx, administrator("610103"), held[5]); inspection.CodeOf(err) != inspection.CodeConflict {
		t.Errorf("released by who has no right: %v", err)
	}
	if _, _, err := w.Sync.Release(w.Ctx, root, inspection.DocID(world.NewID())); inspection.CodeOf(err) != inspection.CodeNotFound {
		t.Errorf("nothing was released: %v", err)
	}
	doc, err := w.Sync.Discard(w.Ctx, root, held[0], "a test")
	if err != nil || world.At(t, doc, "state") != `"discarded"` || world.At(t, doc, "settled", "comment") != `"a test"` {
		t.Errorf("%v, %s", err, doc)
	}
	if _, err = w.Sync.Discard(w.Ctx, root, held[0], ""); inspection.CodeOf(err) != inspection.CodeConflict {
		t.Errorf("discarded twice: %v", err)
	}
	if len(w.held()) != 6 {
		t.Errorf("%d are held", len(w.held()))
	}
}

// TestTasksOfPhones: a push moves a task on by the table, and never where it
// says nothing of the rectification.
func TestTasksOfPhones(t *testing.T) {
	w := newDistrict(t)
	p, id := w.phone("li", street), world.NewID()
	task := func(state inspection.TaskState) {
		_, err := w.Sync.Act(w.Ctx, sync.Act{
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
		r := p.One(c.status, world.In("tasks", p.Put(id, w.Record(id).Rev, c.doc)))
		if got := world.At(t, r.Doc, "server", "state"); got != `"`+string(c.after)+`"` {
			t.Errorf("%d: %s is %s, want %s", n, c.before, got, c.after)
		}
	}
}

// quarantine returns the documents held there.
func (w *district) quarantine() (out []inspection.Object) {
	w.T.Helper()
	for _, r := range w.quarantined() {
		out = append(out, world.Parse(w.T, r.Doc))
	}
	return out
}

func TestRejected(t *testing.T) {
	w := newDistrict(t)
	p, stranger := w.phone("li", street), w.phone("zhao", "610102004")
	id := world.NewID()
	p.One(store.Applied, p.Put(id, 0, world.Burning(edit{"a": 1})))
	elsewhere := world.Burning(edit{})
	elsewhere["area"] = "610102004"
	nowhere := world.Burning(edit{})
	nowhere["area"] = "999999999"
	typed := world.Burning(edit{})
	typed["answers"] = []int{1}
	other := world.Burning(edit{})
	other["id"] = world.NewID()

	cases := []struct {
		name string
		by   *phone
		m    edit
		code inspection.Code
	}{
		{"another's area", stranger, stranger.Put(id, 1, world.Burning(edit{"a": 2})), inspection.CodeAreaForbidden},
		{"another's area, new", stranger, stranger.Put(world.NewID(), 0, world.Burning(edit{"a": 2})), inspection.CodeAreaForbidden},
		{"another's area, delete", stranger, stranger.Delete(id, 1), inspection.CodeAreaForbidden},
		{"a known id under another area", stranger, stranger.Put(id, 0, elsewhere), inspection.CodeAreaForbidden},
		{"an area that isn't there", p, p.Put(world.NewID(), 0, nowhere), inspection.CodeAreaForbidden},
		{"no area", p, p.Put(world.NewID(), 0, edit{"template": "x"}), inspection.CodeAreaForbidden},
		{"area changed", p, p.Put(id, 1, elsewhere), inspection.CodeAreaForbidden},
		{"another collection", p, world.In("sessions", p.Put(id, 1, edit{"area": street})), inspection.CodeAreaForbidden},
		{"a new task", p, world.In("tasks", p.Put(world.NewID(), 0, edit{"area": street})), inspection.CodeAreaForbidden},
		{"a task deleted", p, world.In("tasks", p.Delete(world.NewID(), 0)), inspection.CodeAreaForbidden},
		{"unknown collection", p, world.In("users", p.Put(world.NewID(), 0, edit{"area": street})), inspection.CodeUnknownCollection},
		{"reference data", p, world.In("limits", p.Put(world.NewID(), 0, edit{"area": street})), inspection.CodeReadOnly},
		{"no uuid", p, p.Put("diesel-1", 0, world.Burning(nil)), inspection.CodeBadID},
		{"two ids", p, p.Put(world.NewID(), 0, other), inspection.CodeBadDocument},
		{"wrong type", p, p.Put(world.NewID(), 0, typed), inspection.CodeBadDocument},
		{"no document", p, p.Put(world.NewID(), 0, nil), inspection.CodeBadDocument},
		{"unknown op", p, edit{"n": 1000, "collection": "inspections", "op": "patch", "id": id}, inspection.CodeUnknownOp},
		{"too deep", p, p.Put(world.NewID(), 0, world.Burning(edit{"a": nested(40)})), inspection.CodeTooDeep},
		{"too large", p, p.Put(world.NewID(), 0, world.Burning(edit{"a": strings.Repeat("x", 3<<20)})), inspection.CodeDocumentTooLarge},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			before := len(w.quarantine())
			r := c.by.One(store.Rejected, c.m)
			if deref(r.Code) != string(c.code) || deref(r.Detail) == "" || r.Doc != nil {
				t.Errorf("got %s: %s", deref(r.Code), deref(r.Detail))
			}
			if again := c.by.One(store.Rejected, c.m); !again.Replayed || deref(again.Code) != string(c.code) {
				t.Errorf("no receipt: %+v", again)
			}
			if n := len(w.quarantine()) - before; n != 1 {
				t.Errorf("%d more in quarantine", n)
			}
		})
	}
	if got := world.At(t, w.Record(id).Doc, "answers", "a"); got != "1" {
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
	w := newDistrict(t)
	p, stranger := w.phone("li", street), w.phone("zhao", "610102004")
	id := world.NewID()
	p.One(store.Applied, p.Put(id, 0, world.Burning(nil)))
	known := stranger.One(store.Rejected, stranger.Put(id, 0, world.Burning(nil)))
	unknown := stranger.One(store.Rejected, stranger.Put(world.NewID(), 0, world.Burning(nil)))
	if deref(known.Code) != deref(unknown.Code) || deref(known.Detail) != deref(unknown.Detail) {
		t.Errorf("%s and %s", deref(known.Detail), deref(unknown.Detail))
	}
}

func TestQuarantineKeepsTheBytes(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	raw := `{ "n":7 , "collection":"inspections","op":"put","id":"nope","base":0,"doc":{"area":"610102003","answers":{"k": 1.50}} }`
	p.PushBody([]byte(`{"mutations":[` + raw + `]}`))
	held := string(inspection.AppendJSON(nil, w.quarantine()[0]["mutation"]))
	if !strings.Contains(held, "1.50") {
		t.Errorf("digits changed: %s", held)
	}
	entries, err := w.Store.Commits(w.Ctx, inspection.ReferenceArea, 0, 100)
	if err != nil || !strings.Contains(string(entries[len(entries)-1].Bytes), raw) {
		t.Errorf("the log doesn't hold the bytes as sent (%v)", err)
	}
	deep := `{"n":8,"collection":"inspections","op":"put","id":"nope","base":0,"doc":{"a":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}}`
	p.PushBody([]byte(`{"mutations":[` + deep + `]}`))
	if s, _ := w.quarantine()[1]["mutation_base64"].(string); len(s) < len(deep) {
		t.Error("a mutation too deep to embed is not kept")
	}
}

func TestAReplayOfARejectionStaysRejected(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", "610102004")
	m := p.Put(world.NewID(), 0, world.Burning(nil))
	p.One(store.Rejected, m)
	p.Principal.Rights.Grants = append(p.Principal.Rights.Grants, inspection.Grant{Area: street, Number: 5})
	if r := p.One(store.Rejected, m); !r.Replayed {
		t.Error("decided again")
	}
}
