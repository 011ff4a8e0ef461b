package review

import (
	"context"
	"slices"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/sync"
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
	t, err := s.target(ctx, principal, inspection.Inspections, id, in.Rev)
	if err != nil {
		return store.Record{}, err
	}
	by := principal.Device.User
	done := func(server *inspection.Server) bool {
		last := server.Review
		return last != nil && last.Decision == in.Event && last.Comment == comment && last.By == by && last.On == in.Rev
	}
	return s.change(ctx, by, t, done, func(at time.Time, d *sync.Draft) error {
		return decide(d, inspection.Review{
			Decision: in.Event, Comment: comment, By: by, At: inspection.StampOf(at), On: in.Rev,
		})
	})
}

// decide moves the review of a draft on.
func decide(d *sync.Draft, review inspection.Review) error {
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
