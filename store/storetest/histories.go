package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

var historiesTests = []contractTest{
	{"Histories", testHistories},
}

// testHistories appends random histories, each to an area of its own, and
// compares every read with a model that folds what was appended.
func testHistories(l *lab) {
	st := l.open()
	areas := 0
	rapid.Check(l.T, func(t *rapid.T) {
		areas++
		h := &history{
			T: t, st: st, area: inspection.Area(fmt.Sprintf("%09d", areas)), book: newLedger(),
			device: inspection.DeviceID(fmt.Sprintf("phone-%d", areas)),
		}
		for k := range h.ids {
			h.ids[k] = docID(areas*len(h.ids) + k)
		}
		for range rapid.IntRange(1, 8).Draw(t, "commits") {
			h.commit()
		}
		h.checkViews()
		for range 4 {
			h.checkChanges()
			h.checkSeqBefore()
			h.checkEntries()
		}
	})
	Verify(l, st)
}

type history struct {
	*rapid.T
	st     store.Store
	area   inspection.Area
	device inspection.DeviceID
	ids    [5]inspection.DocID
	at     time.Duration
	n      int64
	head   store.Head
	book   *ledger
}

func (h *history) commit() {
	revs := map[inspection.DocID]int64{}
	var entries []store.Entry
	for range rapid.IntRange(1, 5).Draw(h.T, "entries") {
		e := h.entry()
		if e.TouchesRecord() {
			if _, ok := revs[e.ID]; !ok {
				revs[e.ID] = h.book.records[e.ID].Rev
			}
			revs[e.ID]++
			e.Rev = revs[e.ID]
		}
		entries = append(entries, e)
	}
	c := seal(h.T, h.area, h.head, entries...)
	if err := h.st.Append(background(), c); err != nil {
		h.Fatalf("Append: %v", err)
	}
	h.book.fold(h.area, c)
	h.head = c.Head()
}

func (h *history) entry() store.Entry {
	h.at += time.Duration(rapid.IntRange(0, 3).Draw(h.T, "ms")) * time.Millisecond
	k := rapid.IntRange(0, len(h.ids)-1).Draw(h.T, "doc")
	from := inspection.Device{User: inspection.UserID(rapid.SampledFrom([]string{"u1", "u2"}).Draw(h.T, "user")), ID: h.device}
	h.n++
	n := h.n
	if rapid.IntRange(0, 3).Draw(h.T, "replay") == 0 {
		n = rapid.Int64Range(1, h.n).Draw(h.T, "n")
	}
	e := put(h.ids[k], from, n)
	e.At = morning.Add(h.at)
	e.Collection = inspection.FieldCollections[k%len(inspection.FieldCollections)]
	e.Base = rapid.Int64Range(0, 9).Draw(h.T, "base")
	session := h.ids[rapid.IntRange(0, len(h.ids)-1).Draw(h.T, "session")]
	e.Doc = fmt.Appendf(nil, `{"id":"%s","v":%d,"session":"%s"}`, e.ID, h.n, session)
	e.Pinned = rapid.Bool().Draw(h.T, "kept")
	if rapid.IntRange(0, 3).Draw(h.T, "row") == 0 {
		e.Unnumbered, e.N = true, 0
	}
	e.Kind = rapid.SampledFrom([]store.Kind{store.KindPut, store.KindDelete, store.KindNote, store.KindReview}).Draw(h.T, "kind")
	switch e.Kind {
	case store.KindDelete:
		e.Deleted = true
	case store.KindNote:
		e.Doc = nil
	case store.KindReview:
		e.Device, e.N, e.Status, e.Content, e.Unnumbered = "", 0, "", "", false
	}
	return e
}

func (h *history) checkViews() {
	if err := h.book.compare(background(), h.st); err != nil {
		h.Fatalf("%v", err)
	}
}

// model returns the records that a query ranges over.
func (h *history) model(q store.ChangesQuery) []store.Record {
	upto := h.head.Seq
	if q.Upto > 0 {
		upto = min(upto, q.Upto)
	}
	var list []store.Record
	for _, r := range h.book.records {
		if r.Seq > q.After && r.Seq <= upto && slices.Contains(q.Collections, r.Collection) && (r.Pinned || r.Seq > q.PinnedUpto) {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b store.Record) int { return cmp.Compare(a.Seq, b.Seq) })
	return list
}

func (h *history) checkChanges() {
	seqs := rapid.Int64Range(0, h.head.Seq)
	q := store.ChangesQuery{
		Area: h.area, After: seqs.Draw(h.T, "after"), Upto: seqs.Draw(h.T, "upto"), PinnedUpto: seqs.Draw(h.T, "kept upto"),
		Limit:       rapid.IntRange(1, 6).Draw(h.T, "limit"),
		Collections: rapid.SliceOf(rapid.SampledFrom(inspection.FieldCollections)).Draw(h.T, "collections"),
	}
	page, err := h.st.Changes(background(), q)
	if err != nil {
		h.Fatalf("Changes: %v", err)
	}
	want := h.model(q)
	more := len(want) > q.Limit
	want = want[:min(len(want), q.Limit)]
	if len(page.Records) != len(want) || page.More != more {
		h.Fatalf("%+v: %s, want %d records, more %v", q, pageText(page), len(want), more)
	}
	for i := range want {
		if err := sameRecord(page.Records[i], want[i]); err != nil {
			h.Fatalf("%+v: %v", q, err)
		}
	}
	h.checkPageEnd(q, page)
}

// checkPageEnd: nothing between the page's Seq and the next page is skipped,
// and a page that isn't full ends where the range ends.
func (h *history) checkPageEnd(q store.ChangesQuery, page store.Changes) {
	end := h.head.Seq
	if q.Upto > 0 {
		end = q.Upto
	}
	end = max(end, q.After)
	full := len(page.Records) == q.Limit
	last := q.After
	if full {
		last = page.Records[q.Limit-1].Seq
	}
	switch {
	case page.More && page.Seq != last:
		h.Fatalf("%+v: a page with more ends at %d, its last record is %d", q, page.Seq, last)
	case !full && page.Seq != end:
		h.Fatalf("%+v: a page that isn't full ends at %d, the range at %d", q, page.Seq, end)
	case page.Seq < last || page.Seq > end:
		h.Fatalf("%+v: a page ends at %d, outside %d to %d", q, page.Seq, last, end)
	}
}

func (h *history) checkSeqBefore() {
	ms := rapid.Int64Range(-1, h.at.Milliseconds()+1).Draw(h.T, "before")
	t := morning.Add(time.Duration(ms) * time.Millisecond)
	want := int64(0)
	for _, e := range h.book.entries[h.area] {
		if e.At.Before(t) {
			want = e.Seq
		}
	}
	if got, err := h.st.SeqBefore(background(), h.area, t); err != nil || got != want {
		h.Fatalf("SeqBefore %v is %d, %v; want %d", t, got, err, want)
	}
}

func (h *history) checkEntries() {
	seqs := rapid.SliceOf(rapid.Int64Range(1, h.head.Seq)).Draw(h.T, "seqs")
	got, err := h.st.Entries(background(), h.area, seqs)
	if err != nil || len(got) != len(seqs) {
		h.Fatalf("Entries %v: %d, %v", seqs, len(got), err)
	}
	for i, e := range got {
		if want := h.book.entries[h.area][seqs[i]-1]; !sameEntry(e, want) {
			h.Fatalf("entry %d is %+v, want %+v", seqs[i], e, want)
		}
	}
}
