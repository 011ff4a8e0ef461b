package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// searcher fills a database of small blocks and searches it for plates.
type searcher struct {
	*testing.T
	st patient
	n  int64
}

func newSearcher(t *testing.T, dir string) *searcher {
	st := openIn(t, dir)
	st.cuts = smallCuts
	return &searcher{T: t, st: patient{st}}
}

func (s *searcher) put(doc int, rev int64, plate string, deleted bool) {
	s.Helper()
	head := headOf(s, s.st.Store)
	s.n++
	e := sealed(s, store.Head{}, doc, 1).Entries[0]
	e.Seq, e.Rev, e.N, e.Deleted = head.Seq+1, rev, s.n, deleted
	e.Doc = fmt.Appendf(nil, `{"started_at":%q,"name":"陕A old","answers":{"plate":%q}}`, morning(doc).Format(time.RFC3339), plate)
	c, err := store.Seal(street, head, []store.Entry{e})
	if err == nil {
		err = s.st.Append(s.Context(), c)
	}
	if err != nil {
		s.Fatal(err)
	}
}

// morning is when document n was started.
func morning(n int) time.Time { return time.Date(2026, 10, n+1, 1, 0, 0, 0, time.UTC) }

// finds searches three times: in rows, in rows while columns are read, and in
// columns.
func (s *searcher) finds(plate string, want int) {
	s.Helper()
	s.findsIn(time.Time{}, time.Time{}, plate, want)
}

func (s *searcher) findsIn(from, to time.Time, plate string, want int) {
	s.Helper()
	for range 3 {
		list, err := s.st.List(s.Context(), store.ListQuery{
			Areas: []inspection.Area{street}, Collection: inspection.Inspections, From: from, To: to,
			Term: store.TermText + store.SearchKey(plate), Prefix: true, Count: 100,
		})
		if err != nil || list.Total != want {
			s.Errorf("%d records with a word like %s, %v; want %d", list.Total, plate, err, want)
		}
	}
}

func (s *searcher) kept() (numbers []int64) {
	for number := range s.st.memory.kept {
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	return numbers
}

// TestColumnsFollow: what is counted in memory follows edits, deletes and
// revivals, those by another process too.
func TestColumnsFollow(t *testing.T) {
	dir := t.TempDir()
	s, other := newSearcher(t, dir), newSearcher(t, dir)
	for doc := range 10 {
		s.put(doc, 1, fmt.Sprintf("陕A%05d", doc), false)
	}
	s.finds("陕A0", 10)
	s.finds("陕A", 10) // by two words each
	other.finds("陕A", 10)
	s.findsIn(morning(2), morning(6), "陕A", 4)
	if got := s.kept(); !slices.Equal(got, []int64{0, 1, 2, 3}) {
		t.Errorf("kept are blocks %v; rows 1 to 10 fill blocks 0 to 5, of which two are recent", got)
	}
	s.put(2, 2, "晋M00002", false)
	s.put(4, 2, "陕A00004", true)
	for _, side := range []*searcher{s, other} {
		side.finds("陕A0", 8)
		side.finds("晋M", 1)
	}
	other.n = s.n
	other.put(4, 3, "陕A00004", false)
	other.put(2, 3, "陕A00002", false)
	for _, side := range []*searcher{s, other} {
		side.finds("陕A0", 10)
		side.finds("晋M", 0)
	}
}

// reads counts how often a block is read into memory.
func (s *searcher) reads() *atomic.Int64 {
	var n atomic.Int64
	read := s.st.memory.read
	s.st.memory.read = func(ctx context.Context, block int64) (*columns, error) {
		n.Add(1)
		return read(ctx, block)
	}
	return &n
}

// TestColumnsWithoutRoom: what doesn't fit is counted in rows, and not read
// again and again.
func TestColumnsWithoutRoom(t *testing.T) {
	const room = 300
	s := newSearcher(t, t.TempDir())
	s.st.memory.left = room
	reads := s.reads()
	for doc := range 20 {
		s.put(doc, 1, fmt.Sprintf("陕A%05d", doc), false)
	}
	for range 10 {
		s.finds("陕A", 20)
		s.finds("陕A0001", 10)
	}
	if got := len(s.kept()); got == 0 || got > 3 || s.st.memory.left < 0 {
		t.Errorf("%d blocks are kept, with %d bytes left", got, s.st.memory.left)
	}
	if got := reads.Load(); got > 9 {
		t.Errorf("nine blocks that don't change were read %d times", got)
	}
	for doc := range 20 {
		s.put(doc, 2, "豫C00001", false)
		s.finds("豫C", doc+1)
	}
	if s.st.memory.left < 0 || s.st.memory.left > room {
		t.Errorf("%d of %d bytes are left", s.st.memory.left, room)
	}
}

// TestColumnsUnreadable: who can't read a block counts rows, and the next one
// tries again.
func TestColumnsUnreadable(t *testing.T) {
	s := newSearcher(t, t.TempDir())
	read := s.st.memory.read
	s.st.memory.read = func(context.Context, int64) (*columns, error) { return nil, errors.New("no") }
	for doc := range 10 {
		s.put(doc, 1, fmt.Sprintf("陕A%05d", doc), false)
	}
	s.finds("陕A", 10)
	if len(s.kept()) > 0 {
		t.Error("something is kept")
	}
	s.st.memory.read = read
	s.finds("陕A", 10)
	if len(s.kept()) == 0 {
		t.Error("nothing is kept")
	}
}

// TestColumnsWhileWritten: searches that don't wait for columns find what is
// there while records change plates to and fro.
func TestColumnsWhileWritten(t *testing.T) {
	s := newSearcher(t, t.TempDir())
	for doc := range 30 {
		s.put(doc, 1, fmt.Sprintf("陕A%05d", doc), false)
	}
	var readers sync.WaitGroup
	done := make(chan struct{})
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				list, err := s.st.Store.List(context.WithoutCancel(t.Context()), store.ListQuery{
					Areas: []inspection.Area{street}, Collection: inspection.Inspections,
					Term: store.TermText + store.SearchKey("陕A0"), Prefix: true, Count: 100,
				})
				if err != nil || list.Total != 30 {
					t.Errorf("%d records, %v; want 30", list.Total, err)
					return
				}
			}
		})
	}
	for edit := range 60 {
		s.put(edit%30, int64(edit/30)+2, fmt.Sprintf("陕A%05d", 30+edit), false)
	}
	close(done)
	readers.Wait()
	s.finds("陕A0", 30)
}
