package asof_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/store/asof"
	"gridpatrol/store/sqlite"
)

const (
	street = inspection.Area("610102003")
	next   = inspection.Area("610102004")
)

var streets = []inspection.Area{street, next}

// diary is a store and all that was written into it.
type diary struct {
	t       *rapid.T
	ctx     context.Context
	st      store.Store
	at      time.Time
	heads   map[inspection.Area]store.Head
	entries map[inspection.Area][]store.Entry
	revs    map[inspection.DocID]int64
}

func newDiary(t *rapid.T, st store.Store) *diary {
	return &diary{
		t: t, ctx: context.Background(), st: st, at: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC),
		heads: map[inspection.Area]store.Head{}, entries: map[inspection.Area][]store.Entry{}, revs: map[inspection.DocID]int64{},
	}
}

func (d *diary) must(err error) {
	if err != nil {
		d.t.Fatal(err)
	}
}

// documentID makes the id of a document, whose number tells its street and its
// collection.
func documentID(n int) inspection.DocID {
	return inspection.DocID(fmt.Sprintf("0192f3c1-0000-7000-8000-%012d", n))
}

// write appends a commit of one or two random entries to a street.
func (d *diary) write() {
	i := rapid.IntRange(0, 1).Draw(d.t, "street")
	area, head := streets[i], d.heads[streets[i]]
	d.at = d.at.Add(time.Second)
	var entries []store.Entry
	written := map[inspection.DocID]bool{}
	for range rapid.IntRange(1, 2).Draw(d.t, "entries") {
		n := 2*rapid.IntRange(0, 5).Draw(d.t, "document") + i
		id := documentID(n)
		if written[id] {
			continue
		}
		written[id] = true
		doc := inspection.Object{
			"id": string(id), "area": string(area), "started_at": fmt.Sprintf("2026-10-%02dT09:00:00Z", rapid.IntRange(1, 4).Draw(d.t, "day")),
			"server": inspection.Object{"verdict": rapid.SampledFrom([]string{"pass", "fail"}).Draw(d.t, "verdict")},
		}
		e := store.Entry{
			Seq: head.Seq + 1 + int64(len(entries)), Collection: inspection.Inspections, ID: id, At: d.at, Kind: store.KindReview,
			Deleted: rapid.IntRange(0, 3).Draw(d.t, "deleted") == 0,
		}
		if n < 4 {
			e.Collection = inspection.Sessions
		} else {
			doc["session"] = string(documentID(rapid.IntRange(0, 3).Draw(d.t, "session")))
		}
		d.revs[id]++
		e.Rev, e.Base, e.Doc = d.revs[id], d.revs[id]-1, inspection.AppendJSON(nil, doc)
		entries = append(entries, e)
	}
	c, err := store.Seal(area, head, entries)
	d.must(err)
	d.must(d.st.Append(d.ctx, c))
	d.heads[area], d.entries[area] = c.Head(), append(d.entries[area], entries...)
}

// then plays the streets' logs up to a position, entry by entry.
func (d *diary) then(p *asof.Position) map[inspection.DocID]asof.Document {
	docs := map[inspection.DocID]asof.Document{}
	for area, entries := range d.entries {
		for _, e := range entries {
			if e.Seq > p.Seqs[area] {
				break
			}
			delete(docs, e.ID)
			if !e.Deleted {
				doc, err := inspection.ParseObject(e.Doc)
				d.must(err)
				docs[e.ID] = asof.Document{Area: area, Collection: e.Collection, ID: e.ID, Seq: e.Seq, Started: doc.Time("started_at"), Doc: doc}
			}
		}
	}
	return docs
}

func (d *diary) position() *asof.Position {
	p, err := asof.Resolve(d.ctx, d.st, "", d.at)
	d.must(err)
	return p
}

func (d *diary) snapshot(p *asof.Position) *asof.Snapshot {
	s, err := asof.New(d.ctx, d.st, p, streets, inspection.Inspections, inspection.Sessions)
	d.must(err)
	return s
}

// agree holds all that a snapshot can be asked against the logs.
func (d *diary) agree(s *asof.Snapshot, p *asof.Position) {
	all := d.then(p)
	d.agreeFound(s, all, store.ListQuery{Areas: streets, Collection: inspection.Sessions})
	d.agreeFound(s, all, store.ListQuery{
		Areas: streets[:1], Collection: inspection.Inspections, Verdict: "fail",
		From: time.Date(2026, 10, 2, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 10, 4, 0, 0, 0, 0, time.UTC),
	})
	for n := range 4 {
		session := documentID(n)
		var linked []asof.Document
		d.must(s.Linked(d.ctx, inspection.Inspections, store.TermSession+string(session), func(o asof.Document) error {
			linked = append(linked, o)
			return nil
		}))
		d.same("linked", linked, selected(all, func(o asof.Document) bool { return o.Doc.Text("session") == string(session) }, nil))
	}
	ids := make([]inspection.DocID, 12)
	for n := range ids {
		ids[n] = documentID(n)
	}
	sessions, err := s.Documents(d.ctx, inspection.Sessions, ids)
	d.must(err)
	d.same("by id", selected(sessions, nil, nil), selected(all, func(o asof.Document) bool { return o.Collection == inspection.Sessions }, nil))
	for _, area := range streets {
		docs, err := asof.All(d.ctx, d.st, area, p.Seqs[area], []inspection.Collection{inspection.Inspections, inspection.Sessions})
		d.must(err)
		d.same("all", docs, selected(all, func(o asof.Document) bool { return o.Area == area }, nil))
	}
}

