package inspection

import (
	"encoding/json"
	"strconv"
)

// The parts of a document that the server owns are structs here and members by
// name in JSON. A table per struct, sorted by name, says both ways for each
// member, without reflection: every push writes these parts, and most read
// them.
//
// Whatever was stored is written again as it was, byte for byte, except what
// was changed meanwhile: members that no table has, and values of another type
// than the table says, are kept beside the fields (see rest).

// field is one member of a struct T.
type field[T any] struct {
	name string
	key  string // the name as it is written: quoted, with its colon
	// read takes the member's value; false: it is not of the field's type.
	read func(to *T, v any) bool
	// write appends the field's value; false: it is empty, and nothing was
	// appended.
	write func(dst []byte, from *T) ([]byte, bool)
	// empty is what an empty field is written as; "" leaves the member out.
	empty string
}

func newField[T any](name, empty string, read func(*T, any) bool, write func([]byte, *T) ([]byte, bool)) field[T] {
	return field[T]{name: name, key: strconv.Quote(name) + ":", read: read, write: write, empty: empty}
}

// rest is what a struct's fields don't say of the JSON that it was read from.
type rest struct {
	// others are the members that are in no field.
	others Object
	// lacking has a bit for each of the table's fields that was not there, or
	// is among the others: it stays away as long as it is empty.
	lacking uint32
}

// readMembers reads an object's members into their fields.
func readMembers[T any](table []field[T], to *T, o Object) rest {
	var r rest
	known := 0
	for i := range table {
		v, there := o[table[i].name]
		if there && table[i].read(to, v) {
			known++
		} else {
			r.lacking |= 1 << i
		}
	}
	if known == len(o) {
		return r
	}
	r.others = make(Object, len(o)-known)
	for name, v := range o {
		r.others[name] = v
	}
	for i := range table {
		if r.lacking&(1<<i) == 0 {
			delete(r.others, table[i].name)
		}
	}
	return r
}

// appendMembers writes the object of a struct, members sorted by name.
func appendMembers[T any](dst []byte, table []field[T], from *T, r *rest) []byte {
	dst = append(dst, '{')
	first := len(dst)
	others := union(r.others)
	other := func(name string) {
		dst = append(AppendString(separate(dst, first), name), ':')
		dst = AppendJSON(dst, r.others[name])
	}
	for i := range table {
		f := &table[i]
		for len(others) > 0 && others[0] < f.name {
			other(others[0])
			others = others[1:]
		}
		before := len(dst)
		var filled bool
		dst, filled = f.write(append(separate(dst, first), f.key...), from)
		switch {
		case filled:
		case f.empty != "" && r.lacking&(1<<i) == 0:
			dst = append(dst, f.empty...)
		default:
			dst = dst[:before]
			continue
		}
		if len(others) > 0 && others[0] == f.name {
			others = others[1:] // a value of another type, replaced meanwhile
		}
	}
	for _, name := range others {
		other(name)
	}
	return append(dst, '}')
}

// separate writes the comma before a member, unless it is the first.
func separate(dst []byte, first int) []byte {
	if len(dst) > first {
		return append(dst, ',')
	}
	return dst
}

// What an empty field is written as.
const (
	leftOut   = ""
	asNull    = "null"
	asNoText  = `""`
	asZero    = "0"
	asNoItems = "[]"
)

// textField is a text. empty says what "" is written as.
func textField[T any, S ~string](name, empty string, at func(*T) *S) field[T] {
	return newField(name, empty, func(to *T, v any) bool {
		s, ok := v.(string)
		*at(to) = S(s)
		return ok && (s != "" || empty == asNoText) || v == nil && empty == asNull
	}, func(dst []byte, from *T) ([]byte, bool) {
		s := *at(from)
		if s == "" {
			return dst, false
		}
		return AppendString(dst, string(s)), true
	})
}

