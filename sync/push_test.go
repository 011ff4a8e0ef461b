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

func TestANewDocumentIsAppliedAndReplayed(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	id := world.NewID()
	m := p.Put(id, 0, world.Burning(edit{"note": "x"}))
	first := p.One(store.Applied, m)
	if *first.Rev != 1 || *first.Seq != 1 || first.Replayed || first.Code != nil {
		t.Fatalf("got %+v", first)
	}
	if got := world.At(t, first.Doc, "server", "inspector"); got != `"li"` {
		t.Errorf("inspector: %s", got)
	}
	w.Restart()
	again := p.One(store.Applied, m)
	if !again.Replayed || *again.Rev != 1 || *again.Seq != 1 || string(again.Doc) != string(first.Doc) {
		t.Errorf("a replay after a restart differs: %+v", again)
	}
	if n := len(w.History(id)); n != 1 {
		t.Errorf("a replay made an entry: %d", n)
	}
}

func TestAReplayCarriesTheCurrentDocument(t *testing.T) {
	w := newDistrict(t)
	p, q := w.phone("li", street), w.phone("wang", street)
	id := world.NewID()
	m := p.Put(id, 0, world.Burning(edit{"a": 1}))
	p.One(store.Applied, m)
	q.One(store.Applied, q.Put(id, 1, world.Burning(edit{"a": 2})))
	r := p.One(store.Applied, m)
	if *r.Rev != 1 || world.At(t, r.Doc, "answers", "a") != "2" {
		t.Errorf("got rev %d, document %s", *r.Rev, r.Doc)
	}
}

func TestANumberUsedTwiceIsQuarantinedOnce(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	id := world.NewID()
	m := p.Put(id, 0, world.Burning(edit{"a": 1}))
	p.One(store.Applied, m)
	changed := p.Put(id, 0, world.Burning(edit{"a": 2}))
	changed["n"] = m["n"]
	r := p.One(store.Rejected, changed)
	if deref(r.Code) != string(inspection.CodeNReused) || r.Rev != nil || r.Doc != nil {
		t.Errorf("got %+v", r)
	}
	again := p.One(store.Rejected, changed)
	if !again.Replayed {
		t.Error("the same mistake is kept twice")
	}
	if n := len(w.quarantine()); n != 1 {
		t.Errorf("%d documents in quarantine", n)
	}
	p.One(store.Applied, m)
}

func TestSameNumberTwiceInABatchCountsOnce(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	m := p.Put(world.NewID(), 0, world.Burning(edit{"a": 1}))
	rs := p.Push(m, m)
	if rs[0].Replayed || !rs[1].Replayed || *rs[0].Seq != *rs[1].Seq {
		t.Errorf("got %+v", rs)
	}
}

func TestNumbersMayBeginAtZero(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	p.N = -1
	m := p.Put(world.NewID(), 0, world.Burning(nil))
	p.One(store.Applied, m)
	if r := p.One(store.Applied, m); !r.Replayed {
		t.Error("n = 0 has no receipt")
	}
}

