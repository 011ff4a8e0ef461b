package review

import (
	"context"
	"slices"
	"time"

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

// Settlement ends a conflict.
type Settlement struct {
	// Take is TakeKept: the document stays as it is; or TakeOffered: the
	// offered value takes its field's place, and the document is judged anew.
	Take string
	// Rev is the revision that the supervisor saw.
	Rev int64
}

// Settle settles the conflict with the key and returns the document after
// it. Returns CodeNotFound for an unknown document or conflict, CodeStale as
// Decide does, CodeLocked for a value offered to an approved inspection or a
// closed task, CodeConflict if the document has no place for the value any
// more.
func (s *Service) Settle(ctx context.Context, principal *inspection.Principal, c inspection.Collection, id inspection.DocID, key string, in Settlement) (store.Record, error) {
	if in.Take != TakeKept && in.Take != TakeOffered {
		return store.Record{}, fault("/take", inspection.CodeUnknownChoice, "Take kept or offered.")
	}
	t, err := s.target(ctx, principal, c, id, in.Rev)
	if err != nil {
		return store.Record{}, err
	}
	by := principal.Device.User
	done := func(server *inspection.Server) bool {
		last := server.Settled
		return last != nil && last.Key == key && last.Take == in.Take && last.By == by && last.On == in.Rev
	}
	return s.change(ctx, by, t, done, func(at time.Time, d *sync.Draft) error {
		if err := endConflict(c, d, key, in.Take); err != nil {
			return err
		}
		d.Server.Settled = &inspection.Settled{Key: key, Take: in.Take, By: by, At: inspection.StampOf(at), On: in.Rev}
		return nil
	})
}

// endConflict takes the conflict off a draft's list.
func endConflict(c inspection.Collection, d *sync.Draft, key, take string) error {
	if key == moreConflicts && d.Server.ConflictsMore > 0 {
		if take != TakeKept {
			return inspection.Errorf(inspection.CodeConflict, "These conflicts are only counted here. Find their values in history; then take kept.")
		}
		d.Server.ConflictsMore = 0
		d.ServerChanged()
		return nil
	}
	i := slices.IndexFunc(d.Server.Conflicts, func(c inspection.Conflict) bool { return c.Key == key })
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
		return inspection.Errorf(inspection.CodeLocked, "The document is locked. Reopen it first.")
	}
	return putOffered(d, conflict.Pointer, conflict.Offered)
}

// putOffered puts an offered value in its place. The pointer "" is a wish to
// delete the document; any other value revives a deleted one, as a phone's
// edit would.
func putOffered(d *sync.Draft, pointer string, offered any) error {
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
