// Package review is the supervisors' half: lists, histories, decisions on
// inspections, the settling of conflicts, and tasks.
//
// Every act is an entry in the area's log like any phone's edit. What may
// follow what is in two tables of package inspection, one for reviews and one
// for tasks. An act names the revision that it rests on and is refused as
// stale if what it rests on has changed since; one that is sent again after
// its answer was lost is answered as at first.
package review

import (
	"context"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/sync"
)

// Store is what reviews read of an engine.
type Store interface {
	Heads(ctx context.Context) (map[inspection.Area]store.Head, error)
	Records(ctx context.Context, ids []inspection.DocID) (map[inspection.DocID]store.Record, error)
	Entries(ctx context.Context, area inspection.Area, seqs []int64) ([]store.Entry, error)
	List(ctx context.Context, q store.ListQuery) (store.List, error)
}

// Acts carries acts out and knows the reference data.
type Acts interface {
	Act(ctx context.Context, act sync.Act) (map[inspection.DocID]store.Record, error)
	Reference(ctx context.Context) (*sync.Reference, error)
}

// People knows who works where.
type People interface {
	// WorksIn reports whether the user has an account that is in use and
	// covers the area.
	WorksIn(ctx context.Context, user inspection.UserID, area inspection.Area) (bool, error)
	// Manages returns what tells which users are the principal's to manage.
	Manages(ctx context.Context, principal *inspection.Principal) (func(inspection.UserID) bool, error)
}

// Config holds what a Service is made with.
type Config struct {
	Store  Store
	Acts   Acts
	People People
	Now    func() time.Time
	// NewID makes the id of a task whose maker gave none.
	NewID func() string
}

// Service is the supervisors' half. Its methods are safe for concurrent use.
type Service struct{ cfg Config }

// New makes a service.
func New(cfg Config) *Service { return &Service{cfg: cfg} }

// Document returns a document, tombstones too. Returns CodeNotFound for one
// that isn't there, is of another collection or lies where the principal has no
// right.
func (s *Service) Document(ctx context.Context, principal *inspection.Principal, c inspection.Collection, id inspection.DocID) (store.Record, error) {
	found, err := s.cfg.Store.Records(ctx, []inspection.DocID{id})
	if err != nil {
		return store.Record{}, err
	}
	r := found[id]
	if r.Rev == 0 || r.Collection != c || !principal.CanRead(r.Area, s.cfg.Now()) {
		return store.Record{}, inspection.Errorf(inspection.CodeNotFound, "There is no such document, or none that you may see.")
	}
	return r, nil
}

// maxComment is the longest comment, in characters.
const maxComment = 2000

// cleanComment returns the comment trimmed. Returns CodeBadRequest if it is
// too long, or missing where who reads it would not know what to do.
func cleanComment(comment string, required bool) (string, error) {
	comment = strings.TrimSpace(comment)
	switch {
	case utf8.RuneCountInString(comment) > maxComment:
		return "", fault("/comment", inspection.CodeOutOfRange, "A comment has at most "+strconv.Itoa(maxComment)+" characters.")
	case required && comment == "":
		return "", fault("/comment", inspection.CodeRequired, "Say in a comment what is wrong, for who has to put it right.")
	}
	return comment, nil
}

func fault(pointer string, code inspection.Code, detail string) error {
	return inspection.FaultIn(pointer, code, detail)
}
