package review

import (
	"context"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/store/asof"
	"gridpatrol/sync"
)

// target is the document that an act is about, and how it was at the revision
// that whoever acts has seen.
type target struct {
	record store.Record

	seen        inspection.Object
	seenDeleted bool
}

// target reads the document with the revision that an act rests on. Returns
// CodeNotFound as Document does, and CodeStale for a revision that there isn't.
func (s *Service) target(ctx context.Context, principal *inspection.Principal, c inspection.Collection, id inspection.DocID, rev int64) (target, error) {
	r, err := s.Document(ctx, principal, c, id)
	switch {
	case err != nil:
		return target{}, err
	case rev < 1:
		return target{}, fault("/rev", inspection.CodeRequired, "Name the server.rev of the document that you decide on.")
	case rev > r.Rev:
		return target{}, stale()
	case rev < r.Rev:
		before, err := asof.Revisions(ctx, s.cfg.Store, r.Area, r.Revisions[rev-1:rev])
		if err != nil {
			return target{}, err
		}
		return target{record: r, seen: before[0].Object, seenDeleted: before[0].Deleted}, nil
	}
	doc, err := inspection.ParseObject(r.Doc)
	if err != nil {
		return target{}, inspection.Errorf(inspection.CodeInternal, "The stored document is not readable.")
	}
	return target{record: r, seen: doc, seenDeleted: r.Deleted}, nil
}

// decisive are the server's members that acts rest on. Evidence is none: it
// grows while people decide.
var decisive = []string{"verdict", "conflicts", "conflicts_more", "review", "state", "act"}

// unchanged reports whether nothing that an act rests on has changed since the
// revision that was seen.
func (t *target) unchanged(d *sync.Draft) bool {
	seen := inspection.ServerOf(t.seen)
	return inspection.SameMembers(&seen, &d.Server, decisive...) && t.seenDeleted == d.Deleted && inspection.SameFields(t.seen, d.Client)
}

func stale() error {
	return inspection.Errorf(inspection.CodeStale, "The document has changed since the revision that you decided on. Read it again, then decide.")
}

// change carries an act on one document out. apply changes a draft of the
// document, which is as it was seen; unless done says that the document shows
// the same act, by the same user on the same revision: then it was carried out
// before, and its answer was lost.
func (s *Service) change(ctx context.Context, by inspection.UserID, t target, done func(*inspection.Server) bool, apply func(time.Time, *sync.Draft) error) (store.Record, error) {
	r := t.record
	out, err := s.cfg.Acts.Act(ctx, sync.Act{
		Area: r.Area, IDs: []inspection.DocID{r.ID}, By: by, Kind: store.KindReview,
		Decide: func(at time.Time, drafts map[inspection.DocID]*sync.Draft) error {
			d := drafts[r.ID]
			switch {
			case done(&d.Server):
				return nil
			case !t.unchanged(d):
				return stale()
			}
			return apply(at, d)
		},
	})
	switch inspection.CodeOf(err) {
	case inspection.CodeDocumentTooLarge, inspection.CodeTooDeep:
		err = inspection.Errorf(inspection.CodeConflict, "The document would be larger or deeper than documents may be.")
	}
	return out[r.ID], err
}
