package storetest

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

var logTests = []contractTest{
	{"Empty", testEmpty},
	{"ReadBack", testReadBack},
	{"Chain", testChain},
	{"Stale", testStale},
	{"OtherArea", testOtherArea},
	{"TooLarge", testTooLarge},
	{"CommitsPaging", testCommitsPaging},
	{"Entries", testEntries},
	{"SeqBefore", testSeqBefore},
}

func testEmpty(l *lab) {
	st, ctx := l.open(), l.Context()
	if head := l.head(st, street); head != (store.Head{}) {
		l.Errorf("the head of an empty area is %v", head)
	}
	heads, err := st.Heads(ctx)
	l.must("Heads", err)
	commits, err := st.Commits(ctx, street, 0, 10)
	l.must("Commits", err)
	records, err := st.Records(ctx, []inspection.DocID{l.id()})
	l.must("Records", err)
	receipts, err := st.Receipts(ctx, phone, []int64{1, 2})
	l.must("Receipts", err)
	last, err := st.LastN(ctx, phone)
	l.must("LastN", err)
	seq, err := st.SeqBefore(ctx, street, morning)
	l.must("SeqBefore", err)
	if n := len(heads) + len(commits) + len(records) + len(receipts) + int(last) + int(seq); n != 0 {
		l.Errorf("an empty store holds %v %v %v %v %d %d", heads, commits, records, receipts, last, seq)
	}
	page, err := st.Changes(ctx, store.ChangesQuery{Area: street, Collections: everything, Limit: 10})
	l.must("Changes", err)
	if len(page.Records) != 0 || page.Seq != 0 || page.More {
		l.Errorf("changes of an empty area: %+v", page)
	}
	Verify(l, st)
}

// testReadBack: what was appended comes back to the byte, entries decoded.
func testReadBack(l *lab) {
	st := l.open()
	full := put(l.id(), phone, 7)
	full.Base, full.Status, full.Detail, full.Pinned = 3, store.Conflicted, "详情 \"quoted\"\n", true
	full.Sent = []byte(`{"sent":"别的"}`)
	full.At = morning.Add(123456789 * time.Nanosecond)
	rejected := store.Entry{
		Collection: inspection.Sites, ID: l.id(), Kind: store.KindNote, Actor: phone.User, Device: phone.ID, N: 8,
		Status: store.Rejected, Code: inspection.CodeAreaForbidden, At: full.At,
	}
	deleted := put(full.ID, phone, 9)
	deleted.Kind, deleted.Deleted, deleted.At = store.KindDelete, true, full.At
	deleted.Unnumbered, deleted.N = true, 0
	sealed := l.push(st, street, full, rejected, deleted)
	got, err := st.Commits(l.Context(), street, 0, 10)
	l.must("Commits", err)
	if len(got) != 1 || !bytes.Equal(got[0].Bytes, sealed.Bytes) || got[0].Hash != sealed.Hash || !got[0].At.Equal(sealed.At) {
		l.Fatalf("read back %+v, appended %+v", got, sealed)
	}
	for i := range sealed.Entries {
		if want := sealed.Entries[i]; !sameEntry(got[0].Entries[i], want) {
			l.Errorf("entry %d read back as\n%+v, was\n%+v", want.Seq, got[0].Entries[i], want)
		}
	}
	if r := l.record(st, rejected.ID); r.Rev != 0 {
		l.Errorf("an entry without a document made the record %+v", r)
	}
	if r := l.record(st, full.ID); !r.Deleted || r.Pinned || r.Rev != 2 || !slices.Equal(r.Revisions, []int64{1, 3}) {
		l.Errorf("the deleted record is %+v", r)
	}
	Verify(l, st)
}

