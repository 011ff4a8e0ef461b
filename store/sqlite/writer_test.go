package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/store/storetest"
)

// hold blocks the writer inside a transaction until release is called.
func hold(t *testing.T, st *Store) (release func()) {
	t.Helper()
	held, open := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- st.enqueue(context.Background(), "hold", 0, func(context.Context, *statements) error {
			close(held)
			<-open
			return nil
		})
	}()
	<-held
	return func() {
		close(open)
		if err := <-done; err != nil {
			t.Errorf("hold: %v", err)
		}
	}
}

// TestBatch: changes share a transaction, and one that fails takes only its
// own writes with it.
func TestBatch(t *testing.T) {
	st := openIn(t, t.TempDir())
	boom := errors.New("boom")
	release := hold(t, st)
	release()
	if err := runAmongGood(t, st, putMeta("bad", boom)); !errors.Is(err, boom) {
		t.Errorf("the bad job was answered %v", err)
	}
}

// runAmongGood runs a batch of a change and a good one on each side, which
// must be all that it leaves, and returns what the change was answered.
func runAmongGood(t *testing.T, st *Store, run change) error {
	t.Helper()
	batch := []*job{testJob(putMeta("1", nil)), testJob(run), testJob(putMeta("2", nil))}
	runAlone(t, st, func() { st.writer.commitBatch(batch) })
	if err := errors.Join(<-batch[0].answer, <-batch[2].answer); err != nil {
		t.Error(err)
	}
	if got := metaNames(t, st); got != "1 2" {
		t.Errorf("the batch left %q", got)
	}
	return <-batch[1].answer
}

// runAlone runs f while the writer's goroutine isn't using its connection.
func runAlone(t *testing.T, st *Store, f func()) {
	t.Helper()
	close(st.writer.jobs)
	<-st.writer.done
	f()
	st.writer.jobs, st.writer.done = make(chan *job), make(chan struct{})
	go st.writer.serve()
}

func testJob(run change) *job { return &job{run: run, answer: make(chan error, 1)} }

func putMeta(name string, err error) change {
	return func(ctx context.Context, q *statements) error {
		return errors.Join(setMeta(ctx, q, "test "+name, ""), err)
	}
}

func metaNames(t *testing.T, st *Store) string {
	t.Helper()
	names, err := collect(t.Context(), st.read, scanOne[string], `SELECT substr(name, 6) FROM meta WHERE name LIKE 'test %' ORDER BY name`)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, " ")
}

// TestLostTransaction: if a change loses the whole transaction, as a full disk
// does, the others are done again without it.
func TestLostTransaction(t *testing.T) {
	st := openIn(t, t.TempDir())
	boom := errors.New("boom")
	err := runAmongGood(t, st, func(ctx context.Context, q *statements) error {
		return errors.Join(boom, q.exec(ctx, `ROLLBACK`))
	})
	if !errors.Is(err, boom) {
		t.Errorf("the job that lost the transaction was answered %v", err)
	}
}

// TestFailedCommit: if COMMIT fails nobody is told of success.
func TestFailedCommit(t *testing.T) {
	st := openIn(t, t.TempDir())
	// A savepoint's RELEASE commits if there is no transaction around it, so
	// that COMMIT then finds none.
	batch := []*job{testJob(putMeta("1", nil)), testJob(func(ctx context.Context, q *statements) error {
		return errors.Join(q.exec(ctx, `ROLLBACK`), q.exec(ctx, `SAVEPOINT job`))
	})}
	runAlone(t, st, func() { st.writer.commitBatch(batch) })
	for i, j := range batch {
		if err := <-j.answer; err == nil {
			t.Errorf("job %d was answered with success", i)
		}
	}
	if got := metaNames(t, st); got != "" {
		t.Errorf("the batch left %q", got)
	}
	if err := st.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestConnectionReplaced: a connection that is stuck in a transaction is given
// up for a new one.
func TestConnectionReplaced(t *testing.T) {
	st := openIn(t, t.TempDir())
	runAlone(t, st, func() {
		if err := st.writer.q.exec(t.Context(), `BEGIN`); err != nil {
			t.Error(err)
		}
	})
	for n := range 3 {
		if err := st.Append(t.Context(), sealed(t, headOf(t, st), n+1, 10)); err != nil {
			t.Errorf("append %d: %v", n, err)
		}
	}
	storetest.Verify(t, st)
}

// TestLeftWhileQueued: a caller that leaves the queue leaves no trace.
func TestLeftWhileQueued(t *testing.T) {
	st := openIn(t, t.TempDir())
	release := hold(t, st)
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() { left <- st.Append(ctx, sealed(t, store.Head{}, 1, 10)) }()
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the caller that left was told %v", err)
	}
	release()
	if err := st.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if head := headOf(t, st); head.Seq != 0 {
		t.Errorf("the commit of a caller that left is in: %v", head)
	}
}

