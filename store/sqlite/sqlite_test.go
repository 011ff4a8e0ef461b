package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/store/storetest"
)

func TestMain(m *testing.M) {
	raceToOpen()
	storetest.Child(openAt)
	os.Exit(m.Run())
}

func openAt(ctx context.Context, place string) (store.Store, error) {
	return Open(ctx, place, testOptions())
}

var ids atomic.Int64

// testOptions makes ids that differ within and between processes.
func testOptions() Options {
	return Options{NewID: func() string {
		return fmt.Sprintf("%08x-0000-7000-8000-%012x", os.Getpid(), ids.Add(1))
	}}
}

func openIn(t testing.TB, dir string) *Store {
	t.Helper()
	st, err := Open(t.Context(), dir, testOptions())
	return storetest.Opened(t, st, err)
}

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) func() store.Store {
		dir := t.TempDir()
		return func() store.Store { return openIn(t, dir) }
	})
}

// TestSmallCuts lists as a large database would, and waits for the columns
// that searches ask for.
func TestSmallCuts(t *testing.T) {
	storetest.RunOnly(t, []string{"Lists", "Terms", "Histories"}, func(t *testing.T) func() store.Store {
		dir := t.TempDir()
		return func() store.Store {
			st := openIn(t, dir)
			st.cuts = smallCuts
			return patient{st}
		}
	})
}

var smallCuts = cuts{blockBits: 1, few: 1, dense: 3, scattered: 1, streams: 1}

type patient struct{ *Store }

func (p patient) List(ctx context.Context, q store.ListQuery) (store.List, error) {
	defer p.memory.fills.Wait()
	return p.Store.List(ctx, q)
}

func TestCrash(t *testing.T) { storetest.Crash(t, t.TempDir(), openAt) }

func BenchmarkLists(b *testing.B) {
	storetest.BenchmarkLists(b, func(b *testing.B) store.Store { return openIn(b, b.TempDir()) })
}

func BenchmarkStore(b *testing.B) {
	storetest.Benchmark(b, func(b *testing.B) store.Store { return openIn(b, b.TempDir()) })
}

const street inspection.Area = "610102003"

func document(n int) inspection.DocID {
	return inspection.DocID(fmt.Sprintf("0192f3c1-0000-7000-8000-%012x", n))
}

// sealed makes a commit of one document of about size bytes after head.
func sealed(t testing.TB, head store.Head, n, size int) *store.Commit {
	t.Helper()
	c, err := store.Seal(street, head, []store.Entry{{
		Seq: head.Seq + 1, Collection: inspection.Inspections, ID: document(n), Rev: 1, Kind: store.KindPut,
		Actor: "u", Device: "d", N: int64(n), Status: store.Applied,
		Doc: fmt.Appendf(nil, `{"x":"%0*d"}`, size, n),
	}})
	if err != nil {
		t.Fatalf("Seal: %v", err)
	}
	return c
}

func headOf(t testing.TB, st *Store) store.Head {
	t.Helper()
	head, err := st.Head(t.Context(), street)
	if err != nil {
		t.Fatalf("Head: %v", err)
	}
	return head
}

// TestManyFirstReads: as many readers as there are connections are in a
// snapshot of a database that was just opened, and none has a statement yet.
func TestManyFirstReads(t *testing.T) {
	dir := t.TempDir()
	st := openIn(t, dir)
	exercise(t, st)
	for range 20 {
		fresh := newStatements(st.db)
		var inside, all sync.WaitGroup
		inside.Add(readers)
		for range readers {
			all.Go(func() {
				tx, err := st.db.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
				if err != nil {
					t.Error(err)
					return
				}
				defer tx.Rollback()
				inside.Done()
				inside.Wait()
				var texts []string
				if _, err := readHead(t.Context(), within{tx: tx, statements: fresh, fresh: &texts}, street); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if err := fresh.close(); err != nil {
			t.Fatal(err)
		}
	}
}
