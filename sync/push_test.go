package sync_test

import (
	"strings"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/sync"
)

func TestANewDocumentIsAppliedAndReplayed(t *testing.T) {
	w := newWorld(t)
	p := w.phone("li", street)
	id := newID()
	m := p.put(id, 0, newInspection(edit{"note": "x"}))
	first := p.one(store.Applied, m)
	if *first.Rev != 1 || *first.Seq != 1 || first.Replayed || first.Code != nil {
		t.Fatalf("got %+v", first)
	}
	if got := at(t, first.Doc, "server", "inspector"); got != `"li"` {
		t.Errorf("inspector: %s", got)
	}
	w.restart()
	again := p.one(store.Applied, m)
	if !again.Replayed || *again.Rev != 1 || *again.Seq != 1 || string(again.Doc) != string(first.Doc) {
		t.Errorf("a replay after a restart differs: %+v", again)
	}
	if n := len(w.history(id)); n != 1 {
		t.Errorf("a replay made an entry: %d", n)
	}
}

func TestAReplayCarriesTheCurrentDocument(t *testing.T) {
	w := newWorld(t)
	p, q := w.phone("li", street), w.phone("wang", street)
	id := newID()
	m := p.put(id, 0, newInspection(edit{"a": 1}))
	p.one(store.Applied, m)
	q.one(store.Applied, q.put(id, 1, newInspection(edit{"a": 2})))
	r := p.one(store.Applied, m)
	if *r.Rev != 1 || at(t, r.Doc, "answers", "a") != "2" {
		t.Errorf("got rev %d, document %s", *r.Rev, r.Doc)
	}
}

func TestANumberUsedTwiceIsQuarantinedOnce(t *testing.T) {
	w := newWorld(t)
	p := w.phone("li", street)
	id := newID()
	m := p.put(id, 0, newInspection(edit{"a": 1}))
	p.one(store.Applied, m)
	changed := p.put(id, 0, newInspection(edit{"a": 2}))
	changed["n"] = m["n"]
	r := p.one(store.Rejected, changed)
	if deref(r.Code) != string(inspection.CodeNReused) || r.Rev != nil || r.Doc != nil {
		t.Errorf("got %+v", r)
	}
	again := p.one(store.Rejected, changed)
	if !again.Replayed {
		t.Error("the same mistake is kept twice")
	}
	if n := len(w.quarantine()); n != 1 {
		t.Errorf("%d documents in quarantine", n)
	}
	p.one(store.Applied, m)
}

func TestSameNumberTwiceInABatchCountsOnce(t *testing.T) {
	w := newWorld(t)
	p := w.phone("li", street)
	m := p.put(newID(), 0, newInspection(edit{"a": 1}))
	rs := p.push(m, m)
	if rs[0].Replayed || !rs[1].Replayed || *rs[0].Seq != *rs[1].Seq {
		t.Errorf("got %+v", rs)
	}
}

func TestNumbersMayBeginAtZero(t *testing.T) {
	w := newWorld(t)
	p := w.phone("li", street)
	p.n = -1
	m := p.put(newID(), 0, newInspection(nil))
	p.one(store.Applied, m)
	if r := p.one(store.Applied, m); !r.Replayed {
		t.Error("n = 0 has no receipt")
	}
}

