package sqlite

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Head implements store.Log. The views never lag here.
func (s *Store) Head(ctx context.Context, area inspection.Area) (store.Head, error) {
	var head store.Head
	err := s.view("head", func(q querier) (err error) {
		head, err = readHead(ctx, q, area)
		return err
	})
	return head, err
}

// Heads implements store.Log.
func (s *Store) Heads(ctx context.Context) (map[inspection.Area]store.Head, error) {
	heads := map[inspection.Area]store.Head{}
	err := s.view("heads", func(q querier) error {
		list, err := collect(ctx, q, scanHead, `SELECT area, seq, hash, at FROM heads`)
		for _, h := range list {
			heads[h.area] = h.Head
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return heads, nil
}

type areaHead struct {
	area inspection.Area
	store.Head
}

// readHead returns the zero Head for an area without commits.
func readHead(ctx context.Context, q querier, area inspection.Area) (store.Head, error) {
	list, err := collect(ctx, q, scanHead, `SELECT area, seq, hash, at FROM heads WHERE area = ?`, string(area))
	if err != nil || len(list) == 0 {
		return store.Head{}, err
	}
	return list[0].Head, nil
}

func scanHead(rows *sql.Rows) (areaHead, error) {
	var h areaHead
	var hash []byte
	var at int64
	err := rows.Scan(&h.area, &h.Seq, &hash, &at)
	if err != nil {
		return h, err
	}
	h.At = fromNanos(at)
	h.Hash, err = toHash(hash)
	return h, err
}

// Commits implements store.Log.
func (s *Store) Commits(ctx context.Context, area inspection.Area, after int64, limit int) ([]*store.Commit, error) {
	var list []*store.Commit
	err := s.view("commits", func(q querier) (err error) {
		list, err = collect(ctx, q, commitOf(area), `SELECT first, previous, bytes FROM log INDEXED BY log_by_last
			WHERE area = ? AND last > ? ORDER BY last LIMIT ?`, string(area), after, max(limit, 0))
		return err
	})
	return list, err
}

// commitOf computes the hash anew rather than reading the stored one: whoever
// compares it with the next commit's Previous finds a falsified log.
func commitOf(area inspection.Area) func(*sql.Rows) (*store.Commit, error) {
	return func(rows *sql.Rows) (*store.Commit, error) {
		var first int64
		var previous, stored []byte
		if err := rows.Scan(&first, &previous, &stored); err != nil {
			return nil, err
		}
		hash, err := toHash(previous)
		if err != nil {
			return nil, err
		}
		return store.Open(area, first, hash, stored)
	}
}

// Entries implements store.Log. Each commit is read and decoded once.
func (s *Store) Entries(ctx context.Context, area inspection.Area, seqs []int64) ([]store.Entry, error) {
	found := make(map[int64]store.Entry, len(seqs))
	err := s.view("entries", func(q querier) error {
		wanted := slices.Compact(slices.Sorted(slices.Values(seqs)))
		for len(wanted) > 0 {
			c, err := commitHolding(ctx, q, area, wanted[0])
			if err != nil {
				return err
			}
			for len(wanted) > 0 && wanted[0] <= c.Last {
				found[wanted[0]] = c.Entries[wanted[0]-c.First]
				wanted = wanted[1:]
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	list := make([]store.Entry, len(seqs))
	for i, seq := range seqs {
		list[i] = found[seq]
	}
	return list, nil
}

func commitHolding(ctx context.Context, q querier, area inspection.Area, seq int64) (*store.Commit, error) {
	list, err := collect(ctx, q, commitOf(area), `SELECT first, previous, bytes FROM log INDEXED BY log_by_last
		WHERE area = ? AND last >= ? ORDER BY last LIMIT 1`, string(area), seq)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 || seq < list[0].First {
		return nil, store.ErrNotFound
	}
	return list[0], nil
}

// SeqBefore implements store.Log. Times never run backwards within an area:
// all commits before the first one that ends at t or later are before t, and
// so is the beginning of that one, perhaps.
func (s *Store) SeqBefore(ctx context.Context, area inspection.Area, t time.Time) (int64, error) {
	var seq int64
	err := s.snapshot(ctx, "seq before", func(q querier) error {
		list, err := collect(ctx, q, commitOf(area), `SELECT first, previous, bytes FROM log INDEXED BY log_by_time
			WHERE area = ? AND at >= ? ORDER BY at, last LIMIT 1`, string(area), toNanos(t))
		if err != nil {
			return err
		}
		if len(list) == 0 {
			head, err := readHead(ctx, q, area)
			seq = head.Seq
			return err
		}
		seq = list[0].First - 1
		for i := range list[0].Entries {
			if list[0].Entries[i].At.Before(t) {
				seq++
			}
		}
		return nil
	})
	return seq, err
}
