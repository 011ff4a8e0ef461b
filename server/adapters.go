package server

import (
	"context"
	"sync/atomic"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/media"
	"gridpatrol/store"
	"gridpatrol/sync"
)

// photoWatch tells the media room of records that name photos. It is made
// before that room is: what is put in between, the room's first sweep finds.
type photoWatch struct {
	service atomic.Pointer[media.Service]
}

func (w *photoWatch) put(area inspection.Area, ids []inspection.DocID) {
	if s := w.service.Load(); s != nil {
		s.Put(area, ids)
	}
}

// Amender makes evidence entries of areas' logs.
type Amender struct{ Sync *sync.Service }

// Amend implements media.Amender.
func (a Amender) Amend(ctx context.Context, area inspection.Area, id inspection.DocID, decide media.Decide) error {
	_, err := a.Sync.Act(ctx, sync.Act{
		Area: area, IDs: []inspection.DocID{id}, Kind: store.KindEvidence,
		Decide: func(_ time.Time, drafts map[inspection.DocID]*sync.Draft) error {
			if d := drafts[id]; d.Record.Rev > 0 && decide(&d.Record, d.Client, &d.Server) {
				d.ServerChanged()
			}
			return nil
		},
	})
	return err
}

// Ledger puts closings into the reference log.
type Ledger struct{ Sync *sync.Service }

// AddClosing implements report.Ledger.
func (l Ledger) AddClosing(ctx context.Context, by inspection.UserID, id string, doc inspection.Object) error {
	return l.Sync.Establish(ctx, by, store.KindClosing, sync.ReferenceDocument{Collection: inspection.Closings, ID: id, Doc: doc})
}
