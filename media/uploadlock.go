package media

import (
	"context"
	"time"

	"gridpatrol/inspection"
)

// uploadLock is the right to work on one upload. A phone whose connection broke
// comes back on another while the server still waits for bytes on the old
// one: whoever comes later interrupts that wait.
type uploadLock struct {
	interrupt func()
	over      chan struct{}
}

// lockPatience is how long a request waits for one before it to put away what
// it has.
const lockPatience = 3 * time.Second

// lockUpload waits for the upload and returns what gives it up again. interrupt, if
// given, makes whoever has it stop waiting for more bytes; it is not called
// after the lock was given up. Returns CodeUploadLocked.
func (s *Service) lockUpload(ctx context.Context, key string, interrupt func()) (release func(), err error) {
	patience := time.NewTimer(lockPatience)
	defer patience.Stop()
	for {
		before := s.tryLockUpload(key, interrupt, true)
		if before == nil {
			return func() { s.unlockUpload(key) }, nil
		}
		select {
		case <-before.over:
		case <-patience.C:
			return nil, uploadLocked()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func uploadLocked() error {
	return inspection.Errorf(inspection.CodeUploadLocked, "%s", inspection.Codes[inspection.CodeUploadLocked])
}

// tryLockUpload takes the lock, or returns the one before, interrupted if disturb
// says so.
func (s *Service) tryLockUpload(key string, interrupt func(), disturb bool) (before *uploadLock) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.locks[key]; h != nil {
		if disturb && h.interrupt != nil {
			h.interrupt()
		}
		return h
	}
	s.locks[key] = &uploadLock{interrupt: interrupt, over: make(chan struct{})}
	return nil
}

func (s *Service) unlockUpload(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.locks[key].over)
	delete(s.locks, key)
}
