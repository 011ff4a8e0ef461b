package sync_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"gridpatrol/inspection"
	"gridpatrol/rxdb"
	"gridpatrol/store"
	"gridpatrol/test/world"
)

// state is a document as a phone with RxDB has it.
type state = inspection.Object

// rxRow is a row as RxDB sends it; without an assumed state there is none.
func rxRow(now, assumed state) edit {
	row := edit{"newDocumentState": now}
	if assumed != nil {
		row["assumedMasterState"] = assumed
	}
	return row
}

// pushRows pushes rows of inspections and returns what they are answered with.
func (p *phone) pushRows(rows ...edit) []state {
	p.W.T.Helper()
	docs, _ := p.pushRowsTo(inspection.Inspections, rows...)
	return docs
}

func (p *phone) pushRowsTo(c inspection.Collection, rows ...edit) ([]state, []store.Status) {
	p.W.T.Helper()
	body, err := json.Marshal(rows)
	p.W.Must(err)
	edits, err := rxdb.DecodeRows(c, body)
	p.W.Must(err)
	results, err := p.W.Sync.PushEdits(p.W.Ctx, p.Asks(), edits)
	p.W.Must(err)
	list := &rxdb.Documents{Collection: c}
	statuses := make([]store.Status, len(results))
	for i, r := range results {
		statuses[i] = r.Status
	}
	return documents(p.W.T, list.Close(list.AppendAnswer(list.Open(nil), results))), statuses
}

// documents decodes a list of documents.
func documents(t testing.TB, list []byte) []state {
	t.Helper()
	v, err := inspection.ParseJSON(list)
	if err != nil {
		t.Fatalf("%v: %s", err, list)
	}
	var docs []state
	for _, d := range v.([]any) {
		docs = append(docs, d.(state))
	}
	return docs
}

// answered pushes one row and insists on a document in return.
func (p *phone) answered(now, assumed state) state {
	p.W.T.Helper()
	docs := p.pushRows(rxRow(now, assumed))
	if len(docs) != 1 {
		p.W.T.Fatalf("answered with %d documents", len(docs))
	}
	return docs[0]
}

// taken pushes one row and insists on nothing in return.
func (p *phone) taken(now, assumed state) {
	p.W.T.Helper()
	if docs := p.pushRows(rxRow(now, assumed)); len(docs) != 0 {
		p.W.T.Fatalf("answered with %s", inspection.AppendJSON(nil, docs[0]))
	}
}

// with returns a copy of the state with members changed; nil takes one away.
func with(s state, members state) state {
	out := maps.Clone(s)
	for name, v := range members {
		if out[name] = v; v == nil {
			delete(out, name)
		}
	}
	return out
}

// answering returns a copy with answers changed.
func answering(s state, answers state) state {
	old, _ := s["answers"].(state)
	return with(s, state{"answers": with(old, answers)})
}

func newState(answers state) state {
	return state{
		"id": world.NewID(), "area": string(street), "template": "open_burning", "template_version": json.Number("1"), "status": "submitted",
		"started_at": "2026-10-12T17:31:07+08:00", "answers": answers, "_deleted": false,
	}
}

func textAt(t testing.TB, s state, path ...string) string {
	t.Helper()
	return world.At(t, inspection.AppendJSON(nil, s), path...)
}

func (w *district) revisions(s state) int {
	w.T.Helper()
	return len(w.History(s["id"].(string)))
}

func TestANewRowIsAnsweredWithWhatTheServerMadeOfIt(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	mine := newState(state{"note": "x"})
	got := p.answered(mine, nil)
	if textAt(t, got, "server", "rev") != "1" || textAt(t, got, "_deleted") != "false" || textAt(t, got, "server", "inspector") != `"li"` {
		t.Errorf("%v", got)
	}
	if own := with(got, state{"server": nil}); !inspection.Equal(own, mine) {
		t.Errorf("sent %v, got %v", mine, own)
	}
	if e := w.History(mine["id"].(string))[0]; !e.Unnumbered || e.N != 0 || e.Device != p.Principal.Device.ID || e.Status != store.Applied {
		t.Errorf("%+v", e)
	}
	p.taken(got, got) // RxDB writes the answer and pushes it
	if n := w.revisions(mine); n != 1 {
		t.Errorf("%d revisions", n)
	}
}

