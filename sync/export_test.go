package sync

import "gridpatrol/inspection"

// MutationOf is what a client with numbers would have sent for the edit.
func MutationOf(e *Edit) Mutation { return e.mutation() }

// Waiting returns how many pushes wait for the next commit of an area.
func Waiting(s *Service, area inspection.Area) int {
	q := s.queues.of(area)
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}
