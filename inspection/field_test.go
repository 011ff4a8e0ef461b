package inspection_test

import (
	"testing"

	"pgregory.net/rapid"

	"gridpatrol/inspection"
)

func TestSetField(t *testing.T) {
	for _, c := range []struct{ name, doc, pointer, value, want string }{
		{"a member", `{"note":"x"}`, "/note", `"y"`, `{"note":"y"}`},
		{"a new member", `{}`, "/note", `"y"`, `{"note":"y"}`},
		{"a member removed", `{"note":"x","a":1}`, "/note", `null`, `{"a":1}`},
		{"an answer", `{"answers":{"a":1,"b":2}}`, "/answers/a", `3`, `{"answers":{"a":3,"b":2}}`},
		{"the first answer", `{}`, "/answers/a", `3`, `{"answers":{"a":3}}`},
		{"an escaped name", `{"answers":{"a/b~c":1}}`, "/answers/a~1b~0c", `2`, `{"answers":{"a/b~c":2}}`},
		{"an item", `{"answers":{"r":[{"id":"1","q":1},{"id":"2"}]}}`, "/answers/r/1", `{"id":"1","q":9}`, `{"answers":{"r":[{"id":"1","q":9},{"id":"2"}]}}`},
		{"an item removed", `{"r":[{"id":"1"},{"id":"2"}]}`, "/r/1", `null`, `{"r":[{"id":"2"}]}`},
		{"an item added", `{"r":[{"id":"1"}]}`, "/r/3", `{"id":"3"}`, `{"r":[{"id":"1"},{"id":"3"}]}`},
		{"an item that is gone stays so", `{"r":[]}`, "/r/3", `null`, `{"r":[]}`},
		{"a photo", `{"photos":[{"field":"f","sha256":"x","bytes":1}]}`, "/photos/f:x", `{"field":"f","sha256":"x","bytes":2}`, `{"photos":[{"bytes":2,"field":"f","sha256":"x"}]}`},
		{"a photo of a rectification", `{"rectification":{"photos":[{"field":"f","sha256":"x"}]}}`, "/rectification/photos/f:x", `null`, `{"rectification":{"photos":[]}}`},
		{"a member of a rectification", `{"rectification":{"note":"x"}}`, "/rectification/note", `"y"`, `{"rectification":{"note":"y"}}`},
		{"no list any more", `{"answers":{"r":"text"}}`, "/answers/r/1", `{"id":"1"}`, ``},
		{"a list without keys", `{"r":[1,2]}`, "/r/1", `{"id":"1"}`, ``},
		{"no object any more", `{"answers":[]}`, "/answers/a", `1`, ``},
		{"no field", `{"answers":{}}`, "", `1`, ``},
		{"too deep", `{"r":[{"id":"1"}]}`, "/r/1/q", `1`, ``},
		{"no pointer", `{}`, "note", `1`, ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc := parse(t, c.doc)
			value, err := inspection.ParseJSON([]byte(c.value))
			if err != nil {
				t.Fatal(err)
			}
			got, ok := inspection.SetField(doc, c.pointer, value)
			if ok != (c.want != "") || ok && show(got) != c.want {
				t.Errorf("got %s, %v", show(got), ok)
			}
			if show(doc) != show(parse(t, c.doc)) {
				t.Errorf("the document itself was changed: %s", show(doc))
			}
		})
	}
}

// The changes between two states lead from one to the other, field by field,
// and there are none between a state and itself.
func TestChangesLead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := genDoc(t)
		after := edit(t, edit(t, before))
		if c := inspection.Changes(before, before); len(c) > 0 {
			t.Fatalf("a document differs from itself: %v", c)
		}
		doc := before
		for _, c := range inspection.Changes(before, after) {
			next, ok := inspection.SetField(doc, c.Pointer(), c.Offered)
			if !ok {
				t.Fatalf("%s has no place in %s", c.Pointer(), show(doc))
			}
			doc = next
		}
		if left := inspection.Changes(doc, after); len(left) > 0 {
			t.Fatalf("from %s to %s, %s are left", show(before), show(after), clashText(left))
		}
	})
}
