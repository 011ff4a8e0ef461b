package sync

import (
	"gridpatrol/inspection"
	"gridpatrol/store"
)

// row settles a row about a document that is there.
func (d *decider) row(it *item, cur *current) outcome {
	m := it.m
	if m.deletes() == cur.rec.Deleted && m.sameState(m.Row.Sent, cur.doc) {
		out := d.unchanged(it, cur)
		out.settled = out.settled || !d.missedAnswer(it, cur)
		return out
	}
	if d.repeated(it, cur) {
		return d.unchanged(it, cur)
	}
	from := d.rowBase(it, cur)
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

// unchanged is the outcome of a row that leaves the document as it is.
func (d *decider) unchanged(it *item, cur *current) outcome {
	out := outcome{status: store.Applied, rev: cur.rec.Rev, seq: cur.rec.Seq, doc: d.visible(it, d.area, cur.rec.Doc)}
	out.finish(it, cur)
	return out
}

// finish notes what the phone is to be told of the document. Of a delete that
// is done it knows all.
func (o *outcome) finish(it *item, cur *current) {
	o.deleted = cur.rec.Deleted
	o.settled = it.m.deletes() && o.deleted
}

// missedAnswer reports whether a phone that says what is stored has not been told
// all of it: it shows an older revision, or none, and sends the row again
// because the first answer was lost. A row that only confirms what the phone
// was told is never answered, or the two would go on for ever.
func (d *decider) missedAnswer(it *item, cur *current) bool {
	row := it.m.Row
	if known := max(row.Rev, it.m.Base); known > 0 {
		return known < cur.rec.Rev
	}
	confirms := row.Assumed != nil && it.m.sameState(row.Sent, row.Assumed)
	return !confirms && d.repeated(it, cur)
}

// repeated reports whether the row is the last one of this phone once more.
func (d *decider) repeated(it *item, cur *current) bool {
	e := d.lastRow(it, cur)
	if e == nil || !e.Row || e.Base != it.m.Base || (e.Kind == store.KindPut) == it.m.deletes() {
		return false
	}
	return it.m.sameState(it.m.Row.Sent, d.revision(e.Seq, true).doc)
}

// lastRow returns the entry of this phone's newest edit of the document, or
// nil.
func (d *decider) lastRow(it *item, cur *current) *store.Entry {
	mark, ok := cur.rec.Mark(it.principal.Device)
	if !ok {
		return nil
	}
	return d.history[mark.Seq]
}

// rowBase finds what a row started from: what the phone assumes, unless its
// own last edit is newer than that. A phone that keeps no revisions assumes
// what is newer if it is what is stored.
func (d *decider) rowBase(it *item, cur *current) base {
	m, row := it.m, it.m.Row
	last := d.lastRow(it, cur)
	if row.Assumed == nil && last == nil {
		return unknownBase()
	}
	upToDate := m.Base == 0 && row.Assumed != nil && m.sameState(row.Assumed, cur.doc)
	if row.Assumed == nil || last != nil && last.Rev > m.Base && !upToDate {
		return d.revision(last.Seq, true)
	}
	return base{doc: m.whole(row.Assumed, cur.doc), deleted: row.AssumedDeleted}
}

// changed is the whole document that a row means.
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

// whole is a state as a phone with RxDB has it, together with the members that
// such a phone can't have as they stand in doc.
func (m *Mutation) whole(state, doc inspection.Object) inspection.Object {
	out := inspection.ClientOwned(state)
	for name, v := range doc {
		if _, there := out[name]; !there && !inspection.HasMember(m.Collection, name) {
			out[name] = v
		}
	}
	return out
}

// sameState reports whether a state of a phone equals a document in all that
// the phone knows of it, and has sent.
func (m *Mutation) sameState(state, doc inspection.Object) bool {
	return inspection.SameFields(m.whole(state, doc), doc)
}

func (m *Mutation) deletes() bool { return m.Op == OpDelete }

// lastState is what the phone had of a document that it deletes.
func (it *item) lastState(from base) inspection.Object {
	if it.m.Row != nil {
		return it.m.Row.Sent
	}
	return inspection.ClientOwned(from.doc)
}

// nothingNew reports whether a row brings nothing: no value went in, and those
// that clash were recorded for this phone before.
func (it *item) nothingNew(server *inspection.Server, clashes ...inspection.Clash) bool {
	for _, c := range clashes {
		if !isRecorded(server.Conflicts, c.Pointer(), c.Offered, it.principal.Device.ID) {
			return false
		}
	}
	return it.m.Row != nil
}
