package media

import (
	"context"
	gosync "sync"
	"time"

	"gridpatrol/inspection"
)

// Service keeps photos. Close it to end its goroutines.
type Service struct {
	cfg      Config
	likeness *likeness
	decoder  *decoder
	counts   counts

	mu    gosync.Mutex
	locks map[string]*uploadLock
	due   map[inspection.DocID]inspection.Area
	// decoded is how long each user's pictures have taken since that was last
	// written down.
	decoded map[inspection.UserID]time.Duration
	// photosSwept is when the photos were last gone through; trash is since
	// when a sweep knows what is in the trash.
	photosSwept time.Time
	trash       map[string]time.Time

	wake   chan struct{}
	ctx    context.Context // the parent of what the service does by itself
	cancel context.CancelFunc
	active gosync.WaitGroup
}

// New makes a service. What a crash left half done is finished in the
// background from then on.
func New(cfg Config) (*Service, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	s := &Service{
		cfg: cfg, likeness: &likeness{tables: cfg.Store, recent: map[string]bool{}},
		locks: map[string]*uploadLock{}, due: map[inspection.DocID]inspection.Area{},
		decoded: map[inspection.UserID]time.Duration{}, trash: map[string]time.Time{}, wake: make(chan struct{}, 1),
	}
	s.decoder = newDecoder(cfg.Blobs, newQueue(cfg.DecodeBudget, cfg.Now, s.noteDecoded))
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.active.Go(s.watch)
	s.active.Go(s.sweepAgainAndAgain)
	return s, nil
}

// Sweeps are what repairs the rest: they run at the start and again and again.
func (s *Service) sweepAgainAndAgain() {
	tick := time.NewTicker(s.cfg.Sweep)
	defer tick.Stop()
	for {
		if err := s.safely(func() error { return s.Sweep(s.ctx) }); err != nil && s.ctx.Err() == nil {
			s.cfg.Log.Warn("a sweep failed and is repeated", "error", err)
		}
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Close ends what the service does by itself and waits for it. What is left
// over is found by the next start.
func (s *Service) Close() {
	s.cancel()
	s.active.Wait()
}
