package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gridpatrol/store"
	"gridpatrol/store/history"
	"gridpatrol/store/sqlite"
)

// dataFlags say where the database is.
type dataFlags struct {
	Data string `default:"./data" type:"path" help:"Folder of the embedded store; made on first start." env:"GRIDPATROL_DATA"`
}

// location is what openStore takes.
func (f dataFlags) location() string { return f.Data }

// open opens the database to be served from. One that a restore or migration
// has not filled yet is refused.
func (f dataFlags) open(ctx context.Context) (store.Store, error) {
	st, err := openStore(ctx, f.location(), false)
	if err != nil {
		return nil, err
	}
	if err := history.CheckFinished(ctx, st); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return st, nil
}

// openStore opens the database at a location, the folder of an embedded store.
// If it must exist, a place without one is refused rather than made into one.
func openStore(ctx context.Context, location string, existing bool) (store.Store, error) {
	if scheme, _, isURI := strings.Cut(location, "://"); isURI {
		return nil, fmt.Errorf("there is no store for %s://: name a folder", scheme)
	}
	return sqlite.Open(ctx, location, sqlite.Options{NewID: newID, Existing: existing})
}

// withStore opens the database at a location for the time of do.
func withStore(r *run, location string, existing bool, do func(store.Store) error) error {
	st, err := openStore(r.ctx, location, existing)
	if err != nil {
		return &placedError{location, err}
	}
	defer closing(r, "store", st.Close)
	return do(st)
}

// placedError says which of several databases something is wrong with.
type placedError struct {
	location string
	err      error
}

func (e *placedError) Error() string { return e.location + ": " + explain(e.err) }

func (e *placedError) Unwrap() error { return e.err }
