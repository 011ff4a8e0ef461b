package sync_test

import (
	"testing"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/sync"
	"gridpatrol/test/world"
)

// TestMembersThatAClientDoesNotKnow: of those it has taken away none, whichever
// client it is.
func TestMembersThatAClientDoesNotKnow(t *testing.T) {
	only := func(names ...string) func(string) bool {
		return func(member string) bool {
			for _, name := range names {
				if member == name {
					return true
				}
			}
			return false
		}
	}
	for name, tc := range map[string]struct {
		knows func(string) bool
		kept  bool
	}{
		"it knows answers only": {only("id", "area", "answers"), true},
		"it knows the member":   {only("id", "area", "answers", "grid"), false},
		"it knows all":          {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newDistrict(t)
			p := w.phone("li", street)
			first := with(p.answered(with(newState(state{"a": "1"}), state{"grid": "610102003-02"}), nil), state{"_deleted": nil})
			mine := state{"id": first["id"], "area": first["area"], "answers": state{"a": "2"}}
			results, err := w.Sync.PushEdits(w.Ctx, p.Asks(), []sync.Edit{{
				Collection: inspection.Inspections, State: mine, Assumed: first, Knows: tc.knows,
			}})
			if err != nil {
				t.Fatal(err)
			}
			got := world.Parse(t, results[0].Doc)
			if textAt(t, got, "answers", "a") != `"2"` || got.Has("grid") != tc.kept || results[0].Status != store.Applied {
				t.Errorf("%s: %v", results[0].Status, got)
			}
		})
	}
}

// TestARejectedEditSaysWhy: the client may show it; the edit is in quarantine.
func TestARejectedEditSaysWhy(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	results, err := w.Sync.PushEdits(w.Ctx, p.Asks(), []sync.Edit{{
		Collection: inspection.Inspections, State: state{"id": world.NewID(), "area": "610102004"},
	}})
	if err != nil || len(results) != 1 {
		t.Fatalf("%v, %v", results, err)
	}
	r := results[0]
	if r.Status != store.Rejected || r.Code != inspection.CodeAreaForbidden || r.Detail == "" || r.Doc != nil || len(w.quarantine()) != 1 {
		t.Errorf("%+v", r)
	}
}
