package simulate

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"gridpatrol/seeds"
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
	p.s.ledger.noteMutation(m)
	p.queue = append(p.queue, m)
}

// copyOf copies a document through JSON, as it would travel.
func copyOf(doc object) object { return members(decode(mustJSON(doc))) }

// hotDocuments is how many of the documents that came last are the ones that most
// phones of a street are at work on.
const hotDocuments = 25

// target chooses a document of the collections that the phone may edit, "" if
// it found none. Of deleted ones it rarely takes one.
func (p *phone) target(r *rand.Rand, collections ...string) string {
	for range 10 {
		if len(p.known) == 0 {
			break
		}
		from := 0
		if !oneIn(r, 3) {
			from = max(0, len(p.known)-hotDocuments)
		}
		k := p.known[from+r.IntN(len(p.known)-from)]
		if h, ok := p.view(k); ok && slices.Contains(collections, h.collection) && slices.Contains(p.areas, h.area) && (!h.deleted || oneIn(r, 8)) {
			return k
		}
	}
	return ""
}

// view finds a document as the phone sees it: with its own edits.
func (p *phone) view(k string) (held, bool) {
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

// draftOf makes the draft of a document, or goes on with the one that waits.
func (p *phone) draftOf(k string) *draft {
	d := p.drafts[k]
	if d == nil {
		h := p.replica[k]
		d = &draft{base: h.rev, doc: h.decode(), deleted: h.deleted}
		p.drafts[k] = d
	}
	d.waiting++
	return d
}

// decodeOr returns the document, as the phone's draft has it if there is one.
func (h held) decodeOr(d *draft) object {
	if d != nil {
		return d.doc
	}
	return h.decode()
}

// remove queues a delete.
func (p *phone) remove(r *rand.Rand) {
	k := p.target(r, fieldCollections...)
	h, ok := p.view(k)
	if !ok || h.deleted && !oneIn(r, 5) {
		return
	}
	d := p.draftOf(k)
	d.deleted = true
	p.enqueue(p.mutation(opDelete, h.collection, h.id, d))
}

// alter queues a change of a few fields. The phone sends the whole document,
// "server" and all, or only the members that it changed.
func (p *phone) alter(r *rand.Rand, at time.Time) {
	k := p.target(r, fieldCollections...)
	h, ok := p.view(k)
	if !ok {
		return
	}
	d := p.draftOf(k)
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
	m.traces = slices.DeleteFunc(m.traces, func(t string) bool { return !strings.Contains(sent, t) })
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

const (
	diesel  = "diesel_roadside"
	burning = "open_burning"
)

// stamp is a time as the phone's clock has it.
func (p *phone) stamp(at time.Time) string { return at.Add(p.clock).In(china).Format(time.RFC3339) }

func (p *phone) newSession(r *rand.Rand, at time.Time) object {
	doc := seeds.Fixture("session_joint")
	doc["id"], doc["area"] = p.s.ids.document(), pick(r, p.areas...)
	doc["topic"] = pick(r, diesel, diesel, diesel, burning, "voc_product")
	doc["kind"] = pick(r, "roadside", "roadside", "parking", "site")
	doc["lead_unit"] = pick(r, "ecology", "transport", "traffic_police")
	doc["participants"] = units(r)
	doc["started_at"] = p.stamp(at)
	doc["ended_at"] = nil
	if oneIn(r, 2) {
		doc["ended_at"] = p.stamp(at.Add(2 * time.Hour))
	}
	return doc
}

// units are participants: enough of them or not, with the police or not, one
// named twice.
func units(r *rand.Rand) []any {
	list := []any{}
	for range r.IntN(4) {
		list = append(list, pick(r, "traffic_police", "transport", "ecology", "urban_management"))
	}
	return list
}

func (p *phone) newInspection(r *rand.Rand, at time.Time) object {
	session, topic := p.chooseSession(r)
	doc := fixture(r, topic)
	doc["id"], doc["area"] = p.s.ids.document(), pick(r, p.areas...)
	doc["started_at"], doc["finished_at"] = p.stamp(at), p.stamp(at.Add(6*time.Minute))
	doc["status"] = pick(r, "submitted", "submitted", "submitted", "submitted", "draft")
	doc["session"], doc["photos"] = session, []any{}
	if doc["template"] == diesel {
		members(doc["answers"])["plate"] = plate(r)
	}
	if oneIn(r, 5) {
		doc["photos"] = append(list(doc["photos"]), p.takePhoto(r, doc, at))
	}
	return doc
}

// chooseSession chooses the session that a new inspection belongs to, nil for none,
// and its topic.
func (p *phone) chooseSession(r *rand.Rand) (session any, topic string) {
	if oneIn(r, 4) {
		return nil, ""
	}
	k := p.target(r, sessions)
	if k == "" {
		return nil, ""
	}
	doc := p.replica[k].decodeOr(p.drafts[k])
	return strings.TrimPrefix(k, sessions+"/"), text(doc["topic"])
}

// fixture is a filled checklist, mostly of the topic.
func fixture(r *rand.Rand, topic string) object {
	name := pick(r, diesel+"_pass", diesel+"_fail", burning+"_pass", "voc_product_fail", "restaurant_fume_incomplete")
	if topic != "" && !oneIn(r, 5) {
		name = topic + pick(r, "_pass", "_fail")
	}
	return members(decode([]byte(canonical(seeds.Fixture(name)))))
}

// plate is one of a few, so that the same vehicle is checked again.
func plate(r *rand.Rand) string { return fmt.Sprintf("陕A%05d", 10000+r.IntN(5)) }

func (p *phone) newSite(r *rand.Rand) object {
	id := p.s.ids.document()
	return object{"id": id, "area": pick(r, p.areas...), "name": "Yard " + id[len(id)-6:], "location": object{"lat": 34.27, "lon": 108.96, "crs": "wgs84"}}
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

// editing is one change of one document.
type editing struct {
	p       *phone
	r       *rand.Rand
	at      time.Time
	doc     object
	trace   string
	changed map[string]bool
	traces  []string
}

// set changes a top-level member.
func (c *editing) set(name string, value any) {
	c.doc[name] = value
	c.changed[name] = true
}

// leaveTrace writes a value that is found again.
func (c *editing) leaveTrace() string {
	c.traces = append(c.traces, c.trace)
	return c.trace
}

func (c *editing) change(collection string) {
	switch collection {
	case inspections:
		c.inspection()
	case sessions:
		c.session()
	default:
		if oneIn(c.r, 2) {
			c.set("name", c.leaveTrace())
			return
		}
		c.set("note", c.leaveTrace())
	}
}

func (c *editing) session() {
	switch c.r.IntN(6) {
	case 0:
		c.set("participants", units(c.r))
	case 1:
		c.set("kind", pick(c.r, "roadside", "parking", "site"))
	case 2:
		c.set("ended_at", c.p.stamp(c.at))
	case 3:
		c.set("started_at", c.p.stamp(c.at))
	case 4:
		c.set("point", c.leaveTrace())
	default:
		c.set("note", c.leaveTrace())
	}
}

func (c *editing) inspection() {
	switch c.r.IntN(12) {
	case 0, 1:
		c.set("note", c.leaveTrace())
	case 2:
		c.set("note", nil)
	case 3:
		c.answer(pick(c.r, "remark_a", "remark_b", "remark_c"), c.leaveTrace())
	case 4:
		c.answer("plate", plate(c.r))
	case 5:
		c.answer("vin", nil)
	case 6:
		c.answer("k_readings", []any{float64(c.r.IntN(300)) / 100, float64(c.r.IntN(300)) / 100})
	case 7:
		c.answer("items", c.items())
	case 8:
		c.set("status", pick(c.r, "submitted", "submitted", "draft"))
	case 9:
		if k := c.p.target(c.r, sessions); k != "" {
			c.set("session", strings.TrimPrefix(k, sessions+"/"))
		}
	case 10:
		shot := c.p.takePhoto(c.r, c.doc, c.at)
		c.set("photos", withPhoto(list(c.doc["photos"]), shot))
		c.traces = append(c.traces, text(shot["sha256"]))
	default:
		c.set("grid", c.leaveTrace())
	}
}

// withPhoto adds a photo unless it is there.
func withPhoto(photos []any, shot object) []any {
	for _, x := range photos {
		if o := members(x); o["sha256"] == shot["sha256"] && o["field"] == shot["field"] {
			return photos
		}
	}
	return append(photos[:len(photos):len(photos)], shot)
}

// answer changes a member of the answers; nil takes it out.
func (c *editing) answer(name string, value any) {
	answers := object{}
	for n, v := range members(c.doc["answers"]) {
		answers[n] = v
	}
	answers[name] = value
	if value == nil {
		delete(answers, name)
	}
	c.set("answers", answers)
}

// items adds to a list whose items have ids, or changes one of them.
func (c *editing) items() []any {
	items := append([]any{}, list(members(c.doc["answers"])["items"])...)
	if len(items) > 0 && oneIn(c.r, 2) {
		i := c.r.IntN(len(items))
		items[i] = object{"id": members(items[i])["id"], "text": c.leaveTrace()}
		return items
	}
	return append(items, object{"id": "i" + c.trace, "text": c.leaveTrace()})
}
