package simulate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// flat is a document's client-owned fields by their pointers: the members of
// answers, the photos by field and hash, the items of lists by id, and the
// other top-level members. What is null or absent isn't there.
type flat map[string]any

func flatten(doc object) flat {
	f := flat{}
	for name, v := range doc {
		f.put(name, v)
	}
	return f
}

// put gives a top-level member a value.
func (f flat) put(name string, v any) {
	if name == "server" {
		return
	}
	f.drop("/" + escape(name))
	answers, isObject := v.(object)
	if name != "answers" || !isObject {
		f.field("/"+escape(name), v, name == "photos")
		return
	}
	for member, x := range answers {
		f.field("/answers/"+escape(member), x, false)
	}
}

// at gives a field, or a whole member of the document, a value.
func (f flat) at(pointer string, v any) {
	if name := unescaper.Replace(pointer[1:]); strings.Count(pointer, "/") == 1 {
		f.put(name, v)
		return
	}
	f.drop(pointer)
	f.field(pointer, v, false)
}

// drop takes out a field and all below it.
func (f flat) drop(pointer string) {
	for p := range f {
		if p == pointer || strings.HasPrefix(p, pointer+"/") {
			delete(f, p)
		}
	}
}

func (f flat) field(pointer string, v any, photos bool) {
	l, isList := v.([]any)
	keys := keysOf(l, photos)
	switch {
	case v == nil, photos && isList && len(l) == 0:
	case len(keys) > 0:
		for i, k := range keys {
			f[pointer+"/"+escape(k)] = l[i]
		}
	default:
		f[pointer] = v
	}
}

// keysOf returns what tells the items of a list apart, nil if they have no
// keys.
func keysOf(l []any, photos bool) []string {
	var keys []string
	for _, x := range l {
		o := members(x)
		k := text(o["id"])
		if photos {
			k = text(o["field"]) + ":" + text(o["sha256"])
		}
		if k == "" || k == ":" || slices.Contains(keys, k) {
			return nil
		}
		keys = append(keys, k)
	}
	return keys
}

var escaper, unescaper = strings.NewReplacer("~", "~0", "/", "~1"), strings.NewReplacer("~1", "/", "~0", "~")

func escape(token string) string { return escaper.Replace(token) }

// over returns the document that a put means: the sent top-level members in
// place of the base's.
func (f flat) over(sent object) flat {
	out := maps.Clone(f)
	for name, v := range sent {
		out.put(name, v)
	}
	return out
}

func alike(a, b any) bool { return a == nil && b == nil || canonical(a) == canonical(b) }

func (f flat) equals(g flat) bool { return maps.EqualFunc(f, g, alike) }

func pointers(docs ...flat) []string {
	all := map[string]bool{}
	for _, f := range docs {
		for p := range f {
			all[p] = true
		}
	}
	return sorted(all)
}

// clash is a field that both sides changed.
type clash struct {
	pointer string
	offered any
}

// merge is the three-way merge of docs/contract.md in ten lines: what one side
// changed is taken, what both changed stays as it is and clashes.
func merge(base, theirs, mine flat, locked bool) (out flat, taken bool, clashes []clash) {
	out = maps.Clone(theirs)
	for _, p := range pointers(base, theirs, mine) {
		b, t, m := base[p], theirs[p], mine[p]
		switch {
		case alike(t, m) || alike(b, m):
		case locked || !alike(b, t):
			clashes = append(clashes, clash{p, m})
		default:
			taken = true
			if out[p] = m; m == nil {
				delete(out, p)
			}
		}
	}
	return out, taken, clashes
}

// story is a document's life as the ledger tells it, in the order of the
// history that the server tells.
type story struct {
	area   string
	states []state // after each revision
	marks  map[string]mark
	review string
}

// state is the document after a revision.
type state struct {
	fields  flat
	deleted bool
}

// mark is what a device sent last: the base of its next edit, if that started
// from the same revision.
type mark struct {
	n, base int64
	state
}

