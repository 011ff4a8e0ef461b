package inspection_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"gridpatrol/inspection"
)

func parse(t testing.TB, s string) inspection.Object {
	t.Helper()
	o, err := inspection.ParseObject([]byte(s))
	if err != nil {
		t.Fatalf("fixture is not JSON: %s", s)
	}
	return o
}

func show(v any) string { return string(inspection.AppendJSON(nil, v)) }

func TestThreeWay(t *testing.T) {
	cases := []struct {
		name, base, theirs, mine string
		locked                   bool
		want                     string
		clashes                  string
	}{
		{name: "one side changed", base: `{"answers":{"a":1}}`, theirs: `{"answers":{"a":1}}`, mine: `{"answers":{"a":2}}`,
			want: `{"answers":{"a":2}}`},
		{name: "different fields", base: `{"answers":{"a":1,"b":1}}`, theirs: `{"answers":{"a":2,"b":1}}`, mine: `{"answers":{"a":1,"b":2}}`,
			want: `{"answers":{"a":2,"b":2}}`},
		{name: "same value on both sides", base: `{"note":"x"}`, theirs: `{"note":"y"}`, mine: `{"note":"y"}`, want: `{"note":"y"}`},
		{name: "different values", base: `{"note":"x"}`, theirs: `{"note":"y"}`, mine: `{"note":"z"}`,
			want: `{"note":"y"}`, clashes: `/note "y" "z"`},
		{name: "1.0 is 1", base: `{"answers":{"a":1}}`, theirs: `{"answers":{"a":1.0}}`, mine: `{"answers":{"a":3}}`, want: `{"answers":{"a":3}}`},
		{name: "absent answer is null", base: `{"answers":{}}`, theirs: `{"answers":{"a":null}}`, mine: `{"answers":{"a":3}}`, want: `{"answers":{"a":3}}`},
		{name: "an answer removed", base: `{"answers":{"a":1,"b":1}}`, theirs: `{"answers":{"a":1,"b":1}}`, mine: `{"answers":{"b":1}}`, want: `{"answers":{"b":1}}`},
		{name: "removed and changed", base: `{"answers":{"a":1}}`, theirs: `{"answers":{"a":2}}`, mine: `{"answers":{}}`,
			want: `{"answers":{"a":2}}`, clashes: `/answers/a 2 null`},
		{name: "null removes a member", base: `{"note":"x","s":1}`, theirs: `{"note":"x","s":1}`, mine: `{"note":null,"s":1}`, want: `{"s":1}`},
		{name: "null where nothing was stays as sent", base: `{}`, theirs: `{}`, mine: `{"site":null}`, want: `{"site":null}`},
		{name: "unknown base: every difference is a change on both sides", base: `{}`, theirs: `{"answers":{"a":1},"note":"x"}`, mine: `{"answers":{"a":2,"b":3}}`,
			want: `{"answers":{"a":1,"b":3},"note":"x"}`, clashes: `/answers/a 1 2`},
		{name: "items by id", base: `{"answers":{"r":[{"id":"1","q":1}]}}`, theirs: `{"answers":{"r":[{"id":"1","q":2}]}}`, mine: `{"answers":{"r":[{"id":"1","q":1},{"id":"0","q":9}]}}`,
			want: `{"answers":{"r":[{"id":"0","q":9},{"id":"1","q":2}]}}`},
		{name: "same item twice changed", base: `{"r":[{"id":"1","q":1}]}`, theirs: `{"r":[{"id":"1","q":2}]}`, mine: `{"r":[{"id":"1","q":3}]}`,
			want: `{"r":[{"id":"1","q":2}]}`, clashes: `/r/1 {"id":"1","q":2} {"id":"1","q":3}`},
		{name: "photos by field and hash", base: `{"photos":[]}`, theirs: `{"photos":[{"field":"b","sha256":"x"}]}`, mine: `{"photos":[{"field":"a","sha256":"x"}]}`,
			want: `{"photos":[{"field":"a","sha256":"x"},{"field":"b","sha256":"x"}]}`},
		{name: "scalars as one value", base: `{"answers":{"k":[1]}}`, theirs: `{"answers":{"k":[1,2]}}`, mine: `{"answers":{"k":[1,3]}}`,
			want: `{"answers":{"k":[1,2]}}`, clashes: `/answers/k [1,2] [1,3]`},
		{name: "rectification by member", base: `{"rectification":{"note":"a"}}`, theirs: `{"rectification":{"note":"b"}}`, mine: `{"rectification":{"note":"a","done_at":"d"}}`,
			want: `{"rectification":{"done_at":"d","note":"b"}}`},
		{name: "locked parks every change", base: `{"answers":{"a":1},"note":"x"}`, theirs: `{"answers":{"a":1},"note":"x"}`, mine: `{"answers":{"a":2},"note":"y"}`, locked: true,
			want: `{"answers":{"a":1},"note":"x"}`, clashes: `/answers/a 1 2; /note "x" "y"`},
		{name: "server is never compared", base: `{"server":{"rev":1}}`, theirs: `{"server":{"rev":2}}`, mine: `{"server":{"rev":9}}`, want: `{}`},
		{name: "escaped pointers", base: `{}`, theirs: `{"a/b":1}`, mine: `{"a/b":2}`, want: `{"a/b":1}`, clashes: `/a~1b 1 2`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := inspection.ThreeWay(parse(t, c.base), parse(t, c.theirs), parse(t, c.mine), c.locked)
			if got := show(m.Doc); got != c.want {
				t.Errorf("document: got %s, want %s", got, c.want)
			}
			if got := clashText(m.Clashes); got != c.clashes {
				t.Errorf("clashes: got %s, want %s", got, c.clashes)
			}
		})
	}
}

