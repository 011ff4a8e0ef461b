package sync

import (
	"context"
	"slices"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Bounds of a page.
const (
	DefaultLimit = 500
	MaxLimit     = 2000
	maxPageBytes = 16 << 20
)

// PullRequest asks for what changed. Collections nil means all. Only asks for
// one collection in their place: its documents are sent and no others, those
// that others bring along with them.
type PullRequest struct {
	Checkpoint     string
	Limit          int
	Collections    []inspection.Collection
	Only           inspection.Collection
	WholeHistory   bool
	ConfirmRevoked []inspection.Area
}

// Change is the latest state of one changed document.
type Change struct {
	Collection inspection.Collection
	ID         string
	Deleted    bool
	Doc        []byte
}

// Page is what came after a checkpoint.
type Page struct {
	Changes []Change
	// Checkpoint is opaque and URL-safe.
	Checkpoint string
	// More: there is more, for which the page had no room.
	More bool
}

// PullAnswer is one page of a pull.
type PullAnswer struct {
	Page
	Areas   []inspection.Area
	Revoked []inspection.Area
	// Horizon is how far back a first sync goes; zero means everything.
	Horizon    time.Time
	ServerTime time.Time
}

// AppendJSON appends the answer of docs/contract.md, section 4. Documents are
// copied as they are stored, not encoded again.
func (a *PullAnswer) AppendJSON(dst []byte) []byte {
	dst = slices.Grow(dst, a.size())
	dst = append(dst, `{"changes":[`...)
	for i, c := range a.Changes {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = inspection.AppendString(append(dst, `{"collection":`...), string(c.Collection))
		dst = inspection.AppendString(append(dst, `,"id":`...), c.ID)
		dst = inspection.AppendJSON(append(dst, `,"deleted":`...), c.Deleted)
		dst = append(append(append(dst, `,"doc":`...), c.Doc...), '}')
	}
	var horizon any
	if !a.Horizon.IsZero() {
		horizon = a.Horizon.In(inspection.China).Format(time.DateOnly)
	}
	rest := inspection.AppendJSON(nil, inspection.Object{
		"checkpoint": a.Checkpoint, "more": a.More, "areas": areaTexts(a.Areas),
		"revoked": areaTexts(a.Revoked), "horizon": horizon, "server_time": string(inspection.StampOf(a.ServerTime)),
	})
	return append(append(dst, `],`...), rest[1:]...)
}

// size is about how many bytes the answer takes, rather more than less.
func (a *PullAnswer) size() int {
	const frame, rest = 120, 2000
	n := rest + len(a.Checkpoint)
	for _, c := range a.Changes {
		n += frame + len(c.Doc)
	}
	return n
}

func areaTexts(areas []inspection.Area) []any {
	out := make([]any, len(areas))
	for i, a := range areas {
		out[i] = string(a)
	}
	return out
}

// Pull returns the next page after a checkpoint. Returns CodeBadCheckpoint,
// CodeCheckpointReset.
func (s *Service) Pull(ctx context.Context, principal *inspection.Principal, req PullRequest) (*PullAnswer, error) {
	ref, err := s.catalog.current(ctx)
	if err != nil {
		return nil, err
	}
	principal, err = s.confirm(ctx, principal, req.ConfirmRevoked)
	if err != nil {
		return nil, err
	}
	heads, err := s.store.Heads(ctx)
	if err != nil {
		return nil, err
	}
	cp, err := s.resume(ctx, principal, req, heads)
	if err != nil {
		return nil, err
	}
	areas, revoked := s.areasOf(principal, ref)
	if err := s.position(ctx, principal, cp, areas, wantedOf(req)); err != nil {
		return nil, err
	}
	p := &pager{s: s, principal: principal, cp: cp, heads: heads, only: req.Only, limit: req.Limit, room: req.Limit, bytes: maxPageBytes}
	if err := p.fill(ctx, areas); err != nil {
		return nil, err
	}
	now := s.now().UTC()
	s.reports.note(principal.Device, Report{LastSeen: now})
	return &PullAnswer{
		Page: Page{Changes: p.changes, Checkpoint: cp.encode(), More: p.more}, Areas: areas,
		Revoked: revoked, Horizon: cp.Horizon, ServerTime: now,
	}, nil
}

func wantedOf(req PullRequest) []inspection.Collection {
	if req.Only != "" {
		return bringing(req.Only)
	}
	if req.Collections != nil {
		return req.Collections
	}
	return slices.Concat(inspection.ReferenceCollections, inspection.FieldCollections)
}

// bringing are the collections that bring documents of c: an open task brings
// the inspection that it names, however old.
func bringing(c inspection.Collection) []inspection.Collection {
	if c == inspection.Inspections {
		return []inspection.Collection{c, inspection.Tasks}
	}
	return []inspection.Collection{c}
}

// areasOf lists the areas that the principal may read, and those taken away
// that this phone has not given up yet.
func (s *Service) areasOf(principal *inspection.Principal, ref *Reference) (readable, revoked []inspection.Area) {
	now := s.now()
	for area := range ref.Areas {
		if principal.CanRead(area, now) {
			readable = append(readable, area)
		} else if _, lost := principal.Lost(area); lost {
			revoked = append(revoked, area)
		}
	}
	slices.Sort(readable)
	slices.Sort(revoked)
	return readable, revoked
}

// pager fills one page from the logs, the reference log first.
type pager struct {
	s         *Service
	principal *inspection.Principal
	cp        *checkpoint
	heads     map[inspection.Area]store.Head

	only    inspection.Collection // "": send all that is followed
	limit   int                   // of a page
	room    int                   // what is left of it
	bytes   int
	changes []Change
	more    bool
}

func (p *pager) fill(ctx context.Context, areas []inspection.Area) error {
	if err := p.area(ctx, inspection.ReferenceArea); err != nil {
		return err
	}
	for _, area := range areas {
		if err := p.area(ctx, area); err != nil {
			return err
		}
	}
	return nil
}

// area takes changes of one area until it is up to date or the page is full.
func (p *pager) area(ctx context.Context, area inspection.Area) error {
	pos, head := p.cp.Areas[area], p.heads[area].Seq
	for len(pos.Seqs) > 0 && pos.lowest() < head {
		if p.room <= 0 || p.bytes <= 0 {
			if !p.more && maxPageBytes-p.bytes <= maxPrefetchBytes {
				p.s.prefetcher.start(queryOf(area, pos, p.limit))
			}
			p.more = true
			return nil
		}
		q := queryOf(area, pos, p.room)
		page, err := p.s.prefetcher.changes(ctx, q)
		if err != nil {
			return err
		}
		seq, err := p.addRecords(ctx, pos, page)
		if err != nil {
			return err
		}
		pos.advance(q.Collections, seq)
	}
	return nil
}

// queryOf asks for what comes next in an area.
func queryOf(area inspection.Area, pos *areaPosition, limit int) store.ChangesQuery {
	behind, after, upto := pos.next()
	return store.ChangesQuery{
		Area: area, Collections: behind, After: after, Upto: upto,
		PinnedUpto: pos.PinnedUpto, Limit: limit, Bare: true,
	}
}

// addRecords adds the page's records while there is room and returns how far it
// got. Open tasks bring the inspections that they name, if need be one page
// earlier.
func (p *pager) addRecords(ctx context.Context, pos *areaPosition, page store.Changes) (int64, error) {
	named, err := p.named(ctx, page.Records)
	if err != nil {
		return 0, err
	}
	for i := range page.Records {
		r := &page.Records[i]
		if p.room <= 0 || p.bytes <= 0 {
			return r.Seq - 1, nil
		}
		if extra := named[r.ID]; extra != nil && pos.Named != r.Seq {
			p.addChange(extra)
			pos.Named = r.Seq
		}
		if p.room <= 0 {
			return r.Seq - 1, nil
		}
		p.addChange(r)
	}
	return page.Seq, nil
}

func (p *pager) addChange(r *store.Record) {
	if p.only != "" && r.Collection != p.only {
		return
	}
	p.changes = append(p.changes, Change{
		Collection: r.Collection, ID: wireID(r.Collection, r.ID), Deleted: r.Deleted, Doc: r.Doc,
	})
	p.room--
	p.bytes -= len(r.Doc)
}

// wireID is the id by which clients know a document.
func wireID(c inspection.Collection, id inspection.DocID) string {
	if c.Reference() {
		return shortID(id)
	}
	return string(id)
}

// named finds, for each open task, the inspection that it names, if the
// phone would not get it otherwise: older than the horizon and not pinned.
func (p *pager) named(ctx context.Context, records []store.Record) (map[inspection.DocID]*store.Record, error) {
	wants := map[inspection.DocID]inspection.DocID{}
	var ids []inspection.DocID
	for i := range records {
		r := &records[i]
		if r.Collection != inspection.Tasks || !r.Pinned {
			continue
		}
		doc, err := inspection.ParseObject(r.Doc)
		if err != nil {
			return nil, err
		}
		if id, err := inspection.ParseDocID(doc.Text("inspection")); err == nil {
			wants[r.ID] = id
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	found, err := p.s.store.Records(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := map[inspection.DocID]*store.Record{}
	for task, id := range wants {
		if r, ok := found[id]; ok && p.wouldMiss(&r) {
			out[task] = &r
		}
	}
	return out, nil
}

func (p *pager) wouldMiss(r *store.Record) bool {
	pos := p.cp.Areas[r.Area]
	if pos == nil || r.Collection != inspection.Inspections || r.Rev == 0 {
		return false
	}
	_, follows := pos.Seqs[inspection.Inspections]
	return follows && !r.Pinned && r.Seq <= pos.PinnedUpto
}
