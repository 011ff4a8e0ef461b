// Package auth knows who someone is: accounts, passwords, tokens, refresh
// families, throttling of failures. It keeps what role a user has and which
// areas are granted; what follows from both is inspection.Principal's to say.
// It knows no HTTP.
//
// Who a user is and where they may work is a document in the reference log,
// with its history. Password hashes, signing keys, refresh families and
// devices are rows of plain tables. A token only names a user, a device and a
// family: whether these are still good, and what they may do, is read from the
// store each time, through a cache of at most CacheTTL.
package auth

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/alexedwards/argon2id"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// CacheTTL is how long rights, disabled accounts and ended families may be
// remembered. Source: docs/contract.md, section 1.
const CacheTTL = 5 * time.Second

// Store is what auth needs of an engine.
type Store interface {
	store.Tables
	Head(ctx context.Context, area inspection.Area) (store.Head, error)
	Append(ctx context.Context, commit *store.Commit) error
	Records(ctx context.Context, ids []inspection.DocID) (map[inspection.DocID]store.Record, error)
	Changes(ctx context.Context, q store.ChangesQuery) (store.Changes, error)
	LastN(ctx context.Context, device inspection.Device) (int64, error)
}

// AreaBook tells which areas there are.
type AreaBook interface {
	AreaExists(ctx context.Context, area inspection.Area) (bool, error)
}

// Config holds what a Service is made with. Zero durations and parameters take
// the values of docs/contract.md, section 1.
type Config struct {
	Now func() time.Time
	// Random gives ids and keys; it must be safe for concurrent use. The salts
	// of passwords come from the operating system in any case.
	Random io.Reader
	// Params is the cost of a password hash; zero means DefaultParams.
	Params argon2id.Params
	// AccessTTL is the life of an access token (15 minutes); FamilyTTL that of
	// a refresh family from its last use (90 days); Grace is how long after its
	// rotation a refresh token still answers although its successor was used
	// (60 seconds).
	AccessTTL, FamilyTTL, Grace time.Duration
	// Areas must know an area before it can be granted.
	Areas AreaBook
}

// DefaultParams is the cost of a password hash: 19 MiB, 2 passes, 1 lane.
// Source: OWASP Password Storage Cheat Sheet, argon2id.
var DefaultParams = argon2id.Params{
	Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32,
}

func (c Config) withDefaults() Config {
	if c.Params == (argon2id.Params{}) {
		c.Params = DefaultParams
	}
	if c.AccessTTL == 0 {
		c.AccessTTL = 15 * time.Minute
	}
	if c.FamilyTTL == 0 {
		c.FamilyTTL = 90 * 24 * time.Hour
	}
	if c.Grace == 0 {
		c.Grace = time.Minute
	}
	return c
}

// Service answers who someone is. It is safe for concurrent use and has no
// goroutines of its own.
type Service struct {
	store    Store
	cfg      Config
	keys     *keyring
	hasher   *hasher
	throttle *throttle
	cache    *cache
}

// New makes a service and, on an empty store, its signing keys. Processes that
// start at the same moment end up with the same keys.
func New(ctx context.Context, st Store, cfg Config) (*Service, error) {
	if cfg.Now == nil || cfg.Random == nil || cfg.Areas == nil {
		return nil, errors.New("auth: the config lacks a clock, a source of randomness or the known areas")
	}
	cfg = cfg.withDefaults()
	keys, err := openKeyring(ctx, st, cfg.Now, cfg.Random)
	if err != nil {
		return nil, err
	}
	h, err := newHasher(ctx, cfg.Params, cfg.Random)
	if err != nil {
		return nil, err
	}
	return &Service{
		store: st, cfg: cfg, keys: keys, hasher: h,
		throttle: &throttle{max: maxBuckets}, cache: &cache{max: maxCached},
	}, nil
}

func (s *Service) now() time.Time { return s.cfg.Now().UTC() }
