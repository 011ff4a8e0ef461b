package sync

import (
	"context"
	"maps"
	"slices"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Feed is a stream with the documents themselves. It begins at the heads that
// were read when it was opened.
type Feed struct {
	*Stream
	service    *Service
	principal  *inspection.Principal
	collection inspection.Collection
	checkpoint *checkpoint
	grown      map[inspection.Area]store.Head // what Next has not got through
}

// feedLimit bounds the documents of one event.
const feedLimit = 100

// Follow opens a feed of a collection. What was committed before it returns is
// for the client to pull, what comes later is for the feed.
func (s *Service) Follow(ctx context.Context, principal *inspection.Principal, c inspection.Collection) (*Feed, error) {
	listener, err := s.Listen(ctx, principal)
	if err != nil {
		return nil, err
	}
	checkpoint, err := s.headsOf(ctx, principal, c)
	if err != nil {
		listener.Close()
		return nil, err
	}
	return &Feed{
		Stream: listener, service: s, principal: principal, collection: c,
		checkpoint: checkpoint, grown: map[inspection.Area]store.Head{},
	}, nil
}

// headsOf is the checkpoint of a phone that has everything.
func (s *Service) headsOf(ctx context.Context, principal *inspection.Principal, c inspection.Collection) (*checkpoint, error) {
	ref, err := s.catalog.current(ctx)
	if err != nil {
		return nil, err
	}
	heads, err := s.store.Heads(ctx)
	if err != nil {
		return nil, err
	}
	cp, err := s.resume(ctx, principal, PullRequest{}, heads)
	if err != nil {
		return nil, err
	}
	areas, _ := s.areasOf(principal, ref)
	if err := s.position(ctx, principal, cp, areas, bringing(c)); err != nil {
		return nil, err
	}
	for area, p := range cp.Areas {
		p.advance(slices.Collect(maps.Keys(p.Seqs)), heads[area].Seq)
	}
	return cp, nil
}

// Next returns what came since the last call, its checkpoint covering that and
// nothing else. There may be no changes in it; with More there is more. Only
// areas that grew are asked for: many phones follow the same street. After an
// error the feed is of no more use.
func (f *Feed) Next(ctx context.Context) (*Page, error) {
	for area, seq := range f.TakeGrown() {
		f.grown[area] = store.Head{Seq: seq}
	}
	p := &pager{
		s: f.service, principal: f.principal, cp: f.checkpoint, heads: f.grown,
		only: f.collection, limit: feedLimit, room: feedLimit, bytes: maxPageBytes,
	}
	for _, area := range slices.Sorted(maps.Keys(f.grown)) {
		if f.checkpoint.Areas[area] == nil {
			continue
		}
		if err := p.area(ctx, area); err != nil {
			return nil, err
		}
	}
	if !p.more {
		clear(f.grown)
	}
	return &Page{Changes: p.changes, Checkpoint: f.checkpoint.encode(), More: p.more}, nil
}
