package sync

import (
	"context"
	"strconv"
	"strings"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Phones with RxDB push rows: the whole new state of a document, and the state
// that the phone believes the server to be in. A row is an edit like any other,
// but for three things. It has no number, so what was sent twice is known by
// its content. Its base comes along. And it is answered with a document where
// the phone's is not the server's, server-owned members included: RxDB drops a
// document that it pulls while its own write of it is unanswered.

// Row is what a row says beyond a mutation.
type Row struct {
	// Sent is the document as the phone has it now, Assumed as it believes the
	// server to have it (nil: not at all), both without what the server owns.
	Sent    inspection.Object
	Assumed inspection.Object
	// AssumedDeleted: it believes that the document is deleted.
	AssumedDeleted bool
	// Rev is the server.rev of the document as sent, -1 if it has none.
	Rev int64
}

// DecodeRows reads the body of a push of RxDB to a collection. Only what isn't
// a JSON array of objects is an error (CodeBadBatch); anything else wrong is
// noted as the Fault of its mutation.
func DecodeRows(c inspection.Collection, body []byte) ([]Mutation, error) {
	v, err := inspection.ParseJSON(body)
	list, ok := v.([]any)
	if err != nil || !ok {
		return nil, badBatch("The body is not a JSON array in UTF-8. Send the rows again as RxDB does.")
	}
	if len(list) > MaxMutations {
		return nil, badBatch("A push holds at most " + strconv.Itoa(MaxMutations) + " rows. Set a smaller batchSize.")
	}
	rows := make([]Mutation, len(list))
	for i, v := range list {
		o, ok := v.(inspection.Object)
		if !ok {
			return nil, badBatch("Row " + strconv.Itoa(i) + " is not an object with a newDocumentState.")
		}
		rows[i] = decodeRow(c, o)
	}
	return rows, nil
}

// decodeRow turns a row into the mutation that a phone without RxDB would have
// sent: what lies in quarantine can be released like any other.
func decodeRow(c inspection.Collection, o inspection.Object) Mutation {
	assumed := o.Object("assumedMasterState")
	base, _ := inspection.RevOf(assumed)
	sent := inspection.Object{"n": inspection.Integer(0), "collection": string(c), "base": inspection.Integer(max(base, 0))}
	sent["op"], sent["doc"] = string(OpPut), o["newDocumentState"]
	state, isObject := o["newDocumentState"].(inspection.Object)
	if isObject {
		sent["id"], sent["doc"] = state["id"], withoutOwn(state)
		if state["_deleted"] == true {
			sent["op"] = string(OpDelete)
		}
	}
	m := asSent(sent)
	m.Row = newRow(state, assumed)
	if m.Op == OpDelete && m.Fault == nil {
		m.Fault = m.checkDocument() // its last state is kept, too
	}
	return m
}

func newRow(state, assumed inspection.Object) *Row {
	r := &Row{Sent: clientState(state), Rev: -1, AssumedDeleted: assumed["_deleted"] == true}
	if rev, ok := inspection.RevOf(state); ok {
		r.Rev = rev
	}
	if assumed != nil {
		r.Assumed = clientState(assumed)
	}
	return r
}

// clientState is what phones own of a state, as it would be stored.
func clientState(state inspection.Object) inspection.Object {
	own := inspection.ClientOwned(withoutOwn(state))
	inspection.KeepBigNumbers(own)
	return own
}

// withoutOwn leaves out RxDB's own members: _deleted, and by some
// configurations _rev, _meta and _attachments.
func withoutOwn(state inspection.Object) inspection.Object {
	out := make(inspection.Object, len(state))
	for name, v := range state {
		if !strings.HasPrefix(name, "_") {
			out[name] = v
		}
	}
	return out
}

// PushedRows is the answer to rows: the documents that their phone must take
// over, as it keeps them, and what became of each row.
type PushedRows struct {
	Documents [][]byte
	Statuses  []store.Status
}

// PushRows stores rows as Push stores a batch. No row holds up another: what
// can't be stored is in quarantine and counts as taken.
func (s *Service) PushRows(ctx context.Context, principal *inspection.Principal, c inspection.Collection, rows []Mutation) (*PushedRows, error) {
	items := make([]*item, len(rows))
	for i := range rows {
		items[i] = &item{m: &rows[i], principal: principal}
	}
	if err := s.keep(ctx, items); err != nil {
		return nil, err
	}
	if err := s.readRejected(ctx, c, items); err != nil {
		return nil, err
	}
	s.reports.note(principal.Device, Report{LastSeen: s.now().UTC()})
	out := &PushedRows{Statuses: make([]store.Status, len(items))}
	for i, it := range items {
		out.Statuses[i] = it.result.status
		if it.result.doc != nil && !it.result.settled {
			out.Documents = append(out.Documents, appendRxDocument(nil, c, it.result.doc, it.result.deleted))
		}
	}
	return out, nil
}

// readRejected finds what the phone should have in place of a row that went to
// quarantine, where that is a document of the collection that it may read.
func (s *Service) readRejected(ctx context.Context, c inspection.Collection, items []*item) error {
	wanted := map[inspection.DocID]*item{}
	var ids []inspection.DocID
	for _, it := range items {
		id := it.m.ID
		if c.Reference() {
			id = referenceID(c, it.m.SentID)
		}
		if it.result.status == store.Rejected && id != "" {
			wanted[id] = it
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	records, err := s.store.Records(ctx, ids)
	for id, r := range records {
		it := wanted[id]
		readable := c.Reference() || it.principal.CanRead(r.Area, s.now())
		if r.Rev > 0 && r.Collection == c && readable {
			it.result.doc, it.result.deleted = r.Doc, r.Deleted
		}
	}
	return err
}
