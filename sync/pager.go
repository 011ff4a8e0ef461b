package sync

import (
	"context"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

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