func sameEntry(a, b store.Entry) bool {
	same := bytes.Equal(a.Doc, b.Doc) && bytes.Equal(a.Sent, b.Sent) && a.At.Equal(b.At) &&
		(a.Doc == nil) == (b.Doc == nil) && (a.Sent == nil) == (b.Sent == nil)
	return same && a.Seq == b.Seq && a.Collection == b.Collection && a.ID == b.ID && a.Rev == b.Rev &&
		a.Kind == b.Kind && a.By() == b.By() && a.N == b.N && a.Base == b.Base && a.Status == b.Status &&
		a.Code == b.Code && a.Detail == b.Detail && a.Content == b.Content && a.Deleted == b.Deleted && a.Pinned == b.Pinned &&
		a.Unnumbered == b.Unnumbered
}

func testChain(l *lab) {
	st, edited := l.open(), l.id()
	for n := range int64(40) {
		entries := []store.Entry{put(l.id(), phone, 3*n+1)}
		if n%3 == 0 {
			entries = append(entries, put(l.id(), phone, 3*n+2), put(edited, phone, 3*n+3))
		}
		area := street
		if n%5 == 0 {
			area, entries = inspection.ReferenceArea, entries[:1]
		}
		c := l.push(st, area, entries...)
		if head := l.head(st, area); head.Seq != c.Last || head.Hash != c.Hash || !sameTime(head.At, c.At) {
			l.Fatalf("the head is %v after commit %d to %d", head, c.First, c.Last)
		}
	}
	Verify(l, st)
}

// testStale: a commit goes in right after the head that it was sealed on, or
// nothing of it does.
func testStale(l *lab) {
	st := l.open()
	first := l.push(st, street, put(l.id(), phone, 1))
	second := l.push(st, street, put(l.id(), phone, 2))
	wrong := second.Head()
	wrong.Hash[5] ^= 1
	for name, head := range map[string]store.Head{
		"empty": {}, "old": first.Head(), "ahead": {Seq: 9, Hash: second.Hash, At: second.At}, "other hash": wrong,
	} {
		id := l.id()
		if err := st.Append(l.Context(), seal(l, street, head, put(id, phone, 3))); !errors.Is(err, store.ErrStale) {
			l.Errorf("%s: Append returned %v", name, err)
		}
		if r := l.record(st, id); r.Rev != 0 {
			l.Errorf("%s: a stale commit left %+v", name, r)
		}
	}
	if head := l.head(st, street); head.Hash != second.Hash {
		l.Errorf("stale commits moved the head to %v", head)
	}
	if last, err := st.LastN(l.Context(), phone); err != nil || last != 2 {
		l.Errorf("stale commits left receipts up to %d, %v", last, err)
	}
	l.push(st, street, put(l.id(), phone, 3))
	Verify(l, st)
}

// testOtherArea: an id belongs to the area of its first entry. A commit with
// one such entry leaves nothing of its good ones.
func testOtherArea(l *lab) {
	st := l.open()
	mine := l.id()
	l.push(st, "610102004", put(mine, phone, 1))
	good, other := l.id(), l.id()
	bad := seal(l, street, store.Head{}, put(good, phone, 2), put(mine, phone, 3), put(other, phone, 4))
	if err := st.Append(l.Context(), bad); !errors.Is(err, store.ErrStale) {
		l.Fatalf("Append with another area's document returned %v", err)
	}
	if head := l.head(st, street); head != (store.Head{}) {
		l.Errorf("the refused commit moved the head to %v", head)
	}
	for _, id := range []inspection.DocID{good, other} {
		if r := l.record(st, id); r.Rev != 0 {
			l.Errorf("the refused commit left %+v", r)
		}
	}
	if receipts, err := st.Receipts(l.Context(), phone, []int64{2, 3, 4}); err != nil || len(receipts) != 0 {
		l.Errorf("the refused commit left receipts %v, %v", receipts, err)
	}
	l.push(st, street, put(good, phone, 2))
	Verify(l, st)
}

func testTooLarge(l *lab) {
	st := l.open()
	e := put(l.id(), phone, 1)
	e.Doc = []byte(`{"x":"` + strings.Repeat("x", store.MaxCommitBytes) + `"}`)
	if err := st.Append(l.Context(), seal(l, street, store.Head{}, e)); err == nil {
		l.Errorf("a commit over the bound was taken")
	}
	if head := l.head(st, street); head != (store.Head{}) {
		l.Errorf("a refused commit moved the head to %v", head)
	}
	Verify(l, st)
}

