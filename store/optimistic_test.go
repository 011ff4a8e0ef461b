package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// TestRetryStale: how often an optimistic write is tried, with which pauses,
// and what it ends with.
func TestRetryStale(t *testing.T) {
	full, gone := errors.New("disk full"), context.Canceled
	stale := func(n int) []error { return slices.Repeat([]error{fmt.Errorf("append: %w", store.ErrStale)}, n) }
	for name, c := range map[string]struct {
		outcomes []error // of the tries, as far as there should be any
		cutAt    int     // the pause in which the context ends, from 1
		want     error
		pauses   []time.Duration // in milliseconds; nil: not compared
	}{
		"at once":             {outcomes: []error{nil}, pauses: []time.Duration{}},
		"lost once":           {outcomes: append(stale(1), nil), pauses: []time.Duration{0}},
		"lost on and on":      {outcomes: append(stale(13), nil), pauses: []time.Duration{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10}},
		"another error":       {outcomes: []error{full}, want: full, pauses: []time.Duration{}},
		"lost, another error": {outcomes: append(stale(2), full), want: full, pauses: []time.Duration{0, 1}},
		"given up":            {outcomes: stale(3), cutAt: 3, want: gone, pauses: []time.Duration{0, 1, 2}},
		"the last try":        {outcomes: append(stale(99), nil)},
		"all tries":           {outcomes: stale(100), want: store.ErrStale},
	} {
		t.Run(name, func(t *testing.T) {
			tries, pauses := 0, []time.Duration{}
			err := store.RetryStaleWith(t.Context(), func(_ context.Context, d time.Duration) error {
				pauses = append(pauses, d/time.Millisecond)
				if len(pauses) == c.cutAt {
					return gone
				}
				return nil
			}, func(context.Context) error {
				tries++
				return c.outcomes[tries-1]
			})
			if !errors.Is(err, c.want) || tries != len(c.outcomes) {
				t.Errorf("%d tries end with %v", tries, err)
			}
			if c.pauses != nil && !slices.Equal(pauses, c.pauses) {
				t.Errorf("the pauses are %v", pauses)
			}
			if busy := inspection.CodeOf(err) == inspection.CodeUnavailable; busy != errors.Is(err, store.ErrStale) {
				t.Errorf("the error's code is %q", inspection.CodeOf(err))
			}
		})
	}
}

// TestWritesAreBounded: whoever gives no deadline gets one, and a context that
// has ended ends the tries.
func TestWritesAreBounded(t *testing.T) {
	began := time.Now()
	err := store.RetryStale(context.Background(), func(ctx context.Context) error {
		if at, ok := ctx.Deadline(); !ok || at.Before(began.Add(store.WriteDeadline)) || at.After(time.Now().Add(store.WriteDeadline)) {
			t.Errorf("the deadline is %v, %v", at, ok)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	tries := 0
	err = store.RetryStale(ctx, func(context.Context) error {
		if tries++; tries == 3 {
			cancel()
		}
		return store.ErrStale
	})
	if !errors.Is(err, context.Canceled) || tries != 3 {
		t.Errorf("%d tries end with %v", tries, err)
	}
}

// rivals is a log and a table in memory. Before each write of the one who is
// tested, others may write, and an outcome may stay unknown.
type rivals struct {
	store.Tables
	t     *rapid.T
	plan  []string // what happens at each write: "wins", "loses", "in, unknown", "not in, unknown"
	tries int
	log   []*store.Commit
	row   store.Row
}

func (r *rivals) head() store.Head {
	if len(r.log) == 0 {
		return store.Head{}
	}
	return r.log[len(r.log)-1].Head()
}

func (r *rivals) Head(context.Context, inspection.Area) (store.Head, error) { return r.head(), nil }

// step carries out what the plan says of the next write.
func (r *rivals) step(rival func(), write func() error) error {
	what := "wins"
	if r.tries < len(r.plan) {
		what = r.plan[r.tries]
	}
	r.tries++
	if what == "loses" {
		rival()
	}
	if what == "not in, unknown" {
		return store.ErrStale
	}
	err := write()
	if err == nil && what == "in, unknown" {
		return store.ErrStale
	}
	return err
}

func (r *rivals) Append(_ context.Context, c *store.Commit) error {
	return r.step(func() {
		e := entry(r.head().Seq + 1)
		e.Actor = "rival"
		rival, err := store.Seal(street, r.head(), []store.Entry{e})
		if err != nil {
			r.t.Fatal(err)
		}
		r.log = append(r.log, rival)
	}, func() error {
		if c.First != r.head().Seq+1 || c.Previous != r.head().Hash {
			return store.ErrStale
		}
		r.log = append(r.log, c)
		return nil
	})
}

func (r *rivals) Get(context.Context, store.Table, string) (store.Row, error) {
	if r.row.Version == 0 {
		return store.Row{}, store.ErrNotFound
	}
	return r.row, nil
}

func (r *rivals) Put(_ context.Context, _ store.Table, row store.Row) (int64, error) {
	err := r.step(func() {
		list := []string{}
		if r.row.Version > 0 {
			if err := json.Unmarshal(r.row.Value, &list); err != nil {
				r.t.Fatal(err)
			}
		}
		value, err := json.Marshal(append(list, "rival"))
		if err != nil {
			r.t.Fatal(err)
		}
		r.row = store.Row{Key: row.Key, Version: r.row.Version + 1, Value: value}
	}, func() error {
		if row.Version != r.row.Version {
			return store.ErrStale
		}
		row.Version++
		r.row = row
		return nil
	})
	return r.row.Version, err
}

func drawRivals(t *rapid.T) *rivals {
	return &rivals{t: t, plan: rapid.SliceOfN(rapid.SampledFrom([]string{"loses", "loses", "in, unknown", "not in, unknown"}), 0, 6).Draw(t, "plan")}
}

// TestAppendDecidedOnce: whatever others do meanwhile, and whichever outcomes
// are unknown, a decision goes in once, on what is there then, if it sees that
// it is in.
func TestAppendDecidedOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRivals(t)
		decided := 0
		mine := func(c *store.Commit) bool { return c.Entries[0].Actor == "me" }
		commit, err := store.AppendDecided(context.Background(), r, street, func(ctx context.Context) (store.Decision, error) {
			decided++
			head, err := r.Head(ctx, street)
			if err != nil || slices.ContainsFunc(r.log, mine) {
				return store.Decision{Head: head}, errors.Join(err, store.ErrUnchanged)
			}
			e := entry(0)
			e.Actor = "me"
			e.Seq, e.At = head.Next(morning)
			return store.Decision{Head: head, Entries: []store.Entry{e}}, nil
		})
		if err != nil {
			t.Fatalf("plan %v: %v", r.plan, err)
		}
		var ours []*store.Commit
		for i, c := range r.log {
			if c.First != int64(i)+1 || i > 0 && (c.Previous != r.log[i-1].Hash || c.At.Before(r.log[i-1].At)) {
				t.Fatalf("the log doesn't continue at %d", i)
			}
			if mine(c) {
				ours = append(ours, c)
			}
		}
		unknown := slices.Index(r.plan, "in, unknown")
		switch {
		case len(ours) != 1:
			t.Fatalf("the decision is there %d times", len(ours))
		case unknown < 0 && (commit != ours[0] || decided != r.tries):
			t.Fatalf("decided %d times for %d tries, which returned %v", decided, r.tries, commit)
		case unknown >= 0 && commit != nil:
			t.Fatalf("an append that was in already is returned as new: %v", commit)
		}
	})
}

