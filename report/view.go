package report

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// pageSize is how many records are asked for at once.
const pageSize = 500

// view shows the documents of some areas as they were at a position.
//
// The store's views show the present. A document that has not changed since
// the position is there as it was. One that has, is among the changes after
// the position, wherever it may be found by now: it is remembered here with
// the revision that it had then. So whoever looks documents up reads the
// views first and catches up with the changes second, and takes from the first
// what is not newer than the position, from the second the rest.
type view struct {
	store    Store
	position *Position
	// seen is how far the changes of each area were read.
	seen map[inspection.Area]int64
	// moved holds what changed since, by collection, as it was.
	moved map[inspection.DocID]moved
	// bySession finds inspections in moved.
	bySession map[inspection.DocID][]inspection.DocID
}

// moved is a document that changed after the position, as it was there. Seq is
// 0 if it was not there yet, or deleted.
type moved struct {
	area       inspection.Area
	collection inspection.Collection
	seq        int64
	index      store.Index
}

// found is a document with its collection.
type found struct {
	document
	Collection inspection.Collection
}

func newView(st Store, p *Position) *view {
	v := &view{
		store: st, position: p, seen: map[inspection.Area]int64{},
		moved: map[inspection.DocID]moved{}, bySession: map[inspection.DocID][]inspection.DocID{},
	}
	for _, area := range p.areas() {
		v.seen[area] = p.Seqs[area]
	}
	return v
}

// fieldCollections are those that reports count.
var fieldCollections = []inspection.Collection{inspection.Inspections, inspection.Sessions, inspection.Tasks}

// catchUp reads what has changed since the position, or since the last call.
func (v *view) catchUp(ctx context.Context) error {
	heads, err := v.store.Heads(ctx)
	if err != nil {
		return err
	}
	for area, seen := range v.seen {
		for heads[area].Seq > seen {
			page, err := v.store.Changes(ctx, store.ChangesQuery{
				Area: area, Collections: fieldCollections, After: seen, Limit: pageSize,
			})
			if err != nil {
				return err
			}
			if err := v.remember(ctx, area, page.Records); err != nil {
				return err
			}
			if v.seen[area] = page.Seq; !page.More {
				break
			}
			seen = page.Seq
		}
	}
	return nil
}

// remember notes the records as they were at the position.
func (v *view) remember(ctx context.Context, area inspection.Area, records []store.Record) error {
	var seqs []int64
	for i := range records {
		r := &records[i]
		if _, known := v.moved[r.ID]; known {
			continue
		}
		then := revisionAt(r, v.position.Seqs[area])
		v.moved[r.ID] = moved{area: area, collection: r.Collection}
		if then > 0 {
			seqs = append(seqs, then)
		}
	}
	entries, err := v.store.Entries(ctx, area, seqs)
	if err != nil {
		return fmt.Errorf("revisions of %s: %w", area, err)
	}
	for i := range entries {
		e := &entries[i]
		if e.Deleted {
			continue
		}
		doc, err := inspection.ParseObject(e.Doc)
		if err != nil {
			return unreadable(e.ID)
		}
		v.moved[e.ID] = moved{area: area, collection: e.Collection, seq: e.Seq, index: store.IndexOf(e.Collection, doc)}
		if e.Collection == inspection.Inspections {
			if id, err := inspection.ParseDocID(textOf(doc["session"])); err == nil {
				v.bySession[id] = append(v.bySession[id], e.ID)
			}
		}
	}
	return nil
}

// revisionAt returns the seq of the record's newest revision up to seq, or 0.
func revisionAt(r *store.Record, seq int64) int64 {
	i, exact := slices.BinarySearch(r.Revisions, seq)
	switch {
	case exact:
		return seq
	case i == 0:
		return 0
	}
	return r.Revisions[i-1]
}

func unreadable(id inspection.DocID) error {
	return fmt.Errorf("report: the stored document %s is not readable", id)
}

// then reports whether the record is today as it was at the position, in an
// area of the view.
func (v *view) then(r *store.Record) bool {
	seq, in := v.position.Seqs[r.Area]
	return in && r.Rev > 0 && r.Seq <= seq && !r.Deleted
}

