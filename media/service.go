package media

import (
	"context"
	"fmt"
	"runtime"
	gosync "sync"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"

	"gridpatrol/inspection"
)

// Service keeps photos. Close it to end its goroutines.
type Service struct {
	cfg      Config
	likeness *likeness
	queue    *queue
	making   singleflight.Group
	counts   counts

	mu    gosync.Mutex
	holds map[string]*hold
	due   map[inspection.DocID]inspection.Area
	// photosSwept is when the photos were last gone through; trash is since
	// when a sweep knows what is in the trash.
	photosSwept time.Time
	trash       map[string]time.Time

	wake   chan struct{}
	ctx    context.Context //nolint:containedctx // the parent of what the service does by itself
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
		queue: newQueue(cfg.DecodeBudget),
		holds: map[string]*hold{}, due: map[inspection.DocID]inspection.Area{}, trash: map[string]time.Time{},
		wake: make(chan struct{}, 1),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.active.Go(s.watch)
	s.active.Go(s.sweepAgainAndAgain)
	return s, nil
}

// Close ends what the service does by itself and waits for it. What is left
// over is found by the next start.
func (s *Service) Close() {
	s.cancel()
	s.active.Wait()
}

// queue bounds the memory and the processors that pictures take at once.
type queue struct {
	budget, least int64
	room          *semaphore.Weighted
}

func newQueue(budget int64) *queue {
	// No more pictures at once than there are processors: more would only
	// share them.
	return &queue{budget: budget, least: budget / int64(runtime.GOMAXPROCS(0)), room: semaphore.NewWeighted(budget)}
}

// do runs work once there is room for so many bytes; first come, first served.
// What needs more than there is runs alone.
func (q *queue) do(ctx context.Context, bytes int64, work func() error) error {
	weight := min(max(bytes, q.least), q.budget)
	if err := q.room.Acquire(ctx, weight); err != nil {
		return fmt.Errorf("waiting for room to decode: %w", err)
	}
	defer q.room.Release(weight)
	return work()
}
