package report

import (
	"context"
	"slices"

	"gridpatrol/inspection"
	"gridpatrol/store/asof"
)

// Context is what a report is about: some areas, a position, and what was
// known there.
type Context struct {
	// Scope is the areas that were asked for, sorted; those that lie in another
	// one of them are left out.
	Scope     []inspection.Area
	Position  *asof.Position
	Reference *Reference

	areas    []inspection.Area // the known ones in the scope, sorted
	snapshot *asof.Snapshot
	store    Store
}

// begin waits until a report may be made and finds out what it is about. Whoever
// began without an error ends. Returns CodeBadAsOf, CodeAsOfReset, and
// CodeBadParameter for a scope that is not known.
func (s *Service) begin(ctx context.Context, scope []inspection.Area, asOf string) (*Context, error) {
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p, err := asof.Resolve(ctx, s.store, asOf, s.now())
	if err != nil {
		s.end()
		return nil, err
	}
	rc, err := s.contextAt(ctx, scope, p)
	if err != nil {
		s.end()
	}
	return rc, err
}

func (s *Service) end() { <-s.slots }

// contextAt is the context of a report at a position. No scope means all areas
// that were known.
func (s *Service) contextAt(ctx context.Context, scope []inspection.Area, p *asof.Position) (*Context, error) {
	ref, err := s.references.at(ctx, s.store, p.Seqs[inspection.ReferenceArea])
	if err != nil {
		return nil, err
	}
	if len(scope) == 0 {
		scope = ref.roots()
	}
	areas, districts := ref.under(scope), ref.under(districtsOf(scope))
	if err := p.Cover(ctx, districts); err != nil {
		return nil, err
	}
	if len(areas) == 0 {
		return nil, inspection.Errorf(inspection.CodeBadParameter, "No area of this code was known then. Name one of the areas collection.")
	}
	return &Context{
		Scope: outermost(scope), Position: p, Reference: ref, areas: areas,
		snapshot: asof.New(s.store, p, counted...), store: s.store,
	}, nil
}

// counted are the collections that reports count.
var counted = []inspection.Collection{inspection.Inspections, inspection.Sessions, inspection.Tasks}

// districtsOf are the districts that the areas lie in, of a larger one itself:
// inspections count in sessions of their own district only.
func districtsOf(scope []inspection.Area) []inspection.Area {
	const districtDigits = 6
	list := make([]inspection.Area, len(scope))
	for i, a := range scope {
		list[i] = a[:min(len(a), districtDigits)]
	}
	return list
}

// outermost drops areas that lie in another one of the list, and sorts it.
func outermost(scope []inspection.Area) []inspection.Area {
	list := slices.Compact(slices.Sorted(slices.Values(scope)))
	return slices.DeleteFunc(slices.Clone(list), func(a inspection.Area) bool {
		return slices.ContainsFunc(list, func(b inspection.Area) bool { return a != b && b.Covers(a) })
	})
}

// ChainHeads reads the ends of the logs at the report's position: on paper they
// pin the database.
func (rc *Context) ChainHeads(ctx context.Context) ([]asof.ChainHead, error) {
	return asof.ChainHeads(ctx, rc.store, rc.Position)
}
