package store

import (
	"context"

	"gridpatrol/inspection"
)

// Question is what deciding a commit of one area has to know.
type Question struct {
	Area     inspection.Area
	Receipts map[inspection.Device][]int64
	IDs      []inspection.DocID
}

// Sight answers a Question: receipts and records show at least what Head
// does. A commit that is sealed on Head gets in only if they show no more.
// The log itself may already be longer: who decides on a Sight and appends
// nothing has to look at Head again.
type Sight struct {
	Head     Head
	Receipts map[inspection.Device]map[int64]Receipt
	Records  map[inspection.DocID]Record
}

// Looker is an engine that answers a Question with fewer reads than Look
// takes.
type Looker interface {
	Look(ctx context.Context, q Question) (Sight, error)
}

// Look reads what deciding needs, in the order that makes it safe: the head
// first, with which the views catch up, then receipts and records.
func Look(ctx context.Context, st interface {
	Log
	Views
}, q Question) (Sight, error) {
	if l, ok := st.(Looker); ok {
		return l.Look(ctx, q)
	}
	head, err := st.Head(ctx, q.Area)
	if err != nil {
		return Sight{}, err
	}
	sight := Sight{Head: head, Receipts: map[inspection.Device]map[int64]Receipt{}}
	for device, ns := range q.Receipts {
		if sight.Receipts[device], err = st.Receipts(ctx, device, ns); err != nil {
			return Sight{}, err
		}
	}
	sight.Records, err = st.Records(ctx, q.IDs)
	return sight, err
}
