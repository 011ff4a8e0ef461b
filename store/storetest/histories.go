package storetest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

var historiesTests = []contractTest{
	{"Histories", testHistories},
	{"Lists", testLists},
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

// testLists fills three streets with random documents, changes and deletes
// some, and compares random lists with what the fold of the logs says.
func testLists(l *lab) {
	st := l.open()
	streets := 0
	rapid.Check(l.T, func(t *rapid.T) {
		h := &lister{T: t, st: st, book: newLedger(), heads: map[inspection.Area]store.Head{}}
		for range 3 {
			streets++
			h.areas = append(h.areas, inspection.Area(fmt.Sprintf("%09d", 900000000+streets)))
		}
		for k := range 12 {
			h.ids = append(h.ids, docID(streets<<20+k))
		}
		asked := h.query()
		for range rapid.IntRange(1, 6).Draw(t, "commits") {
			h.commit()
			// What an engine remembers of an answer must follow what is written.
			for range 3 {
				h.check(asked)
			}
		}
		for range 8 {
			h.check(h.query())
		}
	})
	Verify(l, st)
}

type lister struct {
	*rapid.T
	st    store.Store
	areas []inspection.Area
	ids   []inspection.DocID
	book  *ledger
	heads map[inspection.Area]store.Head
	n     int64
}

func (h *lister) commit() {
	area := rapid.IntRange(0, len(h.areas)-1).Draw(h.T, "area")
	var entries []store.Entry
	revs := map[inspection.DocID]int64{}
	for range rapid.IntRange(1, 8).Draw(h.T, "entries") {
		// A document never moves: its number tells its area.
		k := area + len(h.areas)*rapid.IntRange(0, len(h.ids)/len(h.areas)-1).Draw(h.T, "doc")
		h.n++
		e := put(h.ids[k], inspection.Device{User: "lister", ID: inspection.DeviceID(h.areas[0])}, h.n)
		e.Collection = inspection.FieldCollections[k%2]
		e.Doc = h.document()
		e.Deleted = rapid.IntRange(0, 5).Draw(h.T, "deleted") == 0
		if revs[e.ID] == 0 {
			revs[e.ID] = h.book.records[e.ID].Rev
		}
		revs[e.ID]++
		e.Rev = revs[e.ID]
		entries = append(entries, e)
	}
	c := seal(h.T, h.areas[area], h.heads[h.areas[area]], entries...)
	if err := h.st.Append(background(), c); err != nil {
		h.Fatalf("Append: %v", err)
	}
	h.book.fold(h.areas[area], c)
	h.heads[h.areas[area]] = c.Head()
}

// The values that documents have and that queries ask for.
var (
	listTemplates = []string{"", "a", "b"}
	listVerdicts  = []string{"", "pass", "fail"}
	listStates    = []string{"", "received", "approved"}
	listTexts     = []string{"", "陕A12345", "陕A12", "陕B1", "Z"}
	listStarts    = []string{"", "2026-10-01T00:00:00+08:00", "2026-10-01T00:00:00.001+08:00", "2026-11-02T09:00:00Z"}
	listEvidence  = []string{"null", `{"complete":true,"flags":[{"flag":"no_exif"}]}`, `{"complete":false,"flags":[{"flag":"no_exif"},{"flag":"reused"}]}`}
	listSessions  = []string{"", string(docID(1)), string(docID(2))}
	listTerms     = []string{
		"", "text:陕A12", "text:陕", "text:陕A12345", "text:", "text:Z", "flag:no_exif", "flag:reused", "flag:r",
		"session:" + string(docID(1)), "session:", "session:" + string(docID(3)),
	}
)

func (h *lister) document() []byte {
	draw := func(list []string, name string) string { return rapid.SampledFrom(list).Draw(h.T, name) }
	return fmt.Appendf(nil, `{"template":%q,"topic":%q,"started_at":%q,"session":%q,"name":%q,"answers":{"plate":%q},
		"server":{"verdict":%q,"review":{"state":%q},"evidence":%s}}`,
		draw(listTemplates, "template"), draw(listTemplates, "topic"), draw(listStarts, "started"), draw(listSessions, "session"),
		draw(listTexts, "name"), draw(listTexts, "plate"), draw(listVerdicts, "verdict"), draw(listStates, "state"), draw(listEvidence, "evidence"))
}

func (h *lister) query() store.ListQuery {
	times := []time.Time{{}}
	for _, s := range listStarts[1:] {
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			h.Fatalf("%v", err)
		}
		times = append(times, t, t.Add(time.Millisecond))
	}
	sample := func(list []string, name string) string {
		if rapid.Bool().Draw(h.T, "any "+name) {
			return ""
		}
		return rapid.SampledFrom(list).Draw(h.T, name)
	}
	q := store.ListQuery{
		Areas:      rapid.SliceOfN(rapid.SampledFrom(h.areas), 0, 4).Draw(h.T, "areas"),
		Collection: rapid.SampledFrom(inspection.FieldCollections[:3]).Draw(h.T, "collection"),
		Verdict:    sample(listVerdicts, "verdict"), State: sample(listStates, "state"),
		Evidence: sample([]string{"complete", "incomplete"}, "evidence"),
		From:     rapid.SampledFrom(times).Draw(h.T, "from"), To: rapid.SampledFrom(times).Draw(h.T, "to"),
		Term: sample(listTerms, "term"), Prefix: rapid.Bool().Draw(h.T, "prefix"),
		Limit: rapid.IntRange(0, 4).Draw(h.T, "limit"), Count: rapid.IntRange(0, 8).Draw(h.T, "count"),
	}
	switch subject := sample(listTemplates, "subject"); q.Collection {
	case inspection.Inspections:
		q.Template = subject
	case inspection.Sessions:
		q.Topic = subject
	case inspection.Tasks:
		q.Unit = subject
	}
	return q
}

