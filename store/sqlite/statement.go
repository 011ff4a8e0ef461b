package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"gridpatrol/store"
)

// querier reads: from the newest state, from a snapshot, or inside a change.
type querier interface {
	query(ctx context.Context, text string, args ...any) (*sql.Rows, error)
}

type preparer interface {
	PrepareContext(ctx context.Context, text string) (*sql.Stmt, error)
}

// statements prepares each statement once and keeps it as long as its
// connection. The texts are constants, so there are few.
type statements struct {
	on    preparer
	mu    sync.Mutex
	cache map[string]*sql.Stmt
}

func newStatements(on preparer) *statements {
	return &statements{on: on, cache: map[string]*sql.Stmt{}}
}

// get never waits for a connection while it holds the lock: those who have one
// in a snapshot wait for the lock.
func (s *statements) get(ctx context.Context, text string) (*sql.Stmt, error) {
	if stmt, ok := s.cached(text); ok {
		return stmt, nil
	}
	made, err := s.on.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if stmt, ok := s.cache[text]; ok {
		return stmt, made.Close() // another was first
	}
	s.cache[text] = made
	return made, nil
}

func (s *statements) cached(text string) (*sql.Stmt, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stmt, ok := s.cache[text]
	return stmt, ok
}

// close gives the statements back. A connection whose statements are open is
// closed in name only: SQLite keeps its file and its write-ahead log.
func (s *statements) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for text, stmt := range s.cache {
		errs = append(errs, stmt.Close())
		delete(s.cache, text)
	}
	return errors.Join(errs...)
}

func (s *statements) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	stmt, err := s.get(ctx, text)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

func (s *statements) exec(ctx context.Context, text string, args ...any) error {
	_, err := s.affect(ctx, text, args...)
	return err
}

// insert returns the new row.
func (s *statements) insert(ctx context.Context, text string, args ...any) (int64, error) {
	result, err := s.run(ctx, text, args...)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

// affect returns how many rows the statement changed.
func (s *statements) affect(ctx context.Context, text string, args ...any) (int64, error) {
	result, err := s.run(ctx, text, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (s *statements) run(ctx context.Context, text string, args ...any) (sql.Result, error) {
	stmt, err := s.get(ctx, text)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

// within reads inside one transaction, with its connection and no other: when
// all connections are in transactions that wait for one more, nobody goes on.
type within struct {
	tx *sql.Tx
	*statements
	// fresh are texts that are to be prepared when the transaction is over.
	fresh *[]string
}

func (w within) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	stmt, ok := w.cached(text)
	if !ok {
		*w.fresh = append(*w.fresh, text)
		return w.tx.QueryContext(ctx, text, args...)
	}
	return w.tx.StmtContext(ctx, stmt).QueryContext(ctx, args...)
}

// collect returns all rows of a query.
func collect[T any](ctx context.Context, q querier, scan func(*sql.Rows) (T, error), text string, args ...any) ([]T, error) {
	return collectSized(ctx, q, 0, scan, text, args...)
}

// collectSized is collect for about so many rows that are large in memory.
func collectSized[T any](ctx context.Context, q querier, size int, scan func(*sql.Rows) (T, error), text string, args ...any) ([]T, error) {
	var list []T
	if size > 0 {
		list = make([]T, 0, min(size, 512))
	}
	rows, err := q.query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, unreadable(ctx, rows, err)
		}
		list = append(list, v)
	}
	return list, rows.Err()
}

// unreadable: a row that came but can't be read holds what was never stored.
func unreadable(ctx context.Context, rows *sql.Rows, err error) error {
	if ctx.Err() != nil || rows.Err() != nil {
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrDamaged, err)
}

// collectUpto returns the first row and those after it that fit in room.
func collectUpto[T any](ctx context.Context, q querier, room int, size func(T) int, scan func(*sql.Rows) (T, error), text string, args ...any) ([]T, error) {
	rows, err := q.query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, unreadable(ctx, rows, err)
		}
		if room -= size(v); room < 0 && len(list) > 0 {
			return list, nil
		}
		list = append(list, v)
	}
	return list, rows.Err()
}

// scanOne reads rows of one column.
func scanOne[T any](rows *sql.Rows) (T, error) {
	var v T
	err := rows.Scan(&v)
	return v, err
}