func TestMerging(t *testing.T) {
	w := newDistrict(t)
	p, q := w.phone("li", street), w.phone("wang", street)

	t.Run("different fields merge", func(t *testing.T) {
		id := world.NewID()
		p.One(store.Applied, p.Put(id, 0, world.Burning(edit{"a": 1, "b": 1})))
		q.One(store.Applied, q.Put(id, 1, world.Burning(edit{"a": 2, "b": 1})))
		r := p.One(store.Merged, p.Put(id, 1, world.Burning(edit{"a": 1, "b": 2})))
		if got := world.At(t, r.Doc, "answers"); got != `{"a":2,"b":2}` {
			t.Error(got)
		}
	})
	t.Run("the same field is parked", func(t *testing.T) {
		id := world.NewID()
		p.One(store.Applied, p.Put(id, 0, world.Burning(edit{"a": 1})))
		q.One(store.Applied, q.Put(id, 1, world.Burning(edit{"a": 2})))
		r := p.One(store.Conflicted, p.Put(id, 1, world.Burning(edit{"a": 3})))
		if world.At(t, r.Doc, "answers", "a") != "2" || world.At(t, r.Doc, "server", "conflicts", "0", "offered") != "3" ||
			world.At(t, r.Doc, "server", "conflicts", "0", "pointer") != `"/answers/a"` || world.At(t, r.Doc, "server", "conflicts", "0", "by") != `"li"` {
			t.Errorf("%s", r.Doc)
		}
		if !w.Record(id).Pinned {
			t.Error("a record with an open conflict is not kept for first syncs")
		}
	})
	t.Run("a queued chain never conflicts with itself", func(t *testing.T) {
		id := world.NewID()
		rs := p.Push(
			p.Put(id, 0, world.Burning(edit{"a": 1})),
			p.Put(id, 0, world.Burning(edit{"a": 2})),
			p.Put(id, 0, world.Burning(edit{"a": 1})),
			p.Delete(id, 0),
			p.Put(id, 0, world.Burning(edit{"a": 5})),
		)
		for i, want := range []store.Status{store.Applied, store.Applied, store.Applied, store.Applied, store.Merged} {
			if rs[i].Status != want {
				t.Errorf("edit %d: got %s, want %s", i, rs[i].Status, want)
			}
		}
		if got := world.At(t, w.Record(id).Doc, "answers", "a"); got != "5" || w.Record(id).Deleted {
			t.Errorf("ended as %s", w.Record(id).Doc)
		}
	})
	t.Run("a chain over another's edit keeps both", func(t *testing.T) {
		id := world.NewID()
		p.One(store.Applied, p.Put(id, 0, world.Burning(edit{"a": 1, "b": 1})))
		first := p.Put(id, 1, world.Burning(edit{"a": 2, "b": 1}))
		second := p.Put(id, 1, world.Burning(edit{"a": 3, "b": 1}))
		q.One(store.Applied, q.Put(id, 1, world.Burning(edit{"a": 1, "b": 9})))
		p.One(store.Merged, first)
		r := p.One(store.Merged, second)
		if got := world.At(t, r.Doc, "answers"); got != `{"a":3,"b":9}` {
			t.Error(got)
		}
	})
	t.Run("evidence and reviews don't count as others' edits", func(t *testing.T) {
		id := world.NewID()
		p.One(store.Applied, p.Put(id, 0, world.Burning(edit{"a": 1})))
		w.review(id, "has_issues")
		r := p.One(store.Applied, p.Put(id, 1, world.Burning(edit{"a": 2})))
		if world.At(t, r.Doc, "server", "review", "state") != `"edited"` || world.At(t, r.Doc, "server", "review", "comment") != `"look again"` {
			t.Errorf("%s", r.Doc)
		}
	})
	t.Run("approved locks", func(t *testing.T) {
		id := world.NewID()
		p.One(store.Applied, p.Put(id, 0, world.Burning(edit{"a": 1})))
		w.review(id, "approved")
		r := p.One(store.Conflicted, p.Put(id, 2, world.Burning(edit{"a": 2, "b": 3})))
		if world.At(t, r.Doc, "answers") != `{"a":1}` || world.At(t, r.Doc, "server", "conflicts", "1", "offered") != "3" {
			t.Errorf("%s", r.Doc)
		}
		p.One(store.Conflicted, p.Delete(id, 3))
		if w.Record(id).Deleted {
			t.Error("an approved record was deleted")
		}
		p.One(store.Applied, p.Put(id, 4, world.Burning(edit{"a": 1})))
	})
	t.Run("a partial put leaves the rest", func(t *testing.T) {
		id := world.NewID()
		p.One(store.Applied, p.Put(id, 0, world.Burning(edit{"a": 1})))
		r := p.One(store.Applied, p.Put(id, 1, edit{"status": "draft"}))
		if world.At(t, r.Doc, "answers", "a") != "1" || world.At(t, r.Doc, "status") != `"draft"` {
			t.Errorf("%s", r.Doc)
		}
	})
	t.Run("an area is fixed", func(t *testing.T) {
		id := world.NewID()
		p.One(store.Applied, p.Put(id, 0, world.Burning(edit{"a": 1})))
		r := p.One(store.Applied, p.Put(id, 1, edit{"area": nil, "id": nil, "note": "x"}))
		if world.At(t, r.Doc, "area") != `"610102003"` || world.At(t, r.Doc, "id") != `"`+id+`"` || world.At(t, r.Doc, "note") != `"x"` {
			t.Errorf("%s", r.Doc)
		}
	})
	t.Run("unknown base of a known document", func(t *testing.T) {
		id := world.NewID()
		p.One(store.Applied, p.Put(id, 0, world.Burning(edit{"a": 1, "b": 1})))
		r := q.One(store.Conflicted, q.Put(id, 99, world.Burning(edit{"a": 2, "c": 3})))
		if got := world.At(t, r.Doc, "answers"); got != `{"a":1,"b":1,"c":3}` {
			t.Error(got)
		}
	})
	t.Run("a client's server member is ignored", func(t *testing.T) {
		id := world.NewID()
		d := world.Burning(edit{"a": 1})
		d["server"] = edit{"verdict": "pass", "rev": 77, "review": edit{"state": "approved"}}
		r := p.One(store.Applied, p.Put(id, 0, d))
		if world.At(t, r.Doc, "server", "rev") != "1" || world.At(t, r.Doc, "server", "review", "state") != `"received"` {
			t.Errorf("%s", r.Doc)
		}
	})
}

