package sqlite

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/store/storetest"
)

// TestFromSchema2 opens a database that the program of schema 2 wrote: forty
// inspections with several words, all edited, some deleted; sites, sessions and
// reference documents.
func TestFromSchema2(t *testing.T) {
	dir := t.TempDir()
	unpack(t, "testdata/schema2.db.gz", filepath.Join(dir, fileName))
	s := &searcher{T: t, st: patient{openIn(t, dir)}}
	if faults, err := s.st.SelfCheck(t.Context()); err != nil || len(faults) > 0 {
		t.Errorf("the self check says %v, %v", faults, err)
	}
	storetest.Verify(t, s.st)
	s.finds("陕A", 32)
	s.finds("陕AZ", 4)
	s.finds("陕A0", 28)
	list, err := s.st.List(t.Context(), store.ListQuery{
		Areas: []inspection.Area{inspection.ReferenceArea}, Collection: inspection.Limits, Term: store.TermText, Prefix: true, Limit: 9, Count: 9,
	})
	if err != nil || list.Total != 1 || len(list.Records) != 1 {
		t.Errorf("limits: %+v, %v", list, err)
	}
}

func unpack(t *testing.T, from, to string) {
	t.Helper()
	packed, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	r, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	write(t, to, data)
}
