// Package storetest is the contract of store.Store as one suite that every
// engine must pass.
//
// An engine's test binary calls Run, Crash and Benchmark, and Child first
// thing in TestMain.
package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Factory makes a new, empty database for one test and returns what opens it.
// Opening it again while an earlier store is open acts as a second process;
// after Close, as a restart. The suite closes every store that it opens, once.
type Factory func(t *testing.T) (open func() store.Store)

// Opened is a store that a test just opened: one that couldn't be fails it, and
// others are closed with it.
func Opened[S store.Store](t testing.TB, st S, err error) S {
	t.Helper()
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return st
}

// T is what the checks need of *testing.T, *testing.B or *rapid.T.
type T interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Run tests that the factory's stores keep the contract.
func Run(t *testing.T, factory Factory) { RunScaled(t, factory, 1) }

// RunScaled is Run with the amounts that tests write divided by scale, for a
// server on which they would take too long. Random histories are as many as
// -rapid.checks says.
func RunScaled(t *testing.T, factory Factory, scale int) {
	for _, s := range contract {
		t.Run(s.name, func(t *testing.T) { s.run(newLab(t, factory, scale)) })
	}
}

// RunOnly is Run for some of the tests.
func RunOnly(t *testing.T, names []string, factory Factory) {
	for _, s := range contract {
		if slices.Contains(names, s.name) {
			t.Run(s.name, func(t *testing.T) { s.run(newLab(t, factory, 1)) })
		}
	}
}

// contractTest is one promise; each file lists those that it holds.
type contractTest struct {
	name string
	run  func(*lab)
}

var contract = slices.Concat(
	logTests, contentionTests, viewsTests, snapshotTests, historiesTests,
	documentsTests, tablesTests, lifeTests, auditTests,
)

// lab is one test's database and the things to fill it with.
type lab struct {
	*testing.T
	fresh  func() store.Store
	closed map[store.Store]bool
	ids    int
	scale  int
}

func newLab(t *testing.T, factory Factory, scale int) *lab {
	return &lab{T: t, fresh: factory(t), closed: map[store.Store]bool{}, scale: scale}
}

// scaled is how many of n a test writes.
func (l *lab) scaled(n int) int { return max(n/l.scale, 1) }

// open opens the database, which is closed with the test at the latest.
func (l *lab) open() store.Store {
	l.Helper()
	st := l.fresh()
	l.Cleanup(func() {
		if !l.closed[st] {
			l.close(st)
		}
	})
	return st
}

func (l *lab) close(st store.Store) {
	l.Helper()
	l.closed[st] = true
	if err := st.Close(); err != nil {
		l.Errorf("Close: %v", err)
	}
}

// id returns a document id that this lab hasn't used yet.
func (l *lab) id() inspection.DocID {
	l.ids++
	return docID(l.ids)
}

func docID(n int) inspection.DocID {
	return inspection.DocID(fmt.Sprintf("0192f3c1-0000-7000-8000-%012x", n))
}

const street inspection.Area = "610102003"

var phone = inspection.Device{User: "u-inspector", ID: "0192f3b0-0000-7000-8000-000000000001"}

// put is a phone's edit of a document. Its Seq, Rev and At are set by push.
func put(id inspection.DocID, from inspection.Device, n int64) store.Entry {
	return store.Entry{
		Collection: inspection.Inspections, ID: id, Kind: store.KindPut,
		Actor: from.User, Device: from.ID, N: n, Status: store.Applied,
		Content: fmt.Sprintf("digest-%d", n),
		Doc:     fmt.Appendf(nil, `{"id":"%s","n":%d}`, id, n),
	}
}

// morning is when the log of every test begins. Times are whole milliseconds,
// the least that an engine must keep.
var morning = time.Date(2026, 10, 12, 1, 31, 7, 0, time.UTC)

func receivedAt(seq int64) time.Time { return morning.Add(time.Duration(seq) * time.Millisecond) }

// must fails the test on an error.
func (l *lab) must(what string, err error) {
	l.Helper()
	if err != nil {
		l.Fatalf("%s: %v", what, err)
	}
}

// push appends the entries as sync would, and fails the test if it can't.
func (l *lab) push(st store.Store, area inspection.Area, entries ...store.Entry) *store.Commit {
	l.Helper()
	c, err := push(l.Context(), st, area, entries)
	l.must("push", err)
	return c
}

// seal makes a commit and fails the test if it can't.
func seal(t T, area inspection.Area, head store.Head, entries ...store.Entry) *store.Commit {
	t.Helper()
	numbered := make([]store.Entry, len(entries))
	for i, e := range entries {
		e.Seq = head.Seq + 1 + int64(i)
		if e.At.IsZero() {
			e.At = receivedAt(e.Seq)
		}
		if e.Rev == 0 {
			e.Rev = 1
		}
		numbered[i] = e
	}
	c, err := store.Seal(area, head, numbered)
	if err != nil {
		t.Fatalf("Seal: %v", err)
	}
	return c
}

func (l *lab) head(st store.Store, area inspection.Area) store.Head {
	l.Helper()
	head, err := st.Head(l.Context(), area)
	l.must("Head", err)
	return head
}

func (l *lab) record(st store.Store, id inspection.DocID) store.Record {
	l.Helper()
	records, err := st.Records(l.Context(), []inspection.DocID{id})
	l.must("Records", err)
	return records[id]
}

// background is for checks that may run while a test is being cleaned up.
func background() context.Context { return context.Background() }
