package sync

import (
	"context"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Clients that know nothing of mutations send states: a document as they have
// it now, and maybe as they believe the server to have it. Such an edit goes
// the way of all others, but for three things. It has no number, so what was
// sent twice is known by its content. Its base comes along. And it is answered
// with the stored document where the client's is another, server-owned members
// included: for all we know, the client sees nothing else of what became of it.

// Edit is an edit of a client that numbers none.
type Edit struct {
	Collection inspection.Collection
	// State is the whole document as the client has it now, with "server" if the
	// client keeps that. What is no object goes to quarantine as it is. Of a
	// deleted document it is the last state.
	State   any
	Deleted bool
	// Assumed is the document as the client believes the server to have it; nil
	// if it assumes nothing.
	Assumed        inspection.Object
	AssumedDeleted bool
	// Knows tells which top-level members the client could have: of the others
	// it has taken away none. nil means all.
	Knows func(member string) bool
}

// unnumbered is what an edit without a number says beyond a mutation.
type unnumbered struct {
	// state is the document as the client has it now, assumed as it believes the
	// server to have it (nil: not at all), both without what the server owns.
	state   inspection.Object
	assumed inspection.Object
	// assumedDeleted: it believes that the document is deleted.
	assumedDeleted bool
	// rev is the server.rev of the document as sent, -1 if it has none.
	rev   int64
	knows func(member string) bool
}

// mutation turns the edit into what a client with numbers would have sent:
// what lies in quarantine can be released like any other. It takes over the
// edit's documents and changes them.
func (e *Edit) mutation() Mutation {
	base, _ := inspection.RevOf(e.Assumed)
	sent := inspection.Object{
		"n": inspection.Integer(0), "collection": string(e.Collection), "base": inspection.Integer(max(base, 0)),
		"op": string(OpPut), "doc": e.State,
	}
	state, isObject := e.State.(inspection.Object)
	if isObject {
		sent["id"] = state["id"]
	}
	if e.Deleted {
		sent["op"] = string(OpDelete)
	}
	m := asSent(sent)
	m.unnumbered = e.unnumbered(state)
	if m.Op == OpDelete && m.Fault == nil {
		m.Fault = m.checkDocument() // its last state is kept, too
	}
	return m
}

func (e *Edit) unnumbered(state inspection.Object) *unnumbered {
	u := &unnumbered{state: clientState(state), assumedDeleted: e.AssumedDeleted, rev: -1, knows: e.Knows}
	if rev, ok := inspection.RevOf(state); ok {
		u.rev = rev
	}
	if e.Assumed != nil {
		u.assumed = clientState(e.Assumed)
	}
	if u.knows == nil {
		u.knows = func(string) bool { return true }
	}
	return u
}

// clientState is what phones own of a state, as it would be stored.
func clientState(state inspection.Object) inspection.Object {
	own := inspection.ClientOwned(state)
	inspection.BigNumbersToText(own)
	return own
}

// EditResult is what became of an edit.
type EditResult struct {
	Status store.Status
	// Code and Detail say why it was rejected.
	Code   inspection.Code
	Detail string
	// Doc is the stored document, which the client must take over; nil if the
	// client has that, or may not read it. Deleted: it is a tombstone.
	Doc     []byte
	Deleted bool
}

// PushEdits stores edits as Push stores a batch, and takes them over. No edit
// holds up another: what can't be stored is in quarantine and counts as taken.
func (s *Service) PushEdits(ctx context.Context, principal *inspection.Principal, edits []Edit) ([]EditResult, error) {
	items, patient := make([]*item, len(edits)), &patience{}
	for i := range edits {
		m := edits[i].mutation()
		items[i] = &item{m: &m, principal: principal, patience: patient}
	}
	if err := s.keep(ctx, items); err != nil {
		return nil, err
	}
	if err := s.readRejected(ctx, items); err != nil {
		return nil, err
	}
	s.reports.note(principal.Device, Report{LastSeen: s.now().UTC()})
	results := make([]EditResult, len(items))
	for i, it := range items {
		out := &it.result
		results[i] = EditResult{Status: out.status, Code: out.code, Detail: out.detail}
		if out.doc != nil && !out.settled {
			results[i].Doc, results[i].Deleted = out.doc, out.deleted
		}
	}
	return results, nil
}

// readRejected finds what the client should have in place of an edit that went
// to quarantine, where that is a document of its collection that it may read.
func (s *Service) readRejected(ctx context.Context, items []*item) error {
	wanted := map[inspection.DocID]*item{}
	var ids []inspection.DocID
	for _, it := range items {
		id := it.m.ID
		if it.m.Collection.Reference() {
			id = referenceID(it.m.Collection, it.m.SentID)
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
		readable := it.m.Collection.Reference() || it.principal.CanRead(r.Area, s.now())
		if r.Rev > 0 && r.Collection == it.m.Collection && readable {
			it.result.doc, it.result.deleted = r.Doc, r.Deleted
		}
	}
	return err
}
