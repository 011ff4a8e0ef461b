package inspection

import (
	"slices"
	"strings"
)

// Names of top-level members that merging treats by their parts.
const (
	memberServer        = "server"
	memberID            = "id"
	memberArea          = "area"
	memberAnswers       = "answers"
	memberPhotos        = "photos"
	memberRectification = "rectification"
)

// Clash is a field that both sides changed to different values: Kept is the
// server's, which stays, Offered the phone's, which becomes a conflict. nil
// stands for a field that is absent. Path names the field: members, then an
// item's key.
type Clash struct {
	Path    []string
	Kept    any
	Offered any
}

// Pointer is the path as a JSON pointer. It is made when it is asked for:
// thousands of fields may lie under one name that is a megabyte long.
func (c Clash) Pointer() string {
	var b strings.Builder
	for _, token := range c.Path {
		b.WriteString("/")
		b.WriteString(EscapePointer(token))
	}
	return b.String()
}

// Merge is the outcome of merging one edit into a document.
type Merge struct {
	// Doc is the result: client-owned members only.
	Doc Object
	// Taken: at least one field of the edit went in.
	Taken bool
	// Clashes lists overlaps in order of their paths.
	Clashes []Clash
}

// ThreeWay merges an edit (mine) into the present document (theirs), given
// the document that the edit started from (base). All are client-owned
// members only; null and absent are the same. With locked set nothing of the
// edit goes in: every field that it changed clashes.
//
// The laws, which tests state as properties: the result depends on nothing
// but the arguments; merging the result's own fields again changes nothing;
// edits without overlap end equal in either order; every offered value is in
// Doc or in Clashes.
func ThreeWay(base, theirs, mine Object, locked bool) Merge {
	m := merger{locked: locked}
	doc := m.members(nil, base, theirs, mine, topLevel)
	return Merge{Doc: doc, Taken: m.taken, Clashes: m.clashes}
}

type merger struct {
	locked  bool
	taken   bool
	clashes []Clash
}

// level says how an object's members are told apart.
type level int

const (
	topLevel level = iota
	answersLevel
	rectificationLevel
)

// members merges two objects member by member.
func (m *merger) members(path []string, base, theirs, mine Object, at level) Object {
	out := make(Object, len(theirs)+len(mine))
	for name, v := range theirs {
		out[name] = v
	}
	for _, name := range union(theirs, mine, base) {
		if at == topLevel && name == memberServer {
			delete(out, name)
			continue
		}
		t := triple{base[name], theirs[name], mine[name]}
		m.member(out, path, name, t, at)
	}
	keepExplicitNulls(out, theirs, mine)
	return out
}

// keepExplicitNulls keeps a null as it was sent where there was no value: to
// a phone that lists its empty members a stored document looks as it was sent.
func keepExplicitNulls(out, theirs, mine Object) {
	for name, v := range mine {
		if v == nil && theirs[name] == nil {
			out[name] = nil
		}
	}
}

// triple is one field on the three sides; nil is absent.
type triple struct{ base, theirs, mine any }

func (m *merger) member(out Object, path []string, name string, t triple, at level) {
	if Equal(t.theirs, t.mine) || Equal(t.base, t.mine) {
		return
	}
	path = append(path[:len(path):len(path)], name)
	if merged, ok := m.byParts(path, name, t, at); ok {
		out[name] = merged
		return
	}
	value, taken := m.value(path, t)
	if !taken {
		return
	}
	if value == nil {
		delete(out, name)
		return
	}
	out[name] = value
}

// byParts merges members that are made of fields of their own; ok is false
// for those that count as one value.
func (m *merger) byParts(path []string, name string, t triple, at level) (merged any, ok bool) {
	if at == topLevel && (name == memberAnswers || name == memberRectification) {
		return m.nested(path, t, name)
	}
	return m.items(path, t, itemKey(name, at))
}

// itemKey returns what tells the elements of a member's array apart.
func itemKey(name string, at level) func(any) (string, bool) {
	if name == memberPhotos && at != answersLevel {
		return photoKey
	}
	return idKey
}

func (m *merger) nested(path []string, t triple, name string) (any, bool) {
	base, ok1 := objectOrNil(t.base)
	theirs, ok2 := objectOrNil(t.theirs)
	mine, ok3 := objectOrNil(t.mine)
	if !ok1 || !ok2 || !ok3 || theirs == nil || mine == nil {
		return nil, false
	}
	at := answersLevel
	if name == memberRectification {
		at = rectificationLevel
	}
	return m.members(path, base, theirs, mine, at), true
}

