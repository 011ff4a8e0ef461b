package media

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	gosync "sync"
	"time"

	"gridpatrol/inspection"
)

// queue bounds the memory and the processors that pictures take at once, and is
// fair: next is the user of whom the fewest pictures are being decoded, of these
// the one whose pictures have taken the least time, and then whoever came first.
type queue struct {
	budget, least int64
	now           func() time.Time
	// charge is told what each picture took.
	charge func(inspection.UserID, time.Duration)

	mu    gosync.Mutex
	free  int64
	users map[inspection.UserID]*share
	// served is how much the user served last had used: who comes back after a
	// while begins there, and has saved up nothing.
	served  time.Duration
	arrived int64
}

// share is a user's part in a queue.
type share struct {
	used    time.Duration
	running int
	waiting []*waiter // in order of arrival
}

// waiter is a picture that waits for its turn.
type waiter struct {
	user    inspection.UserID
	weight  int64
	arrived int64
	hasCome chan struct{} // closed then
}

func newQueue(budget int64, now func() time.Time, charge func(inspection.UserID, time.Duration)) *queue {
	// No more pictures at once than there are processors: more would only
	// share them.
	return &queue{
		budget: budget, least: budget / int64(runtime.GOMAXPROCS(0)), now: now, charge: charge,
		free: budget, users: map[inspection.UserID]*share{},
	}
}

// do runs work for a user once there is room for so many bytes and it is the
// user's turn. What needs more than there is runs alone.
func (q *queue) do(ctx context.Context, user inspection.UserID, bytes int64, work func() error) error {
	t := &waiter{user: user, weight: min(max(bytes, q.least), q.budget), hasCome: make(chan struct{})}
	q.enter(t)
	select {
	case <-t.hasCome:
	case <-ctx.Done():
		if q.giveUp(t) {
			return fmt.Errorf("waiting for room to decode: %w", ctx.Err())
		}
	}
	began := q.now()
	defer func() {
		if t.weight > q.budget/2 {
			runtime.GC() // else the next one's memory would come on top
		}
		took := max(q.now().Sub(began), 0)
		q.leave(t, took)
		q.charge(user, took)
	}()
	return work()
}

func (q *queue) enter(t *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.users[t.user]
	if s == nil {
		s = &share{}
		q.users[t.user] = s
	}
	if s.idle() {
		s.used = max(s.used, q.served)
	}
	q.arrived++
	t.arrived = q.arrived
	s.waiting = append(s.waiting, t)
	q.serve()
}

func (s *share) idle() bool { return s.running == 0 && len(s.waiting) == 0 }

// giveUp takes a turn out of the queue; false if it has come already.
func (q *queue) giveUp(t *waiter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.users[t.user]
	i := -1
	if s != nil {
		i = slices.Index(s.waiting, t)
	}
	if i < 0 {
		return false
	}
	s.waiting = slices.Delete(s.waiting, i, i+1)
	q.tidy(t.user)
	q.serve() // what needed less may have waited behind it
	return true
}

func (q *queue) leave(t *waiter, took time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.users[t.user]
	q.free += t.weight
	s.running--
	s.used += took
	q.tidy(t.user)
	q.serve()
}

// tidy forgets a user who is where a newcomer would be, and all when nobody is
// here.
func (q *queue) tidy(user inspection.UserID) {
	if s := q.users[user]; s.idle() && s.used <= q.served {
		delete(q.users, user)
	}
	for _, s := range q.users {
		if !s.idle() {
			return
		}
	}
	clear(q.users)
	q.served = 0
}

// serve begins what there is room for. What is next is never passed by: a large
// picture would wait for ever.
func (q *queue) serve() {
	for {
		s := q.next()
		if s == nil || s.waiting[0].weight > q.free {
			return
		}
		t := s.waiting[0]
		s.waiting = s.waiting[1:]
		s.running++
		q.free -= t.weight
		q.served = max(q.served, s.used)
		close(t.hasCome)
	}
}

// next is the user whose turn is next, nil if nobody waits.
func (q *queue) next() *share {
	var best *share
	for _, s := range q.users {
		if len(s.waiting) > 0 && (best == nil || s.before(best)) {
			best = s
		}
	}
	return best
}

func (s *share) before(o *share) bool {
	return cmp.Or(cmp.Compare(s.running, o.running), cmp.Compare(s.used, o.used), cmp.Compare(s.waiting[0].arrived, o.waiting[0].arrived)) < 0
}
