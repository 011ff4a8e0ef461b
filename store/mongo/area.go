package mongo

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	driver "go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// area is what this process knows of one area.
type area struct {
	name inspection.Area
	// turn is held by the one goroutine that appends to the area or projects
	// it; sending takes it.
	turn chan struct{}

	mu sync.Mutex
	// head is up to where the views have followed the log, at least. known
	// is false until the mark has been read.
	head  store.Head
	known bool
	// past is the last answer to SeqBefore that no commit can change any more:
	// phones that start over on one day all ask for the same.
	past struct {
		at  time.Time
		seq int64
	}
}

func (s *Store) area(name inspection.Area) *area {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.areas[name] == nil {
		s.areas[name] = &area{name: name, turn: make(chan struct{}, 1)}
	}
	return s.areas[name]
}

func (a *area) peek() (store.Head, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.head, a.known
}

// advance notes that the views have followed the log up to head.
func (a *area) advance(head store.Head) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.known || head.Seq > a.head.Seq {
		a.head, a.known = head, true
	}
}

// forget makes the next use read the mark.
func (a *area) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.known = false
	a.past.at = time.Time{}
}

// takeTurn waits for the area's turn; the function that it returns ends it.
func (a *area) takeTurn(ctx context.Context) (func(), error) {
	select {
	case a.turn <- struct{}{}:
		return func() { <-a.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// mark is the document that says how far an area's views are.
type mark struct {
	ID      string      `bson:"_id"`
	Applied *storedHead `bson:"applied"`
}

func (m *mark) area() inspection.Area { return inspection.Area(m.ID[len(markKey("")):]) }

// readMark returns the zero Head for an area that was never projected.
func (s *Store) readMark(ctx context.Context, name inspection.Area) (store.Head, error) {
	var m mark
	err := s.views.FindOne(ctx, bson.D{{Key: "_id", Value: markKey(name)}}).Decode(&m)
	if errors.Is(err, driver.ErrNoDocuments) {
		return store.Head{}, nil
	}
	if err != nil {
		return store.Head{}, err
	}
	return m.Applied.decode()
}

// fresh returns the newest commit's end, with the views at least that far.
// While nobody else appends, that is one look at the log.
func (s *Store) fresh(ctx context.Context, name inspection.Area) (store.Head, error) {
	a := s.area(name)
	if head, known := a.peek(); known {
		end, err := s.endOf(ctx, name, head.Seq+1)
		if err != nil || end == 0 {
			return head, err
		}
	}
	done, err := a.takeTurn(ctx)
	if err != nil {
		return store.Head{}, err
	}
	defer done()
	return s.catchUp(ctx, a)
}

// catchUp projects what is in the log beyond the area's head, and returns
// where the log ends. The caller has the area's turn.
func (s *Store) catchUp(ctx context.Context, a *area) (store.Head, error) {
	head, known := a.peek()
	if !known {
		var err error
		if head, err = s.readMark(ctx, a.name); err != nil {
			return head, err
		}
		a.advance(head)
	}
	for patience := s.patience; ; {
		end, err := s.endOf(ctx, a.name, head.Seq+1)
		if err != nil || end == 0 {
			return head, err
		}
		ahead, err := s.await(ctx, a.name, end, patience)
		if err == nil && ahead.Seq < end {
			patience = 0 // whoever it was is gone
			ahead, err = s.projectAt(ctx, a.name, head.Seq+1)
		}
		if err != nil {
			return head, err
		}
		head = ahead
		a.advance(head)
	}
}

// projectAt projects the commit at a place and returns its end.
func (s *Store) projectAt(ctx context.Context, name inspection.Area, first int64) (store.Head, error) {
	stored, err := s.commitAt(ctx, name, first)
	if err != nil {
		return store.Head{}, err
	}
	c, err := stored.open()
	if err != nil {
		return store.Head{}, err
	}
	return c.Head(), s.project(ctx, c, nil)
}

// commitAt reads the commit whose first seq is given. Returns errNoCommit,
// also where the place is only held.
func (s *Store) commitAt(ctx context.Context, name inspection.Area, first int64) (*storedCommit, error) {
	var sc storedCommit
	err := s.log.FindOne(ctx, bson.D{{Key: "_id", Value: commitKey(name, first)}}).Decode(&sc)
	if err == nil && sc.Sealed || errors.Is(err, driver.ErrNoDocuments) {
		return nil, errNoCommit
	}
	return &sc, err
}

// await gives another process the time to project what it has appended, and
// returns the area's mark. Two that project the same come to the same result,
// but do the work twice.
func (s *Store) await(ctx context.Context, name inspection.Area, seq int64, patience time.Duration) (store.Head, error) {
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		head, err := s.readMark(ctx, name)
		if err != nil || head.Seq >= seq || patience <= 0 {
			return head, err
		}
		select {
		case <-time.After(min(pause, patience)):
			patience -= pause
		case <-ctx.Done():
			return head, ctx.Err()
		}
	}
}

// closeCursor gives a cursor up. One that can't be told so ends by itself.
func closeCursor(ctx context.Context, c *driver.Cursor) { _ = c.Close(ctx) }

// collect returns all documents that a query finds.
func collect[T any](ctx context.Context, c *driver.Collection, filter any, opts ...*options.FindOptions) ([]T, error) {
	cursor, err := c.Find(ctx, filter, opts...)
	if err != nil {
		return nil, err
	}
	var list []T
	err = cursor.All(ctx, &list)
	return list, err
}
