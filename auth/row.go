package auth

import (
	"context"
	"errors"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// readRow decodes a row; it is the zero value if there is none.
func readRow[T any](ctx context.Context, t store.Tables, table store.Table, key string) (v T, found bool, err error) {
	v, err = store.ReadRow[T](ctx, t, table, key)
	if errors.Is(err, store.ErrNotFound) {
		return v, false, nil
	}
	return v, err == nil, err
}

// changeRow is store.ChangeRow for who needs nothing of the row afterwards.
func changeRow[T any](ctx context.Context, t store.Tables, table store.Table, key string, edit func(v *T, found bool) error) error {
	_, err := store.ChangeRow(ctx, t, table, key, edit)
	return err
}

// deviceKey is the key of a device's rows.
func deviceKey(d inspection.Device) string { return string(d.User) + "/" + string(d.ID) }