// TestTakenOrLeft: between the queue and the transaction, either the caller
// leaves or the writer takes the job.
func TestTakenOrLeft(t *testing.T) {
	st := openIn(t, t.TempDir())
	j := testJob(putMeta("left", nil))
	j.taken.Store(true) // as do does for a caller that leaves
	other := testJob(putMeta("stayed", nil))
	runAlone(t, st, func() { st.writer.commitBatch([]*job{j, other}) })
	if err := <-other.answer; err != nil {
		t.Error(err)
	}
	if got := metaNames(t, st); got != "stayed" {
		t.Errorf("the batch left %q", got)
	}
}

// TestCancelStorm: whatever a cancelled append returns, the log stays whole,
// and nil means that the commit is in.
func TestCancelStorm(t *testing.T) {
	st := openIn(t, t.TempDir())
	for n := range 60 {
		c := sealed(t, headOf(t, st), n+1, 10)
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(cancel)
		err := st.Append(ctx, c)
		group.Wait()
		in := headOf(t, st).Hash == c.Hash
		if err != nil && !errors.Is(err, context.Canceled) || in != (err == nil) {
			t.Errorf("append %d returned %v, and in the log is %v", n, err, in)
		}
	}
	storetest.Verify(t, st)
}

// TestFullDisk: a full disk is an error that says so, nothing of the commit is
// left, reads go on, and writes, too, when space returns.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	st, err := open(t.Context(), dir, testOptions(), "max_page_count(200)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	n, full := 0, error(nil)
	for ; full == nil && n < 1000; n++ {
		full = st.Append(t.Context(), sealed(t, headOf(t, st), n+1, 20_000))
	}
	var told *inspection.Error
	if !errors.As(full, &told) || told.Code != inspection.CodeUnavailable || !strings.Contains(told.Detail, "disk is full") {
		t.Fatalf("after %d commits: %v", n, full)
	}
	if head := headOf(t, st); head.Seq != int64(n-1) {
		t.Errorf("%d commits were acknowledged, the head is %v", n-1, head)
	}
	storetest.Verify(t, st)
	if _, err := st.Put(t.Context(), store.TableMeta, store.Row{Key: "big", Value: make([]byte, 100_000)}); err == nil {
		t.Error("the disk isn't full after all")
	}
	raisePageLimit(t, st)
	for range 3 {
		n++
		if err := st.Append(t.Context(), sealed(t, headOf(t, st), n, 20_000)); err != nil {
			t.Errorf("append with space again: %v", err)
		}
	}
	storetest.Verify(t, st)
}

func raisePageLimit(t *testing.T, st *Store) {
	t.Helper()
	err := st.enqueue(t.Context(), "raise", 0, func(ctx context.Context, q *statements) error {
		_, err := collect(ctx, q, scanOne[int64], `PRAGMA max_page_count = 100000`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestFullDiskContended: with several writers, those whose commits are refused
// are told so, and all others' commits are in.
func TestFullDiskContended(t *testing.T) {
	st, err := open(t.Context(), t.TempDir(), testOptions(), "max_page_count(300)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	var group sync.WaitGroup
	var stored [6]int
	for w := range stored {
		group.Go(func() {
			for n := range 20 {
				key := fmt.Sprintf("%d/%02d", w, n)
				if _, err := st.Put(t.Context(), store.TableMeta, store.Row{Key: key, Value: make([]byte, 20_000)}); err == nil {
					stored[w]++
				}
			}
		})
	}
	group.Wait()
	total := 0
	for w := range stored {
		rows, err := st.Scan(t.Context(), store.TableMeta, fmt.Sprint(w), "", 100)
		if err != nil || len(rows) != stored[w] {
			t.Errorf("writer %d stored %d rows, %d are there: %v", w, stored[w], len(rows), err)
		}
		total += len(rows)
	}
	if total == 0 || total == 6*20 {
		t.Errorf("%d rows fitted on the full disk", total)
	}
}