func TestMerging(t *testing.T) {
	w := newWorld(t)
	p, q := w.phone("li", street), w.phone("wang", street)

	t.Run("different fields merge", func(t *testing.T) {
		id := newID()
		p.one(store.Applied, p.put(id, 0, newInspection(edit{"a": 1, "b": 1})))
		q.one(store.Applied, q.put(id, 1, newInspection(edit{"a": 2, "b": 1})))
		r := p.one(store.Merged, p.put(id, 1, newInspection(edit{"a": 1, "b": 2})))
		if got := at(t, r.Doc, "answers"); got != `{"a":2,"b":2}` {
			t.Error(got)
		}
	})
	t.Run("the same field is parked", func(t *testing.T) {
		id := newID()
		p.one(store.Applied, p.put(id, 0, newInspection(edit{"a": 1})))
		q.one(store.Applied, q.put(id, 1, newInspection(edit{"a": 2})))
		r := p.one(store.Conflicted, p.put(id, 1, newInspection(edit{"a": 3})))
		if at(t, r.Doc, "answers", "a") != "2" || at(t, r.Doc, "server", "conflicts", "0", "offered") != "3" ||
			at(t, r.Doc, "server", "conflicts", "0", "pointer") != `"/answers/a"` || at(t, r.Doc, "server", "conflicts", "0", "by") != `"li"` {
			t.Errorf("%s", r.Doc)
		}
		if !w.record(id).Pinned {
			t.Error("a record with an open conflict is not kept for first syncs")
		}
	})
	t.Run("a queued chain never conflicts with itself", func(t *testing.T) {
		id := newID()
		rs := p.push(
			p.put(id, 0, newInspection(edit{"a": 1})),
			p.put(id, 0, newInspection(edit{"a": 2})),
			p.put(id, 0, newInspection(edit{"a": 1})),
			p.del(id, 0),
			p.put(id, 0, newInspection(edit{"a": 5})),
		)
		for i, want := range []store.Status{store.Applied, store.Applied, store.Applied, store.Applied, store.Merged} {
			if rs[i].Status != want {
				t.Errorf("edit %d: got %s, want %s", i, rs[i].Status, want)
			}
		}
		if got := at(t, w.record(id).Doc, "answers", "a"); got != "5" || w.record(id).Deleted {
			t.Errorf("ended as %s", w.record(id).Doc)
		}
	})
	t.Run("a chain over another's edit keeps both", func(t *testing.T) {
		id := newID()
		p.one(store.Applied, p.put(id, 0, newInspection(edit{"a": 1, "b": 1})))
		first := p.put(id, 1, newInspection(edit{"a": 2, "b": 1}))
		second := p.put(id, 1, newInspection(edit{"a": 3, "b": 1}))
		q.one(store.Applied, q.put(id, 1, newInspection(edit{"a": 1, "b": 9})))
		p.one(store.Merged, first)
		r := p.one(store.Merged, second)
		if got := at(t, r.Doc, "answers"); got != `{"a":3,"b":9}` {
			t.Error(got)
		}
	})
	t.Run("evidence and reviews don't count as others' edits", func(t *testing.T) {
		id := newID()
		p.one(store.Applied, p.put(id, 0, newInspection(edit{"a": 1})))
		w.review(id, "has_issues")
		r := p.one(store.Applied, p.put(id, 1, newInspection(edit{"a": 2})))
		if at(t, r.Doc, "server", "review", "state") != `"edited"` || at(t, r.Doc, "server", "review", "comment") != `"look again"` {
			t.Errorf("%s", r.Doc)
		}
	})
	t.Run("approved locks", func(t *testing.T) {
		id := newID()
		p.one(store.Applied, p.put(id, 0, newInspection(edit{"a": 1})))
		w.review(id, "approved")
		r := p.one(store.Conflicted, p.put(id, 2, newInspection(edit{"a": 2, "b": 3})))
		if at(t, r.Doc, "answers") != `{"a":1}` || at(t, r.Doc, "server", "conflicts", "1", "offered") != "3" {
			t.Errorf("%s", r.Doc)
		}
		p.one(store.Conflicted, p.del(id, 3))
		if w.record(id).Deleted {
			t.Error("an approved record was deleted")
		}
		p.one(store.Applied, p.put(id, 4, newInspection(edit{"a": 1})))
	})
	t.Run("a partial put leaves the rest", func(t *testing.T) {
		id := newID()
		p.one(store.Applied, p.put(id, 0, newInspection(edit{"a": 1})))
		r := p.one(store.Applied, p.put(id, 1, edit{"status": "draft"}))
		if at(t, r.Doc, "answers", "a") != "1" || at(t, r.Doc, "status") != `"draft"` {
			t.Errorf("%s", r.Doc)
		}
	})
	t.Run("an area is fixed", func(t *testing.T) {
		id := newID()
		p.one(store.Applied, p.put(id, 0, newInspection(edit{"a": 1})))
		r := p.one(store.Applied, p.put(id, 1, edit{"area": nil, "id": nil, "note": "x"}))
		if at(t, r.Doc, "area") != `"610102003"` || at(t, r.Doc, "id") != `"`+id+`"` || at(t, r.Doc, "note") != `"x"` {
			t.Errorf("%s", r.Doc)
		}
	})
	t.Run("unknown base of a known document", func(t *testing.T) {
		id := newID()
		p.one(store.Applied, p.put(id, 0, newInspection(edit{"a": 1, "b": 1})))
		r := q.one(store.Conflicted, q.put(id, 99, newInspection(edit{"a": 2, "c": 3})))
		if got := at(t, r.Doc, "answers"); got != `{"a":1,"b":1,"c":3}` {
			t.Error(got)
		}
	})
	t.Run("a client's server member is ignored", func(t *testing.T) {
		id := newID()
		d := newInspection(edit{"a": 1})
		d["server"] = edit{"verdict": "pass", "rev": 77, "review": edit{"state": "approved"}}
		r := p.one(store.Applied, p.put(id, 0, d))
		if at(t, r.Doc, "server", "rev") != "1" || at(t, r.Doc, "server", "review", "state") != `"received"` {
			t.Errorf("%s", r.Doc)
		}
	})
}

