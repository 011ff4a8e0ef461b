package report

import (
	"context"
	"maps"
	"slices"
	"strings"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// SinceClose is what became of a closed window up to a position: Topics are
// the counts there.
type SinceClose struct {
	AsOf    *Position `json:"as_of"`
	Topics  []Topic   `json:"topics"`
	Added   []Change  `json:"added"`
	Removed []Change  `json:"removed"`
	Changed []Change  `json:"changed"`
}

// Change is one document that a closed window's report would now hold, hold no
// longer, or hold otherwise. Session is the session, or of an inspection the
// one that it names. What lists the fields that are not as they were when the
// window was closed, as JSON pointers; "/deleted" is one. It is empty where only
// the session is another, or where the document lies outside of the report's
// areas.
type Change struct {
	Session    inspection.DocID `json:"session,omitempty"`
	Inspection inspection.DocID `json:"inspection,omitempty"`
	Area       inspection.Area  `json:"area"`
	ReceivedAt string           `json:"received_at,omitempty"`
	What       []string         `json:"what,omitempty"`
}

// closedRows lists who needs the lines of a live report: whoever will compare
// them with a closing.
func (sc *scene) closedRows(w Window, now *roller) every {
	if sc.closing(w) == nil {
		return nil
	}
	return every{now}
}

// closedJoint is the report of a closed window as of its closing, with what
// changed up to now.
func (s *Service) closedJoint(ctx context.Context, sc *scene, c *Closing, progress Progress) (*Joint, error) {
	j, err := s.stored(ctx, c)
	if err != nil {
		return nil, err
	}
	now := &roller{}
	found, err := sc.walk(ctx, c.Window, every{now}, progress)
	if err == nil {
		err = sc.alone(ctx, c.Window, inspection.Fail, now.violation)
	}
	if err != nil {
		return nil, err
	}
	return j, s.compare(ctx, sc, j, sc.topics(c.Window, found), now)
}

// compare adds to a report what changed between the closing of its window, if
// it has one, and the scene.
func (s *Service) compare(ctx context.Context, sc *scene, j *Joint, topics []Topic, now *roller) error {
	c := sc.closing(j.Window)
	if c == nil {
		return nil
	}
	f, err := s.open(ctx, *c.Files[formatRoll])
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	then, err := readRoll(f)
	if err != nil {
		return err
	}
	j.Closed, j.SinceClose = c, &SinceClose{
		AsOf: sc.position, Topics: topics, Added: []Change{}, Removed: []Change{}, Changed: []Change{},
	}
	d := &difference{sc: sc, closing: c, out: j.SinceClose}
	if err := d.run(ctx, then, now.members); err != nil {
		return err
	}
	j.Late = j.SinceClose.Added
	return nil
}

// difference compares a closing's roll with what there is at the scene.
type difference struct {
	sc      *scene
	closing *Closing
	out     *SinceClose
}

func (d *difference) run(ctx context.Context, then map[inspection.DocID]bool, now []member) error {
	slices.SortFunc(now, func(a, b member) int { return strings.Compare(string(a.id), string(b.id)) })
	var edited []member
	for _, m := range now {
		isCheck, was := then[m.id]
		delete(then, m.id)
		switch {
		case !was || isCheck != m.isCheck:
			c := m.change()
			if !m.received.IsZero() {
				c.ReceivedAt = stamp(m.received)
			}
			d.out.Added = append(d.out.Added, c)
		case m.seq > d.closing.AsOf.Seqs[m.area]:
			edited = append(edited, m)
		}
	}
	if err := d.edited(ctx, edited); err != nil {
		return err
	}
	return d.gone(ctx, then)
}

func (m *member) change() Change {
	if !m.isCheck {
		return Change{Session: m.id, Area: m.area}
	}
	return Change{Session: m.session, Inspection: m.id, Area: m.area}
}

// edited tells which of the documents with newer revisions say something else:
// photos that arrive, for one, change nothing.
func (d *difference) edited(ctx context.Context, members []member) error {
	for part := range slices.Chunk(members, pageSize) {
		pairs, err := d.pairs(ctx, part)
		if err != nil {
			return err
		}
		for i := range part {
			c := part[i].change()
			if c.What = pairs[part[i].id].fields(); len(c.What) > 0 {
				c.What = d.told(c)
				d.out.Changed = append(d.out.Changed, c)
			}
		}
	}
	return nil
}

// gone tells what became of the documents that were in the report.
func (d *difference) gone(ctx context.Context, ids map[inspection.DocID]bool) error {
	for part := range slices.Chunk(slices.Sorted(maps.Keys(ids)), pageSize) {
		members := make([]member, len(part))
		for i, id := range part {
			members[i] = member{id: id, isCheck: ids[id]}
		}
		pairs, err := d.pairs(ctx, members)
		if err != nil {
			return err
		}
		for i := range members {
			m, p := &members[i], pairs[members[i].id]
			m.area = p.area
			m.session, _ = inspection.ParseDocID(textOf(p.then["session"]))
			c := m.change()
			c.What = p.fields()
			c.What = d.told(c)
			d.out.Removed = append(d.out.Removed, c)
		}
	}
	return nil
}

// told withholds what changed in a document outside of the report's areas.
func (d *difference) told(c Change) []string {
	if !c.Area.CoveredBy(d.sc.scope) {
		return nil
	}
	return c.What
}

// pair is a document when its window was closed, and at the scene.
type pair struct {
	area      inspection.Area
	then, now inspection.Object
	deleted   bool
}

func (d *difference) pairs(ctx context.Context, members []member) (map[inspection.DocID]pair, error) {
	ids := make([]inspection.DocID, len(members))
	for i, m := range members {
		ids[i] = m.id
	}
	records, err := d.sc.view.store.Records(ctx, ids)
	if err != nil {
		return nil, err
	}
	wanted := map[inspection.Area][]int64{}
	for _, r := range records {
		for _, p := range []*Position{d.closing.AsOf, d.sc.position} {
			if seq := revisionAt(&r, p.Seqs[r.Area]); seq > 0 && !slices.Contains(wanted[r.Area], seq) {
				wanted[r.Area] = append(wanted[r.Area], seq)
			}
		}
	}
	entries := map[inspection.Area]map[int64]store.Entry{}
	for area, seqs := range wanted {
		list, err := d.sc.view.store.Entries(ctx, area, seqs)
		if err != nil {
			return nil, err
		}
		entries[area] = map[int64]store.Entry{}
		for _, e := range list {
			entries[area][e.Seq] = e
		}
	}
	pairs := make(map[inspection.DocID]pair, len(records))
	for id, r := range records {
		then := entries[r.Area][revisionAt(&r, d.closing.AsOf.Seqs[r.Area])]
		now := entries[r.Area][revisionAt(&r, d.sc.position.Seqs[r.Area])]
		p := pair{area: r.Area, deleted: now.Deleted}
		// What isn't readable was reported when it was counted.
		p.then, _ = inspection.ParseObject(then.Doc)
		p.now, _ = inspection.ParseObject(now.Doc)
		pairs[id] = p
	}
	return pairs, nil
}

// fields lists what a report can show of the document and what is not as it
// was: what the phone owns, the verdict and the review's state.
func (p pair) fields() []string {
	var what []string
	differ := func(prefix string, a, b inspection.Object, skip ...string) {
		names := slices.Concat(slices.Collect(maps.Keys(a)), slices.Collect(maps.Keys(b)))
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			if !slices.Contains(skip, name) && !inspection.Equal(a[name], b[name]) {
				what = append(what, prefix+inspection.EscapePointer(name))
			}
		}
	}
	differ("/", p.then, p.now, "server", "answers")
	differ("/answers/", members(p.then["answers"]), members(p.now["answers"]))
	then, now := members(p.then["server"]), members(p.now["server"])
	if p.deleted {
		what = append(what, "/deleted")
	}
	if !inspection.Equal(members(then["review"])["state"], members(now["review"])["state"]) {
		what = append(what, "/server/review/state")
	}
	if !inspection.Equal(then["verdict"], now["verdict"]) {
		what = append(what, "/server/verdict")
	}
	return what
}
