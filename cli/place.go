package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"gridpatrol/store"
	"gridpatrol/store/history"
	"gridpatrol/store/mongo"
	"gridpatrol/store/sqlite"
)

// dataFlags say where the database is.
type dataFlags struct {
	Data  string `default:"./data" type:"path" help:"Folder of the embedded store; made on first start." env:"GRIDPATROL_DATA"`
	Store string `help:"A Mongo database in place of the folder, like mongodb://127.0.0.1:27017/gridpatrol." env:"GRIDPATROL_STORE"`
}

// location is what openStore takes.
func (f dataFlags) location() string { return cmp.Or(f.Store, f.Data) }

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

// openStore opens the database at a location: the folder of an embedded store,
// or a Mongo database's URI. If it must exist, a folder without one is refused
// rather than made into one.
func openStore(ctx context.Context, location string, existing bool) (store.Store, error) {
	scheme, _, isURI := strings.Cut(location, "://")
	switch {
	case isURI && (scheme == "mongodb" || scheme == "mongodb+srv"):
		return mongo.Open(ctx, location, mongo.Options{NewID: newID})
	case isURI:
		return nil, fmt.Errorf("there is no store for %s://: name a folder or a mongodb:// database", scheme)
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

func (e *placedError) Error() string { return shown(e.location) + ": " + explain(e.err) }

func (e *placedError) Unwrap() error { return e.err }

// shown is the location without the password that a URI may hold.
func shown(location string) string {
	u, err := url.Parse(location)
	if err != nil || u.User == nil {
		return location
	}
	return u.Redacted()
}
