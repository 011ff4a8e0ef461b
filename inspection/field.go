package inspection

import (
	"maps"
	"slices"
	"strings"
)

// Changes lists the fields in which two states of a document's client-owned
// members differ, in order of their pointers: Kept is the value before,
// Offered the one after. Fields are those that a merge tells apart.
func Changes(before, after Object) []Clash {
	return ThreeWay(before, before, after, true).Clashes
}

// SetField returns the document with another value of the field that a
// clash's pointer names; nil removes it. ok is false if the document has no
// place for it: what should hold it is no object, or no list whose elements
// have keys.
func SetField(doc Object, pointer string, value any) (changed Object, ok bool) {
	path := pointerTokens(pointer)
	switch {
	case len(path) == 1:
		return withMember(doc, path[0], value), true
	case len(path) < 1 || len(path) > 3:
		return nil, false
	}
	name := path[0]
	if name != memberAnswers && name != memberRectification {
		if len(path) > 2 {
			return nil, false
		}
		list, ok := withItem(doc[name], name, path[1], topLevel, value)
		return withMember(doc, name, list), ok
	}
	at := answersLevel
	if name == memberRectification {
		at = rectificationLevel
	}
	inner, ok := withNested(doc[name], path[1:], at, value)
	return withMember(doc, name, inner), ok
}

func withNested(v any, path []string, at level, value any) (Object, bool) {
	inner, ok := objectOrNil(v)
	if !ok {
		return nil, false
	}
	if len(path) == 1 {
		return withMember(inner, path[0], value), true
	}
	list, ok := withItem(inner[path[0]], path[0], path[1], at, value)
	return withMember(inner, path[0], list), ok
}

func withMember(o Object, name string, value any) Object {
	out := maps.Clone(o)
	if out == nil {
		out = Object{}
	}
	out[name] = value
	if value == nil {
		delete(out, name)
	}
	return out
}

// withItem replaces, adds or removes the element with the key.
func withItem(v any, name, key string, at level, value any) (any, bool) {
	keyOf := itemKey(name, at)
	if _, ok := keyed(v, keyOf); !ok {
		return nil, false
	}
	list, _ := v.([]any)
	list = slices.Clone(list)
	i := slices.IndexFunc(list, func(x any) bool { k, _ := keyOf(x); return k == key })
	switch {
	case value == nil && i >= 0:
		return slices.Delete(list, i, i+1), true
	case value == nil:
		return list, true
	case i >= 0:
		list[i] = value
		return list, true
	}
	return append(list, value), true
}

func pointerTokens(pointer string) []string {
	if !strings.HasPrefix(pointer, "/") {
		return nil
	}
	path := strings.Split(pointer[1:], "/")
	for i := range path {
		path[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(path[i])
	}
	return path
}
