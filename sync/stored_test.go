package sync_test

import (
	"bytes"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/seeds"
	"gridpatrol/store"
	"gridpatrol/sync"
	"gridpatrol/test/world"
)

// busyStreet pushes all fixtures and has happen to them what can: edits that go
// in, merge and clash, a delete that parks, one that goes through, photos, a
// number too large, a review, a task that is rectified, a wrong clock, and
// what goes to quarantine.
func busyStreet(w *district) {
	w.T.Helper()
	zhang, ma := w.phone("zhang", street), w.phone("ma", "610102")
	zhang.Principal.Device.ID, ma.Principal.Device.ID = "0192f3b0-0000-7000-8000-0000000000a1", "0192f3b0-0000-7000-8000-0000000000a2"
	var ids []string
	for _, name := range seeds.Fixtures() {
		fixture := seeds.Fixture(name)
		c := inspection.Inspections
		if !fixture.Has("template") {
			c = inspection.Sessions
		}
		fixture["area"] = string(street)
		zhang.One(store.Applied, world.In(c, zhang.Put(fixture.Text("id"), 0, fixture)))
		if c == inspection.Inspections {
			ids = append(ids, fixture.Text("id"))
		}
	}
	site := "0192f3d0-0000-7000-8000-000000000001"
	zhang.One(store.Applied, world.In("sites", zhang.Put(site, 0, edit{"area": street, "name": "西一路<老字号>"})))
	photo := func(c string) edit {
		return edit{"field": "scene_photo", "sha256": hashLike(c), "taken_at": "2026-10-12T09:32:01+08:00"}
	}
	w.Advance(time.Minute)
	for i, id := range ids {
		ma.One(store.Applied, ma.Put(id, 1, edit{"site": site, "answers": edit{"note": i, "big": 1e300}, "photos": []any{photo("a"), photo("b")}}))
		zhang.One(store.Conflicted, zhang.Put(id, 1, edit{"answers": edit{"note": []any{1.0, "<&>"}}, "photos": []any{photo("c")}}))
	}
	zhang.One(store.Conflicted, zhang.Delete(ids[0], 1))
	ma.One(store.Applied, ma.Delete(ids[1], w.Record(ids[1]).Rev))
	zhang.PushAt(w.Now().Add(-time.Hour), zhang.Put(ids[2], w.Record(ids[2]).Rev, edit{"started_at": "2020-01-01T00:00:00Z"}))
	w.review(ids[3], "has_issues")
	ma.One(store.Applied, ma.Put(ids[3], w.Record(ids[3]).Rev, edit{"answers": edit{"note": "better"}}))
	w.evidenceArrives(ids[4])
	w.taskIsRectified(zhang)
	zhang.Push(zhang.Put("no uuid", 0, edit{}), world.In("areas", zhang.Put(ids[0], 0, edit{})), zhang.Put(ids[0], 1, edit{"answers": 5}))
}

func hashLike(c string) string { return string(bytes.Repeat([]byte(c), 64)) }

func (w *district) evidenceArrives(id string) {
	w.T.Helper()
	w.Act(store.KindEvidence, street, id, func(d *sync.Draft) {
		d.Server.Evidence = inspection.NewEvidence(nil, nil, []inspection.Flag{{Kind: inspection.FlagNoEXIF, SHA256: hashLike("a"), Detail: "x"}})
		d.ServerChanged()
	})
}

func (w *district) taskIsRectified(p *phone) {
	w.T.Helper()
	id := "0192f3d0-0000-7000-8000-000000000002"
	w.Act(store.KindReview, street, id, func(d *sync.Draft) {
		d.Server.State, d.Server.DueAt = inspection.TaskAssigned, inspection.StampOf(w.Now())
		d.Server.Act = &inspection.TaskAct{Act: inspection.TaskCreate, By: "boss", At: inspection.StampOf(w.Now()), Given: inspection.Object{"unit": "ecology"}}
		d.Create(inspection.Tasks, inspection.Object{"id": id, "area": string(street), "title": "x"})
	})
	p.One(store.Applied, world.In("tasks", p.Put(id, 1, edit{"rectification": edit{"note": "done"}})))
}

// TestStoredBytesAreKept: whatever a service has stored under "server" is
// written again byte for byte as it would be without the structs that it is
// read into.
func TestStoredBytesAreKept(t *testing.T) {
	w := newDistrict(t)
	busyStreet(w)
	kinds := map[store.Kind]int{}
	for _, area := range []inspection.Area{street, inspection.ReferenceArea} {
		commits, err := w.Store.Commits(w.Ctx, area, 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range commits {
			for _, e := range c.Entries {
				if e.Doc == nil {
					continue
				}
				stored := world.Parse(t, e.Doc)
				server := inspection.ServerOf(stored)
				if got, want := server.AppendJSON(nil), inspection.AppendJSON(nil, stored.Object("server")); !bytes.Equal(got, want) {
					t.Errorf("%s %s rev %d:\n%s\nwant\n%s", e.Collection, e.ID, e.Rev, got, want)
				}
				kinds[e.Kind]++
			}
		}
	}
	for _, kind := range []store.Kind{store.KindPut, store.KindDelete, store.KindNote, store.KindEvidence, store.KindReview, store.KindQuarantine, store.KindReference} {
		if kinds[kind] == 0 {
			t.Errorf("no entry of the kind %s was looked at", kind)
		}
	}
}
