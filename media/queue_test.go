package media

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"gridpatrol/inspection"
)

// line plays the users of a queue whose works end when they are told to.
type line struct {
	t     *testing.T
	queue *queue
	ends  map[string]chan struct{}
	done  gosync.WaitGroup

	mu      gosync.Mutex
	order   []string
	now     time.Time
	charged map[inspection.UserID]time.Duration
}

// join asks for room for a work, which is named for its user and number.
func (l *line) join(ctx context.Context, user inspection.UserID, number int, bytes int64) {
	name := fmt.Sprint(user, number)
	end := make(chan struct{})
	l.ends[name] = end
	l.done.Go(func() {
		err := l.queue.do(ctx, user, bytes, func() error {
			l.mu.Lock()
			l.order = append(l.order, name)
			l.mu.Unlock()
			<-end
			return nil
		})
		if err != nil && !errors.Is(err, context.Canceled) {
			l.t.Error(err)
		}
	})
}

// began waits until so many works have begun, and returns them in order.
func (l *line) began(n int) []string {
	l.t.Helper()
	for range 2000 {
		l.mu.Lock()
		order := slices.Clone(l.order)
		l.mu.Unlock()
		if len(order) >= n {
			return order
		}
		time.Sleep(time.Millisecond)
	}
	l.t.Fatalf("only %v have begun", l.order)
	return nil
}

// joinMany has a user join so often, one after the other, behind those who wait.
func (l *line) joinMany(user inspection.UserID, times, waiting int) {
	l.t.Helper()
	for i := range times {
		l.join(l.t.Context(), user, i, all)
		l.queued(waiting + i)
	}
}

// queued waits until so many works wait for their turn, and one has begun.
func (l *line) queued(n int) {
	l.t.Helper()
	if n == 0 {
		l.began(1)
		return
	}
	for range 2000 {
		l.queue.mu.Lock()
		waiting := 0
		for _, s := range l.queue.users {
			waiting += len(s.waiting)
		}
		l.queue.mu.Unlock()
		if waiting == n {
			return
		}
		time.Sleep(time.Millisecond)
	}
	l.t.Fatalf("there never were %d waiting", n)
}

func (l *line) clock() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

func (l *line) tick(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = l.now.Add(d)
}

func newLine(t *testing.T) *line {
	l := &line{t: t, ends: map[string]chan struct{}{}, charged: map[inspection.UserID]time.Duration{}}
	l.queue = newQueue(100, l.clock, func(user inspection.UserID, took time.Duration) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.charged[user] += took
	})
	return l
}

// all is the room of a line's queue: works that need it run one at a time.
const all = 100

// run ends the works in the order in which they begin; each takes as long as
// took says of its user. It returns that order.
func (l *line) run(works int, took map[string]time.Duration) []string {
	l.t.Helper()
	for i := range works {
		name := l.began(i + 1)[i]
		l.tick(took[strings.TrimRight(name, "0123456789")])
		close(l.ends[name])
	}
	l.done.Wait()
	return l.began(works)
}

// TestQueueIsFair: whoever has many pictures waiting doesn't keep others from
// their turn.
func TestQueueIsFair(t *testing.T) {
	l := newLine(t)
	l.joinMany("crowd", 5, 0)
	l.join(t.Context(), "li", 0, all)
	l.queued(5)
	l.join(t.Context(), "wang", 0, all)
	l.queued(6)
	want := []string{"crowd0", "li0", "wang0", "crowd1", "crowd2", "crowd3", "crowd4"}
	if got := l.run(7, map[string]time.Duration{"crowd": time.Second, "li": time.Second, "wang": time.Second}); !slices.Equal(got, want) {
		t.Errorf("served were %v, want %v", got, want)
	}
	if l.charged["crowd"] != 5*time.Second || l.charged["li"] != time.Second {
		t.Errorf("charged were %v", l.charged)
	}
	if l.queue.free != l.queue.budget || len(l.queue.users) != 0 {
		t.Errorf("left are %d of %d and %d users", l.queue.free, l.queue.budget, len(l.queue.users))
	}
}

// TestQueueCountsTime: of two who both have many pictures waiting, each gets half
// of the time, not of the turns.
func TestQueueCountsTime(t *testing.T) {
	l := newLine(t)
	l.joinMany("slow", 3, 0)
	l.joinMany("fast", 6, 3)
	want := []string{"slow0", "fast0", "fast1", "fast2", "slow1", "fast3", "fast4", "fast5", "slow2"}
	if got := l.run(9, map[string]time.Duration{"slow": 3 * time.Second, "fast": time.Second}); !slices.Equal(got, want) {
		t.Errorf("served were %v, want %v", got, want)
	}
}

// TestQueueSavesUpNothing: who comes anew takes turns with those who have waited
// all along, from then on.
func TestQueueSavesUpNothing(t *testing.T) {
	l := newLine(t)
	l.joinMany("old", 5, 0)
	for i := range 3 {
		l.tick(time.Second)
		close(l.ends[l.began(i + 1)[i]])
	}
	l.began(4)
	l.joinMany("new", 2, 2)
	l.tick(time.Second)
	close(l.ends["old3"])
	l.began(5)
	for i, name := range []string{"new0", "old4"} {
		l.tick(time.Second)
		close(l.ends[name])
		l.began(6 + i)
	}
	close(l.ends["new1"])
	l.done.Wait()
	if got, want := l.began(7), []string{"old0", "old1", "old2", "old3", "new0", "old4", "new1"}; !slices.Equal(got, want) {
		t.Errorf("served were %v, want %v", got, want)
	}
}

// TestQueueGivesUp: who no longer waits holds up nobody, a large picture is not
// passed by for ever, and small ones run side by side.
func TestQueueGivesUp(t *testing.T) {
	l := newLine(t)
	l.queue.least = 10
	l.join(t.Context(), "li", 0, 40)
	l.began(1)
	impatient, leave := context.WithCancel(t.Context())
	l.join(impatient, "large", 0, all)
	l.queued(1)
	l.join(t.Context(), "wang", 0, 40)
	l.queued(2)
	leave()
	l.began(2)
	l.join(t.Context(), "large", 1, all)
	l.queued(1)
	l.join(t.Context(), "zhao", 0, 10)
	l.queued(2)
	close(l.ends["li0"])
	close(l.ends["wang0"])
	l.began(3)
	close(l.ends["large1"])
	l.began(4)
	close(l.ends["zhao0"])
	l.done.Wait()
	if got, want := l.began(4), []string{"li0", "wang0", "large1", "zhao0"}; !slices.Equal(got, want) {
		t.Errorf("served were %v, want %v", got, want)
	}
	if l.queue.free != l.queue.budget || len(l.queue.users) != 0 {
		t.Errorf("left are %d of %d and %d users", l.queue.free, l.queue.budget, len(l.queue.users))
	}
}
