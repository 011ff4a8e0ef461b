package inspection

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// Object is a decoded JSON object. Its values, at any depth, are nil, bool,
// string, json.Number, []any or Object; numbers keep their digits as they were
// sent. Objects within objects are of this type too, never a bare map: what
// reads a value has one case for them.
//
// Documents hold whatever a phone sent, so every member may be missing or of
// another type than its name says. The methods below never fail on one: each
// says what it returns then. A nil Object has no members.
type Object map[string]any

// UnmarshalJSON decodes as ParseObject does, so that what encoding/json decodes
// holds the same values. null leaves the object as it was.
func (o *Object) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	decoded, err := ParseObject(data)
	if err == nil {
		*o = decoded
	}
	return err
}

// Has reports whether the member is there and not null.
func (o Object) Has(name string) bool { return o[name] != nil }

// Text returns the member's text, "" for anything else.
func (o Object) Text(name string) string {
	s, _ := o[name].(string)
	return s
}

// Bool returns the member's truth; ok is false for anything else.
func (o Object) Bool(name string) (b, ok bool) {
	b, ok = o[name].(bool)
	return b, ok
}

// Int returns the member's number; ok is false for what is no number, or none
// that is whole: 17.0 is, 17.5 and "17" are not. Beyond 2^53 a number has to be
// written as digits alone, and beyond 64 bits it is none.
func (o Object) Int(name string) (i int64, ok bool) {
	n, ok := o[name].(json.Number)
	if !ok {
		return 0, false
	}
	if i, err := n.Int64(); err == nil {
		return i, true
	}
	f, err := n.Float64()
	if err != nil || f != math.Trunc(f) || math.Abs(f) > maxExactInteger {
		return 0, false
	}
	return int64(f), true
}

// Number returns the member's number, rounded as floating point is; ok is
// false for what is no number, or one too large for that.
func (o Object) Number(name string) (f float64, ok bool) {
	n, ok := o[name].(json.Number)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil
}

// Time returns the member's RFC 3339 time in the offset that it was written
// with, the zero time for anything else.
func (o Object) Time(name string) time.Time {
	t, err := time.Parse(time.RFC3339, o.Text(name))
	if err != nil {
		return time.Time{}
	}
	return t
}

// Object returns the member's object, nil for anything else. It is the same
// map, not a copy.
func (o Object) Object(name string) Object {
	inner, _ := o[name].(Object)
	return inner
}

// List returns the member's array, nil for anything else. It is the same
// array, not a copy.
func (o Object) List(name string) []any {
	list, _ := o[name].([]any)
	return list
}

// Objects returns the objects in the member's array, in order; elements that
// are none are left out. It is nil for anything but an array.
func (o Object) Objects(name string) []Object { return elements[Object](o.List(name)) }

// Texts returns the texts in the member's array, in order; elements that are
// none are left out. It is nil for anything but an array.
func (o Object) Texts(name string) []string { return elements[string](o.List(name)) }

// Integer is a whole number as an Object holds it.
func Integer(i int64) json.Number { return json.Number(strconv.FormatInt(i, 10)) }

// TextOrNull is a text as an Object holds it, null for "".
func TextOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// elements returns those of a list that have the type.
func elements[T any](list []any) []T {
	var out []T
	for _, x := range list {
		if v, ok := x.(T); ok {
			out = append(out, v)
		}
	}
	return out
}
