package simulate

import (
	"fmt"
	"slices"
)

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

// next plays one mutation and returns how it must be answered and what must be
// parked.
func (st *story) next(m *mutation) (status string, parked []clash) {
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

func (st *story) put(m *mutation, cur state, from base) (status string, parked []clash) {
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
func (st *story) delete(m *mutation, cur state, from base) (status string, parked []clash) {
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
		case contains(c.Pointer, "/server/"):
			continue
		case !trusted:
			return fmt.Errorf("revision %d, %s, changed the phones' field %s", r.Rev, r.Kind, c.Pointer)
		}
		fields.drop(c.Pointer)
		fields.field(c.Pointer, c.After, c.Pointer == "/photos")
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
