package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/event"
	driver "go.mongodb.org/mongo-driver/mongo"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/store/mongo/mongotest"
	"gridpatrol/store/storetest"
)

// exercise asks every query of the store once.
func exercise(t *testing.T, st *Store) {
	t.Helper()
	ctx := t.Context()
	if _, err := send(ctx, st, batch()); err != nil {
		t.Fatal(err)
	}
	ids := []inspection.DocID{document(1), document(2)}
	everything := store.ListQuery{Areas: []inspection.Area{street}, Collection: inspection.Inspections, Limit: 10, Count: 10}
	lists := []store.ListQuery{everything, everything, everything, everything, everything, everything, everything}
	lists[1].Template, lists[2].Verdict, lists[3].State, lists[4].Evidence = "t", "fail", "received", "complete"
	lists[5].Term, lists[6].Term, lists[6].Prefix = store.TermSession+string(document(1)), store.TermText+"A", true
	calls := []func() error{
		func() error { _, err := st.Head(ctx, street); return err },
		func() error { _, err := st.Heads(ctx); return err },
		func() error { _, err := st.Commits(ctx, street, 0, 10); return err },
		func() error { _, err := st.Entries(ctx, street, []int64{1, 3}); return err },
		func() error { _, err := st.SeqBefore(ctx, street, time.Unix(1, 0)); return err },
		func() error { _, err := st.Records(ctx, ids); return err },
		func() error { _, err := st.Receipts(ctx, phone, []int64{2, 3}); return err },
		func() error { _, err := st.LastN(ctx, phone); return err },
		func() error { _, err := st.ByTerm(ctx, store.TermSession+string(document(1)), "", 10); return err },
		func() error { _, err := st.StoredCommits(ctx, street, 0, 1000); return err },
		func() error { _, err := st.StoredRecords(ctx, "", 1000); return err },
		func() error { _, err := st.StoredReceipts(ctx, store.ReceiptKey{}, 10); return err },
		func() error { _, err := st.Scan(ctx, store.TableMeta, "a", "", 10); return err },
	}
	for _, kept := range []int64{0, 2} {
		calls = append(calls, func() error {
			_, err := st.Changes(ctx, store.ChangesQuery{Area: street, Collections: inspection.FieldCollections, PinnedUpto: kept, Limit: 10})
			return err
		})
	}
	for _, q := range lists {
		calls = append(calls, func() error { _, err := st.List(ctx, q); return err })
	}
	for i, call := range calls {
		if err := call(); err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
	}
}

// TestPlans: no query looks at a whole collection, and none that has an order
// sorts more than a page.
func TestPlans(t *testing.T) {
	mongotest.NeedsReal(t, "it uses no index but that of _id")
	var finds []bson.Raw
	monitor := &event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
		if e.CommandName == "find" || e.CommandName == "aggregate" || e.CommandName == "distinct" {
			finds = append(finds, slices.Clone(e.Command))
		}
	}}
	st := openIn(t, mongotest.Database(t), func(_ *Options, tw *tweaks) { tw.monitor = monitor })
	exercise(t, st)
	commands := finds
	for _, c := range commands {
		var plan bson.M
		if err := st.log.Database().RunCommand(t.Context(), bson.D{{Key: "explain", Value: withoutSession(c)}, {Key: "verbosity", Value: "queryPlanner"}}).Decode(&plan); err != nil {
			t.Fatalf("%v: %v", c, err)
		}
		text := fmt.Sprint(plan["queryPlanner"], plan["stages"])
		if strings.Contains(text, "COLLSCAN") {
			t.Errorf("%v\nlooks at everything: %s", c, text)
		}
	}
	if len(commands) < 20 {
		t.Errorf("only %d queries were looked at", len(commands))
	}
}

// withoutSession leaves out what belongs to a command's own execution.
func withoutSession(command bson.Raw) bson.D {
	var d bson.D
	if err := bson.Unmarshal(command, &d); err != nil {
		panic(err)
	}
	return slices.DeleteFunc(d, func(e bson.E) bool {
		return strings.HasPrefix(e.Key, "$") || e.Key == "lsid" || e.Key == "readConcern" || e.Key == "txnNumber"
	})
}

// TestIndexes: all are there by their names after the first start, and a
// check tells of one that was dropped.
func TestIndexes(t *testing.T) {
	st := openIn(t, mongotest.Database(t))
	if st.quirks.idle {
		if err := st.makeIndexes(t.Context()); err != nil {
			t.Fatal(err)
		}
		st.quirks.idle = false
	}
	exercise(t, st)
	if faults, err := st.SelfCheck(t.Context()); err != nil || len(faults) > 0 {
		t.Fatalf("a new database has the faults %q, %v", faults, err)
	}
	if _, err := st.views.Indexes().DropOne(t.Context(), "records_by_term"); err != nil {
		t.Fatal(err)
	}
	want := []string{"The index records_by_term of the collection views is missing."}
	if faults, err := st.SelfCheck(t.Context()); err != nil || !slices.Equal(faults, want) {
		t.Errorf("the check finds %q, %v", faults, err)
	}
}

