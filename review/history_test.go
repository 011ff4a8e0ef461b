package review_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/review"
	"gridpatrol/test/world"
)

func TestHistory(t *testing.T) {
	w := newDesk(t)
	p, q, id := w.phone("li", street), w.phone("wang", street), world.NewID()
	p.applied(id, 0, world.Burning(edit{"note": "a"}))
	w.Advance(time.Minute)
	p.applied(id, 1, edit{"answers": edit{"note": "b"}})
	q.put(id, 1, edit{"answers": edit{"note": "c", "place": "d"}})
	w.decide(id, "send_back", "dark")
	p.Push(p.Delete(id, 4))
	h, err := w.Review.History(w.Ctx, deputy, inspection.Inspections, inspection.DocID(id), 0, 10)
	w.Must(err)
	if len(h.Revisions) != 5 || h.Next != 0 {
		t.Fatalf("%+v", h)
	}
	for i, want := range []string{
		"5 by li, delete applied: /server/deleted null → true",
		"4 by boss, review : /server/review state received → has_issues",
		"3 by wang, put conflicted: /answers/place null → d, /server/conflicts, /server/title null → d; offered /answers/note b → c",
		"2 by li, put applied: /answers/note a → b",
		"1 by li, put applied: ",
	} {
		if got := describe(h.Revisions[i]); !strings.HasPrefix(got, want) {
			t.Errorf("revision %d: %s\nwant %s", 5-i, got, want)
		}
	}
	if first := h.Revisions[4]; first.Device != p.Principal.Device.ID || first.N != 1 || len(first.Changes) < 6 || !first.At.Equal(time.Date(2026, 10, 12, 10, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", first)
	}
}

func describe(r review.Revision) string {
	var changes, offered []string
	for _, c := range r.Changes {
		switch c.Pointer {
		case "/server/evidence":
		case "/server/review":
			changes = append(changes, fmt.Sprintf("%s state %v → %v", c.Pointer, state(c.Before), state(c.After)))
		case "/server/conflicts":
			changes = append(changes, c.Pointer)
		default:
			changes = append(changes, fmt.Sprintf("%s %v → %v", c.Pointer, orNull(c.Before), orNull(c.After)))
		}
	}
	for _, c := range r.Offered {
		offered = append(offered, fmt.Sprintf("offered %s %v → %v", c.Pointer, orNull(c.Before), orNull(c.After)))
	}
	out := fmt.Sprintf("%d by %s, %s %s: %s", r.Rev, r.By, r.Kind, r.Status, strings.Join(changes, ", "))
	if len(offered) > 0 {
		out += "; " + strings.Join(offered, ", ")
	}
	return out
}

func state(v any) any {
	o, _ := v.(inspection.Object)
	return o["state"]
}

func orNull(v any) any {
	if v == nil {
		return "null"
	}
	return v
}

func TestHistoryPages(t *testing.T) {
	w := newDesk(t)
	p, id := w.phone("li", street), world.NewID()
	const revisions = 23
	p.applied(id, 0, world.Burning(nil))
	for n := 1; n < revisions; n++ {
		p.applied(id, int64(n), edit{"note": n})
	}
	whole, err := w.Review.History(w.Ctx, boss, inspection.Inspections, inspection.DocID(id), 0, 200)
	w.Must(err)
	var paged []review.Revision
	for before := int64(0); ; {
		page, err := w.Review.History(w.Ctx, boss, inspection.Inspections, inspection.DocID(id), before, 7)
		w.Must(err)
		paged = append(paged, page.Revisions...)
		if before = page.Next; before == 0 {
			break
		}
	}
	if len(whole.Revisions) != revisions || fmt.Sprint(whole.Revisions) != fmt.Sprint(paged) {
		t.Errorf("%d revisions at once, %d in pages", len(whole.Revisions), len(paged))
	}
	for _, before := range []int64{1, 99} {
		page, err := w.Review.History(w.Ctx, boss, inspection.Inspections, inspection.DocID(id), before, 50)
		if want := map[int64]int{1: 0, 99: revisions}[before]; err != nil || len(page.Revisions) != want {
			t.Errorf("before %d: %d revisions, %v", before, len(page.Revisions), err)
		}
	}
	_, err = w.Review.History(w.Ctx, remote, inspection.Inspections, inspection.DocID(id), 0, 50)
	refused(t, err, inspection.CodeNotFound)
	_, err = w.Review.History(w.Ctx, boss, inspection.Sites, inspection.DocID(id), 0, 50)
	refused(t, err, inspection.CodeNotFound)
}

// TestLongValuesInHistory are left out, not their change.
func TestLongValuesInHistory(t *testing.T) {
	w := newDesk(t)
	p, id := w.phone("li", street), world.NewID()
	p.applied(id, 0, world.Burning(edit{"note": "a"}))
	p.applied(id, 1, edit{"answers": edit{"note": strings.Repeat("字", 5000)}})
	h, err := w.Review.History(w.Ctx, boss, inspection.Inspections, inspection.DocID(id), 0, 1)
	w.Must(err)
	c := h.Revisions[0].Changes[0]
	if c.Pointer != "/answers/note" || !c.Long || c.Before != nil || c.After != nil {
		t.Errorf("%.200v", c)
	}
}