func clashText(list []inspection.Clash) string {
	var out string
	for i, c := range list {
		if i > 0 {
			out += "; "
		}
		out += fmt.Sprintf("%s %s %s", c.Pointer(), show(c.Kept), show(c.Offered))
	}
	return out
}

// The generators draw from few names and values, so that edits often meet.

func genScalar(t *rapid.T) any {
	return rapid.SampledFrom([]any{nil, true, "x", "y", json.Number("1"), json.Number("1.0"), json.Number("2")}).Draw(t, "scalar")
}

func genItems(t *rapid.T, keys func(string) inspection.Object) []any {
	ids := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"i", "j", "k"}), 0, 3, rapid.ID[string]).Draw(t, "ids")
	list := make([]any, len(ids))
	for i, id := range ids {
		o := keys(id)
		o["q"] = genScalar(t)
		list[i] = o
	}
	return list
}

func genAnswer(t *rapid.T) any {
	switch rapid.IntRange(0, 4).Draw(t, "shape") {
	case 0:
		return genItems(t, func(id string) inspection.Object { return inspection.Object{"id": id} })
	case 1:
		return []any{genScalar(t)}
	default:
		return genScalar(t)
	}
}

func genDoc(t *rapid.T) inspection.Object {
	answers := inspection.Object{}
	for _, name := range []string{"a", "b", "c"} {
		if rapid.Bool().Draw(t, "has") {
			answers[name] = genAnswer(t)
		}
	}
	doc := inspection.Object{"answers": answers, "note": genScalar(t)}
	if rapid.Bool().Draw(t, "photos") {
		doc["photos"] = genItems(t, func(id string) inspection.Object {
			return inspection.Object{"field": "f", "sha256": id}
		})
	}
	return doc
}

// edit changes some fields of a document, as a phone would.
func edit(t *rapid.T, doc inspection.Object) inspection.Object {
	other := genDoc(t)
	out := inspection.Object{}
	for name, v := range doc {
		out[name] = v
	}
	for name, v := range other {
		if name != "answers" && rapid.Bool().Draw(t, "take") {
			out[name] = v
		}
	}
	answers := inspection.Object{}
	for _, name := range []string{"a", "b", "c"} {
		from := doc["answers"].(inspection.Object)
		if rapid.Bool().Draw(t, "take answer") {
			from = other["answers"].(inspection.Object)
		}
		if v, ok := from[name]; ok {
			answers[name] = v
		}
	}
	out["answers"] = answers
	return out
}

func TestMergeIsDeterministicAndIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := genDoc(t)
		theirs, mine := edit(t, base), edit(t, base)
		before := show(base) + show(theirs) + show(mine)
		first := inspection.ThreeWay(base, theirs, mine, false)
		second := inspection.ThreeWay(base, theirs, mine, false)
		if show(first.Doc) != show(second.Doc) || clashText(first.Clashes) != clashText(second.Clashes) {
			t.Fatalf("not deterministic: %s and %s", show(first.Doc), show(second.Doc))
		}
		if before != show(base)+show(theirs)+show(mine) {
			t.Fatal("merging changed its arguments")
		}
		again := inspection.ThreeWay(first.Doc, first.Doc, first.Doc, false)
		if !inspection.SameFields(again.Doc, first.Doc) || again.Taken || len(again.Clashes) > 0 {
			t.Fatalf("merging the result again changed it: %s to %s", show(first.Doc), show(again.Doc))
		}
	})
}

