package review

import (
	"context"
	"slices"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/sync"
)

// The two ways of settling a conflict.
const (
	TakeKept    = "kept"
	TakeOffered = "offered"
)

// moreConflicts is the key of those conflicts that a document only counts:
// their values are in history. They can be put away, not taken.
const moreConflicts = "more"

// Settlement ends a parked conflict.
type Settlement struct {
	// Take is TakeKept: the document stays as it is; or TakeOffered: the
	// parked value takes its field's place, and the document is judged anew.
	Take string
	// Rev is the revision that the supervisor saw.
	Rev int64
}

// Settle settles the conflict with the key k and returns the document after
// it. Returns CodeNotFound for an unknown document or conflict, CodeStale as
// Decide does, CodeLocked for a value offered to an approved inspection or a
// closed task, CodeConflict if the document has no place for the value any
// more.
func (s *Service) Settle(ctx context.Context, principal *inspection.Principal, c inspection.Collection, id inspection.DocID, k string, in Settlement) (store.Record, error) {
	if in.Take != TakeKept && in.Take != TakeOffered {
		return store.Record{}, fault("/take", inspection.CodeUnknownChoice, "Take kept or offered.")
	}
	r, err := s.Document(ctx, principal, c, id)
	if err != nil {
		return store.Record{}, err
	}
	b, err := s.basis(ctx, r, in.Rev)
	if err != nil {
		return store.Record{}, err
	}
	by := principal.Device.User
	repeat := func(d *sync.Draft) bool {
		last := d.Server.Settled
		return last != nil && last.K == k && last.Take == in.Take && last.By == by && last.On == b.rev
	}
	return s.change(ctx, principal, r, b, repeat, func(at moment, d *sync.Draft) error {
		if err := settle(c, d, k, in.Take); err != nil {
			return err
		}
		d.Server.Settled = &inspection.Settled{K: k, Take: in.Take, By: by, At: inspection.StampOf(at), On: in.Rev}
		return nil
	})
}

// settle takes the conflict off a draft's list.
func settle(c inspection.Collection, d *sync.Draft, k, take string) error {
	if k == moreConflicts && d.Server.ConflictsMore > 0 {
		if take != TakeKept {
			return inspection.Errorf(inspection.CodeConflict, "These conflicts are only counted here. Find their values in history; then take kept.")
		}
		d.Server.ConflictsMore = 0
		d.ServerChanged()
		return nil
	}
	i := slices.IndexFunc(d.Server.Conflicts, func(c inspection.Conflict) bool { return c.K == k })
	if i < 0 {
		return inspection.Errorf(inspection.CodeNotFound, "There is no open conflict of this key. Read the document again.")
	}
	conflict := d.Server.Conflicts[i]
	d.Server.Conflicts = slices.Delete(slices.Clone(d.Server.Conflicts), i, i+1)
	d.ServerChanged()
	if take == TakeKept {
		return nil
	}
	if inspection.Locked(c, &d.Server) {
		return locked("document")
	}
	return takeOffered(d, conflict.Pointer, conflict.Offered)
}

// takeOffered puts a parked value in its place. The pointer "" is a wish to
// delete the document; any other value revives a deleted one, as a phone's
// edit would.
func takeOffered(d *sync.Draft, pointer string, offered any) error {
	if pointer == "" {
		wish, _ := offered.(inspection.Object)
		d.Deleted = wish["deleted"] == true
		return nil
	}
	changed, ok := inspection.SetField(d.Client, pointer, offered)
	if !ok || inspection.Depth(changed) > inspection.MaxDocumentDepth {
		return inspection.Errorf(inspection.CodeConflict, "The document has no place for this value any more. Take kept; the value stays in history.")
	}
	d.Client, d.Deleted = changed, false
	d.ClientChanged()
	return nil
}
