package review

import (
	"context"
	"slices"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/sync"
)

type (
	moment   = time.Time
	decision func(at moment, d *sync.Draft) error
)

// Decision is what a supervisor says of an inspection.
type Decision struct {
	Event   inspection.ReviewEvent
	Comment string
	// Rev is the revision that the supervisor saw.
	Rev int64
}

// Decide carries a decision out and returns the inspection after it. Returns
// CodeNotFound; CodeBadRequest for a decision that isn't one or lacks its
// comment; CodeStale if what the decision rests on has changed since its
// revision; CodeConflict for a draft, a deleted inspection, and a decision
// that has no place in the inspection's state.
func (s *Service) Decide(ctx context.Context, principal *inspection.Principal, id inspection.DocID, in Decision) (store.Record, error) {
	if !slices.Contains(inspection.Decisions, in.Event) {
		return store.Record{}, fault("/decision", inspection.CodeUnknownChoice, "Decide approve, reject, send_back or reopen.")
	}
	// Who has to edit the record again must learn what is wrong with it.
	required := in.Event == inspection.ReviewSendBack || in.Event == inspection.ReviewReject
	comment, err := cleanComment(in.Comment, required)
	if err != nil {
		return store.Record{}, err
	}
	r, err := s.Document(ctx, principal, inspection.Inspections, id)
	if err != nil {
		return store.Record{}, err
	}
	b, err := s.basis(ctx, r, in.Rev)
	if err != nil {
		return store.Record{}, err
	}
	wanted := inspection.Object{"decision": string(in.Event), "comment": text(comment)}
	repeat := func(d *sync.Draft) bool { return b.isRepeat(object(d.Server["review"]), wanted, principal.Device.User) }
	return s.change(ctx, principal, r, b, repeat, func(at moment, d *sync.Draft) error {
		return judge(d, in.Event, inspection.Object{
			"decision": string(in.Event), "comment": text(comment),
			"by": string(principal.Device.User), "at": stamp(at), "on": number(in.Rev),
		})
	})
}

// judge moves the review of a draft on.
func judge(d *sync.Draft, event inspection.ReviewEvent, review inspection.Object) error {
	state := inspection.ReviewOf(d.Server)
	next, ok := state.After(event)
	switch {
	case d.Deleted:
		return inspection.Errorf(inspection.CodeConflict, "The inspection is deleted. An edit revives it; then decide.")
	case d.Client["status"] != "submitted":
		return inspection.Errorf(inspection.CodeConflict, "The inspection is a draft, and drafts are not reviewed. Wait until it is submitted.")
	case !ok:
		return inspection.Errorf(inspection.CodeConflict, "An inspection that is %s can't take the decision %s. Reopen it first, or leave it as it is.", state, event)
	}
	review["state"] = string(next)
	d.Server["review"] = review
	d.ServerChanged()
	return nil
}
