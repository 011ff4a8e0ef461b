package store

import (
	"context"

	"gridpatrol/inspection"
)

// ReadSet is what deciding a commit of one area has to know.
type ReadSet struct {
	Area     inspection.Area
	Receipts map[inspection.Device][]int64
	IDs      []inspection.DocID
}

// Snapshot is what a ReadSet asks for: receipts and records show at least what
// Head does. A commit that is sealed on Head gets in only if they show no more.
// The log itself may already be longer: who decides on a Snapshot and appends
// nothing has to read Head again.
type Snapshot struct {
	Head     Head
	Receipts map[inspection.Device]map[int64]Receipt
	Records  map[inspection.DocID]Record
}

// SnapshotReader is an engine that reads a Snapshot with fewer reads than the
// function ReadSnapshot takes.
type SnapshotReader interface {
	ReadSnapshot(ctx context.Context, q ReadSet) (Snapshot, error)
}

// ReadSnapshot reads what deciding needs, in the order that makes it safe: the head
// first, with which the views catch up, then receipts and records.
func ReadSnapshot(ctx context.Context, st interface {
	Log
	Views
}, q ReadSet) (Snapshot, error) {
	if r, ok := st.(SnapshotReader); ok {
		return r.ReadSnapshot(ctx, q)
	}
	head, err := st.Head(ctx, q.Area)
	if err != nil {
		return Snapshot{}, err
	}
	snap := Snapshot{Head: head, Receipts: map[inspection.Device]map[int64]Receipt{}}
	for device, ns := range q.Receipts {
		if snap.Receipts[device], err = st.Receipts(ctx, device, ns); err != nil {
			return Snapshot{}, err
		}
	}
	snap.Records, err = st.Records(ctx, q.IDs)
	return snap, err
}
