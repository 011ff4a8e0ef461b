package mongo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	driver "go.mongodb.org/mongo-driver/mongo"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/store/mongo/mongotest"
	"gridpatrol/store/storetest"
)

func TestCrash(t *testing.T) { storetest.CrashScaled(t, mongotest.Database(t), openImpatient, scale()) }

// openImpatient opens a database that no other process uses any more.
func openImpatient(ctx context.Context, place string) (store.Store, error) {
	opts := testOptions()
	opts.Patience = 10 * time.Millisecond
	return open(ctx, place, opts, tweaks{})
}

const (
	// dieVariable holds where a child process kills itself: the name of a
	// step, or how many statements of the projection it sends before.
	dieVariable   = "GRIDPATROL_MONGO_DIE"
	placeVariable = "GRIDPATROL_MONGO_PLACE"
)

// dieOnTheWay appends one commit and kills its process in the middle of it. It
// returns in processes that no crash test started.
func dieOnTheWay() {
	point := os.Getenv(dieVariable)
	if point == "" {
		return
	}
	die := func(name string) {
		if name == point {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	tw := tweaks{step: die}
	if n, err := strconv.Atoi(point); err == nil {
		point = "projected"
		tw.cut = func(models []driver.WriteModel) []driver.WriteModel { return models[:min(n, len(models))] }
	}
	ctx := context.Background()
	st, err := open(ctx, os.Getenv(placeVariable), testOptions(), tw)
	if err == nil {
		_, err = send(ctx, st, batch())
	}
	fmt.Fprintln(os.Stderr, "still alive:", err)
	os.Exit(1)
}

var phone = inspection.Device{User: "u", ID: "d"}

func document(n int) inspection.DocID {
	return inspection.DocID(fmt.Sprintf("0192f3c1-0000-7000-8000-%012x", n))
}

func edit(id inspection.DocID, from inspection.Device, n int64) store.Entry {
	return store.Entry{
		Collection: inspection.Inspections, ID: id, Kind: store.KindPut, Actor: from.User, Device: from.ID, N: n,
		Status: store.Applied, Content: fmt.Sprint(n), Doc: fmt.Appendf(nil, `{"n":%d,"session":"%s"}`, n, document(1)),
	}
}

// batch is what a phone sends: an edit of what is there, and something new
// twice.
func batch() []store.Entry {
	return []store.Entry{edit(document(1), phone, 2), edit(document(2), phone, 3), edit(document(2), phone, 4)}
}

// send is what a server does with a batch, until all of it has receipts. It
// returns how many entries it had to append.
func send(ctx context.Context, st store.Store, entries []store.Entry) (int, error) {
	q := store.ReadSet{Area: street, Receipts: map[inspection.Device][]int64{}}
	for i := range entries {
		q.IDs = append(q.IDs, entries[i].ID)
		q.Receipts[entries[i].By()] = append(q.Receipts[entries[i].By()], entries[i].N)
	}
	n := 0
	_, err := store.AppendDecided(ctx, st, street, func(ctx context.Context) (store.Decision, error) {
		seen, err := store.ReadSnapshot(ctx, st, q)
		left := storetest.Unreceived(seen, entries)
		if n = len(left); n == 0 && err == nil {
			err = store.ErrUnchanged
		}
		return store.Decision{Head: seen.Head, Entries: left, Before: seen.Records}, err
	})
	return n, err
}

// statements is how many the projection of batch has: two records, three
// receipts, the mark.
const statements = 6

// TestCrashPoints kills a process at every point of an append. Whoever comes
// next, a pull, a phone that sends again or a push of someone else, finds the
// area whole: a commit that was in the log is in the views, none is there
// twice, and what was not in the log leaves no trace.
func TestCrashPoints(t *testing.T) {
	points := []string{"claimed", "appended"}
	for n := range statements + 1 {
		points = append(points, strconv.Itoa(n))
	}
	for _, point := range points {
		t.Run(point, func(t *testing.T) {
			uri := mongotest.Database(t)
			before := openIn(t, uri)
			if n, err := send(t.Context(), before, []store.Entry{edit(document(1), phone, 1)}); n != 1 || err != nil {
				t.Fatalf("the first commit: %d, %v", n, err)
			}
			crashAt(t, uri, point)
			checkRecovery(t, uri, before, point == "claimed")
		})
	}
}

func crashAt(t *testing.T, uri, point string) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), dieVariable+"="+point, placeVariable+"="+uri)
	out, err := child.CombinedOutput()
	if child.ProcessState.ExitCode() != -1 {
		t.Fatalf("the child was not killed: %v\n%s", err, out)
	}
}

