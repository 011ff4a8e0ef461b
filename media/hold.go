package media

import (
	"context"
	"time"

	"gridpatrol/inspection"
)

// hold is the right to work on one upload. A phone whose connection broke
// comes back on another while the server still waits for bytes on the old
// one: whoever comes later interrupts that wait.
type hold struct {
	interrupt func()
	over      chan struct{}
}

// holdPatience is how long a request waits for one before it to put away what
// it has.
const holdPatience = 3 * time.Second

// hold waits for the upload and returns what gives it up again. interrupt, if
// given, makes whoever holds it stop waiting for more bytes; it is not called
// after the hold was given up. Returns CodeUploadLocked.
func (s *Service) hold(ctx context.Context, key string, interrupt func()) (release func(), err error) {
	patience := time.NewTimer(holdPatience)
	defer patience.Stop()
	for {
		before := s.tryHold(key, interrupt, true)
		if before == nil {
			return func() { s.release(key) }, nil
		}
		select {
		case <-before.over:
		case <-patience.C:
			return nil, locked()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func locked() error {
	return inspection.Errorf(inspection.CodeUploadLocked, "%s", inspection.Codes[inspection.CodeUploadLocked])
}

// tryHold takes the hold, or returns the one before, interrupted if disturb
// says so.
func (s *Service) tryHold(key string, interrupt func(), disturb bool) (before *hold) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.holds[key]; h != nil {
		if disturb && h.interrupt != nil {
			h.interrupt()
		}
		return h
	}
	s.holds[key] = &hold{interrupt: interrupt, over: make(chan struct{})}
	return nil
}

func (s *Service) release(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.holds[key].over)
	delete(s.holds, key)
}