func TestEditsWithoutOverlapEndEqualInEitherOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := genDoc(t)
		a, b := edit(t, base), edit(t, base)
		ab := inspection.ThreeWay(base, inspection.ThreeWay(base, base, a, false).Doc, b, false)
		ba := inspection.ThreeWay(base, inspection.ThreeWay(base, base, b, false).Doc, a, false)
		if len(ab.Clashes) != len(ba.Clashes) {
			t.Fatalf("orders clash differently: %s and %s", clashText(ab.Clashes), clashText(ba.Clashes))
		}
		if len(ab.Clashes) == 0 && !inspection.SameFields(ab.Doc, ba.Doc) {
			t.Fatalf("orders differ: %s and %s (base %s, a %s, b %s)", show(ab.Doc), show(ba.Doc), show(base), show(a), show(b))
		}
	})
}

func TestNoOfferedValueIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := genDoc(t)
		theirs, mine := edit(t, base), edit(t, base)
		locked := rapid.Bool().Draw(t, "locked")
		m := inspection.ThreeWay(base, theirs, mine, locked)
		if locked && !inspection.SameFields(m.Doc, theirs) {
			t.Fatalf("a locked document changed: %s to %s", show(theirs), show(m.Doc))
		}
		for _, at := range changedPointers(base, mine) {
			offered := leaf(mine, at)
			if inspection.Equal(leaf(m.Doc, at), offered) || parkedValue(m.Clashes, at, offered) {
				continue
			}
			t.Fatalf("%v: %s is neither in %s nor in %s (base %s, theirs %s, mine %s)", at, show(offered), show(m.Doc), clashText(m.Clashes), show(base), show(theirs), show(mine))
		}
		for _, at := range changedPointers(base, theirs) {
			kept := inspection.Equal(leaf(m.Doc, at), leaf(theirs, at))
			if !kept {
				t.Fatalf("%v: the other's %s was overwritten in %s", at, show(leaf(theirs, at)), show(m.Doc))
			}
		}
	})
}

// changedPointers lists the fields in which an edit differs from its base:
// paths of names, the last of which may be an item's key.
func changedPointers(base, edited inspection.Object) [][]string {
	var out [][]string
	for _, path := range append(paths(base), paths(edited)...) {
		known := slices.ContainsFunc(out, func(p []string) bool { return slices.Equal(p, path) })
		if !known && !inspection.Equal(leaf(base, path), leaf(edited, path)) {
			out = append(out, path)
		}
	}
	return out
}

func paths(doc inspection.Object) [][]string {
	var out [][]string
	for name, v := range doc {
		o, nested := v.(inspection.Object)
		if !nested {
			out = append(out, itemPaths([]string{name}, v)...)
			continue
		}
		for inner, w := range o {
			out = append(out, itemPaths([]string{name, inner}, w)...)
		}
	}
	return out
}

func itemPaths(path []string, v any) [][]string {
	list, _ := v.([]any)
	var out [][]string
	for _, x := range list {
		if k := itemKey(x); k != "" {
			out = append(out, append(slices.Clone(path), k))
		}
	}
	if len(out) == 0 {
		return [][]string{path}
	}
	return out
}

func itemKey(x any) string {
	o, _ := x.(inspection.Object)
	if id, ok := o["id"].(string); ok {
		return id
	}
	if sha, ok := o["sha256"].(string); ok {
		return "f:" + sha
	}
	return ""
}

func leaf(v any, path []string) any {
	for _, name := range path {
		switch at := v.(type) {
		case inspection.Object:
			v = at[name]
		case []any:
			i := slices.IndexFunc(at, func(x any) bool { return itemKey(x) == name })
			if i < 0 {
				return nil
			}
			v = at[i]
		default:
			return nil
		}
	}
	// A list with items has its fields below; as a field of its own it
	// counts only against something that is none.
	if list, ok := v.([]any); ok && len(list) > 0 && itemKey(list[0]) != "" || ok && len(list) == 0 {
		return nil
	}
	return v
}

// parkedValue: the value, or an array that holds it, was parked.
func parkedValue(clashes []inspection.Clash, path []string, offered any) bool {
	for _, c := range clashes {
		pointer := ""
		for i, name := range path {
			pointer += "/" + name
			if c.Pointer() == pointer && inspection.Equal(leaf(c.Offered, path[i+1:]), offered) {
				return true
			}
		}
	}
	return false
}
