package history_test

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/seeds"
	"gridpatrol/store"
	"gridpatrol/store/history"
)

// The benchmarks' district has nine streets. Each document is pushed once,
// among fifty of a commit, and one in four is judged afterwards.
const benchCommit = 50

// benchDocuments is how many documents there are, unless the variable says
// otherwise.
func benchDocuments() int {
	if n, err := strconv.Atoi(os.Getenv("GRIDPATROL_BENCH_RECORDS")); err == nil {
		return n
	}
	return 100_000
}

func BenchmarkHistory(b *testing.B) {
	for _, e := range engines {
		b.Run(e.name, func(b *testing.B) {
			place := e.place(b)
			st := e.opened(b, place)
			fillDistrict(b, st)
			benchmarkReading(b, st)
			benchmarkWriting(b, e, st)
		})
	}
}

func fillDistrict(b *testing.B, st store.Store) {
	b.Helper()
	for n := 0; n < benchDocuments(); n += benchCommit {
		street := n / benchCommit % 9
		area := inspection.Area(fmt.Sprintf("61010200%d", street+1))
		var entries []store.Entry
		for i := range benchCommit {
			entries = append(entries, inspected(n+i, street, area))
		}
		for i := 0; i < benchCommit; i += 4 {
			judged := inspected(n+i, street, area)
			judged.Kind, judged.Device, judged.N, judged.Status = store.KindEvidence, "", 0, ""
			entries = append(entries, judged)
		}
		commit(b, st, area, entries...)
	}
	commit(b, st, inspection.ReferenceArea, referenceEntries()...)
}

func inspected(n, street int, area inspection.Area) store.Entry {
	doc := seeds.Fixture("diesel_roadside_pass")
	id := documentID(n)
	doc["id"], doc["area"] = string(id), string(area)
	doc["server"] = inspection.Object{
		"rev": 1, "verdict": "pass", "received_at": "2026-10-12T09:36:41+08:00", "problems": []any{}, "conflicts": []any{},
		"review": inspection.Object{"state": "received"}, "evidence": inspection.Object{"complete": false},
	}
	e := put(id, phoneOf(street), int64(n))
	e.Doc = inspection.AppendJSON(nil, doc)
	return e
}

// measured runs work and reports how many entries it takes in a second and how
// much memory it holds at most.
func measured(b *testing.B, entries int64, work func()) {
	b.Helper()
	runtime.GC()
	var peak atomic.Uint64
	done := make(chan struct{})
	go func() {
		for tick := time.NewTicker(10 * time.Millisecond); ; {
			select {
			case <-done:
				return
			case <-tick.C:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak.Store(max(peak.Load(), m.HeapInuse))
			}
		}
	}()
	b.ResetTimer()
	for range b.N {
		work()
	}
	b.StopTimer()
	close(done)
	b.ReportMetric(float64(entries)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
	b.ReportMetric(float64(peak.Load())/(1<<20), "MiB-heap")
}

func benchmarkReading(b *testing.B, st store.Store) {
	entries := int64(0)
	heads, err := st.Heads(b.Context())
	fatal(b, err)
	for _, head := range heads {
		entries += head.Seq
	}
	b.Run("Verify", func(b *testing.B) {
		measured(b, entries, func() {
			if r := verify(b, st, 0, nil); !r.Fine() {
				b.Fatal(r.Damage)
			}
		})
	})
	b.Run("VerifyInParts", func(b *testing.B) {
		measured(b, entries, func() { verify(b, st, benchDocuments()/4, nil) })
	})
	b.Run("Backup", func(b *testing.B) {
		var file counter
		measured(b, entries, func() {
			file = 0
			_, err := history.Backup(b.Context(), database(st), &file, options)
			fatal(b, err)
		})
		b.ReportMetric(float64(file)/(1<<20), "MiB-file")
	})
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

func benchmarkWriting(b *testing.B, e engine, st store.Store) {
	file := backup(b, st)
	contents, err := history.CheckBackup(b.Context(), bytes.NewReader(file), history.Database{}, options)
	fatal(b, err)
	b.Run("CheckBackup", func(b *testing.B) {
		measured(b, contents.Entries(), func() {
			_, err := history.CheckBackup(b.Context(), bytes.NewReader(file), history.Database{}, options)
			fatal(b, err)
		})
	})
	b.Run("Restore", func(b *testing.B) {
		measured(b, contents.Entries(), func() { restore(b, file, e.fresh(b)) })
	})
	b.Run("Migrate", func(b *testing.B) {
		measured(b, contents.Entries(), func() {
			migrate(b, st, e.fresh(b))
			fatal(b, st.SetReadOnly(b.Context(), false))
		})
	})
}
