package storetest

import (
	"context"
	"errors"
	"sync"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

var lifeTests = []contractTest{
	{"Restart", testRestart},
	{"SecondProcess", testSecondProcess},
	{"Cancelled", testCancelled},
	{"ReadOnly", testReadOnly},
	{"Close", testClose},
}

func (l *lab) databaseID(st store.Store) string {
	l.Helper()
	id, err := st.ID(l.Context())
	l.must("ID", err)
	return id
}

// testRestart: the identity and everything else is there after a restart.
func testRestart(l *lab) {
	st := l.open()
	id := l.databaseID(st)
	if _, err := inspection.ParseDocID(id); err != nil {
		l.Errorf("the database's id %q is no UUID", id)
	}
	for range 3 {
		l.must("Ping", st.Ping(l.Context()))
		l.push(st, street, put(l.id(), phone, int64(l.ids)))
		_, err := st.Put(l.Context(), store.TableMeta, store.Row{Key: string(l.id())})
		l.must("Put", err)
		before := l.head(st, street)
		l.close(st)
		st = l.open()
		if again := l.databaseID(st); again != id {
			l.Errorf("the id was %s and is %s", id, again)
		}
		if head := l.head(st, street); head.Hash != before.Hash || head.Seq != before.Seq {
			l.Errorf("the head was %v and is %v", before, head)
		}
		Verify(l, st)
	}
	rows, err := st.Scan(l.Context(), store.TableMeta, "", "", 10)
	if err != nil || len(rows) != 3 {
		l.Errorf("rows after restarts: %v, %v", rows, err)
	}
}

// testSecondProcess: what one process wrote, another reads and builds on.
func testSecondProcess(l *lab) {
	one, two := l.open(), l.open()
	if a, b := l.databaseID(one), l.databaseID(two); a != b {
		l.Errorf("two ids of one database: %s and %s", a, b)
	}
	id := l.id()
	for n := range int64(6) {
		l.push(one, street, put(id, phone, 2*n+1))
		l.push(two, street, put(id, phone, 2*n+2))
	}
	if r := l.record(one, id); r.Rev != 12 {
		l.Errorf("the record is %+v", r)
	}
	l.close(two)
	l.push(one, street, put(l.id(), phone, 13))
	Verify(l, one)
}

// testCancelled: a call whose context has ended does nothing and says so.
func testCancelled(l *lab) {
	st := l.open()
	c := l.push(st, street, put(l.id(), phone, 1))
	ctx, cancel := context.WithCancel(l.Context())
	cancel()
	_, recordsErr := st.Records(ctx, []inspection.DocID{l.id()})
	_, changesErr := st.Changes(ctx, store.ChangesQuery{Area: street, Collections: everything, Limit: 1})
	_, putErr := st.Put(ctx, store.TableMeta, store.Row{Key: "k"})
	appendErr := st.Append(ctx, seal(l, street, c.Head(), put(l.id(), phone, 2)))
	for _, err := range []error{recordsErr, changesErr, putErr, appendErr} {
		if !errors.Is(err, context.Canceled) {
			l.Errorf("a cancelled call returned %v", err)
		}
	}
	if head := l.head(st, street); head.Seq != 1 {
		l.Errorf("a cancelled append moved the head to %d", head.Seq)
	}
	l.push(st, street, put(l.id(), phone, 2))
	Verify(l, st)
}

// testReadOnly: a database that was migrated elsewhere takes no writes, in any
// process and after a restart, and can still be read.
func testReadOnly(l *lab) {
	st := l.open()
	c := l.push(st, street, put(l.id(), phone, 1))
	other := l.open()
	l.must("SetReadOnly", st.SetReadOnly(l.Context(), true))
	next := seal(l, street, c.Head(), put(l.id(), phone, 2))
	l.must("SetReadOnly again", st.SetReadOnly(l.Context(), true))
	for name, st := range map[string]store.Store{"same": st, "other": other, "restarted": l.open()} {
		_, putErr := st.Put(l.Context(), store.TableMeta, store.Row{Key: "k"})
		for _, err := range []error{
			st.Append(l.Context(), next), putErr, st.Delete(l.Context(), store.TableMeta, "k"), st.Ping(l.Context()),
			st.SetID(l.Context(), string(docID(9))),
		} {
			if !errors.Is(err, store.ErrReadOnly) {
				l.Errorf("%s: a write to a read-only database returned %v", name, err)
			}
		}
		Verify(l, st)
	}
	l.must("SetReadOnly", st.SetReadOnly(l.Context(), false))
	l.must("Append", other.Append(l.Context(), next))
	Verify(l, st)
}

// testClose: Close waits for writes under way: each was either answered and
// is there, or refused. No call after it panics or succeeds.
func testClose(l *lab) {
	st := l.open()
	areas := []inspection.Area{"610102001", "610102002", "610102003", "610102004"}
	errs := make([]error, len(areas))
	var begun, group sync.WaitGroup
	begun.Add(len(areas))
	for i, area := range areas {
		group.Go(func() {
			_, errs[i] = push(l.Context(), st, area, []store.Entry{put(docID(1000*i), writerPhone(i), 1)})
			begun.Done()
			for n := int64(2); errs[i] == nil; n++ {
				_, errs[i] = push(l.Context(), st, area, []store.Entry{put(docID(1000*i+int(n)), writerPhone(i), n)})
			}
		})
	}
	begun.Wait()
	l.close(st)
	group.Wait()
	for i, err := range errs {
		if err == nil || errors.Is(err, store.ErrStale) {
			l.Errorf("writer %d ended with %v", i, err)
		}
	}
	for name, call := range everyCall(l.Context(), st) {
		if call() == nil {
			l.Errorf("%s succeeds after Close", name)
		}
	}
	Verify(l, l.open())
}

func everyCall(ctx context.Context, st store.Store) map[string]func() error {
	return map[string]func() error{
		"StoredAreas":    func() error { _, err := st.StoredAreas(ctx); return err },
		"StoredCommits":  func() error { _, err := st.StoredCommits(ctx, street, 0, 1); return err },
		"StoredRecords":  func() error { _, err := st.StoredRecords(ctx, "", 1); return err },
		"StoredReceipts": func() error { _, err := st.StoredReceipts(ctx, store.ReceiptKey{}, 1); return err },
		"SelfCheck":      func() error { _, err := st.SelfCheck(ctx); return err },
		"SetID":          func() error { return st.SetID(ctx, string(docID(1))) },
		"SetReadOnly":    func() error { return st.SetReadOnly(ctx, false) },

		"ID":       func() error { _, err := st.ID(ctx); return err },
		"Ping":     func() error { return st.Ping(ctx) },
		"Head":     func() error { _, err := st.Head(ctx, street); return err },
		"Heads":    func() error { _, err := st.Heads(ctx); return err },
		"Commits":  func() error { _, err := st.Commits(ctx, street, 0, 1); return err },
		"Entries":  func() error { _, err := st.Entries(ctx, street, []int64{1}); return err },
		"Records":  func() error { _, err := st.Records(ctx, []inspection.DocID{docID(1)}); return err },
		"Receipts": func() error { _, err := st.Receipts(ctx, phone, []int64{1}); return err },
		"LastN":    func() error { _, err := st.LastN(ctx, phone); return err },
		"Delete":   func() error { return st.Delete(ctx, store.TableMeta, "k") },
		"Get":      func() error { _, err := st.Get(ctx, store.TableMeta, "k"); return err },
		"Put":      func() error { _, err := st.Put(ctx, store.TableMeta, store.Row{Key: "k"}); return err },
		"Scan":     func() error { _, err := st.Scan(ctx, store.TableMeta, "", "", 1); return err },
		"SeqBefore": func() error {
			_, err := st.SeqBefore(ctx, street, morning)
			return err
		},
		"Changes": func() error {
			_, err := st.Changes(ctx, store.ChangesQuery{Area: street, Collections: everything, Limit: 1})
			return err
		},
	}
}
