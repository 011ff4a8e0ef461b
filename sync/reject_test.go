package sync_test

import (
	"strings"
	"testing"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// quarantine returns the documents held there.
func (w *world) quarantine() []inspection.Object {
	w.t.Helper()
	page, err := w.store.Changes(w.ctx, store.ChangesQuery{
		Area: inspection.ReferenceArea, Collections: []inspection.Collection{inspection.Quarantine}, Limit: 1000,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	var out []inspection.Object
	for _, r := range page.Records {
		out = append(out, doc(w.t, r.Doc))
	}
	return out
}

func TestRejected(t *testing.T) {
	w := newWorld(t)
	p, stranger := w.phone("li", street), w.phone("zhao", "610102004")
	id := newID()
	p.one(store.Applied, p.put(id, 0, newInspection(edit{"a": 1})))
	elsewhere := newInspection(edit{})
	elsewhere["area"] = "610102004"
	nowhere := newInspection(edit{})
	nowhere["area"] = "999999999"
	typed := newInspection(edit{})
	typed["answers"] = []int{1}
	other := newInspection(edit{})
	other["id"] = newID()

	cases := []struct {
		name string
		by   *phone
		m    edit
		code inspection.Code
	}{
		{"another's area", stranger, stranger.put(id, 1, newInspection(edit{"a": 2})), inspection.CodeAreaForbidden},
		{"another's area, new", stranger, stranger.put(newID(), 0, newInspection(edit{"a": 2})), inspection.CodeAreaForbidden},
		{"another's area, delete", stranger, stranger.del(id, 1), inspection.CodeAreaForbidden},
		{"a known id under another area", stranger, stranger.put(id, 0, elsewhere), inspection.CodeAreaForbidden},
		{"an area that isn't there", p, p.put(newID(), 0, nowhere), inspection.CodeAreaForbidden},
		{"no area", p, p.put(newID(), 0, edit{"template": "x"}), inspection.CodeAreaForbidden},
		{"area changed", p, p.put(id, 1, elsewhere), inspection.CodeAreaForbidden},
		{"another collection", p, in("sessions", p.put(id, 1, edit{"area": street})), inspection.CodeAreaForbidden},
		{"a new task", p, in("tasks", p.put(newID(), 0, edit{"area": street})), inspection.CodeAreaForbidden},
		{"a task deleted", p, in("tasks", p.del(newID(), 0)), inspection.CodeAreaForbidden},
		{"unknown collection", p, in("users", p.put(newID(), 0, edit{"area": street})), inspection.CodeUnknownCollection},
		{"reference data", p, in("limits", p.put(newID(), 0, edit{"area": street})), inspection.CodeReadOnly},
		{"no uuid", p, p.put("diesel-1", 0, newInspection(nil)), inspection.CodeBadID},
		{"two ids", p, p.put(newID(), 0, other), inspection.CodeBadDocument},
		{"wrong type", p, p.put(newID(), 0, typed), inspection.CodeBadDocument},
		{"no document", p, p.put(newID(), 0, nil), inspection.CodeBadDocument},
		{"unknown op", p, edit{"n": 1000, "collection": "inspections", "op": "patch", "id": id}, inspection.CodeUnknownOp},
		{"too deep", p, p.put(newID(), 0, newInspection(edit{"a": nested(40)})), inspection.CodeTooDeep},
		{"too large", p, p.put(newID(), 0, newInspection(edit{"a": strings.Repeat("x", 3<<20)})), inspection.CodeDocumentTooLarge},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			before := len(w.quarantine())
			r := c.by.one(store.Rejected, c.m)
			if deref(r.Code) != string(c.code) || deref(r.Detail) == "" || r.Doc != nil {
				t.Errorf("got %s: %s", deref(r.Code), deref(r.Detail))
			}
			if again := c.by.one(store.Rejected, c.m); !again.Replayed || deref(again.Code) != string(c.code) {
				t.Errorf("no receipt: %+v", again)
			}
			if n := len(w.quarantine()) - before; n != 1 {
				t.Errorf("%d more in quarantine", n)
			}
		})
	}
	if got := at(t, w.record(id).Doc, "answers", "a"); got != "1" {
		t.Errorf("the record changed: %s", got)
	}
}

func nested(levels int) any {
	var v any = 1
	for range levels {
		v = []any{v}
	}
	return v
}

func TestWordsDoNotTellWhichIDsExist(t *testing.T) {
	w := newWorld(t)
	p, stranger := w.phone("li", street), w.phone("zhao", "610102004")
	id := newID()
	p.one(store.Applied, p.put(id, 0, newInspection(nil)))
	known := stranger.one(store.Rejected, stranger.put(id, 0, newInspection(nil)))
	unknown := stranger.one(store.Rejected, stranger.put(newID(), 0, newInspection(nil)))
	if deref(known.Code) != deref(unknown.Code) || deref(known.Detail) != deref(unknown.Detail) {
		t.Errorf("%s and %s", deref(known.Detail), deref(unknown.Detail))
	}
}

func TestQuarantineKeepsTheBytes(t *testing.T) {
	w := newWorld(t)
	p := w.phone("li", street)
	raw := `{ "n":7 , "collection":"inspections","op":"put","id":"nope","base":0,"doc":{"area":"610102003","answers":{"k": 1.50}} }`
	p.pushBody([]byte(`{"mutations":[` + raw + `]}`))
	held := string(inspection.AppendJSON(nil, w.quarantine()[0]["mutation"]))
	if !strings.Contains(held, "1.50") {
		t.Errorf("digits changed: %s", held)
	}
	entries, err := w.store.Commits(w.ctx, inspection.ReferenceArea, 0, 100)
	if err != nil || !strings.Contains(string(entries[len(entries)-1].Bytes), raw) {
		t.Errorf("the log doesn't hold the bytes as sent (%v)", err)
	}
	deep := `{"n":8,"collection":"inspections","op":"put","id":"nope","base":0,"doc":{"a":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}}`
	p.pushBody([]byte(`{"mutations":[` + deep + `]}`))
	if s, _ := w.quarantine()[1]["mutation_base64"].(string); len(s) < len(deep) {
		t.Error("a mutation too deep to embed is not kept")
	}
}

func TestAReplayOfARejectionStaysRejected(t *testing.T) {
	w := newWorld(t)
	p := w.phone("li", "610102004")
	m := p.put(newID(), 0, newInspection(nil))
	p.one(store.Rejected, m)
	p.principal.Rights.Grants = append(p.principal.Rights.Grants, inspection.Grant{Area: street, Number: 5})
	if r := p.one(store.Rejected, m); !r.Replayed {
		t.Error("decided again")
	}
}