func (d *diary) agreeFound(s *asof.Snapshot, all map[inspection.DocID]asof.Document, q store.ListQuery) {
	refs, err := s.Find(d.ctx, q)
	d.must(err)
	var found []asof.Document
	for docs, err := range s.Pages(d.ctx, refs) {
		d.must(err)
		found = append(found, docs...)
	}
	d.same("found", found, selected(all, func(o asof.Document) bool {
		return o.Collection == q.Collection && slices.Contains(q.Areas, o.Area) &&
			(q.Verdict == "" || o.Doc.Object("server").Text("verdict") == q.Verdict) &&
			!o.Started.Before(q.From) && (q.To.IsZero() || o.Started.Before(q.To))
	}, func(a, b asof.Document) int { return a.Started.Compare(b.Started) }))
}

// selected picks documents and sorts them, those that are equal by their id.
func selected(all map[inspection.DocID]asof.Document, pick func(asof.Document) bool, order func(a, b asof.Document) int) []asof.Document {
	var list []asof.Document
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if pick == nil || pick(all[id]) {
			list = append(list, all[id])
		}
	}
	if order != nil {
		slices.SortStableFunc(list, order)
	}
	return list
}

func (d *diary) same(what string, got, want []asof.Document) {
	d.t.Helper()
	if len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
		d.t.Fatalf("%s:\n%v, the logs say\n%v", what, got, want)
	}
}

// Whatever is written later, before a snapshot is made or while it is in use: it
// shows what the logs held up to its position.
func TestASnapshotShowsWhatTheLogsHeld(t *testing.T) {
	dir := t.TempDir()
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		st, err := sqlite.Open(context.Background(), fmt.Sprint(dir, "/", runs), sqlite.Options{NewID: uuid.NewString})
		if err != nil {
			rt.Fatal(err)
		}
		defer st.Close()
		d := newDiary(rt, st)
		for range rapid.IntRange(1, 8).Draw(rt, "before") {
			d.write()
		}
		p := d.position()
		s := d.snapshot(p)
		for range 3 {
			d.agree(s, p)
			for range rapid.IntRange(0, 6).Draw(rt, "later") {
				d.write()
			}
		}
		again, err := asof.Resolve(d.ctx, st, p.Token(), d.at)
		d.must(err)
		d.agree(d.snapshot(again), p)
		if !again.Same(p) {
			rt.Fatalf("the token of %+v names %+v", p, again)
		}
	})
}

// A pair tells a document at two positions, and that it was deleted between.
func TestPairs(t *testing.T) {
	st, err := sqlite.Open(context.Background(), t.TempDir(), sqlite.Options{NewID: uuid.NewString})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	head := store.Head{}
	var positions []*asof.Position
	for i, text := range []string{"first", "second", "deleted"} {
		doc, _ := json.Marshal(map[string]string{"note": text})
		c, err := store.Seal(street, head, []store.Entry{{
			Seq: head.Seq + 1, Collection: inspection.Inspections, ID: documentID(1), Rev: int64(i + 1), Kind: store.KindReview,
			At: time.Unix(int64(1e9+i), 0).UTC(), Doc: doc, Deleted: text == "deleted",
		}})
		if err == nil {
			err = st.Append(context.Background(), c)
		}
		if err != nil {
			t.Fatal(err)
		}
		head = c.Head()
		positions = append(positions, &asof.Position{Seqs: map[inspection.Area]int64{street: head.Seq}})
	}
	for _, c := range []struct {
		then, now *asof.Position
		want      string
	}{
		{&asof.Position{}, positions[1], " second false"},
		{positions[0], positions[1], "first second false"},
		{positions[1], positions[2], "second deleted true"},
		{positions[1], positions[1], "second second false"}, //nolint:dupword // the same document then and now
	} {
		pairs, err := asof.Pairs(context.Background(), st, []inspection.DocID{documentID(1), documentID(2)}, c.then, c.now)
		if err != nil {
			t.Fatal(err)
		}
		p := pairs[documentID(1)]
		if got := fmt.Sprint(p.Then.Text("note"), " ", p.Now.Text("note"), " ", p.Deleted); got != c.want || p.Area != street || len(pairs) != 1 {
			t.Errorf("%s of %s, want %s", got, p.Area, c.want)
		}
	}
}