func TestARowSentAgain(t *testing.T) {
	w := newDistrict(t)
	p, q := w.phone("li", street), w.phone("wang", street)
	mine := newState(state{"a": "1", "b": "1"})
	p.answered(mine, nil)
	w.Restart()
	first := p.answered(mine, nil) // the answer was lost: the phone needs it
	edited := answering(first, state{"a": "2"})
	second := p.answered(edited, first)
	if again := p.answered(edited, first); !inspection.Equal(again, second) {
		t.Errorf("the row again is answered with %v", again)
	}
	theirs := q.answered(answering(second, state{"a": "3"}), second)
	if again := p.answered(edited, first); !inspection.Equal(again, theirs) {
		t.Errorf("after another's edit the row again is answered with %v", again)
	}
	if n := w.revisions(mine); n != 3 || textAt(t, theirs, "server", "conflicts") != "[]" {
		t.Errorf("%d revisions, %v", n, theirs)
	}
}

func TestARowThatSaysWhatIsStored(t *testing.T) {
	w := newDistrict(t)
	p, q := w.phone("li", street), w.phone("wang", street)
	mine := newState(state{"a": "1"})
	first := p.answered(mine, nil)
	t.Run("is a success, whatever it assumes", func(t *testing.T) {
		q.taken(mine, nil)
		q.taken(first, nil)
		q.taken(first, answering(first, state{"a": "never"}))
		q.taken(first, with(first, state{"server": state{"rev": 7}}))
		p.taken(first, answering(mine, state{"z": "never"}))
	})
	edited := answering(first, state{"a": "2"})
	second := p.answered(edited, first)
	t.Run("tells a phone that doesn't know the newest revision", func(t *testing.T) {
		if got := q.answered(edited, first); !inspection.Equal(got, second) {
			t.Errorf("%v", got)
		}
	})
	t.Run("ends a dispute about what the server owns", func(t *testing.T) {
		q.taken(edited, second) // its own server member kept, the newest assumed
	})
	t.Run("by a client that keeps nothing of the server's", func(t *testing.T) {
		bare := newState(state{"a": "1"})
		stripped := func(s state) state { return with(s, state{"server": nil}) }
		took := stripped(p.answered(bare, nil))
		p.taken(took, took)
		next := answering(took, state{"a": "2"})
		again := stripped(p.answered(next, took))
		p.taken(again, again)
		if n := w.revisions(bare); n != 2 {
			t.Errorf("%d revisions", n)
		}
	})
	if n := w.revisions(mine); n != 2 {
		t.Errorf("%d revisions", n)
	}
}

