package report

import (
	"context"
	"maps"
	"slices"

	"gridpatrol/inspection"
)

// JointQuery asks for the joint counts of a window. No Scope means all known
// areas. AsOf is a token, a time, or "" for now; of a closed window "" means as
// it was closed. Whoever asks must have checked the right to the scope.
type JointQuery struct {
	Window   Window
	Scope    []inspection.Area
	AsOf     string
	Progress Progress
}

// Joint is the joint report.
type Joint struct {
	Window Window            `json:"window"`
	Areas  []inspection.Area `json:"areas"`
	AsOf   *Position         `json:"as_of"`
	Topics []Topic           `json:"topics"`
	// Streets are the areas of the scope that have none below them, and
	// others that hold sessions.
	Streets  []Street    `json:"streets"`
	Excluded []Exclusion `json:"excluded"`
	// Late is what was added since the window was closed.
	Late         []Change  `json:"late"`
	SuspectClock []Suspect `json:"suspect_clock"`
	// Before is the window before this one, to compare with.
	Before Period `json:"before"`
	// Closed and SinceClose are there if the window was closed by then.
	Closed     *Closing    `json:"closed,omitempty"`
	SinceClose *SinceClose `json:"since_close,omitempty"`
}

// Topic is the count of one topic. Of diesel_roadside vehicles are counted, of
// the others inspections; Verdicts tells theirs. Met is nil where no target
// applies.
type Topic struct {
	Topic       string                     `json:"topic"`
	Sessions    int                        `json:"sessions"`
	Vehicles    *int                       `json:"vehicles,omitempty"`
	Inspections *int                       `json:"inspections,omitempty"`
	Verdicts    map[inspection.Verdict]int `json:"verdicts"`
	Target      *TargetJSON                `json:"target"`
	Met         *bool                      `json:"met"`
}

// TargetJSON is a target on the wire.
type TargetJSON struct {
	ID          string `json:"id"`
	Sessions    *int64 `json:"sessions,omitempty"`
	Vehicles    *int64 `json:"vehicles,omitempty"`
	Inspections *int64 `json:"inspections,omitempty"`
	Basis       string `json:"basis"`
	Note        string `json:"note,omitempty"`
}

// Street is one area's part of the counts.
type Street struct {
	Area   inspection.Area `json:"area"`
	Topics []Topic         `json:"topics"`
}

// Exclusion is a session that does not count.
type Exclusion struct {
	Session inspection.DocID `json:"session"`
	Area    inspection.Area  `json:"area"`
	Reason  Reason           `json:"reason"`
}

// Suspect is a session from a phone whose clock was off by more than ten
// minutes: it may lie in the wrong window.
type Suspect struct {
	Session      inspection.DocID `json:"session"`
	Area         inspection.Area  `json:"area"`
	ClockOffsetS int64            `json:"clock_offset_s"`
}

// Period is the counts of another window. Closed tells that they are those of
// its closing.
type Period struct {
	Window Window  `json:"window"`
	Topics []Topic `json:"topics"`
	Closed bool    `json:"closed"`
}

// Checks is how many vehicles, or inspections, were counted.
func (t Topic) Checks() int {
	for _, n := range []*int{t.Vehicles, t.Inspections} {
		if n != nil {
			return *n
		}
	}
	return 0
}

// Failed is how many of them failed.
func (t Topic) Failed() int { return t.Verdicts[inspection.Fail] }

// topicOf words a count.
func topicOf(name string, c Count, target *Target) Topic {
	t := Topic{Topic: name, Sessions: c.Sessions, Verdicts: map[inspection.Verdict]int{}}
	for verdict, n := range c.Verdicts {
		if n > 0 {
			t.Verdicts[verdict] = n
		}
	}
	checks := c.Checks
	if name == topicVehicles {
		t.Vehicles = &checks
	} else {
		t.Inspections = &checks
	}
	if target == nil {
		return t
	}
	met := target.met(c)
	t.Met, t.Target = &met, target.json()
	return t
}

func (t *Target) json() *TargetJSON {
	out := &TargetJSON{ID: t.ID, Sessions: t.Sessions, Basis: t.Basis, Note: t.Note}
	if t.Topic == topicVehicles {
		out.Vehicles = t.Checks
	} else {
		out.Inspections = t.Checks
	}
	return out
}

