package sync_test

import (
	"fmt"
	"strings"
	"testing"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/sync"
	"gridpatrol/test/world"
)

// numbered gives a mutation another number.
func numbered(n int64, m edit) edit {
	m["n"] = n
	return m
}

// elsewhere is newInspection in another street of the same district.
func elsewhere(answers edit) edit {
	d := world.Burning(answers)
	d["area"] = "610102004"
	return d
}

// TestEditsFollowTheirDocumentWithinABatch: an edit need not name the area of
// a document that an earlier mutation of the batch creates, and a delete
// can't.
func TestEditsFollowTheirDocumentWithinABatch(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	stranger := w.phone("zhao", "610102004")
	unowned := world.Burning(edit{"a": 1})
	delete(unowned, "area")
	typed := world.Burning(edit{"a": 1})
	typed["answers"] = 5
	cases := []struct {
		name  string
		by    *phone
		batch func(id string) []edit
		want  string
	}{
		{"create, delete", p, func(id string) []edit {
			return []edit{p.Put(id, 0, world.Burning(edit{"a": 1})), p.Delete(id, 0)}
		}, "applied | applied"},
		{"create, edit in part", p, func(id string) []edit {
			return []edit{p.Put(id, 0, world.Burning(edit{"a": 1})), p.Put(id, 0, edit{"note": "x"})}
		}, "applied | applied"},
		{"create, delete, create", p, func(id string) []edit {
			return []edit{p.Put(id, 0, world.Burning(edit{"a": 1})), p.Delete(id, 0), p.Put(id, 0, edit{"note": "x"})}
		}, "applied | applied | merged"},
		{"delete, create", p, func(id string) []edit {
			return []edit{p.Delete(id, 0), p.Put(id, 0, world.Burning(edit{"a": 1}))}
		}, "applied | applied"},
		{"edit in part, create", p, func(id string) []edit {
			return []edit{p.Put(id, 0, edit{"note": "x"}), p.Put(id, 0, world.Burning(edit{"a": 1}))}
		}, "area_forbidden | applied"},
		{"create without an area, edit", p, func(id string) []edit {
			return []edit{p.Put(id, 0, unowned), p.Put(id, 0, edit{"note": "x"}), p.Delete(id, 0)}
		}, "area_forbidden | area_forbidden | applied"},
		{"create of a wrong shape, edit in part, edit", p, func(id string) []edit {
			return []edit{p.Put(id, 0, typed), p.Put(id, 0, edit{"note": "x"}), p.Put(id, 0, world.Burning(nil)), p.Put(id, 0, edit{"note": "x"})}
		}, "bad_document | area_forbidden | applied | applied"},
		{"create in another's area, edit", stranger, func(id string) []edit {
			return []edit{stranger.Put(id, 0, world.Burning(nil)), stranger.Put(id, 0, edit{"note": "x"}), stranger.Put(id, 0, elsewhere(nil))}
		}, "area_forbidden | area_forbidden | applied"},
		{"create, then as if in another collection", p, func(id string) []edit {
			return []edit{p.Put(id, 0, world.Burning(nil)), world.In("sites", p.Put(id, 0, edit{"name": "x"})), world.In("sites", p.Delete(id, 0))}
		}, "applied | area_forbidden | area_forbidden"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			batch := c.batch(world.NewID())
			if got := outcomes(c.by.Push(batch...)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			again := c.by.Push(batch...)
			if got := outcomes(again); got != c.want {
				t.Errorf("again: got %s, want %s", got, c.want)
			}
			for i, r := range again {
				if !r.Replayed {
					t.Errorf("mutation %d was decided twice", i)
				}
			}
		})
	}
}

// outcomes shows statuses, of rejected ones the code.
func outcomes(results []sync.Result) string {
	list := make([]string, len(results))
	for i, r := range results {
		if list[i] = string(r.Status); r.Code != nil {
			list[i] = *r.Code
		}
	}
	return strings.Join(list, " | ")
}

// TestANumberTwiceInOneBatch: the first use of a number owns it, wherever its
// document lies and whatever becomes of it.
func TestANumberTwiceInOneBatch(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("boss", "610102")
	a, b, c, d := world.NewID(), world.NewID(), world.NewID(), world.NewID()
	cases := []struct {
		name  string
		batch []edit
		want  string
	}{
		{"two streets", []edit{
			numbered(1, p.Put(a, 0, world.Burning(edit{"k": 1}))), numbered(1, p.Put(b, 0, elsewhere(edit{"k": 1}))),
		}, "applied | n_reused"},
		{"the first can't be stored", []edit{
			numbered(2, p.Put("nope", 0, world.Burning(nil))), numbered(2, p.Put(b, 0, elsewhere(nil))),
		}, "bad_id | n_reused"},
		{"the second can't be stored", []edit{
			numbered(3, p.Put(b, 0, elsewhere(nil))), numbered(3, p.Put("nope", 0, world.Burning(nil))), numbered(3, p.Put(b, 0, elsewhere(nil))),
		}, "applied | n_reused | applied"},
		{"a delete of what comes later", []edit{
			numbered(4, p.Delete(c, 0)), numbered(5, p.Put(c, 0, world.Burning(nil))), numbered(4, p.Delete(c, 0)),
		}, "applied | applied | applied"},
		{"the first is too large only when it is merged", []edit{
			numbered(6, p.Put(d, 0, world.Burning(edit{"a": strings.Repeat("x", 700<<10)}))),
			numbered(7, p.Put(d, 0, edit{"note": strings.Repeat("x", 700<<10)})),
			numbered(7, p.Put("nope", 0, world.Burning(nil))),
		}, "applied | document_too_large | n_reused"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			first := p.Push(c.batch...)
			if got := outcomes(first); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			again := p.Push(c.batch...)
			for i, r := range again {
				if !r.Replayed || outcomes(again[i:i+1]) != outcomes(first[i:i+1]) || fmt.Sprint(deref64(r.Seq)) != fmt.Sprint(deref64(first[i].Seq)) {
					t.Errorf("mutation %d: at first %s, then %s", i, outcomes(first[i:i+1]), outcomes(again[i:i+1]))
				}
			}
		})
	}
	if w.Record(c).Deleted {
		t.Error("a delete that came before its document deleted it")
	}
	receipts, err := w.Store.Receipts(w.Ctx, p.Principal.Device, []int64{1, 2, 3, 4, 5, 6, 7})
	if err != nil || len(receipts) != 7 || receipts[1].ID != inspection.DocID(a) || receipts[2].Status != store.Rejected {
		t.Errorf("receipts %v, %v", receipts, err)
	}
}

func deref64(n *int64) int64 {
	if n == nil {
		return -1
	}
	return *n
}
