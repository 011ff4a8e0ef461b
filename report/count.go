package report

import (
	"context"
	"slices"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/store/asof"
)

// TopicVehicles is the checklist whose inspections are counted by vehicle.
// Source: docs/contract.md, section 6.
const TopicVehicles = "diesel_roadside"

// trafficPolice must be at a session on the road: only they may stop a vehicle.
const trafficPolice = "traffic_police"

// Reason says why a session is not joint.
type Reason string

// The reasons.
const (
	SingleUnit      Reason = "single_unit"
	NoTrafficPolice Reason = "no_traffic_police"
)

// Session is one joint inspection, or what was meant as one.
type Session struct {
	asof.Document
	Server inspection.Server
	Topic  string
	Kind   string
	Lead   string
	// Units are lead and participants, each once, the lead first.
	Units []string
	// Excluded is "" if the session is joint.
	Excluded Reason
}

func sessionOf(d asof.Document) Session {
	s := Session{
		Document: d, Server: inspection.ServerOf(d.Doc),
		Topic: d.Doc.Text("topic"), Kind: d.Doc.Text("kind"), Lead: d.Doc.Text("lead_unit"),
	}
	for _, unit := range append([]string{s.Lead}, d.Doc.Texts("participants")...) {
		if unit != "" && !slices.Contains(s.Units, unit) {
			s.Units = append(s.Units, unit)
		}
	}
	switch {
	case len(s.Units) < 2:
		s.Excluded = SingleUnit
	case s.Kind == "roadside" && !slices.Contains(s.Units, trafficPolice):
		s.Excluded = NoTrafficPolice
	}
	return s
}

// Check is one inspection, as far as counting goes.
type Check struct {
	asof.Document
	Server   inspection.Server
	Template string
	Session  inspection.DocID
	Verdict  inspection.Verdict
	LeadUnit string
	// Valid: submitted and not rejected.
	Valid bool
	// Vehicle tells vehicles apart; "" if this one can't be told.
	Vehicle string
	// Withheld: it lies outside of the report's areas, so its document says
	// nothing here.
	Withheld bool
}

func checkOf(d asof.Document) *Check {
	server := inspection.ServerOf(d.Doc)
	c := &Check{
		Document: d, Server: server, Template: d.Doc.Text("template"),
		Verdict: server.Verdict, LeadUnit: server.LeadUnit.Value(),
	}
	c.Session, _ = inspection.ParseDocID(d.Doc.Text("session")) // what is no id names no session
	c.Valid = d.Doc.Text("status") == "submitted" && server.ReviewState() != inspection.ReviewRejected
	if c.Template == TopicVehicles {
		c.Vehicle = vehicleOf(d.Doc.Object("answers"))
	}
	return c
}

// vehicleOf is what the plate and its colour say, however they were typed.
func vehicleOf(answers inspection.Object) string {
	plate := store.SearchKey(answers.Text("plate"))
	if plate == "" {
		return ""
	}
	return plate + "/" + answers.Text("plate_color")
}

// Violates reports whether the check is valid and shows a violation.
func (c *Check) Violates() bool { return c.Valid && c.Verdict == inspection.Fail }

// Outcome is whether an inspection of a session counts, and if not, why.
type Outcome string

// The outcomes.
const (
	Counted     Outcome = "counted"
	OfExcluded  Outcome = "session_excluded"
	NotValid    Outcome = "not_standing" // a draft, or rejected
	OtherTopic  Outcome = "other_topic"
	SameVehicle Outcome = "same_vehicle" // checked twice in the session
)

// Count is what is counted of one topic: joint sessions, and the vehicles (of
// other topics, inspections) in them, by verdict.
type Count struct {
	Sessions int
	Checks   int
	Verdicts map[inspection.Verdict]int
}

// Lines takes the lines of a report, in an order that is always the same:
// sessions by their start, each after its inspections; then the inspections
// without a session, of the joint report those that are violations.
type Lines interface {
	Check(s *Session, c *Check, o Outcome) error
	Session(s *Session, n Count) error
	WithoutSession(c *Check) error
}

// broadcast passes lines to several takers.
type broadcast []Lines

// Check implements Lines.
func (b broadcast) Check(s *Session, c *Check, o Outcome) error {
	for _, to := range b {
		if err := to.Check(s, c, o); err != nil {
			return err
		}
	}
	return nil
}

// Session implements Lines.
func (b broadcast) Session(s *Session, n Count) error {
	for _, to := range b {
		if err := to.Session(s, n); err != nil {
			return err
		}
	}
	return nil
}

// WithoutSession implements Lines.
func (b broadcast) WithoutSession(c *Check) error {
	for _, to := range b {
		if err := to.WithoutSession(c); err != nil {
			return err
		}
	}
	return nil
}

// Progress is told how many of the sessions are done.
type Progress func(done, of int)

// totals is what was counted in a window.
type totals struct {
	byArea   map[inspection.Area]map[string]*Count // and topic
	excluded []Session
	suspect  []Session
}

// count counts the sessions of the window with all that is in them. Whoever
// takes their lines gets after them the inspections of a verdict, "" for any,
// that have no session.
func (rc *Context) count(ctx context.Context, verdict inspection.Verdict, to broadcast, progress Progress) (*totals, error) {
	q := store.ListQuery{Areas: rc.areas, Collection: inspection.Sessions, From: rc.Window.From, To: rc.Window.To}
	sessions, err := rc.snapshot.Find(ctx, q)
	if err != nil {
		return nil, err
	}
	all := &totals{byArea: map[inspection.Area]map[string]*Count{}}
	done := 0
	for docs, err := range rc.snapshot.Pages(ctx, sessions) {
		if err != nil {
			return nil, err
		}
		for _, d := range docs {
			s := sessionOf(d)
			n, err := rc.countSession(ctx, &s, to)
			if err != nil {
				return nil, err
			}
			all.addSession(&s, n)
			if done++; progress != nil {
				progress(done, len(sessions))
			}
		}
	}
	if len(to) > 0 {
		err = rc.withoutSession(ctx, verdict, to)
	}
	return all, err
}