// TestReadable: what BSON can hold has a copy for people, what it can't says
// why, and all are served as they were sent.
func TestReadable(t *testing.T) {
	st := openIn(t, mongotest.Database(t))
	deep := strings.Repeat(`{"a":`, maxReadableDepth) + `{}` + strings.Repeat(`}`, maxReadableDepth)
	unread := map[string]string{
		`{"plate":"陕A12345","k":[0.61,1],"n":{"a":null,"b":true},"i":9007199254740993,"big":1e400}`: "",
		`{"a.b":1}`: unreadName, `{"n":{"$set":1}}`: unreadName, `{"l":[{"x\u0000":1}]}`: unreadName,
		deep: unreadDepth, `[1]`: unreadJSON,
	}
	if !mongotest.Real() { // a real server holds it
		unread[`{"a":[[1]]}`] = unreadOther
	}
	n := 0
	for doc, why := range unread {
		n++
		e := edit(document(n), phone, int64(n))
		e.Doc = []byte(doc)
		if _, err := send(t.Context(), st, []store.Entry{e}); err != nil {
			t.Fatalf("%s: %v", doc, err)
		}
		var got storedRecord
		if err := st.views.FindOne(t.Context(), bson.D{{Key: "_id", Value: recordKey(e.ID)}}).Decode(&got); err != nil {
			t.Fatal(err)
		}
		if got.Latest.Unread != why || (len(got.Latest.Doc) > 0) != (why == "") || string(got.Latest.JSON) != doc {
			t.Errorf("%.60s is unreadable because %q, want %q; the copy is %v", doc, got.Latest.Unread, why, got.Latest.Doc)
		}
	}
	found, err := st.views.CountDocuments(t.Context(), bson.D{{Key: "latest.doc.plate", Value: "陕A12345"}, {Key: "latest.doc.n.b", Value: true}})
	if err != nil || found != 1 {
		t.Errorf("the readable document is found %d times: %v", found, err)
	}
	storetest.Verify(t, st)
}

// TestOlderNeverWins: a projection that comes late changes nothing.
func TestOlderNeverWins(t *testing.T) {
	st := openIn(t, mongotest.Database(t))
	if _, err := send(t.Context(), st, []store.Entry{edit(document(1), phone, 1), edit(document(2), phone, 1)}); err != nil {
		t.Fatal(err)
	}
	old, err := st.Commits(t.Context(), street, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := send(t.Context(), st, []store.Entry{edit(document(1), phone, 2)}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := st.project(t.Context(), old[0], map[inspection.DocID]store.Record{}); err != nil {
			t.Fatal(err)
		}
	}
	storetest.Verify(t, st)
	if head, err := st.readMark(t.Context(), street); err != nil || head.Seq != 3 {
		t.Errorf("the mark is at %d, %v", head.Seq, err)
	}
}

// TestMisuse: what no caller should ask for is refused, and is not blamed on
// the server.
func TestMisuse(t *testing.T) {
	st := openIn(t, mongotest.Database(t))
	err := st.Append(t.Context(), &store.Commit{Area: street, First: 1, Last: 2})
	var told *inspection.Error
	if err == nil || errors.As(err, &told) {
		t.Errorf("a commit without entries: %v", err)
	}
}

// TestTurns: a turn that its holder doesn't end is taken from it.
func TestTurns(t *testing.T) {
	st := openIn(t, mongotest.Database(t))
	turns := st.plain.Database().Collection("turns")
	if err := takeTurn(t.Context(), turns, "k", "one", time.Hour); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := takeTurn(short, turns, "k", "two", time.Hour); !errors.Is(err, context.DeadlineExceeded) && !driver.IsTimeout(err) {
		t.Errorf("a turn that is taken was given: %v", err)
	}
	if _, err := turns.DeleteOne(t.Context(), heldBy("k", "one")); err != nil {
		t.Fatal(err)
	}
	if err := takeTurn(t.Context(), turns, "k", "two", time.Hour); err != nil {
		t.Errorf("a turn that was ended: %v", err)
	}
	if err := takeTurn(t.Context(), turns, "k", "three", 20*time.Millisecond); err != nil {
		t.Errorf("a turn whose holder died: %v", err)
	}
}

func TestTimes(t *testing.T) {
	for _, at := range []time.Time{
		{}, time.Date(1500, 1, 2, 3, 4, 5, 678901234, time.UTC), time.Date(1969, 12, 31, 23, 59, 59, 999999999, time.UTC),
		time.Date(2026, 10, 12, 1, 2, 3, 456789012, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC),
	} {
		date, nanos := split(at)
		if got := join(date, nanos); !got.Equal(at) || got.IsZero() != at.IsZero() || nanos < 0 || nanos >= int64(time.Millisecond) {
			t.Errorf("%v comes back as %v, with %d ns", at, got, nanos)
		}
	}
}
