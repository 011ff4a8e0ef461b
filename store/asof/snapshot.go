package asof

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// pageSize is how many records are asked for at once.
const pageSize = 500

// Snapshot shows the documents of some areas and collections as they were at a
// position.
//
// The store's views show the present. A document that has not changed since
// the position is there as it was. One that has, is among the changes after
// the position, wherever it may be found by now: it is remembered here with
// the revision that it had then. So whoever looks documents up reads the
// views first and catches up with the changes second, and takes from the first
// what is not newer than the position, from the second the rest.
type Snapshot struct {
	store       Store
	position    *Position
	collections []inspection.Collection
	// upTo is how far the changes of each area were read.
	upTo map[inspection.Area]int64
	// changed holds what changed since, as it was; byLink finds it by the
	// links that it had.
	changed map[inspection.DocID]changed
	byLink  map[string][]inspection.DocID
}

// changed is a document that changed after the position, as it was there. Seq
// is 0 if it was not there yet, or deleted.
type changed struct {
	area       inspection.Area
	collection inspection.Collection
	seq        int64
	index      store.Index
}

// Document is a document as it was at a position. Started is by what lists
// are in order.
type Document struct {
	Area       inspection.Area
	Collection inspection.Collection
	ID         inspection.DocID
	Seq        int64
	Started    time.Time
	Doc        inspection.Object
}

// Ref names one revision of a document.
type Ref struct {
	store.ListMark
	area inspection.Area
	seq  int64
}

// New returns the snapshot at a position, of what lies in these collections. It
// is for one goroutine. A new position gets the places of these areas in the
// logs; one that came from a token may hold more. Returns CodeBadAsOf if it holds
// less.
func New(ctx context.Context, st Store, p *Position, areas []inspection.Area, collections ...inspection.Collection) (*Snapshot, error) {
	s := &Snapshot{
		store: st, position: p, collections: collections, upTo: map[inspection.Area]int64{},
		changed: map[inspection.DocID]changed{}, byLink: map[string][]inspection.DocID{},
	}
	for _, area := range areas {
		if _, held := p.Seqs[area]; held {
			continue
		}
		if p.seqOf == nil {
			return nil, inspection.Errorf(inspection.CodeBadAsOf, "The as_of token was made for other areas. Report without it, or as of a time.")
		}
		seq, err := p.seqOf(ctx, area)
		if err != nil {
			return nil, err
		}
		p.Seqs[area] = seq
	}
	p.seqOf = nil
	for area, seq := range p.Seqs {
		if area != inspection.ReferenceArea {
			s.upTo[area] = seq
		}
	}
	return s, nil
}

// Find finds what matched the query at the position, oldest first. The query's
// areas and collection must be of the snapshot; it may not name a term.
func (s *Snapshot) Find(ctx context.Context, q store.ListQuery) ([]Ref, error) {
	var refs []Ref
	listed := map[inspection.DocID]bool{}
	q.Limit, q.After = pageSize, nil
	for more := true; more; {
		page, err := s.store.List(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range page.Records {
			r := &page.Records[i]
			if s.unchanged(r) && !listed[r.ID] {
				listed[r.ID] = true
				refs = append(refs, Ref{r.ListMark(), r.Area, r.Seq})
			}
		}
		if more = len(page.Records) == pageSize; more {
			mark := page.Records[pageSize-1].ListMark()
			q.After = &mark
		}
	}
	if err := s.catchUp(ctx); err != nil {
		return nil, err
	}
	for id, c := range s.changed {
		if !listed[id] && c.matched(&q) {
			refs = append(refs, c.ref(id))
		}
	}
	slices.SortFunc(refs, oldestFirst)
	return refs, nil
}

// unchanged reports whether the record is today as it was at the position, in
// an area of the snapshot.
func (s *Snapshot) unchanged(r *store.Record) bool {
	seq, in := s.position.Seqs[r.Area]
	return in && r.Rev > 0 && r.Seq <= seq && !r.Deleted
}

// matched tells whether a document matched a query without a term.
func (c *changed) matched(q *store.ListQuery) bool {
	same := func(asked, was string) bool { return asked == "" || asked == was }
	ix := &c.index
	return c.seq > 0 && c.collection == q.Collection && slices.Contains(q.Areas, c.area) &&
		same(q.Subject(), ix.Subject()) && same(q.Verdict, ix.Verdict) &&
		same(q.State, ix.State) && same(q.Evidence, ix.Evidence) &&
		(q.From.IsZero() || !ix.Started.Before(q.From)) && (q.To.IsZero() || ix.Started.Before(q.To))
}

func (c *changed) ref(id inspection.DocID) Ref {
	return Ref{store.ListMark{Started: c.index.Started, ID: id}, c.area, c.seq}
}

func oldestFirst(a, b Ref) int {
	return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.ID, b.ID))
}

