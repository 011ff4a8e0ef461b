package sync_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/sync"
	"gridpatrol/test/world"
)

// counting counts the pages that were read.
type counting struct {
	sync.Store
	pages atomic.Int64
}

func (c *counting) Changes(ctx context.Context, q store.ChangesQuery) (store.Changes, error) {
	defer c.pages.Add(1)
	return c.Store.Changes(ctx, q)
}

// TestPrefetch: a page is read before the phone asks for it. What changes
// between comes later, and nothing old stays.
func TestPrefetch(t *testing.T) {
	w := newDistrict(t)
	st := &counting{Store: w.Store}
	s, err := sync.New(w.Ctx, sync.Config{Store: st, Now: w.Now, Log: slog.New(slog.DiscardHandler), Poll: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	writer, reader := w.phone("li", street), w.phone("wang", street)
	var ids []string
	for range 8 {
		id := world.NewID()
		writer.One(store.Applied, writer.Put(id, 0, world.Burning(nil)))
		ids = append(ids, id)
	}
	req := sync.PullRequest{Limit: 2, Collections: []inspection.Collection{inspection.Inspections}}
	seen := map[string]sync.Change{}
	// next pulls a page, for which so many pages are read, the one ahead included.
	next := func(reads int64) bool {
		t.Helper()
		before := st.pages.Load()
		page, err := s.Pull(w.Ctx, reader.Asks(), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page.Changes {
			seen[c.ID] = c
		}
		req.Checkpoint = page.Checkpoint
		if page.More {
			for st.pages.Load() < before+reads {
				time.Sleep(time.Millisecond)
			}
			if n := st.pages.Load() - before; n != reads {
				t.Errorf("%d pages were read, want %d", n, reads)
			}
		}
		return page.More
	}
	next(2) // its own and the second
	writer.One(store.Applied, writer.Put(ids[2], 1, edit{"note": "later"}))
	writer.One(store.Applied, writer.Delete(ids[3], 1))
	next(1) // the third; the second was there
	if seen[ids[3]].Deleted {
		t.Error("the second page wasn't read ahead: this test tests nothing")
	}
	w.Advance(time.Minute)
	next(2) // the third anew, as it was too old
	for next(1) {
	}
	for _, id := range ids {
		if r := w.Record(id); string(seen[id].Doc) != string(r.Doc) || seen[id].Deleted != r.Deleted {
			t.Errorf("%s is out of date", id)
		}
	}
}
