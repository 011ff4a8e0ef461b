// Package sync takes what phones push and gives them what they lack. It knows
// no HTTP.
//
// A push is split by area. Each area has a commit queue, where the pushes that
// wait are gathered into one commit: read the head, the receipts and the
// records, decide purely, append; if another process was first, read and decide
// again. What can't be stored goes to quarantine in the reference log, with its
// receipt. A pull walks the areas' views from the checkpoint's positions.
//
// A phone of ours numbers its mutations. Clients that don't, behind doors of
// their own such as rxdb/, push Edits: the whole state of a document.
package sync

import (
	"context"
	"log/slog"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Store is what sync needs of an engine.
type Store interface {
	store.Log
	store.Views
	store.Tables
	ID(ctx context.Context) (string, error)
}

// Config holds what a Service is made with.
type Config struct {
	Store Store
	Now   func() time.Time
	Log   *slog.Logger
	// Poll is how often heads are compared to notice what other processes
	// committed; 0 means 300 ms.
	Poll time.Duration
	// OnPhotos, if set, is told after each commit which documents were put
	// that name photos. It must not wait.
	OnPhotos func(inspection.Area, []inspection.DocID)
}

// Service is the sync engine. Close it to end its goroutines.
type Service struct {
	store      Store
	reports    *reports
	now        func() time.Time
	log        *slog.Logger
	catalog    *catalog
	queues     commitQueues
	hub        *hub
	prefetcher *prefetcher

	onPhotos func(inspection.Area, []inspection.DocID)
}

// New makes a service and reads the reference data.
func New(ctx context.Context, cfg Config) (*Service, error) {
	s := &Service{
		store: cfg.Store, now: cfg.Now, log: cfg.Log,
		catalog: &catalog{store: cfg.Store, now: cfg.Now}, onPhotos: cfg.OnPhotos,
	}
	if _, err := s.catalog.current(ctx); err != nil {
		return nil, err
	}
	poll := cfg.Poll
	if poll == 0 {
		poll = 300 * time.Millisecond
	}
	s.hub = newHub(cfg.Store, poll, cfg.Log)
	s.reports = newReports(cfg.Store, cfg.Log)
	s.prefetcher = newPrefetcher(cfg.Store, cfg.Now)
	return s, nil
}

// Close ends all streams, waits for commits under way and writes down what
// phones reported.
func (s *Service) Close() {
	s.hub.close()
	s.queues.active.Wait()
	s.prefetcher.close()
	s.reports.close()
}
