package report

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store/asof"
)

// SinceClose is what became of a closed window up to a position: Topics are
// the counts there.
type SinceClose struct {
	AsOf    *asof.Position `json:"as_of"`
	Topics  []Topic        `json:"topics"`
	Added   []Change       `json:"added"`
	Removed []Change       `json:"removed"`
	Changed []Change       `json:"changed"`
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

// manifest lists the documents that a window's report rests on: all its
// sessions, those of their inspections that could count, and all violations. A
// closing keeps it, and it is what the closing is compared with later.
type manifest struct{ members []member }

// member is a document of a manifest as it is at a position.
type member struct {
	id       inspection.DocID
	area     inspection.Area
	seq      int64
	session  inspection.DocID // that an inspection names
	isCheck  bool
	received time.Time
}

// Check implements Lines.
func (m *manifest) Check(_ *Session, c *Check, o Outcome) error {
	if o == Counted || o == SameVehicle || o == OfExcluded || c.Violates() {
		return m.Violation(c)
	}
	return nil
}

// Violation implements Lines.
func (m *manifest) Violation(c *Check) error {
	m.members = append(m.members, member{
		id: c.ID, area: c.Area, seq: c.Seq, session: c.Session, isCheck: true, received: c.Server().Time("received_at"),
	})
	return nil
}

// Session implements Lines.
func (m *manifest) Session(s *Session, _ Count) error {
	m.members = append(m.members, member{id: s.ID, area: s.Area, seq: s.Seq, received: s.Server().Time("received_at")})
	return nil
}

// manifestFormat keeps a manifest with a closing. It never leaves.
type manifestFormat struct{}

// manifestName is what closings keep their manifest under.
const manifestName = "roll"

// Name implements Format.
func (manifestFormat) Name() string { return manifestName }

// MediaType implements Format.
func (manifestFormat) MediaType() string { return "application/json" }

// Joint implements Format.
func (manifestFormat) Joint(_ *Context, _ Window, out io.Writer) (Writer, error) {
	return &manifestWriter{out: out}, nil
}

type manifestWriter struct {
	manifest
	out io.Writer
}

type manifestJSON struct {
	Sessions    []inspection.DocID `json:"sessions"`
	Inspections []inspection.DocID `json:"inspections"`
}

// Finish implements Writer.
func (m *manifestWriter) Finish(context.Context, *Joint) error {
	var out manifestJSON
	for _, d := range m.members {
		if d.isCheck {
			out.Inspections = append(out.Inspections, d.id)
		} else {
			out.Sessions = append(out.Sessions, d.id)
		}
	}
	b, err := json.Marshal(out)
	if err == nil {
		_, err = m.out.Write(b)
	}
	return err
}

// Close implements Writer.
func (*manifestWriter) Close() error { return nil }

// compare adds to a report what changed between the closing of its window and
// the context, where these topics are counted and these documents are.
func (s *Service) compare(ctx context.Context, rc *Context, j *Joint, closing *Closing, topics []Topic, now *manifest) error {
	then, err := s.keptManifest(ctx, closing)
	if err != nil {
		return err
	}
	j.Closed, j.SinceClose = closing, &SinceClose{
		AsOf: rc.Position, Topics: topics, Added: []Change{}, Removed: []Change{}, Changed: []Change{},
	}
	d := &difference{rc: rc, closing: closing, out: j.SinceClose}
	if err := d.run(ctx, then, now.members); err != nil {
		return err
	}
	j.Late = j.SinceClose.Added
	return nil
}

// keptManifest returns the members; the value tells whether it is an inspection.
func (s *Service) keptManifest(ctx context.Context, c *Closing) (map[inspection.DocID]bool, error) {
	f, err := s.openKept(ctx, c.Files[manifestName])
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var in manifestJSON
	if err := json.NewDecoder(f).Decode(&in); err != nil {
		return nil, fmt.Errorf("the manifest of a closed window: %w", err)
	}
	all := make(map[inspection.DocID]bool, len(in.Sessions)+len(in.Inspections))
	for _, id := range in.Sessions {
		all[id] = false
	}
	for _, id := range in.Inspections {
		all[id] = true
	}
	return all, nil
}

// difference compares a closing's manifest with what there is now.
type difference struct {
	rc      *Context
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
				c.ReceivedAt = Stamp(m.received)
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

// atOnce is how many documents are compared at once.
const atOnce = 500

// edited tells which of the documents with newer revisions say something else:
// photos that arrive, for one, change nothing.
func (d *difference) edited(ctx context.Context, members []member) error {
	for part := range slices.Chunk(members, atOnce) {
		pairs, err := d.pairs(ctx, part)
		if err != nil {
			return err
		}
		for i := range part {
			if what := changedFields(pairs[part[i].id]); len(what) > 0 {
				d.out.Changed = append(d.out.Changed, d.withFields(part[i].change(), what))
			}
		}
	}
	return nil
}

// gone tells what became of the documents that were in the report.
func (d *difference) gone(ctx context.Context, ids map[inspection.DocID]bool) error {
	for part := range slices.Chunk(slices.Sorted(maps.Keys(ids)), atOnce) {
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
			m.area = p.Area
			m.session, _ = inspection.ParseDocID(p.Then.Text("session"))
			d.out.Removed = append(d.out.Removed, d.withFields(m.change(), changedFields(p)))
		}
	}
	return nil
}

func (d *difference) pairs(ctx context.Context, members []member) (map[inspection.DocID]asof.Pair, error) {
	ids := make([]inspection.DocID, len(members))
	for i, m := range members {
		ids[i] = m.id
	}
	return asof.Pairs(ctx, d.rc.store, ids, d.closing.AsOf, d.rc.Position)
}

// withFields adds what changed, unless the document lies outside of the
// report's areas.
func (d *difference) withFields(c Change, what []string) Change {
	if c.Area.CoveredBy(d.rc.Scope) {
		c.What = what
	}
	return c
}

// changedFields lists what a report can show of the document and what is not as
// it was: what the phone owns, the verdict and the review's state.
func changedFields(p asof.Pair) []string {
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
	differ("/", p.Then, p.Now, "server", "answers")
	differ("/answers/", p.Then.Object("answers"), p.Now.Object("answers"))
	then, now := p.Then.Object("server"), p.Now.Object("server")
	if p.Deleted {
		what = append(what, "/deleted")
	}
	if !inspection.Equal(then.Object("review")["state"], now.Object("review")["state"]) {
		what = append(what, "/server/review/state")
	}
	if !inspection.Equal(then["verdict"], now["verdict"]) {
		what = append(what, "/server/verdict")
	}
	return what
}
