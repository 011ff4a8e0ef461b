package sync

import (
	"log/slog"
	"sync/atomic"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// item is one mutation, or one act, on its way through a commit queue.
type item struct {
	m         *Mutation
	principal *inspection.Principal
	offset    *int64 // seconds, server minus device; nil if unknown
	// aside: it has no area's queue and goes to the reference log's. reject:
	// why it goes to quarantine there.
	aside  bool
	reject *inspection.Error
	// room is what is left for documents in the answer to the item's batch.
	room *atomic.Int64
	// patience is what is left to the item's batch for records that take long to
	// judge.
	patience *patience
	// result is set when the item has been decided.
	result outcome

	// act, in place of all that stands above; then failed and records are its
	// outcome.
	act     *Act
	failed  error
	records map[inspection.DocID]store.Record
}

// ids are the documents that deciding the item needs.
func (it *item) ids() []inspection.DocID {
	if it.act != nil {
		return it.act.IDs
	}
	return []inspection.DocID{it.m.ID}
}

// by is whose item it is.
func (it *item) by() inspection.UserID {
	if it.act != nil {
		return it.act.By
	}
	return it.principal.Device.User
}

// outcome is what becomes of one mutation.
type outcome struct {
	status   store.Status
	replayed bool
	rev, seq int64
	code     inspection.Code
	detail   string
	doc      []byte
	// reject: the mutation belongs in quarantine; nothing was stored yet.
	reject *inspection.Error
	// forget: a delete of a document that nobody knows, to be noted only.
	forget bool
	// deleted: doc is a tombstone; settled: a client without numbers needs no
	// doc.
	deleted, settled bool
}

// current is a document as it is at this point of a commit.
type current struct {
	rec store.Record
	doc inspection.Object
}

// decider makes the entries of one commit. It is pure: all that it needs was
// read before. A replay of an earlier mutation makes no entry.
type decider struct {
	area     inspection.Area
	ref      *Reference
	now      time.Time
	head     store.Head
	known    map[inspection.DocID]*current
	receipts map[inspection.Device]map[int64]store.Receipt
	history  map[int64]*store.Entry
	// before holds the records as they were read; known follows the commit.
	before map[inspection.DocID]store.Record

	entries []store.Entry
	bytes   int
	// judged are the documents whose fields an act changed.
	judged []inspection.DocID
	log    *slog.Logger
	// What judging may take: see judge.
	clock    func() time.Time
	done     <-chan struct{} // closed when the commit's time is over
	patience *patience
	overran  error // the first trouble that judging had
	// spent is what deciding took for each user.
	spent map[inspection.UserID]time.Duration
}

// decideMutation decides one mutation and returns its outcome.
func (d *decider) decideMutation(it *item) outcome {
	if r, ok := d.receipt(it); ok {
		return d.replay(it, r)
	}
	if it.m.Fault != nil {
		return outcome{reject: it.m.Fault}
	}
	cur := d.known[it.m.ID]
	if cur == nil {
		return d.decideNew(it)
	}
	foreign := cur.rec.Area != d.area || cur.rec.Collection != it.m.Collection
	moved := it.m.Op == OpPut && it.m.Doc["area"] != nil && it.m.area() != d.area
	if foreign || moved || !it.principal.CanWrite(d.area, d.now) {
		return outcome{reject: notYours()}
	}
	if err := cur.parse(); err != nil {
		return outcome{reject: inspection.Errorf(inspection.CodeInternal, "The stored document is not readable.")}
	}
	return d.decideKnown(it, cur)
}

// receipt returns that of the mutation. Edits without a number have none.
func (d *decider) receipt(it *item) (store.Receipt, bool) {
	r, ok := d.receipts[it.principal.Device][it.m.N]
	return r, ok && it.m.unnumbered == nil
}

// replay answers a mutation that has a receipt: its first result, with the
// document as it is now.
func (d *decider) replay(it *item, r store.Receipt) outcome {
	if r.Content != it.m.Content {
		return outcome{reject: nReused(it.m.N)}
	}
	out := outcome{status: r.Status, replayed: true, rev: r.Rev, seq: r.Seq, code: r.Code, detail: r.Detail}
	if cur := d.known[r.ID]; cur != nil && r.Status != store.Rejected {
		out.doc = d.visible(it, cur.rec.Area, cur.rec.Doc)
	}
	return out
}

// visible returns the document if who asks may read it.
func (d *decider) visible(it *item, area inspection.Area, doc []byte) []byte {
	if !it.principal.CanRead(area, d.now) {
		return nil
	}
	return doc
}

func (d *decider) decideNew(it *item) outcome {
	m := it.m
	switch {
	case m.Collection == inspection.Tasks:
		return outcome{reject: notYours()}
	case m.Op == OpDelete:
		return outcome{forget: true}
	case m.area() != d.area || !d.ref.Areas[d.area] || !it.principal.CanWrite(d.area, d.now):
		return outcome{reject: notYours()}
	}
	cur := &current{doc: inspection.Object{}}
	out := d.put(it, cur, unknownBase())
	if out.reject == nil {
		d.known[m.ID] = cur
	}
	return out
}

// base is the document that an edit started from.
type base struct {
	doc     inspection.Object
	deleted bool
	// unknown: the phone knew no revision; every difference is a change.
	unknown bool
}

func (d *decider) decideKnown(it *item, cur *current) outcome {
	if it.m.unnumbered != nil {
		return d.decideUnnumbered(it, cur)
	}
	if mark, ok := cur.rec.Mark(it.principal.Device); ok && it.m.N < mark.N {
		return d.late(it, cur)
	}
	from := d.base(it, cur)
	if it.m.Op == OpPut {
		return d.put(it, cur, from)
	}
	if it.m.Collection == inspection.Tasks {
		return outcome{reject: notYours()}
	}
	return d.delete(it, cur, from)
}

// base finds what the edit started from: the document as this device last
// sent it from the same revision, else that revision, else nothing.
func (d *decider) base(it *item, cur *current) base {
	rec, m := &cur.rec, it.m
	if mark, ok := rec.Mark(it.principal.Device); ok && mark.Base == m.Base {
		return d.revision(mark.Seq, true)
	}
	switch {
	case m.Base == rec.Rev:
		return base{doc: cur.doc, deleted: rec.Deleted}
	case m.Base >= 1 && m.Base < rec.Rev:
		return d.revision(rec.Revisions[m.Base-1], false)
	}
	return unknownBase()
}

func unknownBase() base { return base{doc: inspection.Object{}, unknown: true} }

func (d *decider) revision(seq int64, asSent bool) base {
	e := d.history[seq]
	if e == nil {
		return unknownBase()
	}
	bytes := e.Doc
	if asSent && e.Sent != nil {
		bytes = e.Sent
	}
	doc, err := inspection.ParseObject(bytes)
	if err != nil {
		return unknownBase()
	}
	return base{doc: doc, deleted: e.Deleted || asSent && e.Kind == store.KindDelete}
}

// late keeps an edit that arrived behind a newer one of the same phone: in
// history only.
func (d *decider) late(it *item, cur *current) outcome {
	e := d.entry(it, cur, store.KindNote, store.Merged)
	e.Deleted = cur.rec.Deleted
	e.Sent = inspection.AppendJSON(nil, inspection.Overlay(nil, it.m.Doc))
	server := inspection.ServerOf(cur.doc)
	return d.commit(it, cur, e, inspection.ClientOwned(cur.doc), &server)
}

// put merges an edit into the document.
func (d *decider) put(it *item, cur *current, from base) outcome {
	isNew := cur.rec.Rev == 0
	mine := d.mine(it, cur, from)
	theirs := inspection.ClientOwned(cur.doc)
	server := inspection.ServerOf(cur.doc)
	merge := inspection.ThreeWay(from.doc, theirs, mine, inspection.Locked(it.m.Collection, &server))
	revived := cur.rec.Deleted && (merge.Taken || len(merge.Clashes) > 0 || from.deleted || from.unknown)
	if inspection.Depth(merge.Doc) > inspection.MaxDocumentDepth {
		return outcome{reject: inspection.Errorf(inspection.CodeTooDeep, "The document is nested too deep. Flatten it.")}
	}
	if !isNew && !merge.Taken && !revived && it.nothingNew(&server, merge.Clashes...) {
		return d.unchanged(it, cur)
	}

	e := d.entry(it, cur, store.KindPut, putStatus(merge, mine, revived))
	e.Deleted = cur.rec.Deleted && !revived
	if !isNew && e.Status != store.Applied {
		e.Sent = inspection.AppendJSON(nil, mine)
	}
	recordConflicts(&server, merge.Clashes, it, e)
	switch {
	case it.m.Collection == inspection.Inspections:
		server.Review = nextReview(server.Review, merge.Doc, merge.Taken)
	case it.m.Collection == inspection.Tasks && merge.Taken:
		rectified(&server, e.Actor, e.At)
	}
	if isNew {
		server.ReceivedAt = inspection.StampOf(e.At)
		if it.m.Collection == inspection.Inspections {
			server.Inspector = e.Actor
		} else {
			server.CreatedBy = e.Actor
		}
	}
	if _, known := server.ClockOffsetS.Get(); !known || !inspection.Equal(theirs[memberStarted], merge.Doc[memberStarted]) {
		server.ClockOffsetS = inspection.OfPointer(it.offset)
	}
	return d.commit(it, cur, e, merge.Doc, &server)
}

// nextReview returns the review after a phone's put.
func nextReview(before *inspection.Review, doc inspection.Object, edited bool) *inspection.Review {
	next := inspection.Review{}
	if before != nil {
		next = *before
	}
	state := next.State
	if edited {
		state, _ = state.After(inspection.ReviewEdit)
	}
	status := inspection.ReviewWithdraw
	if doc["status"] == "submitted" {
		status = inspection.ReviewSubmit
	}
	next.State, _ = state.After(status)
	return &next
}

// rectified moves a task on after a phone's put of its rectification.
func rectified(server *inspection.Server, by inspection.UserID, at time.Time) {
	state, ok := server.State.After(inspection.TaskRectify)
	if !ok {
		return
	}
	server.State = state
	server.Act = &inspection.TaskAct{Act: inspection.TaskRectify, By: by, At: inspection.StampOf(at)}
}

// mine is the whole document that the edit means. Its area is fixed: null
// doesn't take it away. Of a task only the rectification is a phone's to
// change.
func (d *decider) mine(it *item, cur *current, from base) inspection.Object {
	if it.m.unnumbered != nil {
		mine := it.m.changed(cur, from)
		mine["area"] = string(d.area)
		return mine
	}
	if it.m.Collection != inspection.Tasks {
		mine := inspection.Overlay(from.doc, it.m.Doc)
		mine["area"] = string(d.area)
		return mine
	}
	edit := inspection.Object{}
	if r, ok := it.m.Doc["rectification"]; ok {
		edit["rectification"] = r
	}
	mine := inspection.Overlay(cur.doc, edit)
	if _, ok := edit["rectification"]; ok {
		mine["rectification"] = inspection.Overlay(from.doc, edit)["rectification"]
	}
	return mine
}

// memberStarted is the time by which records count. The clock that matters is
// that of the phone which said it: another's edit of a note makes no wrong
// clock right.
const memberStarted = "started_at"

func putStatus(merge inspection.Merge, mine inspection.Object, revived bool) store.Status {
	switch {
	case len(merge.Clashes) > 0:
		return store.Conflicted
	case revived || !inspection.SameFields(merge.Doc, mine):
		return store.Merged
	}
	return store.Applied
}

// delete makes a tombstone, unless the phone had not seen what others
// changed, or the record is approved: then the wish is recorded as a conflict.
func (d *decider) delete(it *item, cur *current, from base) outcome {
	server := inspection.ServerOf(cur.doc)
	theirs := inspection.ClientOwned(cur.doc)
	unseen := !inspection.SameFields(from.doc, theirs) && !d.ownState(it, cur, theirs)
	locked := inspection.Locked(it.m.Collection, &server)
	if !cur.rec.Deleted && (unseen || locked) {
		wish := inspection.Clash{Kept: inspection.Object{"deleted": false}, Offered: inspection.Object{"deleted": true}}
		if it.nothingNew(&server, wish) {
			return d.unchanged(it, cur)
		}
		e := d.entry(it, cur, store.KindNote, store.Conflicted)
		e.Sent = inspection.AppendJSON(nil, it.lastState(from))
		recordConflicts(&server, []inspection.Clash{wish}, it, e)
		return d.commit(it, cur, e, theirs, &server)
	}
	e := d.entry(it, cur, store.KindDelete, store.Applied)
	e.Deleted = true
	if unseen || it.m.unnumbered != nil && !it.m.sameState(it.m.unnumbered.state, theirs) {
		e.Sent = inspection.AppendJSON(nil, it.lastState(from))
	}
	return d.commit(it, cur, e, theirs, &server)
}

// ownState reports whether the document is as this phone last sent it: then
// no one else has changed anything since.
func (d *decider) ownState(it *item, cur *current, theirs inspection.Object) bool {
	mark, ok := cur.rec.Mark(it.principal.Device)
	return ok && inspection.SameFields(d.revision(mark.Seq, true).doc, theirs)
}