func TestDeleting(t *testing.T) {
	w := newDistrict(t)
	p, q := w.phone("li", street), w.phone("wang", street)
	fresh := func(answers edit) string {
		id := world.NewID()
		p.One(store.Applied, p.Put(id, 0, world.Burning(answers)))
		return id
	}
	t.Run("a delete of the newest state deletes", func(t *testing.T) {
		id := fresh(edit{"a": 1})
		r := q.One(store.Applied, q.Delete(id, 1))
		if !w.Record(id).Deleted || world.At(t, r.Doc, "server", "deleted") != "true" || world.At(t, r.Doc, "answers", "a") != "1" {
			t.Errorf("%s", r.Doc)
		}
	})
	t.Run("a delete that missed another's edit is parked", func(t *testing.T) {
		id := fresh(edit{"a": 1})
		q.One(store.Applied, q.Put(id, 1, world.Burning(edit{"a": 2})))
		r := p.One(store.Conflicted, p.Delete(id, 1))
		if w.Record(id).Deleted || world.At(t, r.Doc, "server", "conflicts", "0", "offered") != `{"deleted":true}` {
			t.Errorf("%s", r.Doc)
		}
	})
	t.Run("a delete that missed only a review deletes", func(t *testing.T) {
		id := fresh(edit{"a": 1})
		w.review(id, "has_issues")
		p.One(store.Applied, p.Delete(id, 1))
	})
	t.Run("a delete that missed only own edits deletes", func(t *testing.T) {
		id := fresh(edit{"a": 1})
		p.One(store.Applied, p.Put(id, 1, world.Burning(edit{"a": 2})))
		p.One(store.Applied, p.Delete(id, 1))
	})
	t.Run("an edit revives", func(t *testing.T) {
		id := fresh(edit{"a": 1, "b": 1})
		q.One(store.Applied, q.Delete(id, 1))
		r := p.One(store.Merged, p.Put(id, 1, world.Burning(edit{"a": 2, "b": 1})))
		if w.Record(id).Deleted || world.At(t, r.Doc, "answers") != `{"a":2,"b":1}` || world.At(t, r.Doc, "server", "deleted") != "null" {
			t.Errorf("%s", r.Doc)
		}
	})
	t.Run("an unknown document", func(t *testing.T) {
		m := p.Delete(world.NewID(), 4)
		r := p.One(store.Applied, m)
		if r.Doc != nil {
			t.Errorf("%s", r.Doc)
		}
		if again := p.One(store.Applied, m); !again.Replayed {
			t.Error("its receipt is lost")
		}
	})
	t.Run("deleting twice", func(t *testing.T) {
		id := fresh(nil)
		p.One(store.Applied, p.Delete(id, 1))
		q.One(store.Applied, q.Delete(id, 1))
	})
}