// fill appends commits of 1, 2, 3, 1, 2, 3 … entries.
func (l *lab) fill(st store.Store, area inspection.Area, commits int) []*store.Commit {
	l.Helper()
	var list []*store.Commit
	for i := range commits {
		var entries []store.Entry
		for k := range i%3 + 1 {
			entries = append(entries, put(l.id(), phone, int64(10*i+k+1)))
		}
		list = append(list, l.push(st, area, entries...))
	}
	return list
}

func testCommitsPaging(l *lab) {
	st := l.open()
	all := l.fill(st, street, 12)
	for after := range all[len(all)-1].Last + 2 {
		for _, limit := range []int{0, 1, 3, 100} {
			got, err := st.Commits(l.Context(), street, after, limit)
			l.must("Commits", err)
			want := slices.DeleteFunc(slices.Clone(all), func(c *store.Commit) bool { return c.Last <= after })
			want = want[:min(limit, len(want))]
			if !slices.EqualFunc(got, want, func(a, b *store.Commit) bool { return a.Hash == b.Hash }) {
				l.Errorf("after %d limit %d: %d commits, want %d", after, limit, len(got), len(want))
			}
		}
	}
	Verify(l, st)
}

func testEntries(l *lab) {
	st := l.open()
	last := l.fill(st, street, 9)[8].Last
	l.push(st, "610102004", put(l.id(), phone, 1000))
	seqs := []int64{last, 1, 5, 2, 5, 4, 3}
	got, err := st.Entries(l.Context(), street, seqs)
	l.must("Entries", err)
	if len(got) != len(seqs) {
		l.Fatalf("%d entries for %d seqs", len(got), len(seqs))
	}
	for i, e := range got {
		if e.Seq != seqs[i] || e.Doc == nil {
			l.Errorf("entry %d is asked, %+v comes", seqs[i], e)
		}
	}
	if got, err := st.Entries(l.Context(), street, nil); err != nil || len(got) != 0 {
		l.Errorf("no seqs give %v, %v", got, err)
	}
	for _, seqs := range [][]int64{{0}, {-1}, {last + 1}, {1, last + 1}} {
		if _, err := st.Entries(l.Context(), street, seqs); !errors.Is(err, store.ErrNotFound) {
			l.Errorf("entries %v: %v", seqs, err)
		}
	}
	if _, err := st.Entries(l.Context(), "610102009", []int64{1}); !errors.Is(err, store.ErrNotFound) {
		l.Errorf("an entry of an empty area: %v", err)
	}
}

// testSeqBefore: the boundary lies inside commits, and on equal times.
func testSeqBefore(l *lab) {
	st := l.open()
	var n int64
	for _, commit := range [][]int{{0, 0, 10}, {10, 10}, {20, 30, 30, 40}, {40}, {1000}} {
		var entries []store.Entry
		for _, ms := range commit {
			n++
			e := put(l.id(), phone, n)
			e.At = morning.Add(time.Duration(ms) * time.Millisecond)
			entries = append(entries, e)
		}
		l.push(st, street, entries...)
	}
	for ms, want := range map[int]int64{-1: 0, 0: 0, 1: 2, 10: 2, 11: 5, 20: 5, 25: 6, 30: 6, 31: 8, 40: 8, 41: 10, 1000: 10, 1001: 11} {
		got, err := st.SeqBefore(l.Context(), street, morning.Add(time.Duration(ms)*time.Millisecond))
		if err != nil || got != want {
			l.Errorf("SeqBefore %d ms is %d, %v; want %d", ms, got, err, want)
		}
	}
	for t, want := range map[time.Time]int64{{}: 0, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC): 11, time.Date(1500, 1, 1, 0, 0, 0, 0, time.UTC): 0} {
		if got, err := st.SeqBefore(l.Context(), street, t); err != nil || got != want {
			l.Errorf("SeqBefore %v is %d, %v; want %d", t, got, err, want)
		}
	}
}
