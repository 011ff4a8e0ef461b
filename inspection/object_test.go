package inspection_test

import (
	"encoding/json"
	"testing"
	"time"

	"gridpatrol/inspection"
)

// One object with a member of each kind, and what each reader makes of each:
// what isn't so is never an error.
const members = `{"text":"x","empty":"","true":true,"false":false,"null":null,
	"int":17,"whole":17.0,"exponent":1e3,"half":17.5,"wide":9007199254740993,"wider":9007199254740993.0,"over":99999999999999999999,"huge":1e999,
	"time":"2026-10-12T09:31:07+08:00","day":"2026-10-12","object":{"a":{"b":1}},"list":["x",1,null,{"n":1},"y",[]]}`

func TestMembersOfEachKind(t *testing.T) {
	o, err := inspection.ParseObject([]byte(members))
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{"text": "x", "time": "2026-10-12T09:31:07+08:00", "day": "2026-10-12"}
	bools := map[string]bool{"true": true, "false": false}
	ints := map[string]int64{"int": 17, "whole": 17, "exponent": 1000, "wide": 9007199254740993}
	numbers := map[string]float64{
		"int": 17, "whole": 17, "exponent": 1000, "half": 17.5,
		"wide": 9007199254740992, "wider": 9007199254740992, "over": 1e20,
	}
	ints["wider"] = 9007199254740992 // as 64 bits of floating point read it: still at the bound
	for name := range o {
		if got := o.Text(name); got != texts[name] {
			t.Errorf("Text(%s) = %q", name, got)
		}
		want, isBool := bools[name]
		if got, ok := o.Bool(name); got != want || ok != isBool {
			t.Errorf("Bool(%s) = %v, %v", name, got, ok)
		}
		n, isInt := ints[name]
		if got, ok := o.Int(name); got != n || ok != isInt {
			t.Errorf("Int(%s) = %v, %v", name, got, ok)
		}
		f, isNumber := numbers[name]
		if got, ok := o.Number(name); ok != isNumber || ok && got != f {
			t.Errorf("Number(%s) = %v, %v", name, got, ok)
		}
		if got := o.Time(name); got.IsZero() != (name != "time") {
			t.Errorf("Time(%s) = %v", name, got)
		}
		if got := o.Object(name); (got == nil) != (name != "object") {
			t.Errorf("Object(%s) = %v", name, got)
		}
		if got := o.List(name); (got == nil) != (name != "list") {
			t.Errorf("List(%s) = %v", name, got)
		}
		if got := o.Has(name); got != (name != "null") {
			t.Errorf("Has(%s) = %v", name, got)
		}
	}
}

func TestMembersWithin(t *testing.T) {
	o, err := inspection.ParseObject([]byte(members))
	if err != nil {
		t.Fatal(err)
	}
	if n, ok := o.Object("object").Object("a").Int("b"); n != 1 || !ok {
		t.Errorf("two objects down: %v, %v", n, ok)
	}
	if got := o.Texts("list"); len(got) != 2 || got[0] != "x" || got[1] != "y" {
		t.Errorf("Texts = %q", got)
	}
	if got := o.Objects("list"); len(got) != 1 || !got[0].Has("n") {
		t.Errorf("Objects = %v", got)
	}
	if got, want := o.Time("time"), time.Date(2026, 10, 12, 1, 31, 7, 0, time.UTC); !got.Equal(want) {
		t.Errorf("Time = %v", got)
	}
	var none inspection.Object
	if none.Has("x") || none.Text("x") != "" || none.Object("x").Object("y") != nil || none.Texts("x") != nil || none.Objects("x") != nil {
		t.Error("a nil object has members")
	}
}

// What encoding/json decodes into an Object, alone or in a struct, is the tree
// that ParseObject makes.
func TestObjectsAreDecodedAlike(t *testing.T) {
	var held struct {
		Doc  inspection.Object
		None inspection.Object
	}
	if err := json.Unmarshal([]byte(`{"Doc":`+members+`,"None":null}`), &held); err != nil {
		t.Fatal(err)
	}
	want, err := inspection.ParseObject([]byte(members))
	if err != nil || !inspection.Equal(held.Doc, want) || held.None != nil {
		t.Errorf("decoded %v, want %v (%v)", held.Doc, want, err)
	}
	if err := json.Unmarshal([]byte(`{"Doc":[1]}`), &held); err == nil {
		t.Error("an array was taken for an object")
	}
}
