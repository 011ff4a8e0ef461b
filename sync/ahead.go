package sync

import (
	"context"
	"fmt"
	gosync "sync"
	"time"

	"gridpatrol/store"
)

// ahead reads the page that a phone will ask for next while it still takes in
// the one before. Such a page may be some seconds old when it is asked for.
// That loses nothing: what changed since has a higher seq, and comes by it.
// Rights are asked anew with every pull, before any page is.
type ahead struct {
	store Store
	now   func() time.Time

	mu      gosync.Mutex
	pages   map[string]*readAhead
	reading gosync.WaitGroup
	ctx     context.Context //nolint:containedctx // that of the readings, which outlive requests
	cancel  context.CancelFunc
}

// readAhead is one page, which is there once done is closed.
type readAhead struct {
	began time.Time
	done  chan struct{}
	page  store.Changes
	err   error
}

// Bounds of what is read ahead: pages, how long they are kept, and how large a
// page may be whose like is read.
const (
	maxAhead      = 4
	aheadFor      = 5 * time.Second
	maxAheadBytes = 4 << 20
)

func newAhead(st Store, now func() time.Time) *ahead {
	a := &ahead{store: st, now: now, pages: map[string]*readAhead{}}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	return a
}

func (a *ahead) close() {
	a.cancel()
	a.reading.Wait()
}

func aheadKey(q store.ChangesQuery) string { return fmt.Sprint(q) }

// begin starts to read a page, unless enough others are read.
func (a *ahead) begin(q store.ChangesQuery) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for key, r := range a.pages {
		if a.now().Sub(r.began).Abs() > aheadFor {
			delete(a.pages, key)
		}
	}
	key := aheadKey(q)
	if a.pages[key] != nil || len(a.pages) >= maxAhead || a.ctx.Err() != nil {
		return
	}
	r := &readAhead{began: a.now(), done: make(chan struct{})}
	a.pages[key] = r
	a.reading.Go(func() {
		defer close(r.done)
		r.page, r.err = a.store.Changes(a.ctx, q)
	})
}

// take returns the reading of a page, which nobody else gets, if there is one.
func (a *ahead) take(q store.ChangesQuery) *readAhead {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := aheadKey(q)
	r := a.pages[key]
	delete(a.pages, key)
	if r != nil && a.now().Sub(r.began).Abs() > aheadFor {
		return nil
	}
	return r
}

// changes is the store's Changes, from what was read ahead if it was.
func (a *ahead) changes(ctx context.Context, q store.ChangesQuery) (store.Changes, error) {
	if r := a.take(q); r != nil {
		select {
		case <-r.done:
		case <-ctx.Done():
			return store.Changes{}, ctx.Err()
		}
		if r.err == nil {
			return r.page, nil
		}
	}
	return a.store.Changes(ctx, q)
}
