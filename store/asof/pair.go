package asof

import (
	"context"
	"slices"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

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