func TestMergingRows(t *testing.T) {
	w := newDistrict(t)
	p, q := w.phone("li", street), w.phone("wang", street)
	stored := func(answers state) state { return p.answered(newState(answers), nil) }

	t.Run("different fields", func(t *testing.T) {
		first := stored(state{"a": "1", "b": "1"})
		q.answered(answering(first, state{"a": "2"}), first)
		got := p.answered(answering(first, state{"b": "2"}), first)
		if textAt(t, got, "answers") != `{"a":"2","b":"2"}` || textAt(t, got, "server", "conflicts") != "[]" {
			t.Errorf("%v", got)
		}
	})
	t.Run("an overlap is parked, once, and the rest merged", func(t *testing.T) {
		first := stored(state{"a": "1", "b": "1"})
		q.answered(answering(first, state{"a": "2"}), first)
		mine := answering(first, state{"a": "3", "b": "3"})
		got := p.answered(mine, first)
		if textAt(t, got, "answers") != `{"a":"2","b":"3"}` || textAt(t, got, "server", "conflicts", "0", "offered") != `"3"` ||
			textAt(t, got, "server", "conflicts", "0", "n") != "null" {
			t.Errorf("%v", got)
		}
		n := w.revisions(first)
		if again := p.answered(mine, first); !inspection.Equal(again, got) || w.revisions(first) != n {
			t.Errorf("sent again: %v", again)
		}
		// Another row with the same value in the way: not a replay, still nothing new.
		p.answered(answering(first, state{"a": "3"}), first)
		if again := p.answered(mine, first); len(again["server"].(state)["conflicts"].([]any)) != 1 {
			t.Errorf("parked twice: %v", again)
		}
		p.answered(answering(first, state{"a": "4", "b": "3"}), first)
		if r := w.Record(first["id"].(string)); world.At(t, r.Doc, "server", "conflicts", "1", "offered") != `"4"` ||
			world.At(t, r.Doc, "server", "conflicts", "1", "k") == world.At(t, r.Doc, "server", "conflicts", "0", "k") {
			t.Errorf("%s", r.Doc)
		}
	})
	t.Run("a phone's own chain never conflicts with itself", func(t *testing.T) {
		first := stored(state{"a": "1", "b": "1"})
		p.answered(answering(first, state{"a": "2"}), first)
		got := p.answered(answering(first, state{"a": "3"}), first) // the answer before was lost
		if textAt(t, got, "answers", "a") != `"3"` || textAt(t, got, "server", "conflicts") != "[]" {
			t.Errorf("%v", got)
		}
		back := p.answered(answering(first, state{"a": "1"}), got)
		if textAt(t, back, "answers", "a") != `"1"` {
			t.Errorf("undone: %v", back)
		}
	})
	t.Run("what is newer than the last row is the base", func(t *testing.T) {
		first := stored(state{"a": "1"})
		second := p.answered(answering(first, state{"a": "2"}), first)
		third := q.answered(answering(second, state{"a": "3"}), second)
		got := p.answered(answering(third, state{"a": "4"}), third)
		if textAt(t, got, "answers", "a") != `"4"` || textAt(t, got, "server", "conflicts") != "[]" {
			t.Errorf("%v", got)
		}
	})
	t.Run("what a phone said before, said of a newer state, is no replay", func(t *testing.T) {
		first := stored(state{"a": "1"})
		second := p.answered(answering(first, state{"a": "2"}), first)
		third := q.answered(answering(second, state{"a": "3"}), second)
		if got := p.answered(answering(third, state{"a": "2"}), third); textAt(t, got, "answers", "a") != `"2"` {
			t.Errorf("%v", got)
		}
	})
	t.Run("a replay undoes nothing", func(t *testing.T) {
		bare := func(s state) state { return with(s, state{"server": nil}) }
		first := bare(stored(state{"a": "1"}))
		mine := answering(first, state{"a": "2"})
		second := bare(p.answered(mine, first))
		q.answered(answering(second, state{"a": "1"}), second)
		if got := p.answered(mine, first); textAt(t, got, "answers", "a") != `"1"` {
			t.Errorf("%v", got)
		}
	})
	t.Run("nothing assumed: the last row is the base", func(t *testing.T) {
		mine := newState(state{"a": "1", "b": "1"})
		first := p.answered(mine, nil)
		q.answered(answering(first, state{"b": "2"}), first)
		got := p.answered(answering(mine, state{"a": "2"}), nil)
		if textAt(t, got, "answers") != `{"a":"2","b":"2"}` || textAt(t, got, "server", "conflicts") != "[]" {
			t.Errorf("%v", got)
		}
	})
	t.Run("nothing assumed by a stranger to it: everything clashes", func(t *testing.T) {
		first := stored(state{"a": "1", "b": "1"})
		got := q.answered(answering(with(first, state{"server": nil}), state{"a": "9", "c": "9"}), nil)
		if textAt(t, got, "answers") != `{"a":"1","b":"1","c":"9"}` || textAt(t, got, "server", "conflicts", "0", "offered") != `"9"` {
			t.Errorf("%v", got)
		}
	})
	t.Run("without revisions, what is stored is newer than the last row", func(t *testing.T) {
		bare := func(s state) state { return with(s, state{"server": nil}) }
		first := bare(stored(state{"a": "1"}))
		theirs := bare(q.answered(answering(first, state{"a": "2"}), first))
		got := p.answered(answering(theirs, state{"a": "3"}), theirs)
		if textAt(t, got, "answers", "a") != `"3"` || textAt(t, got, "server", "conflicts") != "[]" {
			t.Errorf("%v", got)
		}
	})
	t.Run("a row that changes nothing of an old state", func(t *testing.T) {
		first := stored(state{"a": "1"})
		second := q.answered(answering(first, state{"a": "2"}), first)
		n := w.revisions(first)
		if got := p.answered(first, first); !inspection.Equal(got, second) || w.revisions(first) != n {
			t.Errorf("%v, %d revisions", got, w.revisions(first))
		}
	})
	t.Run("a member that the phone took away", func(t *testing.T) {
		first := p.answered(with(newState(state{"a": "1"}), state{"finished_at": "2026-10-12T18:00:00+08:00", "grid": "610102003-02"}), nil)
		got := p.answered(with(first, state{"grid": nil}), first)
		if _, there := got["grid"]; there || textAt(t, got, "finished_at") == "null" {
			t.Errorf("%v", got)
		}
	})
	t.Run("approved locks, and insisting makes no history", func(t *testing.T) {
		first := stored(state{"a": "1"})
		w.review(first["id"].(string), "approved")
		now := world.Parse(t, w.Record(first["id"].(string)).Doc)
		mine := answering(now, state{"a": "2"})
		got := p.answered(mine, now)
		n := w.revisions(first)
		for range 3 {
			got = p.answered(answering(got, state{"a": "2"}), got)
		}
		if textAt(t, got, "answers", "a") != `"1"` || len(got["server"].(state)["conflicts"].([]any)) != 1 || w.revisions(first) != n {
			t.Errorf("%d revisions, %v", w.revisions(first), got)
		}
	})
}

