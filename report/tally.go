package report

import (
	"maps"
	"slices"

	"gridpatrol/inspection"
)

// Count is what is counted of one topic: joint sessions, and the vehicles (of
// other topics, inspections) in them, by verdict.
type Count struct {
	Sessions int
	Checks   int
	Verdicts map[inspection.Verdict]int
}

func (c *Count) add(d Count) {
	c.Sessions += d.Sessions
	c.Checks += d.Checks
	for verdict, n := range d.Verdicts {
		if c.Verdicts == nil {
			c.Verdicts = map[inspection.Verdict]int{}
		}
		c.Verdicts[verdict] += n
	}
}

// standing orders verdicts by weight: of a vehicle that is checked twice in
// one session the weightier counts.
var weights = map[inspection.Verdict]int{
	inspection.Fail: 5, inspection.PendingLab: 4, inspection.Indeterminate: 3,
	inspection.Pass: 2, inspection.NotApplicable: 1,
}

// gathering counts the inspections of one session, which come one by one.
type gathering struct {
	session  *session
	vehicles map[string]inspection.Verdict
	count    Count
}

func gather(s *session) *gathering {
	g := &gathering{session: s, vehicles: map[string]inspection.Verdict{}}
	g.count.Verdicts = map[inspection.Verdict]int{}
	if s.Excluded == "" {
		g.count.Sessions = 1
	}
	return g
}

// Outcome is whether an inspection of a session counts, and if not, why.
type Outcome string

// The outcomes.
const (
	Counted       Outcome = "counted"
	OfExcluded    Outcome = "session_excluded"
	NotStanding   Outcome = "not_standing" // a draft, or rejected
	OtherTopic    Outcome = "other_topic"
	SecondInCheck Outcome = "same_vehicle"
)

// add counts an inspection that names the session.
func (g *gathering) add(c *check) Outcome {
	switch {
	case !c.Standing:
		return NotStanding
	case c.Template != g.session.Topic:
		return OtherTopic
	case g.session.Excluded != "":
		return OfExcluded
	case c.Vehicle == "":
		g.count.Checks++
		g.count.Verdicts[c.Verdict]++
		return Counted
	}
	before, again := g.vehicles[c.Vehicle]
	if !again {
		g.vehicles[c.Vehicle] = c.Verdict
		g.count.Checks++
		g.count.Verdicts[c.Verdict]++
		return Counted
	}
	if weights[c.Verdict] > weights[before] {
		g.vehicles[c.Vehicle] = c.Verdict
		g.count.Verdicts[before]--
		g.count.Verdicts[c.Verdict]++
	}
	return SecondInCheck
}

// tally holds the counts of a window by area and topic.
type tally map[inspection.Area]map[string]*Count

func (t tally) add(area inspection.Area, topic string, c Count) {
	if c.Sessions == 0 {
		return
	}
	if t[area] == nil {
		t[area] = map[string]*Count{}
	}
	if t[area][topic] == nil {
		t[area][topic] = &Count{}
	}
	t[area][topic].add(c)
}

// total is the count of a topic in all areas.
func (t tally) total(topic string) Count {
	var sum Count
	for _, topics := range t {
		if c := topics[topic]; c != nil {
			sum.add(*c)
		}
	}
	return sum
}

func (t tally) of(area inspection.Area, topic string) Count {
	if c := t[area][topic]; c != nil {
		return *c
	}
	return Count{}
}

// topics lists what was counted, sorted.
func (t tally) topics() []string {
	names := map[string]bool{}
	for _, topics := range t {
		for name := range topics {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}
