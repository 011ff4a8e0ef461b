package review

import (
	"context"
	"slices"
	"strings"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/store/asof"
)

// Bounds of a page of history.
const (
	DefaultRevisions = 50
	MaxRevisions     = 200
	// maxShown is the longest value that a change shows, in bytes of JSON; the
	// document at that revision has it whole.
	maxShown = 4 << 10
)

// Revision is one entry of a document's history.
type Revision struct {
	Rev    int64               `json:"rev"`
	Seq    int64               `json:"seq"`
	At     time.Time           `json:"at"`
	By     inspection.UserID   `json:"by"`     // "" is the server
	Device inspection.DeviceID `json:"device"` // "" is none
	N      int64               `json:"n"`
	Base   int64               `json:"base"`
	Kind   store.Kind          `json:"kind"`
	Status store.Status        `json:"status"` // "" for what no phone sent
	// Deleted: the document was a tombstone after it.
	Deleted bool `json:"deleted"`
	// Changes are the fields that it changed; of the first revision, all.
	Changes []Change `json:"changes"`
	// Offered are the values that were sent and did not go in.
	Offered []Change `json:"offered"`
}

// Change is a field with its value before and after; of an offered one,
// Before is what stayed and After what was offered. Of values that are too
// long to show, Long is set and neither is there.
type Change struct {
	Pointer string `json:"pointer"`
	Before  any    `json:"before"`
	After   any    `json:"after"`
	Long    bool   `json:"long,omitempty"`
}

// History is a page of revisions, the newest first. Next is what to ask for
// to continue, 0 at the end.
type History struct {
	Revisions []Revision
	Next      int64
}

// History returns up to limit revisions of a document that are older than
// before; 0 begins with the newest. Returns CodeNotFound as Document does.
func (s *Service) History(ctx context.Context, principal *inspection.Principal, c inspection.Collection, id inspection.DocID, before int64, limit int) (History, error) {
	r, err := s.Document(ctx, principal, c, id)
	if err != nil {
		return History{}, err
	}
	end := r.Rev
	if before > 0 {
		end = min(before-1, r.Rev)
	}
	first := max(end-int64(limit)+1, 1)
	if end < first {
		return History{}, nil
	}
	// The revision before the first is needed to tell what that changed.
	from := max(first-1, 1)
	revisions, err := asof.Revisions(ctx, s.cfg.Store, r.Area, r.Revisions[from-1:end])
	if err != nil {
		return History{}, err
	}
	h := History{Revisions: make([]Revision, 0, end-first+1)}
	var earlier inspection.Object
	for i := range revisions {
		e := &revisions[i]
		if e.Rev >= first {
			h.Revisions = append(h.Revisions, revisionOf(&e.Entry, earlier, e.Object))
		}
		earlier = e.Object
	}
	slices.Reverse(h.Revisions)
	if first > 1 {
		h.Next = first
	}
	return h, nil
}

func revisionOf(e *store.Entry, before, after inspection.Object) Revision {
	r := Revision{
		Rev: e.Rev, Seq: e.Seq, At: e.At, By: e.Actor, Device: e.Device, N: e.N, Base: e.Base,
		Kind: e.Kind, Status: e.Status, Deleted: e.Deleted, Changes: []Change{}, Offered: []Change{},
	}
	for _, c := range inspection.Changes(inspection.ClientOwned(before), inspection.ClientOwned(after)) {
		r.Changes = append(r.Changes, changeOf(c.Pointer(), c.Kept, c.Offered))
	}
	r.Changes = append(r.Changes, servedChanges(before.Object("server"), after.Object("server"))...)
	if sent, err := inspection.ParseObject(e.Sent); err == nil {
		for _, c := range inspection.Changes(inspection.ClientOwned(after), sent) {
			r.Offered = append(r.Offered, changeOf(c.Pointer(), c.Kept, c.Offered))
		}
	}
	return r
}

// historyMembers are the server's members whose changes history tells. The others
// follow from the fields, or say where the entry is.
var historyMembers = []string{
	"act", "conflicts", "conflicts_more", "deleted", "due_at", "evidence", "lead_unit",
	"review", "settled", "state", "title", "verdict",
}

func servedChanges(before, after inspection.Object) []Change {
	var list []Change
	for _, name := range historyMembers {
		if !inspection.Equal(before[name], after[name]) {
			list = append(list, changeOf("/server/"+name, before[name], after[name]))
		}
	}
	return list
}

func changeOf(pointer string, before, after any) Change {
	size := len(inspection.AppendJSON(nil, before)) + len(inspection.AppendJSON(nil, after))
	if size > maxShown {
		before, after = nil, nil
	}
	return Change{Pointer: strings.ToValidUTF8(pointer, ""), Before: before, After: after, Long: size > maxShown}
}