func TestDeleting(t *testing.T) {
	w := newWorld(t)
	p, q := w.phone("li", street), w.phone("wang", street)
	fresh := func(answers edit) string {
		id := newID()
		p.one(store.Applied, p.put(id, 0, newInspection(answers)))
		return id
	}
	t.Run("a delete of the newest state deletes", func(t *testing.T) {
		id := fresh(edit{"a": 1})
		r := q.one(store.Applied, q.del(id, 1))
		if !w.record(id).Deleted || at(t, r.Doc, "server", "deleted") != "true" || at(t, r.Doc, "answers", "a") != "1" {
			t.Errorf("%s", r.Doc)
		}
	})
	t.Run("a delete that missed another's edit is parked", func(t *testing.T) {
		id := fresh(edit{"a": 1})
		q.one(store.Applied, q.put(id, 1, newInspection(edit{"a": 2})))
		r := p.one(store.Conflicted, p.del(id, 1))
		if w.record(id).Deleted || at(t, r.Doc, "server", "conflicts", "0", "offered") != `{"deleted":true}` {
			t.Errorf("%s", r.Doc)
		}
	})
	t.Run("a delete that missed only a review deletes", func(t *testing.T) {
		id := fresh(edit{"a": 1})
		w.review(id, "has_issues")
		p.one(store.Applied, p.del(id, 1))
	})
	t.Run("a delete that missed only own edits deletes", func(t *testing.T) {
		id := fresh(edit{"a": 1})
		p.one(store.Applied, p.put(id, 1, newInspection(edit{"a": 2})))
		p.one(store.Applied, p.del(id, 1))
	})
	t.Run("an edit revives", func(t *testing.T) {
		id := fresh(edit{"a": 1, "b": 1})
		q.one(store.Applied, q.del(id, 1))
		r := p.one(store.Merged, p.put(id, 1, newInspection(edit{"a": 2, "b": 1})))
		if w.record(id).Deleted || at(t, r.Doc, "answers") != `{"a":2,"b":1}` || at(t, r.Doc, "server", "deleted") != "null" {
			t.Errorf("%s", r.Doc)
		}
	})
	t.Run("an unknown document", func(t *testing.T) {
		m := p.del(newID(), 4)
		r := p.one(store.Applied, m)
		if r.Doc != nil {
			t.Errorf("%s", r.Doc)
		}
		if again := p.one(store.Applied, m); !again.Replayed {
			t.Error("its receipt is lost")
		}
	})
	t.Run("deleting twice", func(t *testing.T) {
		id := fresh(nil)
		p.one(store.Applied, p.del(id, 1))
		q.one(store.Applied, q.del(id, 1))
	})
}

