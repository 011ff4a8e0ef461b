package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Benchmark measures an empty database that open makes.
func Benchmark(b *testing.B, open func(b *testing.B) store.Store) {
	b.Run("Append50", func(b *testing.B) { benchmarkAppend(b, open(b)) })
	b.Run("Changes500", func(b *testing.B) { benchmarkChanges(b, open(b)) })
}

// benchmarkAppend: eight goroutines, each with its own area, append commits of
// fifty new documents of about a kilobyte.
func benchmarkAppend(b *testing.B, st store.Store) {
	var left atomic.Int64
	left.Store(int64(b.N))
	var group sync.WaitGroup
	b.ResetTimer()
	for w := range writers {
		group.Go(func() {
			area := inspection.Area(fmt.Sprintf("61010200%d", w))
			for n := 0; left.Add(-1) >= 0; n += 50 {
				if _, err := push(b.Context(), st, area, fifty(w, n)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(50*b.N)/b.Elapsed().Seconds(), "entries/s")
}

func fifty(w, n int) []store.Entry {
	entries := make([]store.Entry, 50)
	for i := range entries {
		entries[i] = put(docID(w<<32+n+i), writerPhone(w), int64(n+i+1))
		entries[i].Doc = fmt.Appendf(nil, `{"id":"%s","text":"%01000d"}`, entries[i].ID, n)
	}
	return entries
}

func benchmarkChanges(b *testing.B, st store.Store) {
	const commits = 40
	for n := range commits {
		if _, err := push(b.Context(), st, street, fifty(0, 50*n)); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	for i := range b.N {
		page, err := st.Changes(b.Context(), store.ChangesQuery{
			Area: street, Collections: inspection.FieldCollections, After: int64(i % 1000), Limit: 500,
		})
		if err != nil || len(page.Records) != 500 {
			b.Fatalf("%d records, %v", len(page.Records), err)
		}
	}
}
