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
	pushAll(b, start(b, filepath.Join(b.TempDir(), "data")))
	perSecond(b, pushHTTP, clients*batches*batchSize*b.N)
}

// pushAll lets all clients push at once, and leaves the timer stopped.
func pushAll(b *testing.B, s *server) {
	b.Helper()
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
				err := db.batch(area(i), int64(first), work[i][first:first+batchSize])
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

// rawSchema is what any engine for this needs: the log, the records with an
// index for each way that they are asked for, receipts and terms.
const rawSchema = `
CREATE TABLE log (area TEXT, first INTEGER, last INTEGER, at INTEGER, previous BLOB, hash BLOB, bytes BLOB);
CREATE UNIQUE INDEX log_by_first ON log (area, first);
CREATE UNIQUE INDEX log_by_last ON log (area, last);
CREATE INDEX log_by_time ON log (area, at, last);
CREATE TABLE records (id TEXT, area TEXT, collection TEXT, rev INTEGER, seq INTEGER, at INTEGER, kept INTEGER,
	template TEXT, verdict TEXT, started INTEGER, doc BLOB);
CREATE UNIQUE INDEX records_by_id ON records (id);
CREATE UNIQUE INDEX records_by_seq ON records (area, seq, collection);
CREATE INDEX records_by_start ON records (area, collection, started);
CREATE INDEX records_by_verdict ON records (area, collection, template, verdict, started);
CREATE TABLE receipts (actor TEXT, device TEXT, n INTEGER, content TEXT, id TEXT, rev INTEGER, seq INTEGER, status TEXT,
	PRIMARY KEY (actor, device, n)) WITHOUT ROWID;
CREATE TABLE terms (term TEXT, id TEXT, PRIMARY KEY (term, id)) WITHOUT ROWID;
`

// raw is the engine alone, with its statements prepared.
type raw struct {
	db                         *sql.DB
	log, record, receipt, term *sql.Stmt
}

func rawDatabase(b *testing.B) *raw {
	b.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "raw.db")+
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=cache_size(-16384)&_pragma=wal_autocheckpoint(4000)")
	if err != nil {
		b.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	b.Cleanup(func() { db.Close() })
	if _, err := db.Exec(rawSchema); err != nil {
		b.Fatal(err)
	}
	prepare := func(text string) *sql.Stmt {
		stmt, err := db.Prepare(text)
		if err != nil {
			b.Fatal(err)
		}
		return stmt
	}
	return &raw{
		db:      db,
		log:     prepare(`INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?)`),
		record:  prepare(`INSERT INTO records VALUES (?, ?, 'inspections', 1, ?, ?, 0, ?, 'pass', ?, ?)`),
		receipt: prepare(`INSERT INTO receipts VALUES (?, ?, ?, 'abcdefghijklmnopqrstuv', ?, 1, ?, 'applied')`),
		term:    prepare(`INSERT INTO terms VALUES (?, ?)`),
	}
}

// batch writes one batch in one transaction.
func (r *raw) batch(street inspection.Area, first int64, docs []inspection.Object) error {
	tx, err := r.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	now := time.Now().UnixNano()
	var commit []byte
	for i, doc := range docs {
		seq, body := first+int64(i)+1, inspection.AppendJSON(nil, doc)
		commit = append(commit, body...)
		if err := r.document(tx, street, seq, now, doc, body); err != nil {
			return err
		}
	}
	sum := sha256.Sum256(commit)
	if _, err := tx.Stmt(r.log).Exec(string(street), first+1, first+int64(len(docs)), now, sum[:], sum[:], commit); err != nil {
		return err
	}
	return tx.Commit()
}

func (r *raw) document(tx *sql.Tx, street inspection.Area, seq, now int64, doc inspection.Object, body []byte) error {
	id, _ := doc["id"].(string)
	if _, err := tx.Stmt(r.record).Exec(id, string(street), seq, now, doc["template"], now, body); err != nil {
		return err
	}
	for _, photo := range inspection.Photos(doc) {
		if _, err := tx.Stmt(r.term).Exec("photo:"+photo.SHA256, id); err != nil {
			return err
		}
	}
	_, err := tx.Stmt(r.receipt).Exec("user-"+string(street), "device-"+string(street), seq, id, seq)
	return err
}
