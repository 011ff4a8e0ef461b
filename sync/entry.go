package sync

import (
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// entry begins the document's next revision.
func (d *decider) entry(it *item, cur *current, kind store.Kind, status store.Status) *store.Entry {
	return &store.Entry{
		Seq: d.head.Seq + 1 + int64(len(d.entries)), Collection: it.m.Collection, ID: it.m.ID,
		Rev: cur.rec.Rev + 1, Kind: kind, Actor: it.principal.Device.User, Device: it.principal.Device.ID,
		N: it.m.N, Base: it.m.Base, At: d.at(), Status: status, Content: it.m.Content, Unnumbered: it.m.unnumbered != nil,
	}
}

// at never runs backwards within an area, whatever the server's clock does.
func (d *decider) at() time.Time {
	_, at := d.head.Next(d.now)
	return at
}

// commit finishes the entry: the server's part is made anew, the whole
// document encoded, and the entry becomes part of this commit.
func (d *decider) commit(it *item, cur *current, e *store.Entry, doc inspection.Object, server *inspection.Server) outcome {
	d.mark(e, server)
	d.serve(e.Collection, cur.doc, doc, server, it.m.BigNumbers)
	var fault *inspection.Error
	if err := d.encode(e, doc, server); asFault(err, &fault) {
		return outcome{reject: fault}
	}
	d.addEntry(*e, cur)
	return outcome{status: e.Status, rev: e.Rev, seq: e.Seq, doc: d.visible(it, d.area, e.Doc)}
}

// encode makes the entry's document of its two parts. Returns a
// CodeDocumentTooLarge error.
func (d *decider) encode(e *store.Entry, doc inspection.Object, server *inspection.Server) error {
	own := inspection.AppendJSON(nil, doc)
	if len(own) > inspection.MaxDocumentBytes {
		return tooLarge()
	}
	e.Pinned = pinned(e, doc, server)
	index := store.IndexOfParts(e.Collection, doc, server)
	e.Index = &index
	next := `,"server":`
	if len(doc) == 0 {
		next = next[1:]
	}
	e.Doc = append(server.AppendJSON(append(own[:len(own)-1], next...)), '}')
	return nil
}

// pinned decides whether a first sync sends the document whatever its age.
func pinned(e *store.Entry, doc inspection.Object, server *inspection.Server) bool {
	if e.Deleted {
		return false
	}
	if len(server.Conflicts) > 0 || server.ConflictsMore > 0 {
		return true
	}
	switch e.Collection {
	case inspection.Sites:
		return true
	case inspection.Sessions:
		return doc["ended_at"] == nil
	case inspection.Tasks:
		return server.State != inspection.TaskClosed
	}
	state := server.ReviewState()
	return doc["status"] != "submitted" || state == inspection.ReviewHasIssues || state == inspection.ReviewEdited
}

func (d *decider) addEntry(e store.Entry, cur *current) {
	d.remember(&cur.rec)
	d.entries = append(d.entries, e)
	d.bytes += len(e.Doc) + len(e.Sent) + 400
	d.history[e.Seq] = &e
	cur.rec = store.Fold(&cur.rec, d.area, &e)
	cur.doc = nil
	d.receive(&e)
}

// remember keeps the revision that this commit leaves behind: an edit further
// on in it may have started from there. Revisions that were asked for before
// are there already, as they were sent.
func (d *decider) remember(r *store.Record) {
	if r.Rev > 0 && d.history[r.Seq] == nil {
		d.history[r.Seq] = &store.Entry{Seq: r.Seq, Deleted: r.Deleted, Doc: r.Doc}
	}
}

// receive makes the entry's receipt, if it has one, known to the rest of the
// commit.
func (d *decider) receive(e *store.Entry) {
	if !e.HasReceipt() {
		return
	}
	by := e.By()
	if d.receipts[by] == nil {
		d.receipts[by] = map[int64]store.Receipt{}
	}
	if _, first := d.receipts[by][e.N]; !first {
		d.receipts[by][e.N] = e.Receipt(d.area)
	}
}

// mark stamps the server's part with the entry's place in history.
func (d *decider) mark(e *store.Entry, server *inspection.Server) {
	server.Rev, server.Seq, server.Deleted = e.Rev, e.Seq, e.Deleted
	server.ChangedAt, server.ChangedBy = inspection.StampOf(e.At), inspection.OrNull(e.Actor)
	if server.Conflicts == nil && e.Collection.Writable() {
		server.Conflicts = []inspection.Conflict{}
	}
}
