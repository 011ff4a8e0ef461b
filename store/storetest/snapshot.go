package storetest

import (
	"errors"
	"fmt"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

var snapshotTests = []contractTest{
	{"Snapshot", testSnapshot},
	{"SnapshotElsewhere", testSnapshotElsewhere},
}

// readAndAppend is what sync does: one snapshot of all that deciding needs, and
// an append that brings along what was read.
func (l *lab) readAndAppend(st store.Store, area inspection.Area, entries ...store.Entry) error {
	l.Helper()
	q := store.ReadSet{Area: area, Receipts: map[inspection.Device][]int64{}}
	for i := range entries {
		q.IDs = append(q.IDs, entries[i].ID)
		q.Receipts[entries[i].By()] = append(q.Receipts[entries[i].By()], entries[i].N)
	}
	seen, err := store.ReadSnapshot(l.Context(), st, q)
	l.must("ReadSnapshot", err)
	left := Unreceived(seen, entries)
	if len(left) == 0 {
		return nil
	}
	c := seal(l, area, seen.Head, left...)
	c.Before = seen.Records
	return st.Append(l.Context(), c)
}

// Unreceived returns those of the entries that have no receipt in the snapshot,
// with their places after its head.
func Unreceived(seen store.Snapshot, entries []store.Entry) []store.Entry {
	var left []store.Entry
	revs := map[inspection.DocID]int64{}
	for _, e := range entries {
		if _, received := seen.Receipts[e.By()][e.N]; received {
			continue
		}
		if _, known := revs[e.ID]; !known {
			revs[e.ID] = seen.Records[e.ID].Rev
		}
		revs[e.ID]++
		e.Seq, e.Rev = seen.Head.Seq+1+int64(len(left)), revs[e.ID]
		e.At = receivedAt(e.Seq)
		left = append(left, e)
	}
	return left
}

// testSnapshot: two processes that read and append by turns build on each other's
// commits; whoever has an old view is told so, and nothing is taken twice.
func testSnapshot(l *lab) {
	stores := []store.Store{l.open(), l.open()}
	shared := l.id()
	for n := range int64(10) {
		e := []store.Entry{put(shared, phone, 2*n+1), put(l.id(), phone, 2*n+2)}
		for tries := 0; ; tries++ {
			err := l.readAndAppend(stores[n%2], street, e...)
			if err == nil {
				break
			}
			if !errors.Is(err, store.ErrStale) || tries == maxAttempts {
				l.Fatalf("commit %d: %v", n, err)
			}
		}
		l.must("a replay", l.readAndAppend(stores[n%2], street, e...))
	}
	if r := l.record(stores[0], shared); r.Rev != 10 {
		l.Errorf("the shared record is %+v", r)
	}
	l.checkSnapshot(stores[0], shared)
	Verify(l, stores[1])
}

// checkSnapshot compares a snapshot with what the single reads say.
func (l *lab) checkSnapshot(st store.Store, shared inspection.DocID) {
	l.Helper()
	head, unknown := l.head(st, street), l.id()
	stranger := inspection.Device{User: "stranger", ID: phone.ID}
	seen, err := store.ReadSnapshot(l.Context(), st, store.ReadSet{
		Area: street, IDs: []inspection.DocID{shared, unknown, shared},
		Receipts: map[inspection.Device][]int64{phone: {1, 4, 99, 4}, stranger: {1}},
	})
	l.must("ReadSnapshot", err)
	receipts, err := st.Receipts(l.Context(), phone, []int64{1, 4})
	l.must("Receipts", err)
	if fmt.Sprint(seen.Receipts[phone]) != fmt.Sprint(receipts) || len(receipts) != 2 || len(seen.Receipts[stranger]) != 0 {
		l.Errorf("a snapshot shows the receipts %v, there are %v", seen.Receipts, receipts)
	}
	if err := sameRecord(seen.Records[shared], l.record(st, shared)); err != nil || len(seen.Records) != 1 {
		l.Errorf("a snapshot shows %d records: %v", len(seen.Records), err)
	}
	if seen.Head.Seq != head.Seq || seen.Head.Hash != head.Hash {
		l.Errorf("a snapshot shows the head %v, it is %v", seen.Head, head)
	}
	empty, err := store.ReadSnapshot(l.Context(), st, store.ReadSet{Area: "610102009"})
	if err != nil || empty.Head != (store.Head{}) || len(empty.Records)+len(empty.Receipts) != 0 {
		l.Errorf("a snapshot of nothing shows %+v, %v", empty, err)
	}
}

// testSnapshotElsewhere: what a snapshot brings along is not believed of an id that is
// another area's by then.
func testSnapshotElsewhere(l *lab) {
	st := l.open()
	id := l.id()
	head := l.head(st, street)
	l.push(st, "610102004", put(id, phone, 1))
	c := seal(l, street, head, put(id, phone, 2))
	c.Before = map[inspection.DocID]store.Record{}
	if err := st.Append(l.Context(), c); !errors.Is(err, store.ErrStale) {
		l.Errorf("Append of another area's document returned %v", err)
	}
	if head := l.head(st, street); head.Seq != 0 {
		l.Errorf("the refused commit moved the head to %v", head)
	}
	Verify(l, st)
}