// Joint counts a window.
func (s *Service) Joint(ctx context.Context, q JointQuery) (*Joint, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	sc, err := s.scene(ctx, q.Scope, q.AsOf)
	if err != nil {
		return nil, err
	}
	kept, err := s.kept(ctx, sc, q)
	if err != nil {
		return nil, err
	}
	var j *Joint
	switch {
	case kept == nil:
		now := &roller{}
		if j, err = sc.joint(ctx, q.Window, sc.closedRows(q.Window, now), q.Progress); err == nil {
			err = s.compare(ctx, sc, j, j.Topics, now)
		}
	case q.AsOf == "":
		j, err = s.closedJoint(ctx, sc, kept, q.Progress)
	default:
		j, err = s.stored(ctx, kept)
	}
	return j, err
}

// joint counts a window, passing its lines on.
func (sc *scene) joint(ctx context.Context, w Window, to every, progress Progress) (*Joint, error) {
	before, err := sc.before(ctx, w)
	if err != nil {
		return nil, err
	}
	c, err := sc.walk(ctx, w, to, progress)
	if err == nil && len(to) > 0 {
		err = sc.alone(ctx, w, inspection.Fail, to.violation)
	}
	if err != nil {
		return nil, err
	}
	j := &Joint{
		Window: w, Areas: sc.scope, AsOf: sc.position, Before: before,
		Topics: sc.topics(w, c), Streets: []Street{}, Excluded: []Exclusion{}, Late: []Change{}, SuspectClock: []Suspect{},
	}
	for _, area := range sc.rowsOf(c) {
		j.Streets = append(j.Streets, sc.street(w, area, j.Topics, c))
	}
	for i := range c.excluded {
		x := &c.excluded[i]
		j.Excluded = append(j.Excluded, Exclusion{x.ID, x.Area, x.Excluded})
	}
	for i := range c.suspect {
		x := &c.suspect[i]
		off, _ := x.clockOffset()
		j.SuspectClock = append(j.SuspectClock, Suspect{x.ID, x.Area, off})
	}
	return j, nil
}

// topics lists what was counted, what was excluded, and what there is a target
// for.
func (sc *scene) topics(w Window, c *counts) []Topic {
	names := map[string]bool{}
	for _, name := range c.tally.topics() {
		names[name] = true
	}
	for i := range c.excluded {
		names[c.excluded[i].Topic] = true
	}
	var only inspection.Area // targets are those of one area
	if len(sc.scope) == 1 {
		only = sc.scope[0]
	}
	for _, name := range targetTopics(sc.ref.targets, w, only) {
		names[name] = true
	}
	list := []Topic{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		list = append(list, topicOf(name, c.tally.total(name), targetFor(sc.ref.targets, w, only, name)))
	}
	return list
}

// rowsOf lists the streets, and other areas with sessions, sorted.
func (sc *scene) rowsOf(c *counts) []inspection.Area {
	list := sc.ref.streets(sc.scope)
	for area := range c.tally {
		list = append(list, area)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// street counts every topic of the report in one area, and those that the
// area has a target of its own for.
func (sc *scene) street(w Window, area inspection.Area, of []Topic, c *counts) Street {
	names := targetTopics(sc.ref.targets, w, area)
	for i := range of {
		names = append(names, of[i].Topic)
	}
	slices.Sort(names)
	st := Street{Area: area, Topics: []Topic{}}
	for _, name := range slices.Compact(names) {
		st.Topics = append(st.Topics, topicOf(name, c.tally.of(area, name), targetFor(sc.ref.targets, w, area, name)))
	}
	return st
}

// before counts the window before: as it was closed, if it was.
func (sc *scene) before(ctx context.Context, w Window) (Period, error) {
	b := w.Before()
	if c := sc.closing(b); c != nil {
		return Period{Window: b, Topics: c.Totals, Closed: true}, nil
	}
	c, err := sc.walk(ctx, b, nil, nil)
	if err != nil {
		return Period{}, err
	}
	return Period{Window: b, Topics: sc.topics(b, c)}, nil
}
