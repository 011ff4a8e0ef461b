package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"gridpatrol/store"
)

// unfinishedKey is the row of the meta table that marks a database which is
// being filled. It goes in before anything else and away after all the rest,
// so whatever a crash leaves is empty, marked or complete.
const unfinishedKey = "unfinished"

// mark says by what a database is being filled, and from what.
type mark struct {
	Work string `json:"work"`
	// From is the id of the backup or of the source database.
	From string `json:"from"`
}

func readMark(ctx context.Context, t store.Tables) (m mark, found bool, err error) {
	row, err := t.Get(ctx, store.TableMeta, unfinishedKey)
	if errors.Is(err, store.ErrNotFound) {
		return m, false, nil
	}
	if err == nil {
		err = json.Unmarshal(row.Value, &m)
	}
	return m, true, err
}

// CheckFinished returns ErrUnfinished if a restore or a migration into the
// database has not come to its end. Nobody may be served from it then.
func CheckFinished(ctx context.Context, t store.Tables) error {
	m, found, err := readMark(ctx, t)
	if err == nil && found {
		err = fmt.Errorf("%w: a %s into it was cut short. Run the same gridpatrol %s again, or remove this database", ErrUnfinished, m.Work, m.Work)
	}
	return err
}

// begin marks an empty database, or finds that an earlier run of the same
// work did so. Returns ErrNotEmpty if the database holds anything else.
func begin(ctx context.Context, st store.Store, m mark) error {
	old, found, err := readMark(ctx, st)
	switch {
	case err != nil:
		return err
	case found && old == m:
		return nil
	case found:
		return fmt.Errorf("%w: a %s from something else was cut short here. Finish that one, or remove this database", ErrNotEmpty, old.Work)
	}
	empty, err := isEmpty(ctx, st)
	if err != nil {
		return err
	}
	if !empty {
		return fmt.Errorf("%w: choose another place, or remove what is there", ErrNotEmpty)
	}
	value, err := json.Marshal(m)
	if err != nil {
		return err
	}
	_, err = st.Put(ctx, store.TableMeta, store.Row{Key: unfinishedKey, Value: value})
	return err
}

func finish(ctx context.Context, t store.Tables) error {
	return t.Delete(ctx, store.TableMeta, unfinishedKey)
}

// isEmpty reports whether the database holds neither a commit nor a row.
func isEmpty(ctx context.Context, st store.Store) (bool, error) {
	areas, err := st.StoredAreas(ctx)
	if err != nil || len(areas) > 0 {
		return false, err
	}
	for _, table := range store.AllTables {
		rows, err := st.Scan(ctx, table, "", "", 1)
		if err != nil || len(rows) > 0 {
			return false, err
		}
	}
	return true, nil
}