func TestMembersOutsideTheSchema(t *testing.T) {
	w := newDistrict(t)
	p, q := w.phone("li", street), w.phone("wang", street)
	mine := newState(state{"a": "1"})
	first := p.answered(mine, nil)
	id := mine["id"].(string)
	q.One(store.Applied, q.Put(id, 1, edit{"weather": "fog"}))
	_, page := p.pullRx(inspection.Inspections, "", 500)
	got := page[id]
	if _, there := got["weather"]; there || textAt(t, got, "server", "rev") != "2" {
		t.Errorf("%v", got)
	}
	p.taken(got, first)
	p.answered(answering(got, state{"a": "2"}), got)
	if r := w.Record(id); world.At(t, r.Doc, "weather") != `"fog"` || world.At(t, r.Doc, "answers", "a") != `"2"` {
		t.Errorf("%s", r.Doc)
	}
	own := newState(state{"a": "1"})
	p.answered(with(own, state{"local_note": "mine"}), nil)
	if r := w.Record(own["id"].(string)); world.At(t, r.Doc, "local_note") != `"mine"` || world.At(t, r.Doc, "_deleted") != "nothing" && world.At(t, r.Doc, "_deleted") != "null" {
		t.Errorf("%s", r.Doc)
	}
}

func TestDeletingByRow(t *testing.T) {
	w := newDistrict(t)
	p, q := w.phone("li", street), w.phone("wang", street)
	stored := func(answers state) state { return p.answered(newState(answers), nil) }
	gone := state{"_deleted": true}

	t.Run("of the newest state", func(t *testing.T) {
		first := stored(state{"a": "1"})
		q.taken(with(first, gone), first)
		q.taken(with(first, gone), first)
		_, all := p.pullRx(inspection.Inspections, "", 500)
		tomb := all[first["id"].(string)]
		if textAt(t, tomb, "_deleted") != "true" || textAt(t, tomb, "answers", "a") != `"1"` || textAt(t, tomb, "server", "rev") != "2" {
			t.Errorf("%v", tomb)
		}
		p.taken(with(first, gone), first) // both wanted it gone
		if n := w.revisions(first); n != 2 {
			t.Errorf("%d revisions", n)
		}
	})
	t.Run("that missed another's edit is parked, once", func(t *testing.T) {
		first := stored(state{"a": "1"})
		q.answered(answering(first, state{"a": "2"}), first)
		got := p.answered(with(first, gone), first)
		if textAt(t, got, "_deleted") != "false" || textAt(t, got, "server", "conflicts", "0", "offered") != `{"deleted":true}` {
			t.Errorf("%v", got)
		}
		n := w.revisions(first)
		p.answered(with(first, gone), first)
		p.answered(with(answering(first, state{"a": "9"}), gone), first)
		if w.revisions(first) != n {
			t.Errorf("%d revisions, then %d", n, w.revisions(first))
		}
	})
	t.Run("together with an edit keeps the edit in history", func(t *testing.T) {
		first := stored(state{"a": "1"})
		p.taken(with(answering(first, state{"a": "last words"}), gone), first)
		if h := w.History(first["id"].(string)); !w.Record(first["id"].(string)).Deleted || !strings.Contains(string(h[1].Sent), "last words") {
			t.Errorf("%s", h[1].Sent)
		}
	})
	t.Run("an edit revives", func(t *testing.T) {
		first := stored(state{"a": "1"})
		q.taken(with(first, gone), first)
		got := p.answered(answering(first, state{"a": "2"}), first)
		if textAt(t, got, "_deleted") != "false" || textAt(t, got, "answers", "a") != `"2"` {
			t.Errorf("%v", got)
		}
	})
	t.Run("the phone itself brings it back", func(t *testing.T) {
		first := stored(state{"a": "1"})
		dead := with(first, gone)
		p.taken(dead, first)
		if got := p.answered(first, dead); textAt(t, got, "_deleted") != "false" {
			t.Errorf("%v", got)
		}
	})
	t.Run("no edit, no revival", func(t *testing.T) {
		first := stored(state{"a": "1"})
		q.taken(with(first, gone), first)
		if got := p.answered(first, first); textAt(t, got, "_deleted") != "true" {
			t.Errorf("%v", got)
		}
	})
	t.Run("of an unknown document", func(t *testing.T) {
		never := with(newState(state{"a": "made and unmade"}), gone)
		p.taken(never, nil)
		if w.Record(never["id"].(string)).Rev != 0 {
			t.Error("a document was made")
		}
		if !strings.Contains(w.referenceLog(), "made and unmade") {
			t.Error("what it said is in no history")
		}
	})
	t.Run("an approved one", func(t *testing.T) {
		first := stored(state{"a": "1"})
		w.review(first["id"].(string), "approved")
		if got := p.answered(with(first, gone), first); textAt(t, got, "_deleted") != "false" {
			t.Errorf("%v", got)
		}
	})
}

