package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

var contentionTests = []contractTest{
	{"OneAreaContended", testOneAreaContended},
	{"SeveralAreasContended", testSeveralAreasContended},
	{"DecidedContended", testDecidedContended},
	{"PullerRacesWriters", testPullerRacesWriters},
}

const (
	writers          = 8
	commitsPerWriter = 20
)

func writerPhone(w int) inspection.Device {
	return inspection.Device{User: inspection.UserID(fmt.Sprintf("u-%d", w)), ID: phone.ID}
}

// writeAll is one writer's work: each commit makes a document, edits the one
// before and edits one that all writers of the area share.
func writeAll(ctx context.Context, st store.Store, area inspection.Area, w, commits int) error {
	shared, device := docID(int(area[len(area)-1])), writerPhone(w)
	for i := range commits {
		n := int64(3*i + 1)
		own := docID(1000*(w+1) + i)
		before := docID(1000*(w+1) + max(i-1, 0))
		entries := []store.Entry{put(own, device, n), put(before, device, n+1), put(shared, device, n+2)}
		if _, err := push(ctx, st, area, entries); err != nil {
			return fmt.Errorf("writer %d: %w", w, err)
		}
	}
	return nil
}

// contend runs all writers, spread over two stores of one database.
func (l *lab) contend(areas ...inspection.Area) store.Store {
	stores := []store.Store{l.open(), l.open()}
	errs := make([]error, writers)
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			errs[w] = writeAll(l.Context(), stores[w%2], areas[w%len(areas)], w, l.scaled(commitsPerWriter))
		})
	}
	group.Wait()
	l.must("writers", errors.Join(errs...))
	return stores[0]
}

func testOneAreaContended(l *lab) {
	st := l.contend(street)
	l.checkContended(st, street)
}

func testSeveralAreasContended(l *lab) {
	areas := []inspection.Area{"610102001", "610102002", "610102003"}
	st := l.contend(areas...)
	l.checkContended(st, areas...)
}

// testDecidedContended: eight writers revise one document, through two stores,
// by the one optimistic write. Each decision is there once, on the one before.
func testDecidedContended(l *lab) {
	stores := []store.Store{l.open(), l.open()}
	shared, revisions := l.id(), l.scaled(commitsPerWriter)
	errs := make([]error, writers)
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for n := range int64(revisions) {
				errs[w] = errors.Join(errs[w], revise(l.Context(), stores[w%2], put(shared, writerPhone(w), n+1)))
			}
		})
	}
	group.Wait()
	l.must("writers", errors.Join(errs...))
	if r := l.record(stores[0], shared); r.Rev != int64(writers*revisions) || len(r.Marks) != writers {
		l.Errorf("after %d edits the document is at revision %d, with marks of %d phones", writers*revisions, r.Rev, len(r.Marks))
	}
	Verify(l, stores[1])
}

// revise appends the entry as its document's next revision, unless it was
// received.
func revise(ctx context.Context, st store.Store, e store.Entry) error {
	_, err := store.AppendDecided(ctx, st, street, func(ctx context.Context) (store.Decision, error) {
		snap, err := store.ReadSnapshot(ctx, st, store.ReadSet{
			Area: street, IDs: []inspection.DocID{e.ID}, Receipts: map[inspection.Device][]int64{e.By(): {e.N}},
		})
		d := store.Decision{Head: snap.Head, Before: snap.Records, Entries: Unreceived(snap, []store.Entry{e})}
		if err == nil && len(d.Entries) == 0 {
			err = store.ErrUnchanged
		}
		return d, err
	})
	return err
}

// checkContended: no mutation was lost, none is there twice, and each writer's
// are in the order in which it was answered.
func (l *lab) checkContended(st store.Store, areas ...inspection.Area) {
	Verify(l, st)
	last := map[inspection.Device]int64{}
	total := 0
	for _, area := range areas {
		commits, err := st.Commits(l.Context(), area, 0, writers*l.scaled(commitsPerWriter)+1)
		l.must("Commits", err)
		for _, c := range commits {
			for i := range c.Entries {
				e := &c.Entries[i]
				if e.N != last[e.By()]+1 {
					l.Errorf("mutation %d of %s follows %d", e.N, e.Actor, last[e.By()])
				}
				last[e.By()] = e.N
				total++
			}
		}
	}
	if want := writers * l.scaled(commitsPerWriter) * 3; total != want {
		l.Errorf("%d entries in the logs, %d were acknowledged", total, want)
	}
}

// testPullerRacesWriters: a puller pages while writers write, and ends with
// the latest state of every document.
func testPullerRacesWriters(l *lab) {
	st := l.open()
	var running atomic.Int32
	running.Store(writers)
	errs := make([]error, writers)
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			defer running.Add(-1)
			errs[w] = writeAll(l.Context(), st, street, w, l.scaled(commitsPerWriter))
		})
	}
	seen, err := pullUntil(l.Context(), l.open(), street, func() bool { return running.Load() == 0 })
	group.Wait()
	l.must("puller", err)
	l.must("writers", errors.Join(errs...))
	Verify(l, st)
	want, err := pullUntil(l.Context(), st, street, func() bool { return true })
	l.must("puller", err)
	if len(seen) != len(want) || len(want) != writers*l.scaled(commitsPerWriter)+1 {
		l.Errorf("the puller saw %d documents, there are %d", len(seen), len(want))
	}
	for id, r := range want {
		if err := sameRecord(seen[id], r); err != nil {
			l.Errorf("the puller ended with: %v", err)
		}
	}
}

// pullUntil pulls pages of random sizes until done was true before a page that
// ended up to date.
func pullUntil(ctx context.Context, st store.Store, area inspection.Area, done func() bool) (map[inspection.DocID]store.Record, error) {
	sizes := rand.New(rand.NewPCG(1, 2))
	seen := map[inspection.DocID]store.Record{}
	q := store.ChangesQuery{Area: area, Collections: inspection.FieldCollections}
	for {
		last := done()
		q.Limit = 1 + sizes.IntN(9)
		page, err := st.Changes(ctx, q)
		if err != nil {
			return nil, err
		}
		after := q.After
		for _, r := range page.Records {
			if r.Seq <= after || r.Seq > page.Seq {
				return nil, fmt.Errorf("seq %d comes after %d in a page up to %d", r.Seq, after, page.Seq)
			}
			after, seen[r.ID] = r.Seq, r
		}
		if page.More && page.Seq <= q.After {
			return nil, fmt.Errorf("there is more, but the page doesn't advance beyond %d", q.After)
		}
		q.After = page.Seq
		if last && !page.More {
			return seen, nil
		}
	}
}
