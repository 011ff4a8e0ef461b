package report

import (
	"context"
	"slices"
	"strings"
	"time"

	"gridpatrol/inspection"
)

// scene is what a report is about: some areas, a position, and the reference
// data there.
type scene struct {
	scope    []inspection.Area
	areas    []inspection.Area // the known ones in the scope, sorted
	position *Position
	ref      *reference
	view     *view
}

// scene resolves an as_of: "" is now, a time means all that was received by
// then, anything else is a token. Returns CodeBadAsOf, CodeAsOfReset, and
// CodeBadParameter for a scope that is not known.
func (s *Service) scene(ctx context.Context, scope []inspection.Area, asOf string) (*scene, error) {
	at, isTime := parseTime(asOf)
	if asOf != "" && !isTime {
		p, err := s.named(ctx, asOf)
		if err != nil {
			return nil, err
		}
		return s.sceneAt(ctx, scope, p)
	}
	now := s.now().UTC().Truncate(time.Millisecond)
	if !isTime || at.After(now) {
		at = now
	}
	p := &Position{At: at, Seqs: map[inspection.Area]int64{}}
	locate := s.newest
	if isTime {
		// Times in a token have milliseconds, so this one counts as a whole.
		locate = func(ctx context.Context, area inspection.Area) (int64, error) {
			return s.store.SeqBefore(ctx, area, at.Add(time.Millisecond))
		}
	}
	return s.locate(ctx, scope, p, locate)
}

// locate finds the seqs of a new position, the reference log's first: it tells
// which areas there are.
func (s *Service) locate(ctx context.Context, scope []inspection.Area, p *Position, seqOf func(context.Context, inspection.Area) (int64, error)) (*scene, error) {
	var err error
	if p.Database, err = s.store.ID(ctx); err != nil {
		return nil, err
	}
	if p.Seqs[inspection.ReferenceArea], err = seqOf(ctx, inspection.ReferenceArea); err != nil {
		return nil, err
	}
	ref, err := s.references.at(ctx, s.store, p.Seqs[inspection.ReferenceArea])
	if err != nil {
		return nil, err
	}
	if len(scope) == 0 {
		scope = ref.roots()
	}
	for _, area := range ref.under(districtsOf(scope)...) {
		if p.Seqs[area], err = seqOf(ctx, area); err != nil {
			return nil, err
		}
	}
	return s.sceneOf(scope, p, ref)
}

func (s *Service) newest(ctx context.Context, area inspection.Area) (int64, error) {
	head, err := s.store.Head(ctx, area)
	return head.Seq, err
}

// parseTime reads an RFC 3339 time. A plus that a URL turned into a space is
// taken for what it was.
func parseTime(s string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t, err = time.Parse(time.RFC3339, strings.ReplaceAll(s, " ", "+"))
	}
	return t.UTC().Truncate(time.Millisecond), err == nil
}

// named checks a token: it must be of this database and within its logs.
func (s *Service) named(ctx context.Context, token string) (*Position, error) {
	p, err := parseToken(token)
	if err != nil {
		return nil, err
	}
	id, err := s.store.ID(ctx)
	if err != nil {
		return nil, err
	}
	heads, err := s.store.Heads(ctx)
	if err != nil {
		return nil, err
	}
	known := p.Database == id
	for area, seq := range p.Seqs {
		known = known && seq <= heads[area].Seq
	}
	if !known {
		return nil, inspection.Errorf(inspection.CodeAsOfReset,
			"The as_of token is of another database, or newer than a restored backup. Report without it, or as of a time.")
	}
	return p, nil
}

// sceneAt is the scene at a position that was found before.
func (s *Service) sceneAt(ctx context.Context, scope []inspection.Area, p *Position) (*scene, error) {
	ref, err := s.references.at(ctx, s.store, p.Seqs[inspection.ReferenceArea])
	if err != nil {
		return nil, err
	}
	if len(scope) == 0 {
		scope = ref.roots()
	}
	for _, area := range ref.under(districtsOf(scope)...) {
		if _, ok := p.Seqs[area]; !ok {
			return nil, inspection.Errorf(inspection.CodeBadAsOf, "The as_of token was made for other areas. Report without it, or as of a time.")
		}
	}
	return s.sceneOf(scope, p, ref)
}

func (s *Service) sceneOf(scope []inspection.Area, p *Position, ref *reference) (*scene, error) {
	sc := &scene{scope: outermost(scope), areas: ref.under(scope...), position: p, ref: ref, view: newView(s.store, p)}
	if len(sc.areas) == 0 {
		return nil, inspection.Errorf(inspection.CodeBadParameter, "No area of this code was known then. Name one of the areas collection.")
	}
	return sc, nil
}

func districtsOf(scope []inspection.Area) []inspection.Area {
	list := make([]inspection.Area, len(scope))
	for i, a := range scope {
		list[i] = districtOf(a)
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
