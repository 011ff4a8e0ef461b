package review_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"gridpatrol/inspection"
	"gridpatrol/review"
	"gridpatrol/store"
	"gridpatrol/test/world"
)

// TestLaws lets phones push and delete, offline and from stale bases, while
// supervisors decide and settle, in any order. Then, over the whole history:
//
//   - an approved inspection's fields never change until it is reopened;
//   - each step of the review is one that the table of states knows;
//   - every value that was ever parked is open, or was settled by someone, or
//     is counted;
//   - a value that was taken is in its place.
func TestLaws(t *testing.T) {
	w := newDesk(t)
	rapid.Check(t, func(rt *rapid.T) {
		h := &play{T: rt, w: w, id: world.NewID(), phones: []*phone{w.phone("li", street), w.phone("wang", street), w.phone("zhao", street)}}
		doc := world.Burning(edit{"x": 0, "y": 0})
		h.phones[0].applied(h.id, 0, doc)
		for range rapid.IntRange(3, 18).Draw(rt, "steps") {
			switch rapid.IntRange(0, 5).Draw(rt, "step") {
			case 0, 1:
				h.edit()
			case 2:
				h.delete()
			case 3:
				h.decide()
			default:
				h.settle()
			}
		}
		h.checkHistory()
	})
}

type play struct {
	*rapid.T
	w      *desk
	id     string
	phones []*phone
	value  int
}

func (h *play) rev() int64 { return h.w.Record(h.id).Rev }

func (h *play) edit() {
	h.value++
	answers := edit{rapid.SampledFrom([]string{"x", "y"}).Draw(h.T, "field"): h.value}
	doc := world.Burning(answers)
	if rapid.IntRange(0, 5).Draw(h.T, "draft") == 0 {
		doc["status"] = "draft"
	}
	h.phone().put(h.id, h.base(), doc)
}

func (h *play) phone() *phone { return h.phones[rapid.IntRange(0, len(h.phones)-1).Draw(h.T, "phone")] }

func (h *play) base() int64 { return rapid.Int64Range(1, h.rev()).Draw(h.T, "base") }

func (h *play) delete() {
	p := h.phone()
	p.Push(p.Delete(h.id, h.base()))
}

// recent is most often the newest revision.
func (h *play) recent() int64 {
	return max(1, h.rev()-int64(rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(h.T, "behind")))
}

func (h *play) decide() {
	before := h.rev()
	event := rapid.SampledFrom(inspection.Decisions).Draw(h.T, "decision")
	principal := rapid.SampledFrom([]*inspection.Principal{boss, deputy}).Draw(h.T, "principal")
	_, err := h.w.Review.Decide(h.w.Ctx, principal, inspection.DocID(h.id), review.Decision{Event: event, Comment: "so", Rev: h.recent()})
	h.allowed(err, before, inspection.CodeStale, inspection.CodeConflict)
}

func (h *play) settle() {
	before := h.rev()
	open, _ := object(world.Parse(h.w.T, h.w.Record(h.id).Doc)["server"])["conflicts"].([]any)
	if len(open) == 0 {
		return
	}
	c := object(open[rapid.IntRange(0, len(open)-1).Draw(h.T, "conflict")])
	take := rapid.SampledFrom([]string{"kept", "offered"}).Draw(h.T, "take")
	k, _ := c["k"].(string)
	r, err := h.w.Review.Settle(h.w.Ctx, boss, inspection.Inspections, inspection.DocID(h.id), k, review.Settlement{Take: take, Rev: h.recent()})
	h.allowed(err, before, inspection.CodeStale, inspection.CodeLocked)
	if pointer, _ := c["pointer"].(string); err == nil && take == "offered" && r.Rev > before && pointer != "" {
		h.inPlace(r, pointer, c["offered"])
	}
}

func (h *play) inPlace(r store.Record, pointer string, offered any) {
	doc := world.Parse(h.w.T, r.Doc)
	same, ok := inspection.SetField(inspection.ClientOwned(doc), pointer, offered)
	if !ok || len(inspection.Changes(inspection.ClientOwned(doc), same)) > 0 || r.Deleted {
		h.Fatalf("%s was taken for %s, and the document is %s", inspection.AppendJSON(nil, offered), pointer, r.Doc)
	}
}

// allowed: an act is done, or refused for a reason that there may be, and
// then nothing has changed.
func (h *play) allowed(err error, before int64, codes ...inspection.Code) {
	if err == nil {
		return
	}
	if !slices.Contains(codes, inspection.CodeOf(err)) {
		h.Fatalf("an act failed: %v", err)
	}
	if h.rev() != before {
		h.Fatalf("a refused act (%v) left revision %d after %d", err, h.rev(), before)
	}
}

func (h *play) checkHistory() {
	r := h.w.Record(h.id)
	entries, err := h.w.Store.Entries(h.w.Ctx, r.Area, r.Revisions)
	h.w.Must(err)
	settled := map[string]bool{}
	parked := map[string]bool{}
	var before inspection.Object
	for i := range entries {
		after := world.Parse(h.w.T, entries[i].Doc)
		server := object(after["server"])
		if before != nil {
			h.checkStep(&entries[i], before, after)
		}
		if k, ok := object(server["settled"])["k"].(string); ok {
			settled[k] = true
		}
		open, _ := server["conflicts"].([]any)
		for _, c := range open {
			parked[fmt.Sprint(object(c)["k"])] = true
		}
		before = after
	}
	open, _ := object(before["server"])["conflicts"].([]any)
	for _, c := range open {
		delete(parked, fmt.Sprint(object(c)["k"]))
	}
	for k := range parked {
		if !settled[k] {
			h.Fatalf("the parked value %s is neither open nor settled", k)
		}
	}
}

// checkStep looks at one entry, by the table of states.
func (h *play) checkStep(e *store.Entry, before, after inspection.Object) {
	was, is := inspection.ReviewOf(object(before["server"])), inspection.ReviewOf(object(after["server"]))
	if was == inspection.ReviewApproved && !inspection.SameFields(before, after) {
		h.Fatalf("revision %d (%s) changed an approved inspection", e.Rev, e.Kind)
	}
	if was == inspection.ReviewApproved && is != was && is != inspection.ReviewReceived {
		h.Fatalf("revision %d took %s to %s", e.Rev, was, is)
	}
	reached := []inspection.ReviewState{was}
	if e.Kind == store.KindReview {
		for _, event := range inspection.Decisions {
			if next, ok := was.After(event); ok {
				reached = append(reached, next)
			}
		}
	} else { // an edit, and what it does to the status
		edited, _ := was.After(inspection.ReviewEdit)
		for _, state := range []inspection.ReviewState{was, edited} {
			submitted, _ := state.After(inspection.ReviewSubmit)
			withdrawn, _ := state.After(inspection.ReviewWithdraw)
			reached = append(reached, state, submitted, withdrawn)
		}
	}
	if !slices.Contains(reached, is) {
		h.Fatalf("revision %d (%s) took %q to %q", e.Rev, e.Kind, was, is)
	}
}

func object(v any) inspection.Object {
	o, _ := v.(inspection.Object)
	return o
}
