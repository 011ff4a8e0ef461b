package report

import (
	"context"
	"maps"
	"slices"

	"gridpatrol/inspection"
	"gridpatrol/store/asof"
)

// JointQuery asks for the joint counts of a window. No Scope means all known
// areas. AsOf is a token, a time, or "" for now; of a closed window "" means as
// it was closed. Whoever asks must have checked the right to the scope.
type JointQuery struct {
	Window   Window
	Scope    []inspection.Area
	AsOf     string
	Progress Progress

	// at is where the report is made, if that was found before: AsOf says
	// nothing then.
	at *asof.Position
}

// Joint is the joint report.
type Joint struct {
	Window Window            `json:"window"`
	Areas  []inspection.Area `json:"areas"`
	AsOf   *asof.Position    `json:"as_of"`
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

// Joint counts a window. Of a closed one it is the report as of its closing,
// with what changed since.
func (s *Service) Joint(ctx context.Context, q JointQuery) (*Joint, error) {
	_, j, err := s.joint(ctx, q)
	return j, err
}

func (s *Service) joint(ctx context.Context, q JointQuery) (*Context, *Joint, error) {
	rc, err := s.begin(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	defer s.end()
	var j *Joint
	served, err := s.closingServed(ctx, rc, q.AsOf)
	if err != nil {
		return nil, nil, err
	}
	if served != nil {
		if j, err = s.kept(ctx, served); err != nil || q.AsOf != "" {
			return rc, j, err
		}
	}
	now := &manifest{}
	var to broadcast
	if rc.closing != nil {
		to = broadcast{now}
	}
	found, err := rc.count(ctx, inspection.Fail, to, q.Progress)
	if err != nil {
		return nil, nil, err
	}
	if j == nil {
		if j, err = rc.report(ctx, found); err != nil {
			return nil, nil, err
		}
	}
	if rc.closing != nil {
		err = s.compare(ctx, rc, j, rc.topics(found), now)
	}
	return rc, j, err
}

// report words what was found in the window, beside the window before it: that
// is as it was closed, if it was.
func (rc *Context) report(ctx context.Context, found *totals) (*Joint, error) {
	before := Period{Window: rc.before.Window}
	if c := rc.before.closing; c != nil {
		before.Topics, before.Closed = c.Totals, true
	} else {
		then, err := rc.before.count(ctx, "", nil, nil)
		if err != nil {
			return nil, err
		}
		before.Topics = rc.before.topics(then)
	}
	j := &Joint{
		Window: rc.Window, Areas: rc.Scope, AsOf: rc.Position, Before: before, Topics: rc.topics(found),
		Streets: []Street{}, Excluded: []Exclusion{}, Late: []Change{}, SuspectClock: []Suspect{},
	}
	for _, area := range rc.streets(found) {
		j.Streets = append(j.Streets, streetOf(area, j.Topics, found.byArea[area], rc.targets[area]))
	}
	for i := range found.excluded {
		x := &found.excluded[i]
		j.Excluded = append(j.Excluded, Exclusion{x.ID, x.Area, x.Excluded})
	}
	for i := range found.suspect {
		x := &found.suspect[i]
		j.SuspectClock = append(j.SuspectClock, Suspect{x.ID, x.Area, x.Server.ClockOffsetS.Value()})
	}
	return j, nil
}

// topics lists what was counted, what was excluded, and what there is a target
// for, in all areas together. Targets are those of one area.
func (rc *Context) topics(found *totals) []Topic {
	var only inspection.Area
	if len(rc.Scope) == 1 {
		only = rc.Scope[0]
	}
	sums := map[string]Count{}
	for _, topics := range found.byArea {
		for name, n := range topics {
			sum := sums[name]
			sum.add(*n)
			sums[name] = sum
		}
	}
	names := slices.Collect(maps.Keys(sums))
	names = slices.AppendSeq(names, maps.Keys(rc.targets[only]))
	for i := range found.excluded {
		names = append(names, found.excluded[i].Topic)
	}
	slices.Sort(names)
	list := []Topic{}
	for _, name := range slices.Compact(names) {
		list = append(list, topicOf(name, sums[name], rc.targets[only][name]))
	}
	return list
}

// streets lists the areas of the report that have none below them, and others
// with sessions, sorted.
func (rc *Context) streets(found *totals) []inspection.Area {
	list := slices.DeleteFunc(slices.Clone(rc.areas), func(a inspection.Area) bool {
		return slices.ContainsFunc(rc.areas, func(b inspection.Area) bool { return a != b && a.Covers(b) })
	})
	list = slices.AppendSeq(list, maps.Keys(found.byArea))
	slices.Sort(list)
	return slices.Compact(list)
}

// streetOf words every topic of the report in one area, and those that the
// area has a target of its own for.
func streetOf(area inspection.Area, of []Topic, counted map[string]*Count, targets map[string]*Target) Street {
	names := slices.Collect(maps.Keys(targets))
	for i := range of {
		names = append(names, of[i].Topic)
	}
	slices.Sort(names)
	st := Street{Area: area, Topics: []Topic{}}
	for _, name := range slices.Compact(names) {
		var n Count
		if c := counted[name]; c != nil {
			n = *c
		}
		st.Topics = append(st.Topics, topicOf(name, n, targets[name]))
	}
	return st
}

// topicOf words a count.
func topicOf(name string, c Count, target *Target) Topic {
	t := Topic{Topic: name, Sessions: c.Sessions, Verdicts: map[inspection.Verdict]int{}}
	for verdict, n := range c.Verdicts {
		if n > 0 {
			t.Verdicts[verdict] = n
		}
	}
	checks := c.Checks
	if name == TopicVehicles {
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

// met compares a count with what the target asks for.
func (t *Target) met(c Count) bool {
	return (t.Sessions == nil || int64(c.Sessions) >= *t.Sessions) &&
		(t.Checks == nil || int64(c.Checks) >= *t.Checks)
}

func (t *Target) json() *TargetJSON {
	out := &TargetJSON{ID: t.ID, Sessions: t.Sessions, Basis: t.Basis, Note: t.Note}
	if t.Topic == TopicVehicles {
		out.Vehicles = t.Checks
	} else {
		out.Inspections = t.Checks
	}
	return out
}
