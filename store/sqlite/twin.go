package sqlite

import (
	"context"
	"database/sql"
	"errors"
	gosync "sync"

	"gridpatrol/store"
)

// twins bounds the lists that read on two connections. It is fewer than there
// are readers, so that those who wait for a second connection never wait for
// each other.
const twins = readers / 2

// state is a number that is another one after each append.
const state = `SELECT coalesce(sum(seq), 0) FROM heads`

// twin opens a second snapshot of what at sees, unless too many do, or the
// database has moved on since.
func (s *Store) twin(ctx context.Context, at querier) (second querier, end func(), ok bool) {
	select {
	case s.twins <- struct{}{}:
	default:
		return nil, nil, false
	}
	end = func() { <-s.twins }
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		end()
		return nil, nil, false
	}
	end = func() { _ = tx.Rollback(); <-s.twins }
	second = within{tx: tx, statements: s.read}
	here, err := collect(ctx, at, scanOne[int64], state)
	there, other := collect(ctx, second, scanOne[int64], state)
	if err != nil || other != nil || here[0] != there[0] {
		end()
		return nil, nil, false
	}
	return second, end, true
}

// both finds a page and, if it can, counts at the same time.
func (l *listing) both(ctx context.Context, page func() ([]store.Record, error), count func(at querier) (int, error)) (store.List, error) {
	second, end, ok := l.twin(ctx, l.at)
	if !ok {
		records, err := page()
		if err != nil {
			return store.List{}, err
		}
		total, err := count(l.at)
		return store.List{Records: records, Total: total}, err
	}
	defer end()
	var total int
	var counted error
	var group gosync.WaitGroup
	group.Go(func() { total, counted = count(second) })
	records, err := page()
	group.Wait()
	return store.List{Records: records, Total: total}, errors.Join(err, counted)
}
