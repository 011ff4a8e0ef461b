package simulate

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"gridpatrol/seeds"
)

const (
	diesel  = "diesel_roadside"
	burning = "open_burning"
)

func contains(s, sub string) bool { return strings.Contains(s, sub) }

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
	session, topic := p.joins(r)
	doc := fixture(r, topic)
	doc["id"], doc["area"] = p.s.ids.document(), pick(r, p.areas...)
	doc["started_at"], doc["finished_at"] = p.stamp(at), p.stamp(at.Add(6*time.Minute))
	doc["status"] = pick(r, "submitted", "submitted", "submitted", "submitted", "draft")
	doc["session"], doc["photos"] = session, []any{}
	if doc["template"] == diesel {
		members(doc["answers"])["plate"] = plate(r)
	}
	if oneIn(r, 5) {
		doc["photos"] = append(list(doc["photos"]), p.shoot(r, doc, at))
	}
	return doc
}

// joins chooses the session that a new inspection belongs to, nil for none,
// and its topic.
func (p *phone) joins(r *rand.Rand) (session any, topic string) {
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

// leave writes a value that is found again.
func (c *editing) leave() string {
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
			c.set("name", c.leave())
			return
		}
		c.set("note", c.leave())
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
		c.set("point", c.leave())
	default:
		c.set("note", c.leave())
	}
}

func (c *editing) inspection() {
	switch c.r.IntN(12) {
	case 0, 1:
		c.set("note", c.leave())
	case 2:
		c.set("note", nil)
	case 3:
		c.answer(pick(c.r, "remark_a", "remark_b", "remark_c"), c.leave())
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
		shot := c.p.shoot(c.r, c.doc, c.at)
		c.set("photos", withPhoto(list(c.doc["photos"]), shot))
		c.traces = append(c.traces, text(shot["sha256"]))
	default:
		c.set("grid", c.leave())
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
		items[i] = object{"id": members(items[i])["id"], "text": c.leave()}
		return items
	}
	return append(items, object{"id": "i" + c.trace, "text": c.leave()})
}
