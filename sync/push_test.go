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

// quarantine returns the documents held there.
func (w *world) quarantine() []inspection.Object {
	w.t.Helper()
	page, err := w.store.Changes(w.ctx, store.ChangesQuery{
		Area: inspection.ReferenceArea, Collections: []inspection.Collection{inspection.Quarantine}, Limit: 1000,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	var out []inspection.Object
	for _, r := range page.Records {
		out = append(out, doc(w.t, r.Doc))
	}
	return out
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
		if !w.record(id).Kept {
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

func TestContentIsNeverRefused(t *testing.T) {
	w := newWorld(t)
	p := w.phone("li", street)
	d := newInspection(edit{"made_up": 1, "found_at": []int{1}})
	d["template"], d["template_version"] = "diesel_roadside", 1
	d["answers"] = edit{"k_readings": "many", "plate": 5, "big": 1}
	r := p.one(store.Applied, p.put(newID(), 0, d))
	if at(t, r.Doc, "server", "verdict") == `"pass"` || at(t, r.Doc, "server", "problems", "0", "pointer") == "nothing" {
		t.Errorf("%s", r.Doc)
	}
	unknown := newInspection(nil)
	unknown["template"] = "no_such"
	r = p.one(store.Applied, p.put(newID(), 0, unknown))
	if at(t, r.Doc, "server", "verdict") != `"indeterminate"` || at(t, r.Doc, "server", "problems", "0", "code") != `"unknown_reference"` {
		t.Errorf("%s", r.Doc)
	}
}

func TestBigNumbersAreKeptAsText(t *testing.T) {
	w := newWorld(t)
	p := w.phone("li", street)
	id := newID()
	body := `{"mutations":[{"n":1,"collection":"inspections","op":"put","id":"` + id + `","base":0,"doc":{"area":"610102003","answers":{"odo":9007199254740993}}}]}`
	r := p.pushBody([]byte(body))[0]
	if at(t, r.Doc, "answers", "odo") != `"9007199254740993"` || !strings.Contains(at(t, r.Doc, "server", "problems"), "big_number") {
		t.Errorf("%s", r.Doc)
	}
	p.n = 1
	r = p.one(store.Applied, p.put(id, 1, edit{"note": "x"}))
	if !strings.Contains(at(t, r.Doc, "server", "problems"), "big_number") {
		t.Error("the problem is forgotten while the text is still there")
	}
	r = p.one(store.Applied, p.put(id, 2, edit{"answers": edit{"odo": 5}}))
	if strings.Contains(at(t, r.Doc, "server", "problems"), "big_number") {
		t.Error("the problem stays after the number was mended")
	}
}

func TestClocks(t *testing.T) {
	w := newWorld(t)
	p := w.phone("li", street)
	cases := map[string]struct {
		device  time.Time
		offset  string
		problem bool
	}{
		"right":         {w.clock(), "0", false},
		"41 s ahead":    {w.clock().Add(41 * time.Second), "-41", false},
		"years behind":  {time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), "1791799200", true},
		"far future":    {time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), "-251578965600", true},
		"eleven minute": {w.clock().Add(-11 * time.Minute), "660", true},
	}
	for name, c := range cases {
		r := p.pushAt(c.device, p.put(newID(), 0, newInspection(nil)))[0]
		if got := at(t, r.Doc, "server", "clock_offset_s"); got != c.offset {
			t.Errorf("%s: offset %s, want %s", name, got, c.offset)
		}
		if got := strings.Contains(at(t, r.Doc, "server", "problems"), `"clock"`); got != c.problem {
			t.Errorf("%s: flagged %v", name, got)
		}
	}
	report, err := w.sync.Report(w.ctx, p.asker.Device)
	if err != nil || report.ClockOffsetS == nil || !report.LastSeen.Equal(w.clock()) {
		t.Errorf("report %+v, %v", report, err)
	}
}

func TestTimesOfALogNeverRunBackwards(t *testing.T) {
	w := newWorld(t)
	p := w.phone("li", street)
	p.one(store.Applied, p.put(newID(), 0, newInspection(nil)))
	w.advance(-48 * time.Hour)
	p.one(store.Applied, p.put(newID(), 0, newInspection(nil)))
	commits, err := w.store.Commits(w.ctx, street, 0, 10)
	if err != nil || commits[1].At.Before(commits[0].At) {
		t.Errorf("%v then %v (%v)", commits[0].At, commits[1].At, err)
	}
}

func TestRevokedAreas(t *testing.T) {
	w := newWorld(t)
	p := w.phone("li", street)
	id := newID()
	p.one(store.Applied, p.put(id, 0, newInspection(edit{"a": 1})))
	_, page := p.pull(sync.PullRequest{})

	v := inspection.Revocation{Grant: inspection.Grant{Area: street, Number: 1}, At: w.clock()}
	p.asker.Rights = inspection.Rights{Grants: []inspection.Grant{{Area: "610102004", Number: 2}}, Revoked: []inspection.Revocation{v}}
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
	newcomer.asker.Rights, newcomer.asker.FirstSeen = p.asker.Rights, w.clock()
	newcomer.one(store.Rejected, newcomer.put(id, 1, newInspection(edit{"a": 9})))

	_, next = p.pull(sync.PullRequest{Checkpoint: next.Checkpoint, ConfirmRevoked: []inspection.Area{street}})
	if len(next.Revoked) != 0 {
		t.Errorf("still revoked after confirming: %v", next.Revoked)
	}
	p.one(store.Rejected, p.put(id, 1, newInspection(edit{"a": 3})))

	late := w.phone("sun")
	late.asker.Rights = p.asker.Rights
	late.asker.FirstSeen = v.At.Add(-time.Hour)
	w.advance(31 * 24 * time.Hour)
	late.one(store.Rejected, late.put(id, 1, newInspection(edit{"a": 4})))
}

func TestDeviceNumbersBelongToTheUser(t *testing.T) {
	w := newWorld(t)
	p, thief := w.phone("li", street), w.phone("wang", street)
	thief.asker.Device.ID = p.asker.Device.ID
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
	if !w.record(session).Kept {
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
		Kind: store.KindReference, Actor: "boss", At: maxTime(head.At, w.clock()), Kept: true, Doc: inspection.AppendJSON(nil, d),
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

func TestAReplayOfARejectionStaysRejected(t *testing.T) {
	w := newWorld(t)
	p := w.phone("li", "610102004")
	m := p.put(newID(), 0, newInspection(nil))
	p.one(store.Rejected, m)
	p.asker.Rights.Grants = append(p.asker.Rights.Grants, inspection.Grant{Area: street, Number: 5})
	if r := p.one(store.Rejected, m); !r.Replayed {
		t.Error("decided again")
	}
}