func documentOf(r *store.Record) (document, error) {
	doc, err := inspection.ParseObject(r.Doc)
	if err != nil {
		return document{}, unreadable(r.ID)
	}
	return document{Area: r.Area, ID: r.ID, Seq: r.Seq, Started: r.Index.Started, Doc: doc}, nil
}

// ref names one revision of a document.
type ref struct {
	store.ListMark
	area inspection.Area
	seq  int64
}

func oldestFirst(a, b ref) int {
	if c := a.Started.Compare(b.Started); c != 0 {
		return c
	}
	return cmp.Compare(a.ID, b.ID)
}

// list finds what matched the query at the position, oldest first. The query's
// areas must be of the view; it may not name a term.
func (v *view) list(ctx context.Context, q store.ListQuery) ([]ref, error) {
	var refs []ref
	err := v.each(ctx, q, func(r ref, _ *store.Record) error {
		refs = append(refs, r)
		return nil
	})
	slices.SortFunc(refs, oldestFirst)
	return refs, err
}

// each visits what matched the query at the position, in no order. The record
// is nil if the document has changed since.
func (v *view) each(ctx context.Context, q store.ListQuery, visit func(ref, *store.Record) error) error {
	here := map[inspection.DocID]bool{}
	q.Limit, q.After = pageSize, nil
	for {
		page, err := v.store.List(ctx, q)
		if err != nil {
			return err
		}
		for i := range page.Records {
			r := &page.Records[i]
			if !v.then(r) || here[r.ID] {
				continue
			}
			here[r.ID] = true
			if err := visit(ref{r.ListMark(), r.Area, r.Seq}, r); err != nil {
				return err
			}
		}
		if len(page.Records) < q.Limit {
			break
		}
		mark := page.Records[len(page.Records)-1].ListMark()
		q.After = &mark
	}
	if err := v.catchUp(ctx); err != nil {
		return err
	}
	for id, m := range v.moved {
		if here[id] || !m.matches(&q) {
			continue
		}
		if err := visit(ref{store.ListMark{Started: m.index.Started, ID: id}, m.area, m.seq}, nil); err != nil {
			return err
		}
	}
	return nil
}

// matches tells whether a document matched a query without a term.
func (m *moved) matches(q *store.ListQuery) bool {
	same := func(asked, is string) bool { return asked == "" || asked == is }
	ix := &m.index
	return m.seq > 0 && m.collection == q.Collection && slices.Contains(q.Areas, m.area) &&
		same(q.Template, ix.Template) && same(q.Verdict, ix.Verdict) &&
		same(q.State, ix.State) && same(q.Evidence, ix.Evidence) &&
		(q.From.IsZero() || !ix.Started.Before(q.From)) && (q.To.IsZero() || ix.Started.Before(q.To))
}

// load reads documents at their revisions, in the order of the refs.
func (v *view) load(ctx context.Context, refs []ref) ([]document, error) {
	ids := make([]inspection.DocID, len(refs))
	for i, r := range refs {
		ids[i] = r.ID
	}
	records, err := v.store.Records(ctx, ids)
	if err != nil {
		return nil, err
	}
	docs := make([]document, len(refs))
	older := map[inspection.Area][]int64{}
	for i, r := range refs {
		rec := records[r.ID]
		if rec.Seq != r.seq || rec.Area != r.area {
			older[r.area] = append(older[r.area], r.seq)
			continue
		}
		if docs[i], err = documentOf(&rec); err != nil {
			return nil, err
		}
	}
	return docs, v.fill(ctx, docs, refs, older)
}

// fill adds those documents that have a newer revision by now.
func (v *view) fill(ctx context.Context, docs []document, refs []ref, older map[inspection.Area][]int64) error {
	past := map[inspection.DocID]document{}
	for area, seqs := range older {
		entries, err := v.store.Entries(ctx, area, seqs)
		if err != nil {
			return fmt.Errorf("revisions of %s: %w", area, err)
		}
		for i := range entries {
			e := &entries[i]
			doc, err := inspection.ParseObject(e.Doc)
			if err != nil {
				return unreadable(e.ID)
			}
			past[e.ID] = document{Area: area, ID: e.ID, Seq: e.Seq, Doc: doc}
		}
	}
	for i, r := range refs {
		if docs[i].Doc == nil {
			docs[i] = past[r.ID]
			docs[i].Started = r.Started
		}
	}
	return nil
}