// check walks all pages of a query, with marks of its own making, too.
func (h *lister) check(q store.ListQuery) {
	want := h.book.list(q)
	if rapid.Bool().Draw(h.T, "a mark between") {
		k := rapid.IntRange(0, len(h.ids)-1).Draw(h.T, "mark")
		q.After = &store.ListMark{Started: h.book.records[h.ids[k]].Index.Started, ID: h.ids[k]}
	}
	for range len(want) + 2 {
		page, err := h.st.List(background(), q)
		if err != nil {
			h.Fatalf("List %+v: %v", q, err)
		}
		if err := samePage(q, page, want); err != nil {
			h.Fatalf("%+v: %v", q, err)
		}
		if len(page.Records) < q.Limit || q.Limit == 0 {
			return
		}
		q.After = new(page.Records[q.Limit-1].ListMark())
	}
	h.Fatalf("%+v: the list has no end", q)
}

func samePage(q store.ListQuery, page store.List, want []store.Record) error {
	if total := min(len(want), q.Count); page.Total != total {
		return fmt.Errorf("total %d, want %d", page.Total, total)
	}
	var left []store.Record
	for _, r := range want {
		if q.After == nil || comparePlaces(r.ListMark(), *q.After) < 0 {
			left = append(left, r)
		}
	}
	left = left[:min(len(left), q.Limit)]
	if len(page.Records) != len(left) {
		return fmt.Errorf("%d records, want %d", len(page.Records), len(left))
	}
	for i := range left {
		if err := sameRecord(page.Records[i], left[i]); err != nil {
			return err
		}
	}
	return nil
}

func comparePlaces(a, b store.ListMark) int {
	return cmp.Or(a.Started.Compare(b.Started), bytes.Compare([]byte(a.ID), []byte(b.ID)))
}

// list is what a query lists, by the ledger.
func (l *ledger) list(q store.ListQuery) []store.Record {
	var list []store.Record
	for _, r := range l.records {
		if listed(q, r) {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b store.Record) int { return comparePlaces(b.ListMark(), a.ListMark()) })
	return list
}

func listed(q store.ListQuery, r store.Record) bool {
	ix := r.Index
	for asked, has := range map[string]string{q.Subject(): ix.Subject(), q.Verdict: ix.Verdict, q.State: ix.State, q.Evidence: ix.Evidence} {
		if asked != "" && asked != has {
			return false
		}
	}
	carries := func(term string) bool { return term == q.Term || q.Prefix && strings.HasPrefix(term, q.Term) }
	return !r.Deleted && r.Collection == q.Collection && slices.Contains(q.Areas, r.Area) &&
		(q.Term == "" || slices.ContainsFunc(ix.Terms, carries)) &&
		(q.From.IsZero() || !ix.Started.Before(q.From)) && (q.To.IsZero() || ix.Started.Before(q.To))
}

// compareLists lists each area's collections.
func (l *ledger) compareLists(ctx context.Context, st store.Store, area inspection.Area) error {
	for _, c := range everything {
		q := store.ListQuery{Areas: []inspection.Area{area}, Collection: c, Limit: 200, Count: len(l.records) + 1}
		want := l.list(q)
		for {
			page, err := st.List(ctx, q)
			if err != nil {
				return err
			}
			if err := samePage(q, page, want); err != nil {
				return fmt.Errorf("the list of %s in %s: %w", c, area, err)
			}
			if len(page.Records) < q.Limit {
				break
			}
			q.After = new(page.Records[q.Limit-1].ListMark())
		}
	}
	return nil
}