func objectOrNil(v any) (Object, bool) {
	if v == nil {
		return nil, true
	}
	o, ok := v.(Object)
	return o, ok
}

// value merges a field that counts as one. It is called only if mine differs
// from both others.
func (m *merger) value(path []string, t triple) (value any, taken bool) {
	if m.locked || !Equal(t.base, t.theirs) {
		m.clashes = append(m.clashes, Clash{Path: path, Kept: t.theirs, Offered: t.mine})
		return nil, false
	}
	m.taken = true
	return t.mine, true
}

// items merges arrays whose elements have keys, element by element. It does
// so only where both sides changed the array: an array that one side changed
// is taken as it is, order included. ok is false unless all three sides are
// such arrays.
func (m *merger) items(path []string, t triple, key func(any) (string, bool)) (any, bool) {
	base, ok1 := keyed(t.base, key)
	theirs, ok2 := keyed(t.theirs, key)
	mine, ok3 := keyed(t.mine, key)
	if !ok1 || !ok2 || !ok3 || t.theirs == nil || t.mine == nil {
		return nil, false
	}
	if Equal(t.base, t.theirs) && !m.locked {
		m.taken = true
		return t.mine, true
	}
	out := make(Object, len(theirs)+len(mine))
	for k, v := range theirs {
		out[k] = v
	}
	for _, k := range union(theirs, mine, base) {
		m.member(out, path, k, triple{base[k], theirs[k], mine[k]}, answersLevel)
	}
	if m.locked {
		return t.theirs, true
	}
	return sortedValues(out), true
}

// sortedValues orders merged elements by key, so that both orders of two
// edits end equal.
func sortedValues(o Object) []any {
	list := make([]any, 0, len(o))
	for _, k := range union(o) {
		list = append(list, o[k])
	}
	return list
}

// keyed returns an array's elements by key; nil is an empty array. ok is
// false if an element has no key or two have the same.
func keyed(v any, key func(any) (string, bool)) (Object, bool) {
	if v == nil {
		return nil, true
	}
	list, ok := v.([]any)
	if !ok {
		return nil, false
	}
	out := make(Object, len(list))
	for _, x := range list {
		k, ok := key(x)
		if _, twice := out[k]; !ok || twice {
			return nil, false
		}
		out[k] = x
	}
	return out, true
}

func idKey(v any) (string, bool) {
	o, _ := v.(Object)
	id, ok := o[memberID].(string)
	return id, ok
}

// photoKey: the same picture may answer two fields.
func photoKey(v any) (string, bool) {
	o, _ := v.(Object)
	field, ok1 := o["field"].(string)
	sha, ok2 := o["sha256"].(string)
	return field + ":" + sha, ok1 && ok2
}

// union returns the sorted names of all members.
func union(objects ...Object) []string {
	var names []string
	for _, o := range objects {
		for name := range o {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Overlay returns the whole document that a put means: the base with the sent
// top-level members in place of its own. A missing member is unchanged, null
// removes it; inside answers missing means removed. "server" is left out.
func Overlay(base, sent Object) Object {
	out := make(Object, len(base)+len(sent))
	for name, v := range base {
		if name != memberServer {
			out[name] = v
		}
	}
	for name, v := range sent {
		switch name {
		case memberServer:
		case memberRectification:
			out[name] = overlayMembers(base[name], v)
		default:
			out[name] = v
		}
	}
	return out
}

// overlayMembers: a rectification's members are fields of their own, so one
// that isn't sent is unchanged, like a top-level member.
func overlayMembers(base, sent any) any {
	b, ok1 := base.(Object)
	s, ok2 := sent.(Object)
	if !ok1 || !ok2 {
		return sent
	}
	return Overlay(b, s)
}

// ClientOwned returns the document without "server".
func ClientOwned(doc Object) Object { return Overlay(nil, doc) }

// SameFields reports whether two documents' client-owned members are equal,
// with null and absent the same at the top level and inside answers.
func SameFields(a, b Object) bool {
	for _, name := range union(a, b) {
		if name == memberServer || Equal(a[name], b[name]) {
			continue
		}
		x, ok1 := objectOrNil(a[name])
		y, ok2 := objectOrNil(b[name])
		nested := name == memberAnswers || name == memberRectification
		if !nested || !ok1 || !ok2 || !sameValues(x, y) {
			return false
		}
	}
	return true
}

func sameValues(a, b Object) bool {
	for _, name := range union(a, b) {
		if !Equal(a[name], b[name]) {
			return false
		}
	}
	return true
}
