package auth

import (
	"context"
	"sync"
	"testing"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/store/sqlite"
)

// newStore makes the store that the tests run on; any engine will do.
var newStore = func(t *testing.T) Store {
	t.Helper()
	st, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{NewID: func() string { return deviceID(0) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

// faulty lets a test look at or break the calls of any store.
type faulty struct {
	Store
	mu       sync.Mutex
	onAppend func(*store.Commit) error // before it; an error is returned instead
	lostEnd  bool                      // the next append goes in but says ErrStale
	onGet    func(store.Table, string) error
	reads    map[string]int // calls by method and table
}

func (f *faulty) count(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.reads == nil {
		f.reads = map[string]int{}
	}
	f.reads[what]++
}

// takeReads returns the calls counted since the last time.
func (f *faulty) takeReads() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.reads
	f.reads = nil
	return out
}

func (f *faulty) Append(ctx context.Context, c *store.Commit) error {
	if f.onAppend != nil {
		if err := f.onAppend(c); err != nil {
			return err
		}
	}
	err := f.Store.Append(ctx, c)
	if err == nil && f.lostEnd {
		f.lostEnd = false
		return store.ErrStale
	}
	return err
}

func (f *faulty) Get(ctx context.Context, table store.Table, key string) (store.Row, error) {
	f.count("get " + string(table))
	if f.onGet != nil {
		if err := f.onGet(table, key); err != nil {
			return store.Row{}, err
		}
	}
	return f.Store.Get(ctx, table, key)
}

func (f *faulty) Records(ctx context.Context, ids []inspection.DocID) (map[inspection.DocID]store.Record, error) {
	f.count("records")
	return f.Store.Records(ctx, ids)
}

func (f *faulty) LastN(ctx context.Context, device inspection.Device) (int64, error) {
	f.count("lastn")
	return f.Store.LastN(ctx, device)
}