// catchUp reads what has changed since the position, or since the last call.
func (s *Snapshot) catchUp(ctx context.Context) error {
	heads, err := s.store.Heads(ctx)
	if err != nil {
		return err
	}
	for area, seen := range s.upTo {
		for heads[area].Seq > seen {
			page, err := s.store.Changes(ctx, store.ChangesQuery{
				Area: area, Collections: s.collections, After: seen, Limit: pageSize,
			})
			if err != nil {
				return err
			}
			if err := s.remember(ctx, area, page.Records); err != nil {
				return err
			}
			if s.upTo[area] = page.Seq; !page.More {
				break
			}
			seen = page.Seq
		}
	}
	return nil
}

// remember notes the records as they were at the position.
func (s *Snapshot) remember(ctx context.Context, area inspection.Area, records []store.Record) error {
	var seqs []int64
	for i := range records {
		r := &records[i]
		if _, known := s.changed[r.ID]; known {
			continue
		}
		s.changed[r.ID] = changed{area: area, collection: r.Collection}
		if then := seqAt(r, s.position.Seqs[area]); then > 0 {
			seqs = append(seqs, then)
		}
	}
	revisions, err := Revisions(ctx, s.store, area, seqs)
	if err != nil {
		return err
	}
	for i := range revisions {
		r := &revisions[i]
		if r.Deleted {
			continue
		}
		c := changed{area: area, collection: r.Collection, seq: r.Seq, index: store.IndexOf(r.Collection, r.Object)}
		s.changed[r.ID] = c
		for _, term := range c.index.Terms {
			if store.IsLink(term) {
				s.byLink[term] = append(s.byLink[term], r.ID)
			}
		}
	}
	return nil
}

// Revision is an entry of a log with its document decoded.
type Revision struct {
	store.Entry
	Object inspection.Object
}

// Revisions reads the entries at some seqs of an area's log, in that order.
func Revisions(ctx context.Context, log Log, area inspection.Area, seqs []int64) ([]Revision, error) {
	entries, err := log.Entries(ctx, area, seqs)
	if err != nil {
		return nil, fmt.Errorf("revisions of %s: %w", area, err)
	}
	revisions := make([]Revision, len(entries))
	for i, e := range entries {
		doc, err := inspection.ParseObject(e.Doc)
		if err != nil {
			return nil, unreadable(e.ID)
		}
		revisions[i] = Revision{e, doc}
	}
	return revisions, nil
}

func unreadable(id inspection.DocID) error {
	return inspection.Errorf(inspection.CodeInternal, "The stored document %s is not readable.", id)
}

// seqAt returns the seq of the record's newest revision up to seq, or 0.
func seqAt(r *store.Record, seq int64) int64 {
	i, exact := slices.BinarySearch(r.Revisions, seq)
	switch {
	case exact:
		return seq
	case i == 0:
		return 0
	}
	return r.Revisions[i-1]
}

// Pages loads documents in the order of the refs, many at once.
func (s *Snapshot) Pages(ctx context.Context, refs []Ref) iter.Seq2[[]Document, error] {
	return func(yield func([]Document, error) bool) {
		for part := range slices.Chunk(refs, pageSize) {
			docs, err := s.load(ctx, part)
			if !yield(docs, err) || err != nil {
				return
			}
		}
	}
}

// load reads documents at their revisions, in the order of the refs.
func (s *Snapshot) load(ctx context.Context, refs []Ref) ([]Document, error) {
	ids := make([]inspection.DocID, len(refs))
	for i, r := range refs {
		ids[i] = r.ID
	}
	records, err := s.store.Records(ctx, ids)
	if err != nil {
		return nil, err
	}
	docs := make([]Document, len(refs))
	older := map[inspection.Area][]int64{}
	for i, r := range refs {
		record := records[r.ID]
		if record.Seq != r.seq || record.Area != r.area {
			older[r.area] = append(older[r.area], r.seq)
			continue
		}
		if docs[i], err = documentOf(&record); err != nil {
			return nil, err
		}
	}
	return docs, s.fill(ctx, docs, refs, older)
}

func documentOf(r *store.Record) (Document, error) {
	doc, err := inspection.ParseObject(r.Doc)
	if err != nil {
		return Document{}, unreadable(r.ID)
	}
	return Document{r.Area, r.Collection, r.ID, r.Seq, r.Index.Started, doc}, nil
}

