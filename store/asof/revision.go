package asof

import (
	"context"
	"fmt"
	"slices"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

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

// Pair is a document at two positions: nil where it was not there. Deleted
// tells that it is a tombstone at the second.
type Pair struct {
	Area      inspection.Area
	Then, Now inspection.Object
	Deleted   bool
}

// Pairs reads documents as they were at one position and at a later one. One
// that is not readable is as if it were not there.
func Pairs(ctx context.Context, st Store, ids []inspection.DocID, then, now *Position) (map[inspection.DocID]Pair, error) {
	records, err := st.Records(ctx, ids)
	if err != nil {
		return nil, err
	}
	wanted := map[inspection.Area][]int64{}
	for _, r := range records {
		for _, p := range []*Position{then, now} {
			if seq := seqAt(&r, p.Seqs[r.Area]); seq > 0 && !slices.Contains(wanted[r.Area], seq) {
				wanted[r.Area] = append(wanted[r.Area], seq)
			}
		}
	}
	entries := map[inspection.Area]map[int64]store.Entry{}
	for area, seqs := range wanted {
		list, err := st.Entries(ctx, area, seqs)
		if err != nil {
			return nil, err
		}
		entries[area] = map[int64]store.Entry{}
		for _, e := range list {
			entries[area][e.Seq] = e
		}
	}
	pairs := make(map[inspection.DocID]Pair, len(records))
	for id, r := range records {
		before := entries[r.Area][seqAt(&r, then.Seqs[r.Area])]
		after := entries[r.Area][seqAt(&r, now.Seqs[r.Area])]
		p := Pair{Area: r.Area, Deleted: after.Deleted}
		p.Then, _ = inspection.ParseObject(before.Doc)
		p.Now, _ = inspection.ParseObject(after.Doc)
		pairs[id] = p
	}
	return pairs, nil
}

// ChainHead is the newest whole commit of an area's log at a position.
type ChainHead struct {
	Area inspection.Area `json:"area"`
	Seq  int64           `json:"seq"`
	Hash string          `json:"hash"`
}

// ChainHeads reads the ends of all logs of a position, the reference log's
// last.
func ChainHeads(ctx context.Context, st Store, p *Position) ([]ChainHead, error) {
	var heads []ChainHead
	for _, area := range append(p.Areas(), inspection.ReferenceArea) {
		seq := p.Seqs[area]
		if seq == 0 {
			continue
		}
		commits, err := st.Commits(ctx, area, seq-1, 1)
		if err != nil {
			return nil, err
		}
		if len(commits) == 0 {
			return nil, inspection.Errorf(inspection.CodeInternal, "The log of %s is shorter than its head.", area)
		}
		c := commits[0]
		head := ChainHead{area, c.Last, c.Hash.String()}
		if c.Last > seq { // the position lies within a commit: name the one before
			head = ChainHead{area, c.First - 1, c.Previous.String()}
		}
		heads = append(heads, head)
	}
	return heads, nil
}
