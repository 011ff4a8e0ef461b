package sync

import (
	"fmt"
	"sync/atomic"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// MutationOf is what a client with numbers would have sent for the edit.
func MutationOf(e *Edit) Mutation { return e.mutation() }

// Waiting returns how many pushes wait for a commit of an area.
func Waiting(s *Service, area inspection.Area) int {
	q := s.queues.of(area)
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// Gathered is a mutation of those that are decided together, and who made it.
type Gathered struct {
	By       *inspection.Principal
	Mutation Mutation
}

// Answer is what it is answered with.
type Answer struct {
	Status store.Status
	Doc    []byte
}

// DecideTogether decides mutations in one commit.
func (s *Service) DecideTogether(area inspection.Area, list ...Gathered) ([]Answer, error) {
	room := &atomic.Int64{}
	room.Store(maxAnswerBytes)
	items := make([]*item, len(list))
	for i := range list {
		items[i] = &item{m: &list[i].Mutation, principal: list[i].By, room: room}
	}
	n, err := s.commitGuarded(area, s.queues.of(area), items)
	if err == nil && n != len(items) {
		err = fmt.Errorf("%d of %d were committed", n, len(items))
	}
	answers := make([]Answer, len(items))
	for i, it := range items {
		answers[i] = Answer{it.result.status, it.result.doc}
	}
	return answers, err
}
