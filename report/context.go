package report

import (
	"context"

	"gridpatrol/inspection"
	"gridpatrol/store/asof"
)

// Context is what a report is about: a window, some areas, a position, and what
// was known there.
type Context struct {
	Window Window
	// Scope is the areas that were asked for, sorted; those that lie in another
	// one of them are left out.
	Scope     []inspection.Area
	Position  *asof.Position
	Reference *Reference

	areas    []inspection.Area // the known ones in the scope, sorted
	targets  targets           // of the window
	closing  *Closing          // of the window, nil if it was open at the position
	before   *Context          // the same of the window before, to compare with
	snapshot *asof.Snapshot
	store    Store
}

// begin waits until a report may be made and finds out what it is about. Whoever
// began without an error ends. Returns CodeBadAsOf, CodeAsOfReset, and
// CodeBadParameter for a scope that is not known.
func (s *Service) begin(ctx context.Context, q JointQuery) (*Context, error) {
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	rc, err := s.contextOf(ctx, q)
	if err != nil {
		s.end()
	}
	return rc, err
}

func (s *Service) end() { <-s.slots }

func (s *Service) contextOf(ctx context.Context, q JointQuery) (*Context, error) {
	p := q.at
	if p == nil {
		var err error
		if p, err = asof.Resolve(ctx, s.store, q.AsOf, s.now()); err != nil {
			return nil, err
		}
	}
	ref, err := s.references.at(ctx, s.store, p.Seqs[inspection.ReferenceArea])
	if err != nil {
		return nil, err
	}
	scope, areas, districts := ref.areasOf(q.Scope)
	snapshot, err := asof.New(ctx, s.store, p, districts, inspection.Inspections, inspection.Sessions, inspection.Tasks)
	if err != nil {
		return nil, err
	}
	if len(areas) == 0 {
		return nil, inspection.Errorf(inspection.CodeBadParameter, "No area of this code was known then. Name one of the areas collection.")
	}
	rc := &Context{
		Window: q.Window, Scope: scope, Position: p, Reference: ref, areas: areas, snapshot: snapshot, store: s.store,
	}
	before := *rc
	before.Window = q.Window.Before()
	for _, c := range []*Context{rc, &before} {
		c.targets, c.closing = ref.targetsOf(c.Window.period()), ref.closingOf(c.Window, scope)
	}
	rc.before = &before
	return rc, nil
}

// ChainHeads reads the ends of the logs at the report's position: on paper they
// pin the database.
func (rc *Context) ChainHeads(ctx context.Context) ([]asof.ChainHead, error) {
	return asof.ChainHeads(ctx, rc.store, rc.Position)
}