func TestALateEditGoesToHistoryOnly(t *testing.T) {
	w := newWorld(t)
	p := w.phone("li", street)
	id := newID()
	old := p.put(id, 0, newInspection(edit{"a": "old"}))
	p.one(store.Applied, p.put(id, 0, newInspection(edit{"a": "new"})))
	r := p.one(store.Merged, old)
	if at(t, r.Doc, "answers", "a") != `"new"` || *r.Rev != 2 {
		t.Errorf("rev %d, %s", *r.Rev, r.Doc)
	}
	if h := w.history(id); !strings.Contains(string(h[1].Sent), `"old"`) {
		t.Errorf("what was sent is not in history: %s", h[1].Sent)
	}
	if r := p.one(store.Merged, old); !r.Replayed {
		t.Error("sending it again is not a replay")
	}
}

func TestRevokedAreas(t *testing.T) {
	w := newWorld(t)
	p := w.phone("li", street)
	id := newID()
	p.one(store.Applied, p.put(id, 0, newInspection(edit{"a": 1})))
	_, page := p.pull(sync.PullRequest{})

	v := inspection.Revocation{Grant: inspection.Grant{Area: street, Number: 1}, At: w.clock()}
	p.principal.Rights = inspection.Rights{Grants: []inspection.Grant{{Area: "610102004", Number: 2}}, Revoked: []inspection.Revocation{v}}
	w.advance(time.Hour)
	r := p.one(store.Applied, p.put(id, 1, newInspection(edit{"a": 2})))
	if r.Doc != nil {
		t.Error("a document of a revoked area was sent back")
	}
	seen, next := p.pull(sync.PullRequest{Checkpoint: page.Checkpoint})
	if _, ok := seen[id]; ok || len(next.Revoked) != 1 || next.Revoked[0] != street {
		t.Errorf("revoked %v, changes %v", next.Revoked, seen)
	}
	newcomer := w.phone("li")
	newcomer.principal.Rights, newcomer.principal.FirstSeen = p.principal.Rights, w.clock()
	newcomer.one(store.Rejected, newcomer.put(id, 1, newInspection(edit{"a": 9})))

	_, next = p.pull(sync.PullRequest{Checkpoint: next.Checkpoint, ConfirmRevoked: []inspection.Area{street}})
	if len(next.Revoked) != 0 {
		t.Errorf("still revoked after confirming: %v", next.Revoked)
	}
	p.one(store.Rejected, p.put(id, 1, newInspection(edit{"a": 3})))

	late := w.phone("sun")
	late.principal.Rights = p.principal.Rights
	late.principal.FirstSeen = v.At.Add(-time.Hour)
	w.advance(31 * 24 * time.Hour)
	late.one(store.Rejected, late.put(id, 1, newInspection(edit{"a": 4})))
}

func TestDeviceNumbersBelongToTheUser(t *testing.T) {
	w := newWorld(t)
	p, thief := w.phone("li", street), w.phone("wang", street)
	thief.principal.Device.ID = p.principal.Device.ID
	a, b := newID(), newID()
	thief.one(store.Applied, thief.put(a, 0, newInspection(nil)))
	r := p.one(store.Applied, p.put(b, 0, newInspection(nil)))
	if r.Replayed || r.ID != b {
		t.Errorf("another's use of the device id got in the way: %+v", r)
	}
}

