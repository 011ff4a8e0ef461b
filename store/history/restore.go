package history

import (
	"context"
	"fmt"
	"io"

	"gridpatrol/store"
)

// Restore fills an empty database from a backup. The database has another id
// than the one that the backup is of, so that phones notice: what they pushed
// after the backup is missing here, and they push it again. Until everything is in and proved right, the
// database carries a mark (see CheckFinished); after a crash the same backup
// may be restored again. Returns ErrBackup for a broken one, ErrNotEmpty.
//
// A broken backup shows only at its end: who can read it twice calls
// CheckBackup first.
func Restore(ctx context.Context, r io.Reader, to Database, o Options) (*Contents, error) {
	b, err := openBackup(r, to)
	if err != nil {
		return nil, err
	}
	defer b.close()
	if err := begin(ctx, to.Store, mark{"restore", b.header.ID}); err != nil {
		return nil, err
	}
	if err := differ(ctx, to.Store, b.header.Database, o); err != nil {
		return nil, err
	}
	write := writerOf(to.parts(newLogs(to.Store, nil, o)))
	contents, err := b.readAll(ctx, func(item Item) error { return write(ctx, item) }, o)
	if err != nil {
		return nil, err
	}
	heads, err := to.Store.Heads(ctx)
	if err != nil {
		return nil, err
	}
	if !sameHeads(heads, contents.Heads) {
		return nil, fmt.Errorf("%w: its heads are not those of the backup", ErrNotEmpty)
	}
	return contents, finish(ctx, to.Store)
}

// differ gives a database that was emptied rather than made anew another id.
func differ(ctx context.Context, st store.Store, source string, o Options) error {
	id, err := st.ID(ctx)
	if err != nil || id != source {
		return err
	}
	return st.SetID(ctx, o.NewID())
}

// writerOf returns what writes an item of any of the parts.
func writerOf(parts []Part) func(context.Context, Item) error {
	byName := map[string]Part{}
	for _, p := range parts {
		byName[p.Name()] = p
	}
	return func(ctx context.Context, item Item) error {
		p, known := byName[item.Part]
		if !known {
			return fmt.Errorf("the target has no place for %s", item.Part)
		}
		if err := p.Write(ctx, item); err != nil {
			return fmt.Errorf("writing %s: %w", item.Part, err)
		}
		return nil
	}
}
