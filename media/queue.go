package media

import (
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sync/semaphore"
)

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
