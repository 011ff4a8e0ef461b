package sync

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// appendRxDocument appends a stored document as a client with RxDB keeps it:
// the members of its schema, and _deleted.
func appendRxDocument(dst []byte, c inspection.Collection, doc []byte, deleted bool) []byte {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(doc, &members); err != nil {
		panic(err) // what is stored was encoded by this program
	}
	dst = append(dst, `{"_deleted":`...)
	dst = inspection.AppendJSON(dst, deleted)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if inspection.HasMember(c, name) {
			dst = append(inspection.AppendString(append(dst, ','), name), ':')
			dst = append(dst, members[name]...)
		}
	}
	return append(dst, '}')
}

// RxPage is what came to a collection after a checkpoint.
type RxPage struct {
	Documents [][]byte
	// Checkpoint is opaque and URL-safe.
	Checkpoint string
	// More: the page is full by its size, not by its limit.
	More bool
}

// PullRx returns the documents of one collection that changed after the
// checkpoint, at most limit. Returns what Pull returns.
func (s *Service) PullRx(ctx context.Context, principal *inspection.Principal, c inspection.Collection, checkpoint string, limit int) (*RxPage, error) {
	answer, err := s.Pull(ctx, principal, PullRequest{
		Checkpoint: checkpoint, Limit: limit, Collections: walked(c), Only: c,
	})
	if err != nil {
		return nil, err
	}
	return rxPage(c, answer.Changes, answer.Checkpoint, answer.More), nil
}

func rxPage(c inspection.Collection, changes []Change, checkpoint string, more bool) *RxPage {
	page := &RxPage{Documents: make([][]byte, len(changes)), Checkpoint: checkpoint, More: more}
	for i, change := range changes {
		page.Documents[i] = appendRxDocument(nil, c, change.Doc, change.Deleted)
	}
	return page
}

// walked are the collections that bring documents of c: an open task brings
// the inspection that it names, however old.
func walked(c inspection.Collection) []inspection.Collection {
	if c == inspection.Inspections {
		return []inspection.Collection{c, inspection.Tasks}
	}
	return []inspection.Collection{c}
}

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
	if err := s.position(ctx, principal, cp, areas, walked(c)); err != nil {
		return nil, err
	}
	for area, p := range cp.Areas {
		p.advance(slices.Collect(maps.Keys(p.Seqs)), heads[area].Seq)
	}
	return cp, nil
}

// Next returns what came since the last call, its checkpoint covering that and
// nothing else. There may be no documents in it; with More there is more. Only
// areas that grew are asked for: many phones follow the same street. After an
// error the feed is of no more use.
func (f *Feed) Next(ctx context.Context) (*RxPage, error) {
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
	return rxPage(f.collection, p.changes, f.checkpoint.encode(), p.more), nil
}

// AppendJSON appends the page in RxDB's form.
func (p *RxPage) AppendJSON(dst []byte) []byte {
	dst = AppendRxDocuments(append(dst, `{"documents":`...), p.Documents)
	return append(p.AppendCheckpoint(append(dst, `,"checkpoint":`...)), '}')
}

// AppendCheckpoint appends the checkpoint in RxDB's form. RxDB wants a time of
// the last write beside an id; the state is all in the id.
func (p *RxPage) AppendCheckpoint(dst []byte) []byte {
	return append(inspection.AppendString(append(dst, `{"id":`...), p.Checkpoint), `,"lwt":0}`...)
}

// AppendRxDocuments appends a list of documents.
func AppendRxDocuments(dst []byte, documents [][]byte) []byte {
	dst = append(dst, '[')
	for i, doc := range documents {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, doc...)
	}
	return append(dst, ']')
}
