// Package report counts joint inspections as the district's plan asks. It
// writes no file itself: the formats that it is handed do, and package render
// has them. It knows no HTTP.
//
// A report is a pure function of a position in the logs, as package asof reads
// it: the same position gives the same numbers for ever. A closed window keeps
// its files as they were, and what changed since is told apart.
//
// A report is made in phases: context.go finds out what it is about, with the
// reference data of reference.go; count.go reads and counts the sessions and what
// is in them; joint.go words what was counted; closed.go compares that with what a
// closing kept.
package report

import (
	"context"
	"errors"
	"slices"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/store/asof"
)

// Store is what reports need of an engine.
type Store interface {
	asof.Store

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
	// Formats are what reports can be had in. One of them is named JSON.
	Formats []Format
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
	formats  []Format
	scratch  string
	calendar Calendar

	references referenceCache
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
	if !slices.ContainsFunc(cfg.Formats, func(f Format) bool { return f.Name() == JSON }) {
		return nil, errors.New("report: the config lacks the format that closings are read back in")
	}
	return &Service{
		store: cfg.Store, ledger: cfg.Ledger, now: cfg.Now, formats: cfg.Formats, scratch: cfg.Scratch,
		calendar: cfg.Calendar, slots: make(chan struct{}, reportsAtOnce),
	}, nil
}