// fill adds those documents that have a newer revision by now.
func (s *Snapshot) fill(ctx context.Context, docs []Document, refs []Ref, older map[inspection.Area][]int64) error {
	past := map[inspection.DocID]Revision{}
	for area, seqs := range older {
		revisions, err := Revisions(ctx, s.store, area, seqs)
		if err != nil {
			return err
		}
		for _, r := range revisions {
			past[r.ID] = r
		}
	}
	for i, ref := range refs {
		if docs[i].Doc == nil {
			r := past[ref.ID]
			docs[i] = Document{ref.area, r.Collection, ref.ID, ref.seq, ref.Started, r.Object}
		}
	}
	return nil
}

// Linked visits the documents of a collection that had a link at the position,
// in order of id. A link is a term of which store.IsLink is true.
func (s *Snapshot) Linked(ctx context.Context, c inspection.Collection, link string, visit func(Document) error) error {
	after := inspection.DocID("")
	for more := true; more; {
		page, err := s.store.ByTerm(ctx, link, after, pageSize)
		if err != nil {
			return err
		}
		if err := s.catchUp(ctx); err != nil {
			return err
		}
		last := inspection.DocID("\xff")
		if more = len(page) == pageSize; more {
			last = page[pageSize-1].ID
		}
		docs, err := s.merge(ctx, c, link, page, after, last)
		if err != nil {
			return err
		}
		for _, d := range docs {
			if err := visit(d); err != nil {
				return err
			}
		}
		after = last
	}
	return nil
}

// merge makes one page of what has a link: the documents that are as they
// were, and those that have changed since, with after < id ≤ last.
func (s *Snapshot) merge(ctx context.Context, c inspection.Collection, link string, page []store.Record, after, last inspection.DocID) ([]Document, error) {
	var docs []Document
	here := map[inspection.DocID]bool{}
	for i := range page {
		r := &page[i]
		if r.Collection != c || !s.unchanged(r) {
			continue
		}
		d, err := documentOf(r)
		if err != nil {
			return nil, err
		}
		here[d.ID] = true
		docs = append(docs, d)
	}
	var refs []Ref
	for _, id := range s.byLink[link] {
		if was := s.changed[id]; was.collection == c && !here[id] && id > after && id <= last {
			refs = append(refs, was.ref(id))
		}
	}
	past, err := s.load(ctx, refs)
	docs = append(docs, past...)
	slices.SortFunc(docs, func(a, b Document) int { return cmp.Compare(a.ID, b.ID) })
	return docs, err
}

// Documents returns those of a collection among the ids that were there at the
// position.
func (s *Snapshot) Documents(ctx context.Context, c inspection.Collection, ids []inspection.DocID) (map[inspection.DocID]Document, error) {
	docs := map[inspection.DocID]Document{}
	if len(ids) == 0 {
		return docs, nil
	}
	records, err := s.store.Records(ctx, ids)
	if err != nil {
		return nil, err
	}
	if err := s.catchUp(ctx); err != nil {
		return nil, err
	}
	var refs []Ref
	for _, id := range ids {
		r := records[id]
		if was, changed := s.changed[id]; changed && was.collection == c && was.seq > 0 {
			refs = append(refs, was.ref(id))
		} else if r.Collection == c && s.unchanged(&r) {
			if docs[id], err = documentOf(&r); err != nil {
				return nil, err
			}
		}
	}
	past, err := s.load(ctx, refs)
	for _, d := range past {
		docs[d.ID] = d
	}
	return docs, err
}

// All returns all documents of some collections of one area as they were at a
// seq of its log, in order of id.
func All(ctx context.Context, st Store, area inspection.Area, seq int64, collections []inspection.Collection) ([]Document, error) {
	docs := map[inspection.DocID]Document{}
	past := map[int64]bool{}
	q := store.ChangesQuery{Area: area, Collections: collections, Limit: pageSize}
	for more := true; more; {
		page, err := st.Changes(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range page.Records {
			r := &page.Records[i]
			if r.Rev == 0 || r.Deleted || r.Seq > seq {
				past[seqAt(r, seq)] = true
			} else if docs[r.ID], err = documentOf(r); err != nil {
				return nil, err
			}
		}
		q.After, more = page.Seq, page.More
	}
	delete(past, 0)
	revisions, err := Revisions(ctx, st, area, slices.Sorted(maps.Keys(past)))
	if err != nil {
		return nil, err
	}
	for _, r := range revisions {
		if !r.Deleted {
			docs[r.ID] = Document{area, r.Collection, r.ID, r.Seq, store.IndexOf(r.Collection, r.Object).Started, r.Object}
		}
	}
	list := make([]Document, 0, len(docs))
	for _, id := range slices.Sorted(maps.Keys(docs)) {
		list = append(list, docs[id])
	}
	return list, nil
}
