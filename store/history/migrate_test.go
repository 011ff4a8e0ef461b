package history_test

import (
	"context"
	"errors"
	"testing"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/store/history"
)

func migrate(t testing.TB, from, to store.Store) *history.Moved {
	t.Helper()
	moved, err := history.Migrate(t.Context(), database(from), database(to), options)
	if err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	return moved
}

func TestMigrate(t *testing.T) {
	eachWay(t, func(t *testing.T, from, to engine) {
		from.hasty(t) // the other way goes there and back
		source, target := from.fresh(t), to.fresh(t)
		populate(t, source)
		want, id := whole(t, source), idOf(t, source)
		moved := migrate(t, source, target)
		if moved.Database != id || moved.Before || len(moved.Heads) != 4 {
			t.Errorf("moved %+v", moved)
		}
		checkMoved(t, source, target, id, want)
		if again := migrate(t, source, target); !again.Before || again.Database != id {
			t.Errorf("moved again: %+v", again)
		}

		commit(t, target, streets[0], put(documentID(5000), phoneOf(1), 5000))
		if again := migrate(t, source, target); !again.Before {
			t.Errorf("moved again, after the target went on: %+v", again)
		}
		home := from.fresh(t)
		migrate(t, target, home)
		checkMoved(t, target, home, id, whole(t, target))
	})
}

// checkMoved: the target is what the source was, under the same id, and takes
// writes; the source doesn't any more.
func checkMoved(t *testing.T, source, target store.Store, id string, want []string) {
	t.Helper()
	sameWhole(t, whole(t, target), want)
	sameWhole(t, whole(t, source), want)
	sound(t, target)
	if got := idOf(t, target); got != id {
		t.Errorf("the id is %s, was %s", got, id)
	}
	fatal(t, target.Ping(t.Context()))
	fatal(t, history.CheckFinished(t.Context(), target))
	if err := source.Ping(t.Context()); !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("the source isn't read-only: %v", err)
	}
}

// TestMigrateAfterCrash crashes at every write to either side; rows change and
// go meanwhile, as long as the source takes writes.
func TestMigrateAfterCrash(t *testing.T) {
	eachWay(t, func(t *testing.T, from, to engine) {
		from.hasty(t)
		to.hasty(t)
		for writes := 0; ; writes++ {
			source, target := from.fresh(t), to.fresh(t)
			sample(t, source)
			id := idOf(t, source)
			crashing := &fragile{left: writes, lost: writes%2 == 0}
			_, err := history.Migrate(t.Context(), database(&shared{source, crashing}), database(&shared{target, crashing}), options)
			if err == nil {
				t.Logf("%d writes", writes)
				return
			}
			if !errors.Is(err, errCrash) {
				t.Fatalf("after %d writes: %v", writes, err)
			}
			if source.Ping(t.Context()) == nil {
				commit(t, source, streets[2], put(documentID(6000), phoneOf(6), 1))
				row(t, source, store.TableKeys, "new", "value")
				fatal(t, source.Delete(t.Context(), store.TableFamilies, "families/é 1"))
				_, err := source.Put(t.Context(), store.TableReports, store.Row{Key: "reports/é 1", Version: 1, Value: []byte("changed")})
				fatal(t, err)
			}
			want := whole(t, source)
			checkLeft(t, target, writes, want)
			migrate(t, source, target)
			checkMoved(t, source, target, id, want)
		}
	})
}

// shared counts writes to several stores as if to one.
type shared struct {
	store.Store
	counter *fragile
}

func (s *shared) Append(ctx context.Context, c *store.Commit) error {
	return s.counter.write(func() error { return s.Store.Append(ctx, c) })
}

func (s *shared) Put(ctx context.Context, table store.Table, r store.Row) (v int64, err error) {
	err = s.counter.write(func() error { v, err = s.Store.Put(ctx, table, r); return err })
	return v, err
}

func (s *shared) Delete(ctx context.Context, table store.Table, key string) error {
	return s.counter.write(func() error { return s.Store.Delete(ctx, table, key) })
}

func (s *shared) SetID(ctx context.Context, id string) error {
	return s.counter.write(func() error { return s.Store.SetID(ctx, id) })
}

func (s *shared) SetReadOnly(ctx context.Context, on bool) error {
	return s.counter.write(func() error { return s.Store.SetReadOnly(ctx, on) })
}

// TestMigrateOnline: whatever was acknowledged by a source that is migrated
// under load is on the target.
func TestMigrateOnline(t *testing.T) {
	eachWay(t, func(t *testing.T, from, to engine) {
		from.hasty(t)
		to.hasty(t)
		place := from.place(t)
		source, target := from.opened(t, place), to.fresh(t)
		populate(t, source)
		writer := from.opened(t, place)
		acknowledged := make(chan map[inspection.Area]int64, 1)
		started := make(chan struct{})
		go func() { acknowledged <- pushUntilReadOnly(t, writer, started) }()
		<-started
		moved := migrate(t, source, target)
		for area, seq := range <-acknowledged {
			if moved.Heads[area].Seq < seq {
				t.Errorf("area %s: %d was acknowledged, the target has %d", area, seq, moved.Heads[area].Seq)
			}
		}
		sound(t, target)
		sameWhole(t, whole(t, target), whole(t, source))
	})
}

// pushUntilReadOnly returns what was acknowledged last in each street.
func pushUntilReadOnly(t *testing.T, st store.Store, started chan struct{}) map[inspection.Area]int64 {
	last := map[inspection.Area]int64{}
	for n := 1; ; n++ {
		area := streets[n%len(streets)]
		c, err := tryCommit(t.Context(), st, area, []store.Entry{put(documentID(1<<22+n), phoneOf(30), int64(n))})
		if errors.Is(err, store.ErrReadOnly) {
			return last
		}
		if err != nil {
			t.Errorf("push: %v", err)
			return last
		}
		if last[area] = c.Last; n == 30 {
			close(started)
		}
	}
}

func TestMigrateRefuses(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		place := e.place(t)
		source := e.opened(t, place)
		try := func(name string, from, to store.Store, want error) {
			t.Helper()
			if _, err := history.Migrate(t.Context(), database(from), database(to), options); !errors.Is(err, want) {
				t.Errorf("%s: Migrate returned %v", name, err)
			}
		}
		try("nothing to move", source, e.fresh(t), history.ErrEmpty)
		populate(t, source)
		other := e.fresh(t)
		populate(t, other)
		try("a full target", source, other, history.ErrNotEmpty)
		try("itself", source, e.opened(t, place), history.ErrNotEmpty)
		fatal(t, source.Ping(t.Context()))

		half := e.fresh(t)
		crashing := &fragile{Store: half, left: 9}
		try("a crash", source, crashing, errCrash)
		try("a half target of another source", other, half, history.ErrNotEmpty)
		try("a half source", half, e.fresh(t), history.ErrUnfinished)
		if e.damage == nil {
			return
		}
		e.damage(t, place, "flip a byte of an entry")
		try("a damaged source", source, e.fresh(t), store.ErrDamaged)
		fatal(t, source.Ping(t.Context()))
	})
}
