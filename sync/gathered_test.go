package sync_test

import (
	"testing"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/sync"
	"gridpatrol/test/world"
)

// TestAnEditOfWhatTheSameCommitChanged: pushes that wait are decided together.
// An edit whose base the same commit has left behind is merged from it all the
// same.
func TestAnEditOfWhatTheSameCommitChanged(t *testing.T) {
	type object = inspection.Object
	for _, test := range []struct {
		name        string
		first, then object // edits of revision 1 by two phones; nil deletes
		want        store.Status
		note        string
	}{
		{"another field was changed", object{"point": "second"}, object{"note": "second"}, store.Merged, "second"},
		{"the same field was changed", object{"note": "second"}, object{"note": "third"}, store.Conflicted, "second"},
		{"it was deleted", nil, object{"note": "second"}, store.Merged, "second"},
		{"a delete of what was changed", object{"note": "second"}, nil, store.Conflicted, "second"},
		{"a delete of what was deleted", nil, nil, store.Applied, "first"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newDistrict(t)
			id := world.NewID()
			edit := func(p *phone, base int64, doc object) sync.Gathered {
				p.N++
				op := sync.OpPut
				if doc == nil {
					op = sync.OpDelete
				}
				return sync.Gathered{By: p.Principal, Mutation: sync.NewMutation(p.N, op, inspection.Sessions, id, base, doc)}
			}
			decide := func(list ...sync.Gathered) []sync.Answer {
				answers, err := w.Sync.DecideTogether(street, list...)
				w.Must(err)
				return answers
			}
			decide(edit(w.phone("li", street), 0, object{"area": string(street), "note": "first", "point": "first"}))
			last := decide(edit(w.phone("wang", street), 1, test.first), edit(w.phone("zhao", street), 1, test.then))[1]
			if got := world.Parse(t, last.Doc).Text("note"); last.Status != test.want || got != test.note {
				t.Errorf("the second is %s with %s, want %s with the note %q", last.Status, last.Doc, test.want, test.note)
			}
		})
	}
}
