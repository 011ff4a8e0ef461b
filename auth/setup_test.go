package auth

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"gridpatrol/inspection"
)

// clock is a clock that only moves when told to.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 10, 12, 9, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

var cheap = argon2id.Params{Memory: 16, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}

const goodPassword = "correct horse"

var home = netip.MustParseAddr("203.0.113.7")

// bench is one service on a store, with its clock and a count of how often a
// password was compared with a hash.
type bench struct {
	*Service
	t        *testing.T
	ctx      context.Context
	clock    *clock
	compared atomic.Int64
}

// everywhere is a book of all areas.
type everywhere struct{}

func (everywhere) AreaExists(context.Context, inspection.Area) (bool, error) { return true, nil }

func newBench(t *testing.T) *bench { return newBenchOn(t, newStore(t), newClock()) }

// newBenchOn is another process on the same store.
func newBenchOn(t *testing.T, st Store, c *clock) *bench {
	t.Helper()
	b := &bench{t: t, ctx: t.Context(), clock: c}
	var err error
	b.Service, err = New(b.ctx, st, Config{Now: c.Now, Random: rand.Reader, Params: cheap, Areas: everywhere{}})
	if err != nil {
		t.Fatal(err)
	}
	compare := b.hasher.compare
	b.hasher.compare = func(password, hash string) (bool, error) {
		b.compared.Add(1)
		return compare(password, hash)
	}
	return b
}

func (b *bench) addUser(name string, areas ...inspection.Area) User {
	b.t.Helper()
	u, err := b.AddUser(b.ctx, "", NewUser{Username: name, Name: "王芳", Password: goodPassword, Role: inspection.RoleInspector, Areas: areas})
	if err != nil {
		b.t.Fatal(err)
	}
	return u
}

func deviceID(n int) string { return fmt.Sprintf("0192f3c1-7d1e-7a64-9f0a-%012x", n) }

func request(name, password string, device int) LoginRequest {
	return LoginRequest{Username: name, Password: password, Device: DeviceInfo{ID: deviceID(device)}, Address: home}
}

func (b *bench) login(name string, device int) Tokens {
	b.t.Helper()
	tokens, err := b.Login(b.ctx, request(name, goodPassword, device))
	if err != nil {
		b.t.Fatal(err)
	}
	return tokens
}

func (b *bench) refresh(token string) Tokens {
	b.t.Helper()
	tokens, err := b.Refresh(b.ctx, token, home)
	if err != nil {
		b.t.Fatal(err)
	}
	return tokens
}

func (b *bench) refuse(token string, want inspection.Code) {
	b.t.Helper()
	_, err := b.Refresh(b.ctx, token, home)
	wantCode(b.t, err, want)
}

func (b *bench) authorize(token string) Session {
	b.t.Helper()
	session, err := b.Authorize(b.ctx, token)
	if err != nil {
		b.t.Fatal(err)
	}
	return session
}

func (b *bench) unauthorized(token string, want inspection.Code) {
	b.t.Helper()
	session, err := b.Authorize(b.ctx, token)
	wantCode(b.t, err, want)
	if session.User.ID != "" {
		b.t.Errorf("a refused token came with a session of %s", session.User.Username)
	}
}

func wantCode(t *testing.T, err error, want inspection.Code) {
	t.Helper()
	if got := inspection.CodeOf(err); got != want {
		t.Fatalf("got %q (%v), want %q", got, err, want)
	}
}

func ptr[T any](v T) *T { return &v }