// checkRecovery looks at what the crash left from a new process and from one that
// was there before, and sends the batch again.
func checkRecovery(t *testing.T, uri string, before *Store, lost bool) {
	t.Helper()
	impatient := func(o *Options, _ *tweaks) { o.Patience = 10 * time.Millisecond }
	st := openIn(t, uri, impatient)
	want, appended := 4, 0
	if lost {
		want, appended = 1, 3
	}
	page, err := st.Changes(t.Context(), store.ChangesQuery{Area: street, Collections: inspection.FieldCollections, Limit: 10})
	if err != nil || page.Seq != int64(want) {
		t.Errorf("a pull gets to %d, want %d: %v", page.Seq, want, err)
	}
	storetest.Verify(t, st)
	if n, err := send(t.Context(), before, batch()); err != nil || n != appended {
		t.Errorf("sending again appended %d, want %d: %v", n, appended, err)
	}
	if n, err := send(t.Context(), st, []store.Entry{edit(document(2), phone, 5)}); err != nil || n != 1 {
		t.Errorf("the next push appended %d: %v", n, err)
	}
	for _, s := range []*Store{before, st} {
		if head, err := s.Head(t.Context(), street); err != nil || head.Seq != 5 {
			t.Errorf("the log ends at %d, want 5: %v", head.Seq, err)
		}
		storetest.Verify(t, s)
	}
}

// TestOrphanMet: a push that meets a commit which nobody projected projects it
// and goes on, though it began with what it knew.
func TestOrphanMet(t *testing.T) {
	uri := mongotest.Database(t)
	st := openIn(t, uri, func(o *Options, _ *tweaks) { o.Patience = 10 * time.Millisecond })
	if _, err := send(t.Context(), st, []store.Entry{edit(document(1), phone, 1)}); err != nil {
		t.Fatal(err)
	}
	crashAt(t, uri, "appended")
	if n, err := send(t.Context(), st, []store.Entry{edit(document(2), phone, 5)}); err != nil || n != 1 {
		t.Errorf("the push appended %d: %v", n, err)
	}
	if n, err := send(t.Context(), st, batch()); err != nil || n != 0 {
		t.Errorf("what was in the log was appended again, %d entries: %v", n, err)
	}
	storetest.Verify(t, st)
}

// TestClaimLeft: an id that a crash left claimed can be used in its area, and
// in no other.
func TestClaimLeft(t *testing.T) {
	uri := mongotest.Database(t)
	st := openIn(t, uri)
	if _, err := send(t.Context(), st, []store.Entry{edit(document(1), phone, 1)}); err != nil {
		t.Fatal(err)
	}
	crashAt(t, uri, "claimed")
	records, err := st.Records(t.Context(), []inspection.DocID{document(2)})
	if r := records[document(2)]; err != nil || r.Rev != 0 || r.Area != street {
		t.Errorf("the claim is %+v, %v", r, err)
	}
	e := edit(document(2), phone, 9)
	e.Seq, e.Rev, e.At = 1, 1, time.Unix(1, 0)
	c, err := store.Seal("610102004", store.Head{}, []store.Entry{e})
	if err != nil {
		t.Fatal(err)
	}
	for _, before := range []map[inspection.DocID]store.Record{nil, records, {}} {
		c.Before = before
		if err := st.Append(t.Context(), c); !errors.Is(err, store.ErrStale) {
			t.Errorf("another street's append of a claimed id returned %v", err)
		}
	}
	if n, err := send(t.Context(), st, batch()); err != nil || n != 3 {
		t.Errorf("the street's own push appended %d: %v", n, err)
	}
	storetest.Verify(t, st)
}
