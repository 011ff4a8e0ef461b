package review

import (
	"context"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/store/asof"
	"gridpatrol/sync"
)

// basis is the document as whoever acts saw it.
type basis struct {
	rev     int64
	doc     inspection.Object
	deleted bool
}

// basis reads the revision of the record that an act rests on. Returns
// CodeStale for one that there isn't.
func (s *Service) basis(ctx context.Context, r store.Record, rev int64) (basis, error) {
	if rev < 1 {
		return basis{}, fault("/rev", inspection.CodeRequired, "Name the server.rev of the document that you decide on.")
	}
	if rev > r.Rev {
		return basis{}, stale()
	}
	if rev < r.Rev {
		before, err := asof.Revisions(ctx, s.cfg.Store, r.Area, r.Revisions[rev-1:rev])
		if err != nil {
			return basis{}, err
		}
		return basis{rev: rev, doc: before[0].Object, deleted: before[0].Deleted}, nil
	}
	doc, err := inspection.ParseObject(r.Doc)
	if err != nil {
		return basis{}, inspection.Errorf(inspection.CodeInternal, "The stored document is not readable.")
	}
	return basis{rev: rev, doc: doc, deleted: r.Deleted}, nil
}

// decisive are the server's members that acts rest on. Evidence is none: it
// grows while people decide.
var decisive = []string{"verdict", "conflicts", "conflicts_more", "review", "state", "act"}

// stands reports whether nothing that an act rests on has changed since.
func (b basis) stands(d *sync.Draft) bool {
	before := inspection.ServerOf(b.doc)
	return inspection.SameMembers(&before, &d.Server, decisive...) && b.deleted == d.Deleted && inspection.SameFields(b.doc, d.Client)
}

func stale() error {
	return inspection.Errorf(inspection.CodeStale, "The document has changed since the revision that you decided on. Read it again, then decide.")
}

func locked(what string) error {
	return inspection.Errorf(inspection.CodeLocked, "The %s is locked. Reopen it first.", what)
}

// change carries an act on one document out. decide is called with a draft
// of the document as the act's basis still describes it, unless repeat says
// that the document shows the same act, by the same user on the same revision:
// then it was done before, and its answer was lost.
func (s *Service) change(ctx context.Context, principal *inspection.Principal, r store.Record, b basis, repeat func(*sync.Draft) bool, decide decision) (store.Record, error) {
	out, err := s.cfg.Acts.Act(ctx, sync.Act{
		Area: r.Area, IDs: []inspection.DocID{r.ID}, By: principal.Device.User, Kind: store.KindReview,
		Decide: func(at moment, drafts map[inspection.DocID]*sync.Draft) error {
			d := drafts[r.ID]
			switch {
			case repeat(d):
				return nil
			case !b.stands(d):
				return stale()
			}
			return decide(at, d)
		},
	})
	switch inspection.CodeOf(err) {
	case inspection.CodeDocumentTooLarge, inspection.CodeTooDeep:
		err = inspection.Errorf(inspection.CodeConflict, "The document would be larger or deeper than documents may be.")
	}
	return out[r.ID], err
}
