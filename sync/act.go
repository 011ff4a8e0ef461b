package sync

import (
	"context"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Act is a change that no phone sent: evidence that the server found, a
// supervisor's decision, a task's next state. It becomes entries of the
// area's log like any other.
type Act struct {
	Area inspection.Area
	// IDs are the documents that Decide may look at and change.
	IDs []inspection.DocID
	// By is who acts; "" is the server itself.
	By   inspection.UserID
	Kind store.Kind
	// Decide changes the drafts of documents and marks those that changed. It
	// runs again whenever another writer was first, so it rests on nothing but
	// its arguments. An error ends the act; nothing of it is stored then.
	Decide func(at time.Time, drafts map[inspection.DocID]*Draft) error
}

// Draft is one document as an act found it. Client and Server are copies of
// its two parts whose members may be replaced; values deeper down may not be
// changed in place.
type Draft struct {
	// Record is the present state; Rev 0 means that there is none in this
	// area yet.
	Record store.Record
	Client inspection.Object
	Server inspection.Server
	// Deleted may be changed, too.
	Deleted bool

	collection inspection.Collection
	changed    bool
	rejudge    bool
}

// ServerChanged marks that an act changed the server's part only: what was
// judged stays as it was judged.
func (d *Draft) ServerChanged() { d.changed = true }

// ClientChanged marks that an act changed client-owned fields, so that the
// document is judged anew, as after a phone's edit.
func (d *Draft) ClientChanged() { d.changed, d.rejudge = true, true }

// Create makes the draft of a document that doesn't exist yet one of the
// collection.
func (d *Draft) Create(c inspection.Collection, client inspection.Object) {
	d.collection, d.Client = c, client
	d.ClientChanged()
}

// Act carries an act out and returns the documents that it was about as they
// are then. What was decided is durable. Returns Decide's error as it is.
func (s *Service) Act(ctx context.Context, act Act) (map[inspection.DocID]store.Record, error) {
	it := &item{act: &act}
	if err := s.submit(act.Area, []*item{it}); err != nil {
		return nil, err
	}
	if it.failed != nil {
		return nil, it.failed
	}
	return it.records, ctx.Err()
}

// perform decides an act on the documents as they are at this point of the
// commit.
func (d *decider) perform(it *item) {
	act := it.act
	it.failed, it.records = nil, map[inspection.DocID]store.Record{}
	drafts, err := d.drafts(act)
	if err == nil {
		err = act.Decide(d.at(), drafts)
	}
	var entries []*store.Entry
	for _, id := range act.IDs {
		if err != nil {
			break
		}
		if draft := drafts[id]; draft.changed {
			var e *store.Entry
			e, err = d.amend(act, id, draft, int64(len(entries)))
			entries = append(entries, e)
		}
	}
	if err != nil {
		it.failed = err
		return
	}
	for _, e := range entries {
		d.addEntry(*e, d.currentOf(e.ID))
		if drafts[e.ID].rejudge {
			d.judged = append(d.judged, e.ID)
		}
	}
	for _, id := range act.IDs {
		if cur := d.known[id]; cur != nil {
			it.records[id] = cur.rec
		}
	}
}

func (d *decider) currentOf(id inspection.DocID) *current {
	if d.known[id] == nil {
		d.known[id] = &current{}
	}
	return d.known[id]
}

// drafts copies the documents of an act. A document of another area is as
// good as none.
func (d *decider) drafts(act *Act) (map[inspection.DocID]*Draft, error) {
	drafts := make(map[inspection.DocID]*Draft, len(act.IDs))
	for _, id := range act.IDs {
		cur := d.known[id]
		if cur == nil || cur.rec.Area != d.area {
			drafts[id] = &Draft{Client: inspection.Object{}}
			continue
		}
		if err := cur.parse(); err != nil {
			return nil, err
		}
		drafts[id] = &Draft{
			Record: cur.rec, Client: inspection.ClientOwned(cur.doc), Server: inspection.ServerOf(cur.doc),
			Deleted: cur.rec.Deleted, collection: cur.rec.Collection,
		}
	}
	return drafts, nil
}

// parse decodes the document, once.
func (c *current) parse() error {
	if c.doc != nil {
		return nil
	}
	doc, err := inspection.ParseObject(c.rec.Doc)
	if err != nil {
		return inspection.Errorf(inspection.CodeInternal, "The stored document is not readable.")
	}
	c.doc = doc
	return nil
}

// amend makes the entry of one changed draft, the nth of its act.
func (d *decider) amend(act *Act, id inspection.DocID, draft *Draft, nth int64) (*store.Entry, error) {
	var before inspection.Object
	if cur := d.known[id]; cur != nil {
		if cur.rec.Area != d.area {
			return nil, inspection.Errorf(inspection.CodeConflict, "The document lies in another area.")
		}
		before = cur.doc
	}
	e := &store.Entry{
		Seq: d.head.Seq + 1 + int64(len(d.entries)) + nth, Collection: draft.collection, ID: id,
		Rev: draft.Record.Rev + 1, Kind: act.Kind, Actor: act.By, At: d.at(), Deleted: draft.Deleted,
	}
	d.mark(e, &draft.Server)
	if draft.rejudge {
		d.serve(e.Collection, before, draft.Client, &draft.Server, nil)
	}
	return e, d.encode(e, draft.Client, &draft.Server)
}