func TestALateEditGoesToHistoryOnly(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	id := world.NewID()
	old := p.Put(id, 0, world.Burning(edit{"a": "old"}))
	p.One(store.Applied, p.Put(id, 0, world.Burning(edit{"a": "new"})))
	r := p.One(store.Merged, old)
	if world.At(t, r.Doc, "answers", "a") != `"new"` || *r.Rev != 2 {
		t.Errorf("rev %d, %s", *r.Rev, r.Doc)
	}
	if h := w.History(id); !strings.Contains(string(h[1].Sent), `"old"`) {
		t.Errorf("what was sent is not in history: %s", h[1].Sent)
	}
	if r := p.One(store.Merged, old); !r.Replayed {
		t.Error("sending it again is not a replay")
	}
}

func TestRevokedAreas(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	id := world.NewID()
	p.One(store.Applied, p.Put(id, 0, world.Burning(edit{"a": 1})))
	_, page := p.Pull(sync.PullRequest{})

	v := inspection.Revocation{Grant: inspection.Grant{Area: street, Number: 1}, At: w.Now()}
	p.Principal.Rights = inspection.Rights{Grants: []inspection.Grant{{Area: "610102004", Number: 2}}, Revoked: []inspection.Revocation{v}}
	w.Advance(time.Hour)
	r := p.One(store.Applied, p.Put(id, 1, world.Burning(edit{"a": 2})))
	if r.Doc != nil {
		t.Error("a document of a revoked area was sent back")
	}
	seen, next := p.Pull(sync.PullRequest{Checkpoint: page.Checkpoint})
	if _, ok := seen[id]; ok || len(next.Revoked) != 1 || next.Revoked[0] != street {
		t.Errorf("revoked %v, changes %v", next.Revoked, seen)
	}
	newcomer := w.phone("li")
	newcomer.Principal.Rights, newcomer.Principal.FirstSeen = p.Principal.Rights, w.Now()
	newcomer.One(store.Rejected, newcomer.Put(id, 1, world.Burning(edit{"a": 9})))

	_, next = p.Pull(sync.PullRequest{Checkpoint: next.Checkpoint, ConfirmRevoked: []inspection.Area{street}})
	if len(next.Revoked) != 0 {
		t.Errorf("still revoked after confirming: %v", next.Revoked)
	}
	p.One(store.Rejected, p.Put(id, 1, world.Burning(edit{"a": 3})))

	late := w.phone("sun")
	late.Principal.Rights = p.Principal.Rights
	late.Principal.FirstSeen = v.At.Add(-time.Hour)
	w.Advance(31 * 24 * time.Hour)
	late.One(store.Rejected, late.Put(id, 1, world.Burning(edit{"a": 4})))
}

func TestDeviceNumbersBelongToTheUser(t *testing.T) {
	w := newDistrict(t)
	p, thief := w.phone("li", street), w.phone("wang", street)
	thief.Principal.Device.ID = p.Principal.Device.ID
	a, b := world.NewID(), world.NewID()
	thief.One(store.Applied, thief.Put(a, 0, world.Burning(nil)))
	r := p.One(store.Applied, p.Put(b, 0, world.Burning(nil)))
	if r.Replayed || r.ID != b {
		t.Errorf("another's use of the device id got in the way: %+v", r)
	}
}

