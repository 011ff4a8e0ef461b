package sync

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// setAside handles an item in the reference log's queue: what can't be stored
// as a document is kept verbatim in quarantine, with a receipt; a delete of a
// document that nobody knows leaves a receipt only.
func (d *decider) setAside(it *item) outcome {
	if r, ok := d.receipt(it); ok {
		out := d.replay(it, r)
		if out.reject == nil {
			return out
		}
		it.reject = out.reject
	}
	if it.reject == nil {
		return d.forget(it)
	}
	id := quarantineID(it)
	if d.known[id] != nil {
		return outcome{status: store.Rejected, replayed: true, code: it.reject.Code, detail: it.reject.Detail}
	}
	cur := &current{}
	e := d.entry(it, cur, store.KindQuarantine, store.Rejected)
	e.Collection, e.ID = inspection.Quarantine, id
	e.Code, e.Detail = it.reject.Code, it.reject.Detail
	held, server := d.held(it, e), inspection.Server{Rev: e.Rev, Seq: e.Seq}
	index := store.IndexOfParts(e.Collection, held, &server)
	e.Doc, e.Index = server.AppendWith(nil, held), &index
	d.addEntry(*e, cur)
	d.known[id] = cur
	return outcome{status: store.Rejected, rev: e.Rev, seq: e.Seq, code: e.Code, detail: e.Detail}
}

// forget notes the delete of an unknown document: there is nothing to do, and
// the phone may drop it for good.
func (d *decider) forget(it *item) outcome {
	e := d.entry(it, &current{}, store.KindNote, store.Applied)
	e.Rev = 0
	if it.m.unnumbered != nil {
		e.Sent = inspection.AppendJSON(nil, it.m.unnumbered.state)
	}
	d.entries = append(d.entries, *e)
	d.receive(e)
	return outcome{status: store.Applied, seq: e.Seq}
}

// held is the quarantine document of a mutation. The mutation stands in it
// byte for byte: as JSON, or in base64 where it is nested so deep that
// readers of the log might choke on it.
func (d *decider) held(it *item, e *store.Entry) inspection.Object {
	doc := inspection.Object{
		"id": string(e.ID), "state": "held", "code": string(e.Code), "detail": e.Detail,
		"user": string(e.Actor), "device": string(e.Device), "n": inspection.Integer(e.N),
		"collection": string(it.m.Collection), "document": it.m.SentID,
		"area": inspection.TextOrNull(string(it.m.area())), "received_at": string(inspection.StampOf(e.At)),
		"bytes": inspection.Integer(int64(len(it.m.Raw))),
	}
	if tooDeepToEmbed(it.m.Raw) {
		doc["mutation_base64"] = base64.StdEncoding.EncodeToString(it.m.Raw)
	} else {
		doc["mutation"] = inspection.Verbatim(it.m.Raw)
	}
	return doc
}

// maxEmbeddedDepth leaves room for the levels of the entry and the commit
// around a mutation under every JSON reader's limit.
const maxEmbeddedDepth = 100

func tooDeepToEmbed(raw []byte) bool {
	v, err := inspection.ParseJSON(raw)
	return err != nil || inspection.Depth(v) > maxEmbeddedDepth
}

// quarantineID is derived from what was sent, so that sending it again does
// not keep it twice.
func quarantineID(it *item) inspection.DocID {
	h := sha256.New()
	for _, part := range []string{
		string(it.principal.Device.User), string(it.principal.Device.ID),
		strconv.FormatInt(it.m.N, 10), it.m.Content,
	} {
		h.Write([]byte(part + "\n"))
	}
	sum := h.Sum(nil)
	sum[6] = sum[6]&0x0f | 0x80 // version 8: made by our own rule
	sum[8] = sum[8]&0x3f | 0x80
	s := hex.EncodeToString(sum[:16])
	return inspection.DocID(s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:])
}
