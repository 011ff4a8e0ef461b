package simulate

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// edit makes none to two edits. What is edited depends on what the phone knows
// by then.
func (p *phone) edit(r *rand.Rand, at time.Time) {
	for range r.IntN(3) {
		p.editOne(r, at.Add(time.Duration(r.IntN(170))*time.Minute))
	}
}

func (p *phone) editOne(r *rand.Rand, at time.Time) {
	if len(p.areas) == 0 {
		return
	}
	switch dice := r.IntN(100); {
	case dice < 10:
		p.create(sessions, p.newSession(r, at))
	case dice < 45:
		p.create(inspections, p.newInspection(r, at))
	case dice < 49:
		p.create(sites, p.newSite(r))
	case dice < 56:
		p.remove(r)
	case dice < 58:
		p.trespass(r, at)
	default:
		p.alter(r, at)
	}
}

// create queues a new document.
func (p *phone) create(collection string, doc object) {
	k := key(collection, text(doc["id"]))
	d := &draft{doc: doc, waiting: 1}
	p.drafts[k] = d
	p.known = append(p.known, k)
	m := p.mutation(opPut, collection, text(doc["id"]), d)
	m.doc, m.traces = copyOf(doc), []string{m.id}
	p.enqueue(m)
}

// mutation begins an edit of a draft.
func (p *phone) mutation(op, collection, id string, d *draft) *mutation {
	p.n++
	return &mutation{phone: p, n: p.n, collection: collection, op: op, id: id, base: d.base}
}

func (p *phone) enqueue(m *mutation) {
	sent := object{"n": m.n, "collection": m.collection, "op": m.op, "id": m.id, "base": m.base}
	if m.doc != nil {
		sent["doc"] = m.doc
	}
	m.raw = mustJSON(sent)
	p.s.ledger.made(m)
	p.queue = append(p.queue, m)
}

// copyOf copies a document through JSON, as it would travel.
func copyOf(doc object) object { return members(decode(mustJSON(doc))) }

// hot is how many of the documents that came last are the ones that most
// phones of a street are at work on.
const hot = 25

// target chooses a document of the collections that the phone may edit, "" if
// it found none. Of deleted ones it rarely takes one.
func (p *phone) target(r *rand.Rand, collections ...string) string {
	for range 10 {
		if len(p.known) == 0 {
			break
		}
		from := 0
		if !oneIn(r, 3) {
			from = max(0, len(p.known)-hot)
		}
		k := p.known[from+r.IntN(len(p.known)-from)]
		if h, ok := p.look(k); ok && slices.Contains(collections, h.collection) && slices.Contains(p.areas, h.area) && (!h.deleted || oneIn(r, 8)) {
			return k
		}
	}
	return ""
}

// look finds a document as the phone sees it: with its own edits.
func (p *phone) look(k string) (held, bool) {
	h, known := p.replica[k]
	d := p.drafts[k]
	if d == nil {
		return h, known
	}
	for _, c := range fieldCollections {
		if id := text(d.doc["id"]); key(c, id) == k {
			h.collection, h.id = c, id
		}
	}
	h.area, h.deleted = text(d.doc["area"]), d.deleted
	return h, true
}

// open makes the draft of a document, or goes on with the one that waits.
func (p *phone) open(k string) *draft {
	d := p.drafts[k]
	if d == nil {
		h := p.replica[k]
		d = &draft{base: h.rev, doc: h.decode(), deleted: h.deleted}
		p.drafts[k] = d
	}
	d.waiting++
	return d
}

// remove queues a delete.
func (p *phone) remove(r *rand.Rand) {
	k := p.target(r, fieldCollections...)
	h, ok := p.look(k)
	if !ok || h.deleted && !oneIn(r, 5) {
		return
	}
	d := p.open(k)
	d.deleted = true
	p.enqueue(p.mutation(opDelete, h.collection, h.id, d))
}

// alter queues a change of a few fields. The phone sends the whole document,
// "server" and all, or only the members that it changed.
func (p *phone) alter(r *rand.Rand, at time.Time) {
	k := p.target(r, fieldCollections...)
	h, ok := p.look(k)
	if !ok {
		return
	}
	d := p.open(k)
	m := p.mutation(opPut, h.collection, h.id, d)
	changed := map[string]bool{}
	for i := range 1 + r.IntN(3) {
		c := &editing{p: p, r: r, at: at, doc: d.doc, trace: fmt.Sprintf("t%d-%d-%d.", p.number, m.n, i), changed: changed}
		c.change(h.collection)
		m.traces = append(m.traces, c.traces...)
	}
	d.deleted = false
	m.doc = copyOf(d.doc)
	if oneIn(r, 2) {
		maps.DeleteFunc(m.doc, func(name string, _ any) bool { return !changed[name] })
	}
	// A later change of the same edit may have written over an earlier one.
	sent := string(mustJSON(m.doc))
	m.traces = slices.DeleteFunc(m.traces, func(t string) bool { return !contains(sent, t) })
	p.enqueue(m)
}

// trespass queues what no server may store as a document.
func (p *phone) trespass(r *rand.Rand, at time.Time) {
	doc := p.newInspection(r, at)
	d := &draft{doc: doc}
	m := p.mutation(opPut, inspections, text(doc["id"]), d)
	m.foreign = true
	switch r.IntN(4) {
	case 0:
		doc["area"] = "610199001"
	case 1:
		m.collection = "vehicles"
	case 2:
		m.op = "patch"
	default:
		doc["photos"] = "none"
	}
	m.doc = doc
	p.enqueue(m)
}
