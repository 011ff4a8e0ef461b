package storetest

import (
	"fmt"
	"strings"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

var termsTests = []contractTest{
	{"Terms", testTerms},
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