func TestSessionsSitesAndTasksSync(t *testing.T) {
	w := newWorld(t)
	p := w.phone("li", street)
	session, site := newID(), newID()
	r := p.one(store.Applied, in("sessions", p.put(session, 0, edit{
		"area": street, "topic": "diesel_roadside", "kind": "roadside", "lead_unit": "ecology",
		"participants": []string{"traffic_police", "nobody"}, "started_at": "2026-10-12T09:00:00+08:00",
	})))
	if !strings.Contains(at(t, r.Doc, "server", "problems"), "/participants/1") {
		t.Errorf("%s", r.Doc)
	}
	if !w.record(session).Pinned {
		t.Error("a session without end is not kept")
	}
	p.one(store.Applied, in("sites", p.put(site, 0, edit{"area": street, "name": "长乐加油站"})))

	task := w.task(edit{"title": "覆盖裸土"})
	p.n++
	r = p.one(store.Applied, edit{"n": p.n, "collection": "tasks", "op": "put", "id": task, "base": 1,
		"doc": edit{"title": "mine now", "rectification": edit{"note": "done"}}})
	if at(t, r.Doc, "title") != `"覆盖裸土"` || at(t, r.Doc, "rectification", "note") != `"done"` {
		t.Errorf("%s", r.Doc)
	}
	r = p.one(store.Applied, in("tasks", p.put(task, 2, edit{"rectification": edit{"done_at": "2026-10-13T09:00:00+08:00"}})))
	if at(t, r.Doc, "rectification", "note") != `"done"` {
		t.Errorf("a rectification member that wasn't sent is gone: %s", r.Doc)
	}
	p.one(store.Rejected, in("tasks", p.del(task, 3)))
}

// TestOnlyARectificationIsAPhonesToChange: whatever else a phone sends of a
// task is ignored like "server": never an error, never another content.
func TestOnlyARectificationIsAPhonesToChange(t *testing.T) {
	w := newWorld(t)
	p := w.phone("li", street)
	task := w.task(edit{"title": "覆盖裸土", "due": "2026-11-11", "unit": "urban_management"})
	ignored := edit{"area": "610102004", "title": []int{1}, "due": 7, "unit": edit{}, "inspection": false, "assignee": 1, "more": nested(40)}
	m := in("tasks", p.put(task, 1, ignored))
	r := p.one(store.Applied, m)
	if at(t, r.Doc, "area") != `"610102003"` || at(t, r.Doc, "due") != `"2026-11-11"` || at(t, r.Doc, "more") != "null" {
		t.Errorf("%s", r.Doc)
	}
	m["doc"] = edit{"title": "another"}
	if r := p.one(store.Applied, m); !r.Replayed {
		t.Error("ignored members count as content")
	}
	ignored["rectification"] = edit{"note": "done", "photos": nil}
	if r := p.one(store.Applied, in("tasks", p.put(task, 2, ignored))); at(t, r.Doc, "rectification", "note") != `"done"` {
		t.Errorf("%s", r.Doc)
	}
	p.one(store.Rejected, in("tasks", p.put(task, 3, edit{"rectification": edit{"note": 7}})))
	p.one(store.Rejected, in("tasks", p.put(task, 3, edit{"id": newID(), "rectification": edit{"note": "x"}})))
	stranger := w.phone("zhao", "610102004")
	stranger.one(store.Rejected, in("tasks", stranger.put(task, 3, edit{"area": "610102004", "rectification": edit{"note": "mine"}})))
}

// task appends a task, as the review room does.
func (w *world) task(members edit) string {
	w.t.Helper()
	id := newID()
	head, err := w.store.Head(w.ctx, street)
	if err != nil {
		w.t.Fatal(err)
	}
	d := inspection.Object{"id": id, "area": string(street), "server": inspection.Object{"state": "assigned"}}
	for k, v := range members {
		d[k] = v
	}
	commit, err := store.Seal(street, head, []store.Entry{{
		Seq: head.Seq + 1, Collection: inspection.Tasks, ID: inspection.DocID(id), Rev: 1,
		Kind: store.KindReference, Actor: "boss", At: maxTime(head.At, w.clock()), Pinned: true, Doc: inspection.AppendJSON(nil, d),
	}})
	if err == nil {
		err = w.store.Append(w.ctx, commit)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
