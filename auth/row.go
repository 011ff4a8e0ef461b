package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// writeTries bounds how often a write that others keep overtaking is decided
// again. Each lost try means that someone else's write went in.
const writeTries = 64

// errUnchanged is what the edit of changeRow returns to leave the row alone.
var errUnchanged = errors.New("auth: unchanged")

// readRow decodes a row; found is false if there is none.
func readRow[T any](ctx context.Context, t store.Tables, table store.Table, key string) (v T, row store.Row, found bool, err error) {
	row, err = t.Get(ctx, table, key)
	if errors.Is(err, store.ErrNotFound) {
		return v, store.Row{Key: key}, false, nil
	}
	if err == nil {
		err = json.Unmarshal(row.Value, &v)
	}
	if err != nil {
		return v, row, false, fmt.Errorf("reading a row of %s: %w", table, err)
	}
	return v, row, true, nil
}

// changeRow lets edit rewrite a row (the zero value if there is none), again
// whenever another writer was first. Errors of edit end it, unchanged.
func changeRow[T any](ctx context.Context, t store.Tables, table store.Table, key string, edit func(v *T, found bool) error) error {
	for range writeTries {
		v, row, found, err := readRow[T](ctx, t, table, key)
		if err != nil {
			return err
		}
		if err := edit(&v, found); errors.Is(err, errUnchanged) {
			return nil
		} else if err != nil {
			return err
		}
		if row.Value, err = json.Marshal(v); err != nil {
			return fmt.Errorf("encoding a row of %s: %w", table, err)
		}
		_, err = t.Put(ctx, table, row)
		if err == nil {
			return nil
		}
		if !errors.Is(err, store.ErrStale) {
			return fmt.Errorf("writing a row of %s: %w", table, err)
		}
	}
	return busy()
}

func busy() error {
	return inspection.Errorf(inspection.CodeUnavailable, "Many others are changing the same thing. Send the request again.")
}

// scanPage is how many rows a scan asks for at once.
const scanPage = 500

// scanRows calls each for all rows whose key has the prefix, in order of key.
func scanRows(ctx context.Context, t store.Tables, table store.Table, prefix string, each func(store.Row) error) error {
	after := ""
	for {
		rows, err := t.Scan(ctx, table, prefix, after, scanPage)
		if err != nil {
			return fmt.Errorf("scanning %s: %w", table, err)
		}
		for _, row := range rows {
			if err := each(row); err != nil {
				return err
			}
			after = row.Key
		}
		if len(rows) < scanPage {
			return nil
		}
	}
}

// deviceKey is the key of a device's rows.
func deviceKey(d inspection.Device) string { return string(d.User) + "/" + string(d.ID) }
