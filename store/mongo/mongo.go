// Package mongo is the engine for production: one Mongo database for any
// number of processes. It is right on a standalone server, a replica set and
// a sharded cluster because it rests on two things only: an insert whose _id
// is taken fails, and the change of one document is atomic. It needs no
// transaction, no counter and no change stream.
//
// A commit is one document of the log, and its _id is its place: of two
// writers that saw the same head, one gets in. The views follow: records,
// receipts and, last, the mark up to which the area has been projected. All of
// them may be written again by anyone, in any order, and come out the same:
//
//   - A record is written with $max on a sub-document that begins with its
//     seq, so an older state never replaces a newer one.
//   - A receipt is written with $setOnInsert, so the first one stays.
//   - A mark moves by $max.
//
// A process that dies between the log and the mark leaves the rest to whoever
// touches the area next.
package mongo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/event"
	driver "go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

var _ store.Store = (*Store)(nil)

// Options is what Open needs from outside.
type Options struct {
	// NewID makes UUIDs: the identity of a database that doesn't exist yet.
	NewID func() string
	// Existing: a name without a database is an error, not a new one.
	Existing bool
	// Patience is how long another process may take to project what it
	// appended before this one does it; 0 means a second. After a crash the
	// first to touch an area waits this long, once.
	Patience time.Duration
}

// callTimeout bounds every call: what is not done by then is reported as
// unavailable.
const callTimeout = 30 * time.Second

// tweaks are for tests.
type tweaks struct {
	// monitor sees all commands.
	monitor *event.CommandMonitor
	// cut is given the statements of a projection and returns those to send.
	cut func([]driver.WriteModel) []driver.WriteModel
	// step is called between the commands of an append.
	step func(name string)
	// settle, if set, is how long SetReadOnly waits for writes under way.
	settle time.Duration
}

// Store is a Mongo database. Its methods are safe for concurrent use; after
// Close they return a CodeUnavailable error.
type Store struct {
	client   *driver.Client
	log      *driver.Collection
	views    *driver.Collection
	plain    *driver.Collection
	meta     *driver.Collection
	newID    func() string
	existing bool
	patience time.Duration
	quirks   quirks
	tweaks   tweaks
	gate     store.Gate
	clock    clock

	mu    sync.Mutex
	areas map[inspection.Area]*area
}

// Open connects to the server that uri names and opens the database in its
// path, "gridpatrol" without one; what is missing there is made. Returns a
// CodeUnavailable error that says what to do if the URI is wrong, the server
// is away or turns the user away, the user may not write, or the database was
// made by a newer version of this program; CodeNotFound if it must exist and
// doesn't.
func Open(ctx context.Context, uri string, opts Options) (*Store, error) {
	return open(ctx, uri, opts, tweaks{})
}

func open(ctx context.Context, uri string, opts Options, t tweaks) (*Store, error) {
	client, database, err := connect(ctx, uri, t.monitor)
	if err != nil {
		return nil, err
	}
	s := &Store{
		client: client, newID: opts.NewID, existing: opts.Existing, patience: opts.Patience, tweaks: t,
		log: database.Collection("log"), views: database.Collection("views"),
		plain: database.Collection("plain"), meta: database.Collection("meta"),
		areas: map[inspection.Area]*area{},
	}
	if s.patience == 0 {
		s.patience = time.Second
	}
	if s.tweaks.settle == 0 {
		s.tweaks.settle = callTimeout
	}
	if err := s.within(ctx, "open", s.prepare); err != nil {
		// What the client's end has to say is less than why it ends.
		_ = client.Disconnect(context.WithoutCancel(ctx))
		return nil, err
	}
	return s, nil
}

// Close waits for all calls under way.
func (s *Store) Close() error {
	if !s.gate.Close() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	return s.client.Disconnect(ctx)
}

// ID returns the database's identity.
func (s *Store) ID(ctx context.Context) (string, error) {
	var id string
	err := s.within(ctx, "id", func(ctx context.Context) (err error) {
		id, err = s.readMeta(ctx, idName)
		return err
	})
	return id, err
}

// Ping writes to the server's majority. Returns store.ErrReadOnly if the
// database takes no writes.
func (s *Store) Ping(ctx context.Context) error {
	return s.within(ctx, "ping", func(ctx context.Context) error {
		if err := s.checkWritable(ctx); err != nil {
			return err
		}
		return s.setMeta(ctx, "ping", s.newID())
	})
}

// within runs a call: not after Close, with a deadline, and in a session that
// sees at least what this store has seen before. Its errors are those that
// callers may be told.
func (s *Store) within(ctx context.Context, op string, run func(context.Context) error) error {
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("mongo: %s: %w", op, err)
	}
	bounded, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := s.clock.session(bounded, s.client, run)
	if err != nil && ctx.Err() != nil && !errors.Is(err, store.ErrStale) {
		return fmt.Errorf("mongo: %s: %w", op, ctx.Err())
	}
	return failure(op, err)
}

// clock holds the newest moment of the cluster that this store has seen. A
// session that starts from it reads nothing older, not even from a primary
// that doesn't know yet that it was replaced.
type clock struct {
	mu     sync.Mutex
	newest *primitive.Timestamp
}

// session runs the function in a causal session of its own: sessions can't be
// shared by goroutines.
func (c *clock) session(ctx context.Context, client *driver.Client, run func(context.Context) error) error {
	session, err := client.StartSession(options.Session().SetCausalConsistency(true))
	if err != nil {
		return err
	}
	defer session.EndSession(ctx)
	c.mu.Lock()
	newest := c.newest
	c.mu.Unlock()
	if newest != nil {
		if err := session.AdvanceOperationTime(newest); err != nil {
			return err
		}
	}
	err = run(driver.NewSessionContext(ctx, session))
	c.note(session.OperationTime())
	return err
}

func (c *clock) note(seen *primitive.Timestamp) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if seen != nil && (c.newest == nil || c.newest.Before(*seen)) {
		c.newest = seen
	}
}
