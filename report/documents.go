package report

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// topicVehicles is the checklist whose inspections are counted by vehicle.
// Source: docs/contract.md, section 6.
const topicVehicles = "diesel_roadside"

// trafficPolice must be at a session on the road: only they may stop a vehicle.
const trafficPolice = "traffic_police"

// document is one document as it was at a position.
type document struct {
	Area    inspection.Area
	ID      inspection.DocID
	Seq     int64
	Started time.Time
	Doc     inspection.Object
}

func (d *document) server() inspection.Object { return members(d.Doc["server"]) }

// Reason says why a session is not joint.
type Reason string

// The reasons.
const (
	SingleUnit      Reason = "single_unit"
	NoTrafficPolice Reason = "no_traffic_police"
)

// session is one joint inspection, or what was meant as one.
type session struct {
	document
	Topic string
	Kind  string
	Lead  string
	// Units are lead and participants, each once, the lead first.
	Units []string
	// Excluded is "" if the session is joint.
	Excluded Reason
}

func sessionOf(d document) session {
	s := session{
		document: d, Topic: textOf(d.Doc["topic"]), Kind: textOf(d.Doc["kind"]), Lead: textOf(d.Doc["lead_unit"]),
	}
	participants, _ := d.Doc["participants"].([]any)
	for _, unit := range append([]any{s.Lead}, participants...) {
		if u := textOf(unit); u != "" && !slices.Contains(s.Units, u) {
			s.Units = append(s.Units, u)
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

// clockTolerance is how far a phone's clock may be off before its session is
// listed. Source: docs/contract.md, section 6.
const clockTolerance = 10 * 60 // seconds

// clockOffset returns server minus device in seconds, if known.
func (s *session) clockOffset() (int64, bool) { return integerOf(s.server()["clock_offset_s"]) }

func (s *session) suspect() bool {
	off, known := s.clockOffset()
	return known && (off > clockTolerance || off < -clockTolerance)
}

// check is one inspection, as far as counting goes.
type check struct {
	document
	Template string
	Session  inspection.DocID
	Verdict  inspection.Verdict
	LeadUnit string
	// Standing: submitted and not rejected.
	Standing bool
	// Vehicle tells vehicles apart; "" if this one can't be told.
	// Vehicle tells vehicles apart; "" if this one can't be told.
	Vehicle string
	// Withheld: it lies outside of the report's areas, so its document says
	// nothing here.
	Withheld bool
}

func checkOf(d document) check {
	server := d.server()
	c := check{
		document: d, Template: textOf(d.Doc["template"]),
		Verdict: inspection.Verdict(textOf(server["verdict"])), LeadUnit: textOf(server["lead_unit"]),
	}
	c.Session, _ = inspection.ParseDocID(textOf(d.Doc["session"])) // what is no id names no session
	c.Standing = d.Doc["status"] == "submitted" && inspection.ReviewOf(server) != inspection.ReviewRejected
	if c.Template == topicVehicles {
		c.Vehicle = vehicleOf(members(d.Doc["answers"]))
	}
	return c
}

// vehicleOf is what the plate and its colour say, however they were typed.
func vehicleOf(answers inspection.Object) string {
	plate := store.SearchKey(textOf(answers["plate"]))
	if plate == "" {
		return ""
	}
	return plate + "/" + textOf(answers["plate_color"])
}

// fails reports whether the check shows a violation that stands.
func (c *check) fails() bool { return c.Standing && c.Verdict == inspection.Fail }

func textOf(v any) string {
	s, _ := v.(string)
	return s
}

func members(v any) inspection.Object {
	o, _ := v.(inspection.Object)
	return o
}

func integerOf(v any) (int64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	i, err := strconv.ParseInt(string(n), 10, 64)
	return i, err == nil
}

// timeOf reads an RFC 3339 time; anything else is the zero time.
func timeOf(v any) time.Time {
	t, err := time.Parse(time.RFC3339, textOf(v))
	if err != nil {
		return time.Time{}
	}
	return t
}
