// Package report counts joint inspections as the district's plan asks and
// writes the month for people: as JSON, XLSX, CSV and GeoJSON. It knows no
// HTTP.
//
// A report is a pure function of a position: one seq for each area's log, that
// of the reference log included. The state of a document at a position is its
// newest revision up to there. So the same position gives the same numbers for
// ever, whatever was edited, deleted or handed in late since; a token names a
// position. A closed window keeps its files as they were, and what changed
// since is told apart.
package report

import (
	"context"
	"errors"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Store is what reports need of an engine.
type Store interface {
	ID(ctx context.Context) (string, error)

	Head(ctx context.Context, area inspection.Area) (store.Head, error)
	Heads(ctx context.Context) (map[inspection.Area]store.Head, error)
	SeqBefore(ctx context.Context, area inspection.Area, t time.Time) (int64, error)
	Commits(ctx context.Context, area inspection.Area, after int64, limit int) ([]*store.Commit, error)
	Entries(ctx context.Context, area inspection.Area, seqs []int64) ([]store.Entry, error)

	Records(ctx context.Context, ids []inspection.DocID) (map[inspection.DocID]store.Record, error)
	Changes(ctx context.Context, q store.ChangesQuery) (store.Changes, error)
	ByTerm(ctx context.Context, term string, after inspection.DocID, limit int) ([]store.Record, error)
	List(ctx context.Context, q store.ListQuery) (store.List, error)

	Get(ctx context.Context, table store.Table, key string) (store.Row, error)
	Put(ctx context.Context, table store.Table, row store.Row) (int64, error)
}

// Ledger adds documents to the reference log.
type Ledger interface {
	// AddClosing makes the document of a closing durable. Returns a
	// CodeConflict error if there is one of this id already.
	AddClosing(ctx context.Context, by inspection.UserID, id string, doc inspection.Object) error
}

// Config holds what a Service is made with.
type Config struct {
	Store Store
	// Ledger takes closings; without one nothing can be closed.
	Ledger Ledger
	Now    func() time.Time
	// Scratch is the folder for files that are too large for memory while they
	// are made; "" is the system's.
	Scratch string
	// Calendar is the plan's year.
	Calendar Calendar
}

// Service makes reports.
type Service struct {
	store    Store
	ledger   Ledger
	now      func() time.Time
	scratch  string
	calendar Calendar

	references references
	// slots bounds how many large reports are made at once.
	slots chan struct{}
}

// reportsAtOnce bounds the memory and the load of reports: one of 100,000
// vehicles takes some 200 MB.
const reportsAtOnce = 2

// New makes a service.
func New(cfg Config) (*Service, error) {
	if cfg.Store == nil || cfg.Now == nil {
		return nil, errors.New("report: the config lacks a store or a clock")
	}
	return &Service{
		store: cfg.Store, ledger: cfg.Ledger, now: cfg.Now, scratch: cfg.Scratch,
		calendar: cfg.Calendar, slots: make(chan struct{}, reportsAtOnce),
	}, nil
}

// enter waits for a slot.
func (s *Service) enter(ctx context.Context) error {
	select {
	case s.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Service) leave() { <-s.slots }
