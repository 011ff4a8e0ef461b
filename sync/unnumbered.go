package sync

import (
	"gridpatrol/inspection"
	"gridpatrol/store"
)

// decideUnnumbered decides an edit without a number about a document that is
// there.
func (d *decider) decideUnnumbered(it *item, cur *current) outcome {
	m := it.m
	if m.deletes() == cur.rec.Deleted && m.sameState(m.unnumbered.state, cur.doc) {
		out := d.unchanged(it, cur)
		out.settled = out.settled || !d.missedAnswer(it, cur)
		return out
	}
	if d.repeated(it, cur) {
		return d.unchanged(it, cur)
	}
	from := d.assumedBase(it, cur)
	var out outcome
	switch {
	case !m.deletes():
		out = d.put(it, cur, from)
	case m.Collection == inspection.Tasks:
		return outcome{reject: notYours()}
	default:
		out = d.delete(it, cur, from)
	}
	out.finish(it, cur)
	return out
}

// unchanged is the outcome of an edit that leaves the document as it is.
func (d *decider) unchanged(it *item, cur *current) outcome {
	out := outcome{status: store.Applied, rev: cur.rec.Rev, seq: cur.rec.Seq, doc: d.visible(it, d.area, cur.rec.Doc)}
	out.finish(it, cur)
	return out
}

// finish notes what the client is to be told of the document. Of a delete that
// is done it knows all.
func (o *outcome) finish(it *item, cur *current) {
	o.deleted = cur.rec.Deleted
	o.settled = it.m.deletes() && o.deleted
}

// missedAnswer reports whether a client that says what is stored has not been
// told all of it: it shows an older revision, or none, and sends the edit again
// because the first answer was lost. An edit that only confirms what the client
// was told is never answered, or the two would go on for ever.
func (d *decider) missedAnswer(it *item, cur *current) bool {
	u := it.m.unnumbered
	if known := max(u.rev, it.m.Base); known > 0 {
		return known < cur.rec.Rev
	}
	confirms := u.assumed != nil && it.m.sameState(u.state, u.assumed)
	return !confirms && d.repeated(it, cur)
}

// repeated reports whether the edit is the last one of this client once more.
func (d *decider) repeated(it *item, cur *current) bool {
	e := d.lastEdit(it, cur)
	if e == nil || !e.Unnumbered || e.Base != it.m.Base || (e.Kind == store.KindPut) == it.m.deletes() {
		return false
	}
	return it.m.sameState(it.m.unnumbered.state, d.revision(e.Seq, true).doc)
}

// lastEdit returns the entry of this client's newest edit of the document, or
// nil.
func (d *decider) lastEdit(it *item, cur *current) *store.Entry {
	mark, ok := cur.rec.Mark(it.principal.Device)
	if !ok {
		return nil
	}
	return d.history[mark.Seq]
}

// assumedBase finds what an edit started from: what the client assumes, unless
// its own last edit is newer than that. A client that keeps no revisions assumes
// what is newer if it is what is stored.
func (d *decider) assumedBase(it *item, cur *current) base {
	m, u := it.m, it.m.unnumbered
	last := d.lastEdit(it, cur)
	if u.assumed == nil && last == nil {
		return unknownBase()
	}
	upToDate := m.Base == 0 && u.assumed != nil && m.sameState(u.assumed, cur.doc)
	if u.assumed == nil || last != nil && last.Rev > m.Base && !upToDate {
		return d.revision(last.Seq, true)
	}
	return base{doc: m.whole(u.assumed, cur.doc), deleted: u.assumedDeleted}
}

// changed is the whole document that an edit without a number means.
func (m *Mutation) changed(cur *current, from base) inspection.Object {
	if m.Collection != inspection.Tasks {
		return m.whole(m.Doc, from.doc)
	}
	mine := inspection.ClientOwned(cur.doc)
	delete(mine, "rectification")
	if r, ok := m.Doc["rectification"]; ok {
		mine["rectification"] = r
	}
	return mine
}

// whole is a state as the client has it, together with the members that it
// can't have as they stand in doc.
func (m *Mutation) whole(state, doc inspection.Object) inspection.Object {
	out := inspection.ClientOwned(state)
	for name, v := range doc {
		if _, there := out[name]; !there && !m.unnumbered.knows(name) {
			out[name] = v
		}
	}
	return out
}

// sameState reports whether a state of a client equals a document in all that
// the client knows of it, and has sent.
func (m *Mutation) sameState(state, doc inspection.Object) bool {
	return inspection.SameFields(m.whole(state, doc), doc)
}

func (m *Mutation) deletes() bool { return m.Op == OpDelete }

// lastState is what the client had of a document that it deletes.
func (it *item) lastState(from base) inspection.Object {
	if it.m.unnumbered != nil {
		return it.m.unnumbered.state
	}
	return inspection.ClientOwned(from.doc)
}

// nothingNew reports whether an edit without a number brings nothing: no value
// went in, and those that clash were recorded for this client before.
func (it *item) nothingNew(server *inspection.Server, clashes ...inspection.Clash) bool {
	for _, c := range clashes {
		if !isRecorded(server.Conflicts, c.Pointer(), c.Offered, it.principal.Device.ID) {
			return false
		}
	}
	return it.m.unnumbered != nil
}