// referenceLog is the text of the reference log.
func (w *district) referenceLog() string {
	w.T.Helper()
	commits, err := w.Store.Commits(w.Ctx, inspection.ReferenceArea, 0, 1_000_000)
	w.Must(err)
	var b strings.Builder
	for _, c := range commits {
		b.Write(c.Bytes)
	}
	return b.String()
}

func TestRowsOfTasks(t *testing.T) {
	w := newDistrict(t)
	p, q := w.phone("li", street), w.phone("wang", street)
	id := w.task(edit{"title": "覆盖裸土", "unit": "ecology"})
	_, all := p.pullRx(inspection.Tasks, "", 500)
	first := all[id]
	push := func(p *phone, now, assumed state) state {
		t.Helper()
		docs, _ := p.pushRowsTo(inspection.Tasks, rxRow(now, assumed))
		if len(docs) != 1 {
			t.Fatalf("%d documents", len(docs))
		}
		return docs[0]
	}
	done := push(p, with(first, state{"rectification": state{"note": "done"}, "title": "mine now"}), first)
	if textAt(t, done, "title") != `"覆盖裸土"` || textAt(t, done, "rectification", "note") != `"done"` {
		t.Errorf("%v", done)
	}
	if got := push(p, with(done, state{"title": "mine now"}), done); !inspection.Equal(got, done) {
		t.Errorf("a title is changed: %v", got)
	}
	both := push(q, with(done, state{"rectification": state{"note": "done", "done_at": "2026-10-13T09:00:00+08:00"}}), done)
	if textAt(t, both, "rectification", "note") != `"done"` || textAt(t, both, "rectification", "done_at") == "null" {
		t.Errorf("%v", both)
	}
	if got := push(p, with(both, state{"_deleted": true}), both); textAt(t, got, "_deleted") != "false" {
		t.Errorf("deleted: %v", got)
	}
	if got := push(p, with(both, state{"rectification": state{"done_at": "2026-10-13T09:00:00+08:00"}}), both); textAt(t, got, "rectification", "note") != "null" {
		t.Errorf("a note that was taken away is there: %v", got)
	}
	if docs, _ := p.pushRowsTo(inspection.Tasks, rxRow(state{"id": world.NewID(), "area": string(street)}, nil)); len(docs) != 0 || len(w.quarantine()) != 2 {
		t.Errorf("a task was made: %v", docs)
	}
}
