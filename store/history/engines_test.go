package history_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"gridpatrol/store"
	"gridpatrol/store/mongo"
	"gridpatrol/store/mongo/mongotest"
	"gridpatrol/store/sqlite"
	"gridpatrol/store/storetest"
)

// engine is what the tests of this package run on. Every engine is a source
// and a target; damage is done to those that know how.
type engine struct {
	name string
	// place makes a place for a new database.
	place func(t testing.TB) string
	// open opens the database at a place, as one process of several.
	open func(ctx context.Context, place string) (store.Store, error)
	// damage does what the name says, behind the engine's back; nil if the
	// engine can't be damaged by tests.
	damage func(t testing.TB, place, name string)
	// copied copies a database that nobody has open.
	copied func(t testing.TB, place string) string
}

var engines = []engine{
	{"sqlite", func(t testing.TB) string { return t.TempDir() }, openSQLite, damageSQLite, copySQLite},
	{"mongo", mongotest.Database, openMongo, nil, nil},
}

var ids atomic.Int64

// newID makes ids that differ within and between processes.
func newID() string { return fmt.Sprintf("%08x-0000-7000-8000-%012x", os.Getpid(), ids.Add(1)) }

func openSQLite(ctx context.Context, place string) (store.Store, error) {
	return sqlite.Open(ctx, place, sqlite.Options{NewID: newID})
}

func openMongo(ctx context.Context, place string) (store.Store, error) {
	return mongo.Open(ctx, place, mongo.Options{NewID: newID, Patience: 10 * time.Second})
}

func copySQLite(t testing.TB, place string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(place)); err != nil {
		t.Fatal(err)
	}
	return to
}

// opened opens a store that is closed with the test at the latest.
func (e engine) opened(t testing.TB, place string) store.Store {
	t.Helper()
	st, err := e.open(t.Context(), place)
	return storetest.Opened(t, st, err)
}

// populated opens a new database with some of everything in it, where that
// doesn't take minutes.
func (e engine) populated(t *testing.T) (st store.Store, place string) {
	t.Helper()
	e.hasty(t)
	place = e.place(t)
	st = e.opened(t, place)
	populate(t, st)
	return st, place
}

// fresh opens a new database.
func (e engine) fresh(t testing.TB) store.Store { return e.opened(t, e.place(t)) }

func eachEngine(t *testing.T, run func(*testing.T, engine)) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) { run(t, e) })
	}
}

// hasty skips what takes a Mongo server that isn't one minutes: dozens of
// databases, writers all the while, or one more wait for calls under way
// before a database is read-only.
func (e engine) hasty(t *testing.T) {
	t.Helper()
	if e.name == "mongo" {
		mongotest.NeedsReal(t, "it takes minutes there")
	}
}

// eachWay runs for all pairs of source and target.
func eachWay(t *testing.T, run func(t *testing.T, from, to engine)) {
	for _, from := range engines {
		for _, to := range engines {
			t.Run(from.name+" to "+to.name, func(t *testing.T) { run(t, from, to) })
		}
	}
}

// alter changes the database file of an embedded store.
func alter(t testing.TB, place, text string, args ...any) int64 {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(place, "gridpatrol.db"))
	if err != nil {
		t.Fatal(err)
	}
	result, err := db.ExecContext(t.Context(), text, args...)
	var changed int64
	if err == nil {
		changed, err = result.RowsAffected()
	}
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return changed
}

func openRaw(t testing.TB, place string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(place, "gridpatrol.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}
