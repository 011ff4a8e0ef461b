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
	by := principal.Device.User
	repeat := func(d *sync.Draft) bool {
		last := d.Server.Review
		return last != nil && last.Decision == in.Event && last.Comment == comment && last.By == by && last.On == b.rev
	}
	return s.change(ctx, principal, r, b, repeat, func(at moment, d *sync.Draft) error {
		return judge(d, inspection.Review{
			Decision: in.Event, Comment: comment, By: by, At: inspection.StampOf(at), On: in.Rev,
		})
	})
}

// judge moves the review of a draft on.
func judge(d *sync.Draft, review inspection.Review) error {
	state := d.Server.ReviewState()
	next, ok := state.After(review.Decision)
	switch {
	case d.Deleted:
		return inspection.Errorf(inspection.CodeConflict, "The inspection is deleted. An edit revives it; then decide.")
	case d.Client["status"] != "submitted":
		return inspection.Errorf(inspection.CodeConflict, "The inspection is a draft, and drafts are not reviewed. Wait until it is submitted.")
	case !ok:
		return inspection.Errorf(inspection.CodeConflict, "An inspection that is %s can't take the decision %s. Reopen it first, or leave it as it is.", state, review.Decision)
	}
	review.State = next
	d.Server.Review = &review
	d.ServerChanged()
	return nil
}
