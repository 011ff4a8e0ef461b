package history

import (
	"context"
	"errors"
	"fmt"

	"gridpatrol/store"
)

// Moved tells what a migration did.
type Moved struct {
	Database string
	Heads    Heads
	// Before: an earlier run had finished it.
	Before bool
}

// Migrate copies everything into an empty database of another store, id and
// all, so that phones' checkpoints and sign-ins go on there. The source is
// served until all but the last bit is copied and is read-only from then on.
// After a crash the same call goes on where it ended. Returns ErrNotEmpty,
// ErrEmpty, ErrUnfinished, store.ErrDamaged.
func Migrate(ctx context.Context, from, to Database, o Options) (*Moved, error) {
	if err := checkSource(ctx, from.Store); err != nil {
		return nil, err
	}
	id, err := from.Store.ID(ctx)
	if err != nil {
		return nil, err
	}
	if done, err := movedBefore(ctx, from.Store, to.Store, id); done != nil || err != nil {
		return done, err
	}
	if err := begin(ctx, to.Store, mark{"migrate", id}); err != nil {
		return nil, err
	}
	if err := copyAll(ctx, from, to, o); err != nil {
		return nil, err
	}
	if err := from.Store.SetReadOnly(ctx, true); err != nil {
		return nil, err
	}
	if err := copyAll(ctx, from, to, o); err != nil {
		return nil, err
	}
	heads, err := finishMigration(ctx, from.Store, to.Store)
	if err != nil {
		return nil, err
	}
	if err := to.Store.SetID(ctx, id); err != nil {
		return nil, err
	}
	return &Moved{Database: id, Heads: heads}, finish(ctx, to.Store)
}

// movedBefore recognises a migration that is over: the same id on both sides,
// the source read-only, the target complete and writable.
func movedBefore(ctx context.Context, from, to store.Store, id string) (*Moved, error) {
	other, err := to.ID(ctx)
	if err != nil || other != id {
		return nil, err
	}
	if _, unfinished, err := readMark(ctx, to); unfinished || err != nil {
		return nil, err
	}
	if err := from.Ping(ctx); err == nil {
		return nil, fmt.Errorf("%w: source and target are the same database", ErrNotEmpty)
	} else if !errors.Is(err, store.ErrReadOnly) {
		return nil, err
	}
	if err := to.Ping(ctx); err != nil {
		return nil, err
	}
	heads, err := from.Heads(ctx)
	return &Moved{Database: id, Heads: heads, Before: true}, err
}

// copyAll copies what the target lacks.
func copyAll(ctx context.Context, from, to Database, o Options) error {
	there, err := to.Store.Heads(ctx)
	if err != nil {
		return err
	}
	write := writerOf(to.parts(newLogs(to.Store, nil, o)))
	for _, p := range from.parts(newLogs(from.Store, there, o)) {
		err := p.Read(ctx, func(item Item) error { return write(ctx, item) })
		if err != nil {
			return fmt.Errorf("copying %s: %w", p.Name(), err)
		}
	}
	return nil
}

// finishMigration removes what an earlier run copied and the source lost since, and
// makes sure that the logs are the same.
func finishMigration(ctx context.Context, from, to store.Store) (Heads, error) {
	for _, name := range store.AllTables {
		if err := (table{to, name}).prune(ctx, from); err != nil {
			return nil, err
		}
	}
	source, err := from.Heads(ctx)
	if err != nil {
		return nil, err
	}
	target, err := to.Heads(ctx)
	if err != nil {
		return nil, err
	}
	if !sameHeads(source, target) {
		return nil, fmt.Errorf("%w: its heads are not those of the source", ErrNotEmpty)
	}
	return source, nil
}

// prune removes the rows that the source doesn't have. No one else may write
// to either.
func (t table) prune(ctx context.Context, source store.Tables) error {
	return store.ScanRows(ctx, t.st, t.name, "", func(row store.Row) error {
		if t.name == store.TableMeta && row.Key == unfinishedKey {
			return nil
		}
		_, err := source.Get(ctx, t.name, row.Key)
		if errors.Is(err, store.ErrNotFound) {
			return t.st.Delete(ctx, t.name, row.Key)
		}
		return err
	})
}