// integerField is a whole number. empty says what 0 is written as.
func integerField[T any](name, empty string, at func(*T) *int64) field[T] {
	return newField(name, empty, func(to *T, v any) bool {
		i, ok := asWritten(v)
		if ok {
			*at(to) = i
		}
		return ok && (i != 0 || empty == asZero)
	}, func(dst []byte, from *T) ([]byte, bool) {
		i := *at(from)
		if i == 0 {
			return dst, false
		}
		return strconv.AppendInt(dst, i, 10), true
	})
}

// asWritten returns a whole number if it is written as the server writes it.
func asWritten(v any) (int64, bool) {
	n, ok := v.(json.Number)
	if !ok || n == "-0" {
		return 0, false
	}
	i, err := strconv.ParseInt(string(n), 10, 64)
	return i, err == nil
}

// optionalField is a value, null, or not there. read and write are those of a
// value.
func optionalField[T any, V comparable](name string, at func(*T) *Optional[V], read func(any) (V, bool), write func([]byte, V) []byte) field[T] {
	return newField(name, leftOut, func(to *T, v any) bool {
		if v == nil {
			*at(to) = Null[V]()
			return true
		}
		value, ok := read(v)
		if ok {
			*at(to) = Some(value)
		}
		return ok
	}, func(dst []byte, from *T) ([]byte, bool) {
		o := at(from)
		if v, ok := o.Get(); ok {
			return write(dst, v), true
		}
		return append(dst, asNull...), o.There()
	})
}

func optionalText[T any, S ~string](name string, at func(*T) *Optional[S]) field[T] {
	return optionalField(name, at,
		func(v any) (S, bool) { s, ok := v.(string); return S(s), ok },
		func(dst []byte, s S) []byte { return AppendString(dst, string(s)) })
}

// valueField is any JSON value; nil is written as empty says.
func valueField[T any](name, empty string, at func(*T) *any) field[T] {
	return newField(name, empty, func(to *T, v any) bool {
		*at(to) = v
		return v != nil || empty == asNull
	}, func(dst []byte, from *T) ([]byte, bool) {
		v := *at(from)
		if v == nil {
			return dst, false
		}
		return AppendJSON(dst, v), true
	})
}

// objectField is a struct of its own; nil is left out.
func objectField[T, U any](name string, at func(*T) **U, read func(*U, Object), write func(*U, []byte) []byte) field[T] {
	return newField(name, leftOut, func(to *T, v any) bool {
		o, ok := v.(Object)
		if ok {
			u := new(U)
			read(u, o)
			*at(to) = u
		}
		return ok
	}, func(dst []byte, from *T) ([]byte, bool) {
		u := *at(from)
		if u == nil {
			return dst, false
		}
		return write(u, dst), true
	})
}

// listField is a list of structs or texts; nil is written as empty says.
func listField[T, U any](name, empty string, at func(*T) *[]U, read func(*U, any) bool, write func(*U, []byte) []byte) field[T] {
	return newField(name, empty, func(to *T, v any) bool {
		list, ok := v.([]any)
		if !ok {
			return false
		}
		out := make([]U, len(list))
		for i, x := range list {
			if !read(&out[i], x) {
				return false
			}
		}
		*at(to) = out
		return true
	}, func(dst []byte, from *T) ([]byte, bool) {
		list := *at(from)
		if list == nil {
			return dst, false
		}
		return appendList(dst, list, write), true
	})
}

func textsField[T any](name, empty string, at func(*T) *[]string) field[T] {
	return listField(name, empty, at,
		func(s *string, v any) bool { text, ok := v.(string); *s = text; return ok },
		func(s *string, dst []byte) []byte { return AppendString(dst, *s) })
}

// objectRead reads an element of a list that must be an object.
func objectRead[U any](read func(*U, Object)) func(*U, any) bool {
	return func(u *U, v any) bool {
		o, ok := v.(Object)
		if ok {
			read(u, o)
		}
		return ok
	}
}

func appendInteger(dst []byte, i int64) []byte { return strconv.AppendInt(dst, i, 10) }
