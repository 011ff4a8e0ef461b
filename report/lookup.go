package report

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// ofSession visits the inspections that named the session at the position, in
// order of id.
func (v *view) ofSession(ctx context.Context, session inspection.DocID, visit func(document) error) error {
	after := inspection.DocID("")
	for {
		page, err := v.store.ByTerm(ctx, store.TermSession+string(session), after, pageSize)
		if err != nil {
			return err
		}
		if err := v.catchUp(ctx); err != nil {
			return err
		}
		last := inspection.DocID("\xff")
		if len(page) == pageSize {
			last = page[len(page)-1].ID
		}
		docs, err := v.merge(ctx, session, page, after, last)
		if err != nil {
			return err
		}
		for _, d := range docs {
			if err := visit(d); err != nil {
				return err
			}
		}
		if len(page) < pageSize {
			return nil
		}
		after = last
	}
}

// merge makes one page of a session's inspections: those that are as they
// were, and those that have changed since, with after < id ≤ last.
func (v *view) merge(ctx context.Context, session inspection.DocID, page []store.Record, after, last inspection.DocID) ([]document, error) {
	var docs []document
	here := map[inspection.DocID]bool{}
	for i := range page {
		r := &page[i]
		if r.Collection != inspection.Inspections || !v.then(r) {
			continue
		}
		d, err := documentOf(r)
		if err != nil {
			return nil, err
		}
		here[d.ID] = true
		docs = append(docs, d)
	}
	var refs []ref
	for _, id := range v.bySession[session] {
		if m := v.moved[id]; !here[id] && id > after && id <= last {
			refs = append(refs, ref{store.ListMark{Started: m.index.Started, ID: id}, m.area, m.seq})
		}
	}
	past, err := v.load(ctx, refs)
	docs = append(docs, past...)
	slices.SortFunc(docs, func(a, b document) int { return cmp.Compare(a.ID, b.ID) })
	return docs, err
}

// sessionsByID returns the sessions among the ids that were there at the
// position.
func (v *view) sessionsByID(ctx context.Context, ids []inspection.DocID) (map[inspection.DocID]session, error) {
	records, err := v.store.Records(ctx, ids)
	if err != nil {
		return nil, err
	}
	if err := v.catchUp(ctx); err != nil {
		return nil, err
	}
	sessions := map[inspection.DocID]session{}
	var refs []ref
	for _, id := range ids {
		r := records[id]
		if m, changed := v.moved[id]; changed && m.collection == inspection.Sessions && m.seq > 0 {
			refs = append(refs, ref{store.ListMark{Started: m.index.Started, ID: id}, m.area, m.seq})
		} else if r.Collection == inspection.Sessions && v.then(&r) {
			d, err := documentOf(&r)
			if err != nil {
				return nil, err
			}
			sessions[id] = sessionOf(d)
		}
	}
	past, err := v.load(ctx, refs)
	for _, d := range past {
		sessions[d.ID] = sessionOf(d)
	}
	return sessions, err
}

// whole returns all documents of some collections of one area as they were at
// the position, in order of id.
func (v *view) whole(ctx context.Context, area inspection.Area, collections []inspection.Collection) ([]found, error) {
	docs := map[inspection.DocID]found{}
	past := map[int64]bool{}
	q := store.ChangesQuery{Area: area, Collections: collections, Limit: pageSize}
	for more := true; more; {
		page, err := v.store.Changes(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range page.Records {
			r := &page.Records[i]
			if !v.then(r) {
				past[revisionAt(r, v.position.Seqs[area])] = true
				continue
			}
			d, err := documentOf(r)
			if err != nil {
				return nil, err
			}
			docs[d.ID] = found{d, r.Collection}
		}
		q.After, more = page.Seq, page.More
	}
	delete(past, 0)
	entries, err := v.store.Entries(ctx, area, slices.Sorted(maps.Keys(past)))
	if err != nil {
		return nil, err
	}
	for i := range entries {
		e := &entries[i]
		if e.Deleted {
			continue
		}
		doc, err := inspection.ParseObject(e.Doc)
		if err != nil {
			return nil, unreadable(e.ID)
		}
		docs[e.ID] = found{document{Area: area, ID: e.ID, Seq: e.Seq, Doc: doc}, e.Collection}
	}
	return inOrder(docs), nil
}

func inOrder(docs map[inspection.DocID]found) []found {
	list := make([]found, 0, len(docs))
	for _, id := range slices.Sorted(maps.Keys(docs)) {
		list = append(list, docs[id])
	}
	return list
}
