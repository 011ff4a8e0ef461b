package report

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
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

// closingServed returns the closing that answers the query: the window is
// closed, and asked for as of now or as of its closing.
func (s *Service) closingServed(ctx context.Context, rc *Context, asOf string) (*Closing, error) {
	if asOf == "" || len(rc.Scope) != 1 {
		return rc.closing, nil
	}
	// The closing itself came after the position that it names.
	id := inspection.DocID(string(inspection.Closings) + "/" + closingID(rc.Window, rc.Scope[0]))
	records, err := s.store.Records(ctx, []inspection.DocID{id})
	record := records[id]
	if err != nil || record.Rev == 0 {
		return nil, err
	}
	doc, err := inspection.ParseObject(record.Doc)
	if err != nil {
		return nil, err
	}
	c, err := readClosing(doc)
	if err != nil || !c.AsOf.Same(rc.Position) {
		return nil, err
	}
	return c, nil
}

// kept returns the report as it was when the window was closed.
func (s *Service) kept(ctx context.Context, c *Closing) (*Joint, error) {
	j := &Joint{}
	return j, s.readKept(ctx, c.Files[JSON], j)
}

// readKept reads a kept file in JSON.
func (s *Service) readKept(ctx context.Context, mark *FileMark, into any) error {
	f, err := s.openKept(ctx, mark)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if err := json.NewDecoder(f).Decode(into); err != nil {
		return fmt.Errorf("kept file %s: %w", mark.SHA256, err)
	}
	return nil
}

// openKept copies a kept file into a scratch file and checks it on the way: what
// is served is what was closed, or nothing.
func (s *Service) openKept(ctx context.Context, mark *FileMark) (*Scratch, error) {
	if mark == nil {
		return nil, inspection.Errorf(inspection.CodeInternal, "A closing names no file in a format that every closing keeps.")
	}
	f, err := NewScratch(s.scratch)
	if err != nil {
		return nil, err
	}
	for part := int64(0); part*partBytes < mark.Bytes && err == nil; part++ {
		var row store.Row
		if row, err = s.store.Get(ctx, store.TableFiles, partKey(mark.SHA256, part)); err == nil {
			_, err = f.Write(row.Value)
		}
	}
	if err == nil && f.sum() != mark.SHA256 {
		err = inspection.Errorf(inspection.CodeInternal, "A kept file is not what it was when the window was closed.")
	}
	if err == nil {
		err = f.rewind()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("kept file %s: %w", mark.SHA256, err), f.Close())
	}
	return f, nil
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
		return m.WithoutSession(c)
	}
	return nil
}

// WithoutSession implements Lines.
func (m *manifest) WithoutSession(c *Check) error {
	m.members = append(m.members, member{
		id: c.ID, area: c.Area, seq: c.Seq, session: c.Session, isCheck: true, received: c.Server.ReceivedAt.Time(),
	})
	return nil
}

// Session implements Lines.
func (m *manifest) Session(s *Session, _ Count) error {
	m.members = append(m.members, member{id: s.ID, area: s.Area, seq: s.Seq, received: s.Server.ReceivedAt.Time()})
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
func (manifestFormat) Joint(_ *Context, out io.Writer) (Writer, error) {
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
func (s *Service) compare(ctx context.Context, rc *Context, j *Joint, topics []Topic, now *manifest) error {
	var kept manifestJSON
	if err := s.readKept(ctx, rc.closing.Files[manifestName], &kept); err != nil {
		return err
	}
	then := make(map[inspection.DocID]bool, len(kept.Sessions)+len(kept.Inspections)) // whether it is an inspection
	for _, id := range kept.Sessions {
		then[id] = false
	}
	for _, id := range kept.Inspections {
		then[id] = true
	}
	j.Closed, j.SinceClose = rc.closing, &SinceClose{
		AsOf: rc.Position, Topics: topics, Added: []Change{}, Removed: []Change{}, Changed: []Change{},
	}
	d := &difference{rc: rc, out: j.SinceClose}
	if err := d.run(ctx, then, now.members); err != nil {
		return err
	}
	j.Late = j.SinceClose.Added
	return nil
}

// difference compares a closing's manifest with what there is now.
type difference struct {
	rc  *Context
	out *SinceClose
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
				c.ReceivedAt = WireTime(m.received)
			}
			d.out.Added = append(d.out.Added, c)
		case m.seq > d.rc.closing.AsOf.Seqs[m.area]:
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
	return asof.Pairs(ctx, d.rc.store, ids, d.rc.closing.AsOf, d.rc.Position)
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
	then, now := inspection.ServerOf(p.Then), inspection.ServerOf(p.Now)
	if p.Deleted {
		what = append(what, "/deleted")
	}
	if then.ReviewState() != now.ReviewState() {
		what = append(what, "/server/review/state")
	}
	if then.Verdict != now.Verdict {
		what = append(what, "/server/verdict")
	}
	return what
}
