package bench_test

import (
	"crypto/sha256"
	"database/sql"
	"net/http"
	"path/filepath"
	gosync "sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"gridpatrol/inspection"
)

// batches is how many batches of fifty each client sends.
const batches = 60

// BenchmarkPush compares pushes of fifty real inspections from eight clients
// with what the engine alone takes for the same rows: log, records, terms and
// receipts in one transaction per batch, flushed.
func BenchmarkPush(b *testing.B) {
	b.Run("raw", func(b *testing.B) { benchRaw(b) })
	b.Run("http", func(b *testing.B) { benchHTTP(b) })
}

func perSecond(b *testing.B, name string, documents int) {
	rate := float64(documents) / b.Elapsed().Seconds()
	b.ReportMetric(rate, "records/s")
	results.record(name, "records/s", rate)
}

func benchHTTP(b *testing.B) {
	s := start(b, filepath.Join(b.TempDir(), "data"))
	phones := make([]*phone, clients)
	work := make([][][]byte, clients)
	for i := range phones {
		phones[i] = s.signIn("inspector" + string(rune('1'+i)))
		work[i] = bodies(b, area(i), batches*b.N, 0)
	}
	b.ResetTimer()
	var group gosync.WaitGroup
	for i, p := range phones {
		group.Go(func() {
			for _, body := range work[i] {
				p.call(http.MethodPost, "/v1/sync/push", body)
			}
		})
	}
	group.Wait()
	b.StopTimer()
	perSecond(b, pushHTTP, clients*batches*batchSize*b.N)
}

// benchRaw writes the same number of rows of the same size through
// database/sql, one transaction per batch of fifty, one writer at a time.
func benchRaw(b *testing.B) {
	db := rawDatabase(b)
	work := make([][]inspection.Object, clients)
	for i := range work {
		for n := range batches * b.N * batchSize {
			_, doc := inspectionOf(area(i), n)
			work[i] = append(work[i], doc)
		}
	}
	b.ResetTimer()
	var writer gosync.Mutex
	var group gosync.WaitGroup
	for i := range work {
		group.Go(func() {
			for first := 0; first < len(work[i]); first += batchSize {
				writer.Lock()
				err := rawBatch(db, area(i), int64(first), work[i][first:first+batchSize])
				writer.Unlock()
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	group.Wait()
	b.StopTimer()
	perSecond(b, pushRaw, clients*batches*batchSize*b.N)
}

// rawDatabase has the tables and indexes of the store.
func rawDatabase(b *testing.B) *sql.DB {
	b.Helper()
	data := filepath.Join(b.TempDir(), "data")
	s := start(b, data)
	s.stop()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(data, "gridpatrol.db")+
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=cache_size(-16384)")
	if err != nil {
		b.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	b.Cleanup(func() { db.Close() })
	return db
}

func rawBatch(db *sql.DB, street inspection.Area, first int64, docs []inspection.Object) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	record, err := tx.Prepare(`INSERT INTO records (id, area, collection, rev, seq, at, deleted, kept, revisions, marks,
		template, verdict, state, evidence, started, terms, doc) VALUES (?,?,'inspections',1,?,?,0,0,x'02',x'00',?,'pass','received','incomplete',?,?,?)`)
	if err != nil {
		return err
	}
	receipt, err := tx.Prepare(`INSERT INTO receipts (actor, device, n, content, area, collection, id, rev, seq, status, code, detail)
		VALUES (?, ?, ?, 'abcdefghijklmnopqrstuv', ?, 'inspections', ?, 1, ?, 'applied', '', '')`)
	if err != nil {
		return err
	}
	term, err := tx.Prepare(`INSERT INTO terms (term, id) VALUES (?, ?)`)
	if err != nil {
		return err
	}
	now := time.Now().UnixNano()
	var commit []byte
	for i, doc := range docs {
		seq := 1_000_000_000 + first + int64(i)
		body := inspection.AppendJSON(nil, doc)
		commit = append(commit, body...)
		id := doc["id"].(string)
		words := ""
		for _, photo := range inspection.Photos(doc) {
			words += "photo:" + photo.SHA256 + "\n"
			if _, err := term.Exec("photo:"+photo.SHA256, id); err != nil {
				return err
			}
		}
		if _, err := record.Exec(id, string(street), seq, now, doc["template"], now, words, body); err != nil {
			return err
		}
		if _, err := receipt.Exec("user-"+string(street), "device-"+string(street), first+int64(i), string(street), id, seq); err != nil {
			return err
		}
	}
	sum := sha256.Sum256(commit)
	if _, err := tx.Exec(`INSERT INTO log (area, first, last, at, previous, hash, bytes) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		string(street), 1_000_000_000+first, 1_000_000_000+first+int64(len(docs))-1, now, sum[:], sum[:], commit); err != nil {
		return err
	}
	return tx.Commit()
}
