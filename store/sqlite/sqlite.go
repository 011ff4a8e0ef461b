// Package sqlite is the embedded engine: one database file, one writer that
// commits whatever waits in one transaction, and a pool of readers.
//
// The log, the records and the receipts change in the same transaction, so
// the views never lag and no append is ever half done. Several processes may
// open the same file: nothing that decides a write is kept in memory, heads
// are read inside the transaction.
//
// Durability rests on WAL with synchronous=FULL: COMMIT returns after the
// write-ahead log was flushed to the disk, and only then is anybody answered.
package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"gridpatrol/store"
)

var _ store.Store = (*Store)(nil)

// Store is a database in one file. Its methods are safe for concurrent use;
// after Close they return a CodeUnavailable error.
//
// A write whose context ends before its transaction began returns the
// context's error and is not applied, now or later. Once begun, the context
// no longer counts: the call returns the true outcome.
type Store struct {
	gate   store.Gate
	writer *writer
	db     *sql.DB // the readers
	read   *statements
	*lists
	memory *wordMemory
}

// Close waits for all calls under way, queued writes included.
func (s *Store) Close() error {
	if !s.gate.Close() {
		return nil
	}
	s.memory.fills.Wait()
	// Readers go first: the last connection to close moves the write-ahead
	// log into the database file.
	return errors.Join(s.read.close(), s.db.Close(), s.writer.close())
}

// ID returns the database's identity.
func (s *Store) ID(ctx context.Context) (string, error) {
	var id string
	err := s.view("id", func(q querier) error {
		ids, err := collect(ctx, q, scanOne[string], `SELECT value FROM meta WHERE name = 'id'`)
		if err == nil && len(ids) == 0 {
			err = errors.New("the database has no id")
		}
		if err == nil {
			id = ids[0]
		}
		return err
	})
	return id, err
}

// Ping writes and flushes a page, so that a full or read-only disk is noticed.
// Returns store.ErrReadOnly if the database takes no writes.
func (s *Store) Ping(ctx context.Context) error {
	return s.write(ctx, "ping", 0, func(ctx context.Context, q *statements) error {
		return setMeta(ctx, q, "ping", "1")
	})
}

// SetReadOnly implements store.Migratable.
func (s *Store) SetReadOnly(ctx context.Context, on bool) error {
	return s.enqueue(ctx, "set read-only", 0, func(ctx context.Context, q *statements) error {
		if on {
			return setMeta(ctx, q, "read_only", "1")
		}
		return q.exec(ctx, `DELETE FROM meta WHERE name = 'read_only'`)
	})
}

// SetID implements store.Migratable.
func (s *Store) SetID(ctx context.Context, id string) error {
	return s.write(ctx, "set id", 0, func(ctx context.Context, q *statements) error {
		return setMeta(ctx, q, "id", id)
	})
}

func setMeta(ctx context.Context, q *statements, name, value string) error {
	return q.exec(ctx, `INSERT INTO meta (name, value) VALUES (?, ?)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
}

// write queues a change, which is refused if the database is read-only by
// then. size is roughly how many bytes it writes.
func (s *Store) write(ctx context.Context, op string, size int, run change) error {
	return s.enqueue(ctx, op, size, func(ctx context.Context, q *statements) error {
		marks, err := collect(ctx, q, scanOne[string], `SELECT value FROM meta WHERE name = 'read_only'`)
		if err != nil {
			return err
		}
		if len(marks) > 0 {
			return store.ErrReadOnly
		}
		return run(ctx, q)
	})
}

func (s *Store) enqueue(ctx context.Context, op string, size int, run change) error {
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	return failure(op, s.writer.do(ctx, size, run))
}

// view runs reads, each of which sees the newest state.
func (s *Store) view(op string, run func(querier) error) error {
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	return failure(op, run(s.read))
}

// snapshot runs reads that all see the same state.
func (s *Store) snapshot(ctx context.Context, op string, run func(querier) error) error {
	return s.view(op, func(querier) error {
		tx, err := s.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		if err != nil {
			return err
		}
		var fresh []string
		err = run(within{tx: tx, statements: s.read, fresh: &fresh})
		if end := tx.Rollback(); err == nil && !errors.Is(end, sql.ErrTxDone) {
			err = end
		}
		for _, text := range fresh {
			if _, failed := s.read.get(ctx, text); err == nil {
				err = failed
			}
		}
		return err
	})
}
