package storetest

import (
	"fmt"
	"strings"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

var viewsTests = []contractTest{
	{"Receipts", testReceipts},
	{"Records", testRecords},
	{"Changes", testChanges},
	{"ChangesBeyondHead", testChangesBeyondHead},
	{"Terms", testTerms},
}

// testReceipts: the first result of (user, device, n) is the one that stays.
func testReceipts(l *lab) {
	st := l.open()
	id := l.id()
	colleague := inspection.Device{User: "u-other", ID: phone.ID}
	spare := inspection.Device{User: phone.User, ID: "0192f3b0-0000-7000-8000-000000000002"}
	// A phone may number its mutations as it likes: 0 and below have receipts.
	first := l.push(st, street, put(id, phone, 5), put(l.id(), colleague, 5), put(l.id(), phone, 3),
		put(l.id(), phone, 0), put(l.id(), phone, -7), put(l.id(), spare, -2))
	again := put(id, phone, 5)
	again.Status, again.Content = store.Conflicted, "another"
	l.appendAnyway(st, street, again, again)
	l.appendAnyway(st, "610102004", put(l.id(), phone, 3))
	server := put(id, inspection.Device{}, 0)
	server.Kind, server.Status, server.Actor = store.KindReview, "", "u-supervisor"
	l.appendAnyway(st, street, server)

	l.close(st)
	st = l.open()
	got, err := st.Receipts(l.Context(), phone, []int64{5, 4, 3, 5, 0, -1, -7})
	l.must("Receipts", err)
	for _, i := range []int{0, 2, 3, 4} {
		want := first.Entries[i].Receipt(street)
		if got[want.N] != want {
			l.Errorf("receipt %d is %+v, want %+v", want.N, got[want.N], want)
		}
	}
	if len(got) != 4 {
		l.Errorf("receipts %v, want 5, 3, 0 and -7", got)
	}
	for device, want := range map[inspection.Device]int64{phone: 5, colleague: 5, spare: 0, {User: "u-supervisor"}: 0} {
		if last, err := st.LastN(l.Context(), device); err != nil || last != want {
			l.Errorf("LastN of %v is %d, %v; want %d", device, last, err, want)
		}
	}
	if got, err := st.Receipts(l.Context(), phone, nil); err != nil || len(got) != 0 {
		l.Errorf("no numbers give %v, %v", got, err)
	}
	Verify(l, st)
}

// appendAnyway appends without looking for receipts, as a writer does whose
// commit holds a mutation twice.
func (l *lab) appendAnyway(st store.Store, area inspection.Area, entries ...store.Entry) {
	l.Helper()
	head := l.head(st, area)
	l.must("number", Number(l.Context(), st, head, entries))
	l.must("Append", st.Append(l.Context(), seal(l, area, head, entries...)))
}

func testRecords(l *lab) {
	st := l.open()
	known := l.scaled(990)
	var entries []store.Entry
	var ids []inspection.DocID
	for n := range known {
		entries = append(entries, put(l.id(), phone, int64(n+1)))
		ids = append(ids, entries[n].ID)
	}
	l.push(st, street, entries[:known/2]...)
	l.push(st, "610102004", entries[known/2:]...)
	for range 10 {
		ids = append(ids, l.id())
	}
	records, err := st.Records(l.Context(), append(ids, ids[0], ids[known+9]))
	l.must("Records", err)
	if len(records) != known {
		l.Errorf("%d records for %d known ids", len(records), known)
	}
	for i := range entries {
		if r := records[ids[i]]; string(r.Doc) != string(entries[i].Doc) || r.Rev != 1 {
			l.Errorf("record %s is %+v", ids[i], r)
		}
	}
	if records, err := st.Records(l.Context(), nil); err != nil || len(records) != 0 {
		l.Errorf("no ids give %v, %v", records, err)
	}
	Verify(l, st)
}

// testChanges walks the filters by hand; testHistories compares them with a
// model.
func testChanges(l *lab) {
	st := l.open()
	entry := func(n int64, c inspection.Collection, kept, deleted bool) store.Entry {
		e := put(l.id(), phone, n)
		e.Collection, e.Pinned, e.Deleted = c, kept, deleted
		return e
	}
	l.push(st, street,
		entry(1, inspection.Inspections, false, false), entry(2, inspection.Sites, true, false),
		entry(3, inspection.Tasks, true, false))
	l.push(st, street,
		entry(4, inspection.Inspections, true, true), entry(5, inspection.Inspections, false, false),
		entry(6, inspection.Sites, false, true))
	all := inspection.FieldCollections
	for _, c := range []struct {
		name string
		q    store.ChangesQuery
		want string
	}{
		{"everything", store.ChangesQuery{Collections: all, Limit: 10}, "[1 2 3 4 5 6] 6 false"},
		{"none", store.ChangesQuery{Limit: 10}, "[] 6 false"},
		{"one collection", store.ChangesQuery{Collections: all[:1], Limit: 10}, "[1 4 5] 6 false"},
		{"a collection twice", store.ChangesQuery{Collections: []inspection.Collection{"sites", "sites"}, Limit: 10}, "[2 6] 6 false"},
		{"kept", store.ChangesQuery{Collections: all, PinnedUpto: 4, Limit: 10}, "[2 3 4 5 6] 6 false"},
		{"all kept", store.ChangesQuery{Collections: all, PinnedUpto: 99, Limit: 10}, "[2 3 4] 6 false"},
		{"kept, a page", store.ChangesQuery{Collections: all, PinnedUpto: 4, Limit: 2}, "[2 3] 3 true"},
		{"across the boundary", store.ChangesQuery{Collections: all, PinnedUpto: 4, After: 3, Limit: 2}, "[4 5] 5 true"},
		{"upto", store.ChangesQuery{Collections: all, Upto: 4, Limit: 10}, "[1 2 3 4] 4 false"},
		{"upto, kept", store.ChangesQuery{Collections: all, Upto: 3, PinnedUpto: 5, Limit: 10}, "[2 3] 3 false"},
		{"after", store.ChangesQuery{Collections: all, After: 4, Upto: 5, Limit: 10}, "[5] 5 false"},
		{"at the end", store.ChangesQuery{Collections: all, After: 6, Limit: 10}, "[] 6 false"},
		{"beyond the end", store.ChangesQuery{Collections: all, After: 9, Limit: 10}, "[] 9 false"},
		{"a filtered tail", store.ChangesQuery{Collections: []inspection.Collection{"tasks"}, Limit: 10}, "[3] 6 false"},
		{"a full page with more", store.ChangesQuery{Collections: all, Limit: 5}, "[1 2 3 4 5] 5 true"},
	} {
		c.q.Area = street
		page, err := st.Changes(l.Context(), c.q)
		l.must("Changes", err)
		if got := pageText(page); got != c.want {
			l.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	Verify(l, st)
}

func pageText(page store.Changes) string {
	seqs := []int64{}
	for _, r := range page.Records {
		seqs = append(seqs, r.Seq)
	}
	return fmt.Sprint(seqs, page.Seq, page.More)
}

// testChangesBeyondHead: a page must not claim to have seen what isn't there
// yet.
func testChangesBeyondHead(l *lab) {
	st := l.open()
	l.push(st, street, put(l.id(), phone, 1))
	q := store.ChangesQuery{Area: street, Collections: everything, Upto: 9, Limit: 10}
	page, err := st.Changes(l.Context(), q)
	l.must("Changes", err)
	l.push(st, street, put(l.id(), phone, 2))
	q.After, q.Upto = page.Seq, 0
	page, err = st.Changes(l.Context(), q)
	l.must("Changes", err)
	if got := pageText(page); got != "[2] 2 false" {
		l.Errorf("the next page is %s", got)
	}
}

// testTerms: documents are found by what they name, as long as they name it.
func testTerms(l *lab) {
	st := l.open()
	photo, session := strings.Repeat("ab", 32), "0192f3b0-0000-7000-8000-000000000001"
	named := func(from, n int) store.Entry {
		e := put(docID(from), phone, int64(n))
		e.Doc = fmt.Appendf(nil, `{"id":"%s","session":"%s","photos":[{"field":"f","sha256":"%s"}]}`, e.ID, session, photo)
		return e
	}
	bare := func(from, n int) store.Entry {
		e := put(docID(from), phone, int64(n))
		e.Doc = fmt.Appendf(nil, `{"id":"%s","session":"%s"}`, e.ID, session)
		return e
	}
	l.push(st, street, named(1, 1), named(2, 2), bare(3, 3))
	other := named(4, 4)
	l.push(st, "610102004", other)
	l.wantByTerm(st, store.TermPhoto+photo, "", 10, 1, 2, 4)
	l.wantByTerm(st, store.TermPhoto+photo, docID(1), 1, 2)
	l.wantByTerm(st, store.TermSession+session, "", 10, 1, 2, 3, 4)
	l.wantByTerm(st, store.TermPhoto, "", 10)
	l.wantByTerm(st, "", "", 10)
	l.wantByTerm(st, store.TermPhoto+photo, docID(4), 10)

	gone := named(2, 6)
	gone.Deleted, gone.Kind = true, store.KindDelete
	l.push(st, street, bare(1, 5), gone, named(3, 7), bare(3, 8), named(3, 9))
	l.wantByTerm(st, store.TermPhoto+photo, "", 10, 2, 3, 4)
	l.close(st)
	st = l.open()
	l.wantByTerm(st, store.TermPhoto+photo, "", 10, 2, 3, 4)
	l.wantByTerm(st, store.TermSession+session, "", 3, 1, 2, 3)
	Verify(l, st)
}

func (l *lab) wantByTerm(st store.Store, term string, after inspection.DocID, limit int, want ...int) {
	l.Helper()
	records, err := st.ByTerm(l.Context(), term, after, limit)
	l.must("ByTerm", err)
	ids, wanted := []inspection.DocID{}, []inspection.DocID{}
	for i := range records {
		ids = append(ids, records[i].ID)
	}
	for _, n := range want {
		wanted = append(wanted, docID(n))
	}
	if fmt.Sprint(ids) != fmt.Sprint(wanted) {
		l.Errorf("%.20s after %s: %v, want %v", term, after, ids, wanted)
	}
}
