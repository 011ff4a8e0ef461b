package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// change does its reads and writes inside the writer's transaction. It may
// run more than once if a transaction had to be given up before its COMMIT.
type change func(ctx context.Context, q *statements) error

// A transaction takes what waits, up to these bounds.
const (
	maxBatch      = 128
	maxBatchBytes = 16 << 20
)

// errAborted: the transaction was given up before COMMIT, so that none of it
// is in the database and its changes may be tried again one by one.
var errAborted = errors.New("transaction aborted")

// job is a change that waits for its transaction. Whoever sets taken first
// decides: the writer that it runs, the caller that it never will.
type job struct {
	run    change
	size   int
	taken  atomic.Bool
	begun  bool
	answer chan error
}

// writer owns the one connection that writes. Its goroutine gathers the jobs
// that are waiting into one transaction, so that they share one flush.
type writer struct {
	db   *sql.DB
	conn *sql.Conn
	q    *statements
	jobs chan *job
	done chan struct{}
}

// Two processes that create the database at once may turn each other away
// without waiting: SQLite doesn't wait for a lock where that could be a
// deadlock, as in the switch to WAL.
const (
	openAttempts = 100
	openPause    = 50 * time.Millisecond
)

func openWriter(ctx context.Context, dsn string, opts Options) (*writer, error) {
	for attempt := 1; ; attempt++ {
		w, err := tryOpenWriter(ctx, dsn, opts)
		if err == nil {
			go w.serve()
			return w, nil
		}
		if !isBusy(err) || attempt == openAttempts {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(openPause):
		}
	}
}

func tryOpenWriter(ctx context.Context, dsn string, opts Options) (*writer, error) {
	db, err := sql.Open(driverName, dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	w := &writer{db: db, jobs: make(chan *job), done: make(chan struct{})}
	if err = w.connect(ctx); err == nil {
		// Not in the data source's name: the driver would set the mode before
		// the page size, which is too late for that.
		err = w.q.exec(ctx, `PRAGMA journal_mode = WAL`)
	}
	if err == nil {
		err = migrate(ctx, w.conn, opts.NewID)
	}
	if err != nil {
		return nil, errors.Join(err, w.disconnect())
	}
	return w, nil
}

func (w *writer) connect(ctx context.Context) error {
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return err
	}
	w.conn, w.q = conn, newStatements(conn)
	return nil
}

func (w *writer) disconnect() error {
	var err error
	if w.conn != nil {
		err = errors.Join(w.q.close(), w.conn.Close())
	}
	return errors.Join(err, w.db.Close())
}

// discard gives the connection up, whatever state it is in. Its errors say
// nothing new: the connection is known to be unusable.
func (w *writer) discard() {
	_ = w.q.close()
	_ = w.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = w.conn.Close()
	w.conn, w.q = nil, nil
}

// do hands the change to the writer and waits for its outcome. No call may be
// under way when close is called.
func (w *writer) do(ctx context.Context, size int, run change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j := &job{run: run, size: size, answer: make(chan error, 1)}
	select {
	case w.jobs <- j:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-j.answer:
		return err
	case <-ctx.Done():
		if j.taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		return <-j.answer
	}
}

func (w *writer) close() error {
	close(w.jobs)
	<-w.done
	// While another process has the file open, closing doesn't checkpoint.
	var checkpointed error
	if w.conn != nil {
		_, checkpointed = w.conn.ExecContext(context.Background(), `PRAGMA wal_checkpoint(PASSIVE)`)
	}
	return errors.Join(checkpointed, w.disconnect())
}

func (w *writer) serve() {
	defer close(w.done)
	for j := range w.jobs {
		w.commitBatch(w.gather(j))
	}
}

// gather takes the jobs that are waiting now; it never waits for more.
func (w *writer) gather(first *job) []*job {
	batch, size := []*job{first}, first.size
	for len(batch) < maxBatch && size < maxBatchBytes {
		select {
		case j, ok := <-w.jobs:
			if !ok {
				return batch
			}
			batch, size = append(batch, j), size+j.size
		default:
			return batch
		}
	}
	return batch
}

// commitBatch runs the batch and answers everybody, after COMMIT. A job's error,
// too, waits for it: ErrStale may rest on what an earlier job of the batch
// wrote.
func (w *writer) commitBatch(batch []*job) {
	results, err := w.transact(context.Background(), batch)
	if errors.Is(err, errAborted) && len(batch) > 1 {
		for _, j := range batch {
			w.commitBatch([]*job{j})
		}
		return
	}
	for i, j := range batch {
		if err != nil {
			j.answer <- err
		} else {
			j.answer <- results[i]
		}
	}
}

// transact runs each job in a savepoint of one transaction and returns the
// jobs' errors. Its own error means that nobody's change counts: nothing was
// committed, or whether COMMIT took place is unknown.
func (w *writer) transact(ctx context.Context, batch []*job) ([]error, error) {
	if err := w.begin(ctx); err != nil {
		return nil, err
	}
	results := make([]error, len(batch))
	for i, j := range batch {
		if !j.begun && !j.taken.CompareAndSwap(false, true) {
			continue // its caller has left
		}
		j.begun = true
		var err error
		if results[i], err = w.attempt(ctx, j); err != nil {
			w.rollback(ctx)
			return nil, fmt.Errorf("%w: %w", errAborted, err)
		}
	}
	if err := w.q.exec(ctx, `COMMIT`); err != nil {
		w.rollback(ctx)
		return nil, fmt.Errorf("commit: %w", err)
	}
	return results, nil
}

// begin takes the write lock, which waits for other processes. A connection
// that can't begin for another reason is replaced, once.
func (w *writer) begin(ctx context.Context) error {
	err := errors.New("no connection")
	if w.conn != nil {
		if err = w.q.exec(ctx, `BEGIN IMMEDIATE`); err == nil || isBusy(err) {
			return err
		}
		w.discard()
	}
	if again := w.connect(ctx); again != nil {
		return errors.Join(again, err)
	}
	return w.q.exec(ctx, `BEGIN IMMEDIATE`)
}

// attempt runs one job. failed is what the job itself ended with; err means
// that the whole transaction is lost. After a full disk or an I/O error
// SQLite rolls the transaction back by itself; then the savepoint is gone,
// and going on would commit statement by statement.
func (w *writer) attempt(ctx context.Context, j *job) (failed, err error) {
	if err := w.q.exec(ctx, `SAVEPOINT job`); err != nil {
		return nil, err
	}
	failed = j.run(ctx, w.q)
	if failed != nil {
		if err := w.q.exec(ctx, `ROLLBACK TO job`); err != nil {
			return nil, failed
		}
	}
	return failed, w.q.exec(ctx, `RELEASE job`)
}

// rollback ends the transaction if SQLite hasn't done so already, which is
// the only failure that it can have; begin finds out about any other.
func (w *writer) rollback(ctx context.Context) { _ = w.q.exec(ctx, `ROLLBACK`) }
