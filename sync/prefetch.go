package sync

import (
	"context"
	"fmt"
	gosync "sync"
	"time"

	"gridpatrol/store"
)

// prefetcher reads the page that a phone will ask for next while it still takes
// in the one before. Such a page may be some seconds old when it is asked for.
// That loses nothing: what changed since has a higher seq, and comes by it.
// Rights are asked anew with every pull, before any page is.
type prefetcher struct {
	store Store
	now   func() time.Time

	mu      gosync.Mutex
	pages   map[string]*prefetch
	reading gosync.WaitGroup
	ctx     context.Context //nolint:containedctx // that of the readings, which outlive requests
	cancel  context.CancelFunc
}

// prefetch is one page, which is there once done is closed.
type prefetch struct {
	began time.Time
	done  chan struct{}
	page  store.Changes
	err   error
}

// Bounds of what is prefetched: pages, how long they are kept, and how large a
// page may be whose like is read.
const (
	maxPrefetched    = 4
	prefetchFor      = 5 * time.Second
	maxPrefetchBytes = 4 << 20
)

func newPrefetcher(st Store, now func() time.Time) *prefetcher {
	p := &prefetcher{store: st, now: now, pages: map[string]*prefetch{}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

func (p *prefetcher) close() {
	p.cancel()
	p.reading.Wait()
}

func prefetchKey(q store.ChangesQuery) string { return fmt.Sprint(q) }

// start begins to read a page, unless enough others are read.
func (p *prefetcher) start(q store.ChangesQuery) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, r := range p.pages {
		if p.now().Sub(r.began).Abs() > prefetchFor {
			delete(p.pages, key)
		}
	}
	key := prefetchKey(q)
	if p.pages[key] != nil || len(p.pages) >= maxPrefetched || p.ctx.Err() != nil {
		return
	}
	r := &prefetch{began: p.now(), done: make(chan struct{})}
	p.pages[key] = r
	p.reading.Go(func() {
		defer close(r.done)
		r.page, r.err = p.store.Changes(p.ctx, q)
	})
}

// takePrefetch returns the reading of a page, which nobody else gets, if there
// is one.
func (p *prefetcher) takePrefetch(q store.ChangesQuery) *prefetch {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := prefetchKey(q)
	r := p.pages[key]
	delete(p.pages, key)
	if r != nil && p.now().Sub(r.began).Abs() > prefetchFor {
		return nil
	}
	return r
}

// changes is the store's Changes, from what was prefetched if it was.
func (p *prefetcher) changes(ctx context.Context, q store.ChangesQuery) (store.Changes, error) {
	if r := p.takePrefetch(q); r != nil {
		select {
		case <-r.done:
		case <-ctx.Done():
			return store.Changes{}, ctx.Err()
		}
		if r.err == nil {
			return r.page, nil
		}
	}
	return p.store.Changes(ctx, q)
}
