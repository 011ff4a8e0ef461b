// Package world is the one world of the tests: a database, a clock that tests
// move, and the services on it, wired by the same code as the program's. What
// differs is the clock, the cost of passwords, and what a test configures.
package world

import (
	"context"
	"crypto/rand"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/google/uuid"

	"gridpatrol/auth"
	"gridpatrol/inspection"
	"gridpatrol/server"
	"gridpatrol/store"
	"gridpatrol/store/files"
	"gridpatrol/store/sqlite"
	"gridpatrol/store/storetest"
)

// Street and Elsewhere are two streets of District.
const (
	District  = inspection.Area("610102")
	Street    = inspection.Area("610102003")
	Elsewhere = inspection.Area("610102004")
)

// Begin is when a world begins, unless it is told otherwise.
var Begin = time.Date(2026, 10, 12, 10, 0, 0, 0, time.UTC)

// Options change a world before it begins. The zero value is the usual one.
type Options struct {
	// Start is when the world begins; Ticking lets its clock run from there,
	// with the machine's.
	Start   time.Time
	Ticking bool
	// Store, if set, is an empty database for the world, which closes it. To
	// check it in the end is the test's own affair: some engines are slow.
	Store store.Store
	// Configure, if set, changes what each server of the world is made with.
	Configure func(*server.Config)
}

// World is a database and a server on it, which end with the test.
type World struct {
	*server.Server
	T     testing.TB
	Ctx   context.Context
	Dir   string // of the database and the photos
	Store store.Store
	Blobs store.Blobs
	// Configure changes what the next server is made with.
	Configure func(*server.Config)

	given   bool // the database
	mu      sync.Mutex
	now     time.Time
	step    time.Duration
	ticking time.Time // since when the clock runs; zero if it stands
}

// New makes a world. When the test has passed, its own database is checked
// against the contract of stores.
func New(t testing.TB, o Options) *World {
	t.Helper()
	w := &World{T: t, Ctx: context.Background(), Dir: t.TempDir(), Store: o.Store, Configure: o.Configure, given: o.Store != nil, now: o.Start}
	if w.now.IsZero() {
		w.now = Begin
	}
	if o.Ticking {
		w.ticking = time.Now()
	}
	if w.Store == nil {
		w.Store = w.Open()
	}
	var err error
	w.Blobs, err = files.Open(filepath.Join(w.Dir, "media"), w.Now())
	w.Must(err)
	w.Server = w.Serve(w.Store)
	t.Cleanup(w.Close)
	return w
}

// Open opens the world's folder once more, as another process does.
func (w *World) Open() store.Store {
	w.T.Helper()
	st, err := sqlite.Open(w.Ctx, w.Dir, sqlite.Options{NewID: uuid.NewString})
	w.Must(err)
	return st
}

// Poll lets a world's servers notice each other's commits soon.
func Poll(cfg *server.Config) { cfg.Sync.Poll = 5 * time.Millisecond }

// Serve makes another server of the world, as another process does. Who asks
// for it closes it.
func (w *World) Serve(st store.Store) *server.Server {
	w.T.Helper()
	cfg := server.Config{
		Store: st, Blobs: w.Blobs, Log: slog.New(slog.DiscardHandler),
		Now: w.Now, NewID: NewID, Random: rand.Reader, Scratch: w.T.TempDir(),
	}
	cfg.Auth.Params = argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}
	cfg.Media.Floor, cfg.Media.Sweep = 1, time.Hour
	if w.Configure != nil {
		w.Configure(&cfg)
	}
	s, err := server.New(w.Ctx, cfg)
	w.Must(err)
	return s
}

// Restart ends the process and starts it again on the same data.
func (w *World) Restart() {
	w.T.Helper()
	w.Server.Close()
	w.Must(w.Store.Close())
	w.Store = w.Open()
	w.Server = w.Serve(w.Store)
}

// Close ends the world; the end of a test does so, too.
func (w *World) Close() {
	w.T.Helper()
	if w.Server == nil {
		return
	}
	w.Server.Close()
	w.Server = nil
	if !w.T.Failed() && !w.given {
		storetest.Verify(w.T, w.Store)
	}
	w.Must(w.Store.Close())
}

// Password is that of all accounts.
const Password = "correct horse battery"

// Account adds an account.
func (w *World) Account(username string, role inspection.Role, areas ...inspection.Area) auth.User {
	w.T.Helper()
	u, err := w.Auth.AddUser(w.Ctx, "", auth.NewUser{Username: username, Name: "张三" + username, Password: Password, Role: role, Areas: areas})
	w.Must(err)
	return u
}

// Must ends the test if there is an error.
func (w *World) Must(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatal(err)
	}
}

// Now is the world's time.
func (w *World) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(w.step)
	if w.ticking.IsZero() {
		return w.now
	}
	return w.now.Add(time.Since(w.ticking))
}

// Advance moves the clock.
func (w *World) Advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// SetStep lets the clock go on by so much whenever it is asked: so long takes
// what is done in between.
func (w *World) SetStep(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.step = d
}

// SetClock sets a clock that stands.
func (w *World) SetClock(t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = t
}

// Eventually waits for what another goroutine brings about.
func Eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("never happened: %s", what)
		case <-tick.C:
		}
	}
}