func TestSessionsSitesAndTasksSync(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	session, site := world.NewID(), world.NewID()
	r := p.One(store.Applied, world.In("sessions", p.Put(session, 0, edit{
		"area": street, "topic": "diesel_roadside", "kind": "roadside", "lead_unit": "ecology",
		"participants": []string{"traffic_police", "nobody"}, "started_at": "2026-10-12T09:00:00+08:00",
	})))
	if !strings.Contains(world.At(t, r.Doc, "server", "problems"), "/participants/1") {
		t.Errorf("%s", r.Doc)
	}
	if !w.Record(session).Pinned {
		t.Error("a session without end is not kept")
	}
	p.One(store.Applied, world.In("sites", p.Put(site, 0, edit{"area": street, "name": "长乐加油站"})))

	task := w.task(edit{"title": "覆盖裸土"})
	p.N++
	r = p.One(store.Applied, edit{"n": p.N, "collection": "tasks", "op": "put", "id": task, "base": 1,
		"doc": edit{"title": "mine now", "rectification": edit{"note": "done"}}})
	if world.At(t, r.Doc, "title") != `"覆盖裸土"` || world.At(t, r.Doc, "rectification", "note") != `"done"` {
		t.Errorf("%s", r.Doc)
	}
	r = p.One(store.Applied, world.In("tasks", p.Put(task, 2, edit{"rectification": edit{"done_at": "2026-10-13T09:00:00+08:00"}})))
	if world.At(t, r.Doc, "rectification", "note") != `"done"` {
		t.Errorf("a rectification member that wasn't sent is gone: %s", r.Doc)
	}
	p.One(store.Rejected, world.In("tasks", p.Delete(task, 3)))
}

// TestOnlyARectificationIsAPhonesToChange: whatever else a phone sends of a
// task is ignored like "server": never an error, never another content.
func TestOnlyARectificationIsAPhonesToChange(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	task := w.task(edit{"title": "覆盖裸土", "due": "2026-11-11", "unit": "urban_management"})
	ignored := edit{"area": "610102004", "title": []int{1}, "due": 7, "unit": edit{}, "inspection": false, "assignee": 1, "more": nested(40)}
	m := world.In("tasks", p.Put(task, 1, ignored))
	r := p.One(store.Applied, m)
	if world.At(t, r.Doc, "area") != `"610102003"` || world.At(t, r.Doc, "due") != `"2026-11-11"` || world.At(t, r.Doc, "more") != "null" {
		t.Errorf("%s", r.Doc)
	}
	m["doc"] = edit{"title": "another"}
	if r := p.One(store.Applied, m); !r.Replayed {
		t.Error("ignored members count as content")
	}
	ignored["rectification"] = edit{"note": "done", "photos": nil}
	if r := p.One(store.Applied, world.In("tasks", p.Put(task, 2, ignored))); world.At(t, r.Doc, "rectification", "note") != `"done"` {
		t.Errorf("%s", r.Doc)
	}
	p.One(store.Rejected, world.In("tasks", p.Put(task, 3, edit{"rectification": edit{"note": 7}})))
	p.One(store.Rejected, world.In("tasks", p.Put(task, 3, edit{"id": world.NewID(), "rectification": edit{"note": "x"}})))
	stranger := w.phone("zhao", "610102004")
	stranger.One(store.Rejected, world.In("tasks", stranger.Put(task, 3, edit{"area": "610102004", "rectification": edit{"note": "mine"}})))
}

// task appends a task, as the review room does.
func (w *district) task(members edit) string {
	w.T.Helper()
	id := world.NewID()
	head, err := w.Store.Head(w.Ctx, street)
	w.Must(err)
	d := inspection.Object{"id": id, "area": string(street), "server": inspection.Object{"state": "assigned"}}
	for k, v := range members {
		d[k] = v
	}
	commit, err := store.Seal(street, head, []store.Entry{{
		Seq: head.Seq + 1, Collection: inspection.Tasks, ID: inspection.DocID(id), Rev: 1,
		Kind: store.KindReference, Actor: "boss", At: maxTime(head.At, w.Now()), Pinned: true, Doc: inspection.AppendJSON(nil, d),
	}})
	if err == nil {
		err = w.Store.Append(w.Ctx, commit)
	}
	w.Must(err)
	return id
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