// TestChangeRowLosesNothing: whatever others do meanwhile, every edit is there
// in the end, and an edit sees the row as it is then.
func TestChangeRowLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRivals(t)
		got, err := store.ChangeRow(context.Background(), r, store.TableReports, "k", func(list *[]string, found bool) error {
			if found != (r.row.Version > 0) {
				t.Fatalf("found %v at version %d", found, r.row.Version)
			}
			if slices.Contains(*list, "me") {
				return store.ErrUnchanged
			}
			*list = append(*list, "me")
			return nil
		})
		if err != nil {
			t.Fatalf("plan %v: %v", r.plan, err)
		}
		var list []string
		if err := json.Unmarshal(r.row.Value, &list); err != nil || !slices.Equal(list, got) || r.row.Key != "k" {
			t.Fatalf("the row %q holds %v (%v), returned was %v", r.row.Key, list, err, got)
		}
		want := 0
		for _, what := range r.plan[:min(r.tries, len(r.plan))] {
			if what == "loses" {
				want++
			}
		}
		if n := len(list); n != want+1 || int64(n) != r.row.Version {
			t.Fatalf("%v after %d edits of others, at version %d", list, want, r.row.Version)
		}
	})
}

// TestDecisionsWithoutEntries rest on the head, unless they say that nothing is
// to change whatever comes.
func TestDecisionsWithoutEntries(t *testing.T) {
	for result, want := range map[error]int{nil: 2, store.ErrUnchanged: 1} {
		r := &rivals{}
		decided := 0
		commit, err := store.AppendDecided(t.Context(), r, street, func(ctx context.Context) (store.Decision, error) {
			decided++
			head, err := r.Head(ctx, street)
			if decided == 1 { // someone appends after the head was read
				c, err := store.Seal(street, head, []store.Entry{entry(1)})
				if err != nil {
					t.Fatal(err)
				}
				r.log = append(r.log, c)
			}
			return store.Decision{Head: head}, errors.Join(err, result)
		})
		if err != nil || commit != nil || decided != want || r.tries != 0 {
			t.Errorf("%v: decided %d times, %v, %v", result, decided, commit, err)
		}
	}
}

// TestDecisionsThatFail end the write with nothing written; whoever reads what
// doesn't fit together may ask to be asked again.
func TestDecisionsThatFail(t *testing.T) {
	wrong := errors.New("wrong")
	for name, c := range map[string]struct {
		errs []error
		want error
	}{
		"an error":        {[]error{wrong}, wrong},
		"stale, then not": {[]error{store.ErrStale, store.ErrStale, wrong}, wrong},
	} {
		t.Run(name, func(t *testing.T) {
			r := &rivals{}
			decided := 0
			_, err := store.AppendDecided(t.Context(), r, street, func(context.Context) (store.Decision, error) {
				decided++
				return store.Decision{Entries: []store.Entry{entry(1)}}, c.errs[decided-1]
			})
			edited := 0
			_, err2 := store.ChangeRow(t.Context(), r, store.TableReports, "k", func(*int, bool) error {
				edited++
				return c.errs[edited-1]
			})
			if !errors.Is(err, c.want) || !errors.Is(err2, c.want) || decided != len(c.errs) || edited != len(c.errs) || r.tries != 0 {
				t.Errorf("%d decisions: %v; %d edits: %v; %d writes", decided, err, edited, err2, r.tries)
			}
		})
	}
}