// base is what an edit started from. unknown: the phone knew no revision.
type base struct {
	state
	unknown bool
}

func (st *story) now() state {
	if len(st.states) == 0 {
		return state{fields: flat{}}
	}
	return st.states[len(st.states)-1]
}

func (st *story) baseOf(m *mutation) base {
	if mk, ok := st.marks[m.phone.device]; ok && mk.base == m.base {
		return base{state: mk.state}
	}
	if m.base >= 1 && int(m.base) <= len(st.states) {
		return base{state: st.states[m.base-1]}
	}
	return base{state: state{fields: flat{}}, unknown: true}
}

// next plays one mutation and returns how it must be answered and what must
// become a conflict.
func (st *story) next(m *mutation) (status string, clashes []clash) {
	cur := st.now()
	if mk, ok := st.marks[m.phone.device]; ok && m.n < mk.n {
		st.states = append(st.states, cur)
		return merged, nil
	}
	from := st.baseOf(m)
	if m.op == opDelete {
		return st.delete(m, cur, from)
	}
	return st.put(m, cur, from)
}

func (st *story) put(m *mutation, cur state, from base) (status string, clashes []clash) {
	first := len(st.states) == 0
	mine := from.fields.over(m.doc)
	mine["/id"] = m.id
	if first {
		st.area = text(m.doc["area"])
	}
	mine["/area"] = st.area
	out, taken, clashes := merge(from.fields, cur.fields, mine, st.locked())
	revived := cur.deleted && (taken || len(clashes) > 0 || from.deleted || from.unknown)
	after := state{out, cur.deleted && !revived}
	st.states = append(st.states, after)
	st.marks[m.phone.device] = mark{m.n, m.base, state{mine, after.deleted}}
	switch {
	case len(clashes) > 0:
		return conflicted, clashes
	case revived || !out.equals(mine):
		return merged, nil
	}
	return applied, nil
}

// delete makes a tombstone unless the phone had not seen what others changed,
// or the record is approved.
func (st *story) delete(m *mutation, cur state, from base) (status string, clashes []clash) {
	mk, sent := st.marks[m.phone.device]
	own := sent && mk.fields.equals(cur.fields)
	unseen := !own && !from.fields.equals(cur.fields)
	if !cur.deleted && (unseen || st.locked()) {
		st.states = append(st.states, cur)
		st.marks[m.phone.device] = mark{m.n, m.base, state{fields: from.fields}}
		return conflicted, []clash{{"", object{"deleted": true}}}
	}
	st.states = append(st.states, state{cur.fields, true})
	st.marks[m.phone.device] = mark{m.n, m.base, state{from.fields, true}}
	return applied, nil
}

func (st *story) locked() bool { return st.review == "approved" }

// act plays what none of the simulation's phones sent. What a supervisor's
// settlement or someone else's phone changed is what history says of it.
func (st *story) act(r revision) error {
	fields := st.now().fields.over(nil)
	trusted := r.Kind == "review" || r.Device != ""
	for _, c := range r.Changes {
		switch {
		case strings.Contains(c.Pointer, "/server/"):
			continue
		case !trusted:
			return fmt.Errorf("revision %d, %s, changed the phones' field %s", r.Rev, r.Kind, c.Pointer)
		}
		fields.at(c.Pointer, c.After)
	}
	if !trusted && r.Deleted != st.now().deleted {
		return fmt.Errorf("revision %d, %s, changed whether the document is deleted", r.Rev, r.Kind)
	}
	if area := text(fields["/area"]); st.area == "" {
		st.area = area
	}
	st.states = append(st.states, state{fields, r.Deleted})
	return nil
}

// reviewed notes the state of the review after a revision.
func (st *story) reviewed(r revision) {
	i := slices.IndexFunc(r.Changes, func(c fieldNews) bool { return c.Pointer == "/server/review" })
	if i >= 0 {
		st.review = text(members(r.Changes[i].After)["state"])
	}
}
