package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/alecthomas/kong"

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

// presence is what may be at a location.
type presence int

const (
	// existing: a database that was made before. A typo makes none.
	existing presence = iota
	// orNew: a database, or nothing yet: then one is made.
	orNew
	// toFill: nothing, or what an earlier restore or migration left.
	toFill
)

// openStore opens the database at a location: the folder of an embedded store,
// or a Mongo database's URI. One that a restore or migration has not filled yet
// is opened by these only.
func openStore(ctx context.Context, location string, p presence) (store.Store, error) {
	st, err := openEngine(ctx, location, p == existing)
	if err != nil {
		return nil, &placedError{location, err}
	}
	if p == toFill {
		return st, nil
	}
	if err := history.CheckFinished(ctx, st); err != nil {
		return nil, &placedError{location, errors.Join(err, st.Close())}
	}
	return st, nil
}

func openEngine(ctx context.Context, location string, existing bool) (store.Store, error) {
	scheme, _, isURI := strings.Cut(location, "://")
	switch {
	case isURI && (scheme == "mongodb" || scheme == "mongodb+srv"):
		return mongo.Open(ctx, location, mongo.Options{NewID: newID, Existing: existing})
	case isURI:
		return nil, fmt.Errorf("there is no store for %s://: name a folder or a mongodb:// database", scheme)
	}
	return sqlite.Open(ctx, location, sqlite.Options{NewID: newID, Existing: existing})
}

// withStore opens the database at a location for the time of do.
func withStore(r *run, location string, p presence, do func(store.Store) error) error {
	st, err := openStore(r.ctx, location, p)
	if err != nil {
		return err
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
	switch {
	case err == nil && u.User != nil:
		return u.Redacted()
	case err == nil:
		return location
	}
	// What is no right URI may hold a password nevertheless.
	scheme, rest, isURI := strings.Cut(location, "://")
	at := strings.LastIndex(rest, "@")
	if !isURI || at < 0 {
		return location
	}
	return scheme + "://…" + rest[at:]
}

// filePath is a file as the person named it.
type filePath string

// UnmarshalText spells ~ out, which a shell leaves alone in --flag=~/file.
func (p *filePath) UnmarshalText(text []byte) error {
	*p = filePath(text)
	if strings.HasPrefix(string(text), "~/") {
		*p = filePath(kong.ExpandPath(string(text)))
	}
	return nil
}

// scratchIn is the data folder, which can be written where the system's own
// folder can't; with a store elsewhere there may be none.
func scratchIn(data string) string {
	if info, err := os.Stat(data); err == nil && info.IsDir() {
		return data
	}
	return ""
}
