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

// weights order verdicts: of a vehicle that is checked twice in one session the
// check with the weightier one counts.
var weights = map[inspection.Verdict]int{
	inspection.Fail: 5, inspection.PendingLab: 4, inspection.Indeterminate: 3,
	inspection.Pass: 2, inspection.NotApplicable: 1,
}

// gathering counts the inspections of one session, which come one by one, and
// twice: which check of a vehicle counts is known when all were seen.
type gathering struct {
	session *session
	chosen  map[string]candidate // by vehicle
	count   Count
}

type candidate struct {
	id     inspection.DocID
	weight int
}

func gather(s *session) *gathering {
	g := &gathering{session: s, chosen: map[string]candidate{}}
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

// choose sees an inspection for the first time. Of equal ones the first is
// chosen.
func (g *gathering) choose(c *check) {
	if !c.Standing || c.Template != g.session.Topic || c.Vehicle == "" {
		return
	}
	if before, again := g.chosen[c.Vehicle]; !again || weights[c.Verdict] > before.weight {
		g.chosen[c.Vehicle] = candidate{c.ID, weights[c.Verdict]}
	}
}

// add counts an inspection that names the session, after all were seen.
func (g *gathering) add(c *check) Outcome {
	switch {
	case !c.Standing:
		return NotStanding
	case c.Template != g.session.Topic:
		return OtherTopic
	case g.session.Excluded != "":
		return OfExcluded
	case c.Vehicle != "" && c.ID != g.chosen[c.Vehicle].id:
		return SecondInCheck
	}
	g.count.Checks++
	g.count.Verdicts[c.Verdict]++
	return Counted
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
