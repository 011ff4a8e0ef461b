package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrUnchanged is what the edit of ChangeRow returns to leave a row alone, and
// the decide of AppendDecided to append nothing.
var ErrUnchanged = errors.New("store: unchanged")

// ReadRow decodes a row that holds JSON. Returns ErrNotFound.
func ReadRow[T any](ctx context.Context, t Tables, table Table, key string) (T, error) {
	v, _, err := readRow[T](ctx, t, table, key)
	return v, err
}

func readRow[T any](ctx context.Context, t Tables, table Table, key string) (v T, row Row, err error) {
	row, err = t.Get(ctx, table, key)
	if err == nil {
		err = json.Unmarshal(row.Value, &v)
	}
	if err != nil {
		return v, row, fmt.Errorf("reading a row of %s: %w", table, err)
	}
	return v, row, nil
}

// ChangeRow lets edit rewrite a row of JSON, the zero value if there is none,
// again from the start whenever another writer was first, and returns it as it
// is then. An error of edit ends it with nothing written: ErrUnchanged is no
// failure, others are returned as they are. See RetryStale for how often and
// how long, and for the errors of who loses again and again.
func ChangeRow[T any](ctx context.Context, t Tables, table Table, key string, edit func(v *T, found bool) error) (T, error) {
	var v T
	err := RetryStale(ctx, func(ctx context.Context) (err error) {
		v, err = tryChangeRow(ctx, t, table, key, edit)
		return err
	})
	return v, err
}

func tryChangeRow[T any](ctx context.Context, t Tables, table Table, key string, edit func(v *T, found bool) error) (T, error) {
	v, row, err := readRow[T](ctx, t, table, key)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return v, err
	}
	if edited := edit(&v, err == nil); errors.Is(edited, ErrUnchanged) {
		return v, nil
	} else if edited != nil {
		return v, edited
	}
	row.Key = key
	if row.Value, err = json.Marshal(v); err != nil {
		return v, fmt.Errorf("encoding a row of %s: %w", table, err)
	}
	if _, err = t.Put(ctx, table, row); err != nil {
		return v, fmt.Errorf("writing a row of %s: %w", table, err)
	}
	return v, nil
}

// ScanRows calls each for all rows whose key has the prefix, in order of key,
// until each returns an error. Rows may be changed meanwhile.
func ScanRows(ctx context.Context, t Tables, table Table, prefix string, each func(Row) error) error {
	after, limit := "", table.rowsAtOnce()
	for {
		rows, err := t.Scan(ctx, table, prefix, after, limit)
		if err != nil {
			return fmt.Errorf("scanning %s: %w", table, err)
		}
		for _, row := range rows {
			if err := each(row); err != nil {
				return err
			}
			after = row.Key
		}
		if len(rows) < limit {
			return nil
		}
	}
}

// rowsAtOnce bounds a page of rows: one of a kept file has up to a MiB.
func (t Table) rowsAtOnce() int {
	if t == TableFiles {
		return 16
	}
	return 500
}