// maxBuffered is how many inspections of a session stay in memory while they
// are looked at twice; those of a larger one are read twice.
const maxBuffered = 500

// countSession counts the inspections that name the session, in two passes:
// which check of a vehicle counts is known when all were seen.
func (rc *Context) countSession(ctx context.Context, s *Session, to broadcast) (Count, error) {
	t := newSessionTally(s)
	read := func(visit func(*Check) error) error {
		return rc.snapshot.Linked(ctx, inspection.Inspections, store.TermSession+string(s.ID), func(d asof.Document) error {
			return visit(checkOf(d))
		})
	}
	var buffer []*Check
	seen := 0
	err := read(func(c *Check) error {
		t.choose(c)
		if seen++; seen <= maxBuffered {
			buffer = append(buffer, c)
		}
		return nil
	})
	if err != nil {
		return Count{}, err
	}
	again := func(c *Check) error { return to.Check(s, rc.withheld(c), t.count(c)) }
	if seen > maxBuffered {
		err = read(again)
		buffer = nil
	}
	for i := 0; i < len(buffer) && err == nil; i++ {
		err = again(buffer[i])
	}
	if err != nil {
		return Count{}, err
	}
	return t.sum, to.Session(s, t.sum)
}

// withheld keeps to itself what a document of an area outside of the scope
// says: it counts in its session, and no more.
func (rc *Context) withheld(c *Check) *Check {
	if c.Area.CoveredBy(rc.Scope) {
		return c
	}
	bare := *c
	bare.Withheld, bare.Server = true, inspection.Server{}
	bare.Doc = inspection.Object{"area": string(c.Area), "template": c.Template, "session": string(c.Session)}
	return &bare
}

// sessionTally counts the inspections of one session, which come one by one,
// and twice.
type sessionTally struct {
	session *Session
	chosen  map[string]candidate // by vehicle
	sum     Count
}

type candidate struct {
	id     inspection.DocID
	weight int
}

func newSessionTally(s *Session) *sessionTally {
	t := &sessionTally{session: s, chosen: map[string]candidate{}}
	t.sum.Verdicts = map[inspection.Verdict]int{}
	if s.Excluded == "" {
		t.sum.Sessions = 1
	}
	return t
}

// weights order verdicts: of a vehicle that is checked twice in one session the
// check with the weightier one counts.
var weights = map[inspection.Verdict]int{
	inspection.Fail: 5, inspection.PendingLab: 4, inspection.Indeterminate: 3,
	inspection.Pass: 2, inspection.NotApplicable: 1,
}

// choose sees an inspection for the first time. Of equal ones the first is
// chosen.
func (t *sessionTally) choose(c *Check) {
	if !c.Valid || c.Template != t.session.Topic || c.Vehicle == "" {
		return
	}
	if before, again := t.chosen[c.Vehicle]; !again || weights[c.Verdict] > before.weight {
		t.chosen[c.Vehicle] = candidate{c.ID, weights[c.Verdict]}
	}
}

// count counts an inspection that names the session, after all were seen.
func (t *sessionTally) count(c *Check) Outcome {
	switch {
	case !c.Valid:
		return NotValid
	case c.Template != t.session.Topic:
		return OtherTopic
	case t.session.Excluded != "":
		return OfExcluded
	case c.Vehicle != "" && c.ID != t.chosen[c.Vehicle].id:
		return SameVehicle
	}
	t.sum.Checks++
	t.sum.Verdicts[c.Verdict]++
	return Counted
}

// addSession adds a session and what was counted in it.
func (t *totals) addSession(s *Session, n Count) {
	if s.Excluded != "" {
		t.excluded = append(t.excluded, *s)
	}
	if inspection.ClockIsOff(s.Server.ClockOffsetS.Value()) {
		t.suspect = append(t.suspect, *s)
	}
	if n.Sessions == 0 {
		return
	}
	if t.byArea[s.Area] == nil {
		t.byArea[s.Area] = map[string]*Count{}
	}
	if t.byArea[s.Area][s.Topic] == nil {
		t.byArea[s.Area][s.Topic] = &Count{}
	}
	t.byArea[s.Area][s.Topic].add(n)
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

// withoutSession passes on the inspections of a verdict that are valid and in
// the window by their own time, oldest first: one that names a session belongs
// where the session is.
func (rc *Context) withoutSession(ctx context.Context, verdict inspection.Verdict, to broadcast) error {
	refs, err := rc.snapshot.Find(ctx, store.ListQuery{
		Areas: rc.areas, Collection: inspection.Inspections, Verdict: string(verdict), From: rc.Window.From, To: rc.Window.To,
	})
	if err != nil {
		return err
	}
	for docs, err := range rc.snapshot.Pages(ctx, refs) {
		if err != nil {
			return err
		}
		var named []inspection.DocID
		checks := make([]*Check, len(docs))
		for i, d := range docs {
			checks[i] = checkOf(d)
			if checks[i].Session != "" {
				named = append(named, checks[i].Session)
			}
		}
		sessions, err := rc.snapshot.Documents(ctx, inspection.Sessions, named)
		if err != nil {
			return err
		}
		for i := range checks {
			if _, there := sessions[checks[i].Session]; there || !checks[i].Valid {
				continue
			}
			if err := to.WithoutSession(checks[i]); err != nil {
				return err
			}
		}
	}
	return nil
}
