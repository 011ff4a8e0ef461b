package report_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"gridpatrol/inspection"
	"gridpatrol/report"
	"gridpatrol/store/mongo"
	"gridpatrol/store/mongo/mongotest"
)

// The month of October 2026, by hand. Every session is in street 003 unless it
// says otherwise; d is the district's report of the calendar month.
//
//	session                                              joint  vehicles that count        d
//	1 roadside, ecology + traffic police                 yes    A, B; A again is one        +1, 2
//	2 roadside, ecology + transport                      no: no traffic police              excluded
//	3 roadside, ecology named as lead and twice besides  no: one unit                       excluded
//	4 parking, ecology + transport                       yes    A: 辆次, so again           +1, 1
//	5 begins 1 October 00:00:00 local                    yes    C                           +1, 1
//	6 begins 30 September 23:59:59 local                 September's
//	7 begins 31 October 23:59:59 local                   yes    D                           +1, 1
//	8 begins 1 November 00:00:00 local                   November's
//	9 a phone on UTC says 31 October 17:00Z              November's
//	10 a phone on UTC says 30 September 16:30Z           yes    E                           +1, 1
//	11 deleted                                           not there
//	12 deleted, then revived by an edit                  yes    F                           +1, 1
//	13 handed in on 9 November                           yes    G                           +1, 1
//	14 street 004; one vehicle from a phone in 003       yes    H, I                        +1, 2 in 004
//	15 topic VOC products, ecology + market supervision  yes    1 inspection; not a vehicle +1, 1 of VOC
//	16 clock 20 minutes slow, lead among participants    yes    J                           +1, 1, suspect
//	17 clock 20 minutes fast, one unit                   no: one unit                       excluded, suspect
//
// Session 1 also holds what does not count: a draft, a rejected one, a deleted
// one, one of another checklist, and one whose own time is in September, which
// does, as K.
//
// Together: 9 sessions of diesel with 2+1+1+1+1+1+1+2+1 = 11 vehicles, and K
// makes 12; 1 session of VOC products with 1 inspection.
func TestAMonthByHand(t *testing.T) {
	w := newMonth(t)
	w.handMonth()
	w.wantHandMonth(w.joint(report.WholeMonth, ""))
}

// The same month on the other engine, also as of a time, and closed.
func TestAMonthByHandOnMongo(t *testing.T) {
	st, err := mongo.Open(t.Context(), mongotest.Database(t), mongo.Options{NewID: uuid.NewString})
	if err != nil {
		t.Fatal(err)
	}
	w := newMonthIn(t, st)
	w.handMonth()
	w.SetClock(local("2026-11-10 09:00:00"))
	c, err := w.reports.Close(w.Ctx, "boss", october(report.WholeMonth), district)
	w.Must(err)
	file := w.file("xlsx", c.AsOf.Token())
	w.happen()
	w.wantHandMonth(w.joint(report.WholeMonth, "2026-11-09T12:00:00+08:00"))
	w.wantHappened(w.joint(report.WholeMonth, ""))
	if !bytes.Equal(w.file("xlsx", ""), file) {
		t.Error("the closed month's file is another")
	}
}

// wantHandMonth checks a report against the table.
func (w *month) wantHandMonth(j *report.Joint) {
	t := w.T
	t.Helper()
	diesel, voc := topic(j.Topics, "diesel_roadside"), topic(j.Topics, "voc_product")
	if diesel.Sessions != 9 || diesel.Checks() != 12 || diesel.Vehicles == nil || diesel.Inspections != nil {
		t.Errorf("diesel: %d sessions, %d vehicles", diesel.Sessions, diesel.Checks())
	}
	if voc.Sessions != 1 || voc.Checks() != 1 || voc.Inspections == nil || voc.Vehicles != nil || len(j.Topics) != 2 {
		t.Errorf("VOC: %d sessions, %d inspections; %d topics", voc.Sessions, voc.Checks(), len(j.Topics))
	}
	if diesel.Met == nil || *diesel.Met || *diesel.Target.Sessions != 6 || *diesel.Target.Vehicles != 200 || voc.Met != nil || voc.Target != nil {
		t.Errorf("target %+v, met %v; of VOC %v", diesel.Target, diesel.Met, voc.Met)
	}
	if diesel.Verdicts[inspection.Pass] != 11 || diesel.Verdicts[inspection.Fail] != 1 {
		t.Errorf("verdicts %v", diesel.Verdicts)
	}
	w.wantExcluded(j, "2 no_traffic_police", "3 single_unit", "17 single_unit")
	var suspects []string
	for _, s := range j.SuspectClock {
		suspects = append(suspects, fmt.Sprintf("%s %d", short(s.Session), s.ClockOffsetS))
	}
	if fmt.Sprint(suspects) != "[16 1200 17 -1200]" {
		t.Errorf("suspect clocks: %v", suspects)
	}
	if len(j.Late) != 0 || j.SinceClose != nil || j.Closed != nil {
		t.Error("an open window has late documents")
	}
	for area, want := range map[inspection.Area]string{street: "8 10 1 1", next: "1 2 0 0", "610102001": "0 0 0 0"} {
		d, v := topic(w.street(j, area), "diesel_roadside"), topic(w.street(j, area), "voc_product")
		if got := fmt.Sprint(d.Sessions, d.Checks(), v.Sessions, v.Checks()); got != want {
			t.Errorf("%s: %s, want %s", area, got, want)
		}
	}
	if len(j.Streets) != 9 {
		t.Errorf("%d streets", len(j.Streets))
	}
	if before := topic(j.Before.Topics, "diesel_roadside"); before.Sessions != 1 || before.Checks() != 1 || j.Before.Window.Month != "2026-09" {
		t.Errorf("September: %+v", before)
	}
}

// The same month in its other windows, and in one street.
//
//	window       sessions of diesel   vehicles
//	26-25        5, 10, 1, 4, 12, 14, 16; 6 of 30 September      8 sessions, A B K, A, C, E, F, H I, J, L = 11
//	first_half   5, 10, 1, 4, 12, 14, 16                         7 sessions, 10 vehicles
//	second_half  7, 13                                           2 sessions, 2 vehicles
func TestOtherWindows(t *testing.T) {
	w := newMonth(t)
	w.handMonth()
	for kind, want := range map[report.Kind]string{
		report.To25th: "8 11", report.FirstHalf: "7 10", report.SecondHalf: "2 2", report.WholeMonth: "9 12",
	} {
		d := topic(w.joint(kind, "").Topics, "diesel_roadside")
		if got := fmt.Sprint(d.Sessions, d.Checks()); got != want {
			t.Errorf("%s: %s, want %s", kind, got, want)
		}
		if half := kind == report.FirstHalf || kind == report.SecondHalf; half != (d.Met == nil) {
			t.Errorf("%s: met %v", kind, d.Met)
		}
	}
	d := topic(w.joint(report.WholeMonth, "", next).Topics, "diesel_roadside")
	if d.Sessions != 1 || d.Checks() != 2 || d.Met != nil {
		t.Errorf("street %s: %+v", next, d)
	}
}

// handMonth makes the month that TestAMonthByHand tells of.
func (w *month) handMonth() {
	w.T.Helper()
	p := w.phone("zhang")
	w.SetClock(local("2026-11-03 09:00:00"))
	roadside := func(n int, started string, changes object) {
		w.T.Helper()
		p.put("sessions", id(n), newSession(street, started, changes))
	}
	count := 100
	vehicle := func(session int, plate string, changes object) string {
		w.T.Helper()
		count++
		p.put("inspections", id(count), newVehicle(street, id(session), plate, changes))
		return id(count)
	}
	plates := map[string]string{}
	for i, c := range "ABCDEFGHIJKL" {
		plates[string(c)] = fmt.Sprintf("陕A1000%c", 'A'+rune(i))
	}

	roadside(1, "2026-10-12T09:00:00+08:00", nil)
	vehicle(1, plates["A"], nil)
	vehicle(1, plates["B"], object{"answers": dieselAnswers("diesel_roadside_fail", plates["B"])})
	vehicle(1, "陕a·1000A", nil) // the same plate, typed otherwise
	vehicle(1, "陕A99991", object{"status": "draft"})
	w.review(vehicle(1, "陕A99992", nil), "rejected")
	p.remove("inspections", vehicle(1, "陕A99993", nil))
	vehicle(1, "陕A99994", object{"template": "open_burning", "answers": object{"found_at": "2026-10-12T09:31:00+08:00"}})
	vehicle(1, plates["K"], object{"started_at": "2026-09-20T09:00:00+08:00"})

	roadside(2, "2026-10-13T09:00:00+08:00", object{"participants": []any{"transport"}})
	vehicle(2, plates["A"], nil)
	roadside(3, "2026-10-13T10:00:00+08:00", object{"participants": []any{"ecology", "ecology"}})
	vehicle(3, plates["A"], nil)
	roadside(4, "2026-10-14T09:00:00+08:00", object{"kind": "parking", "participants": []any{"transport"}})
	vehicle(4, plates["A"], nil)
	for _, x := range []struct {
		session        int
		started, plate string
	}{
		{5, "2026-10-01T00:00:00+08:00", "C"}, {6, "2026-09-30T23:59:59+08:00", "L"},
		{7, "2026-10-31T23:59:59+08:00", "D"}, {8, "2026-11-01T00:00:00+08:00", "L"},
		{9, "2026-10-31T17:00:00Z", "L"}, {10, "2026-09-30T16:30:00Z", "E"},
		{11, "2026-10-15T09:00:00+08:00", "L"},
	} {
		roadside(x.session, x.started, nil)
		vehicle(x.session, plates[x.plate], nil)
	}
	p.remove("sessions", id(11))
	roadside(12, "2026-10-15T10:00:00+08:00", nil)
	vehicle(12, plates["F"], nil)
	p.remove("sessions", id(12))
	p.edit("sessions", id(12), object{"note": "还在"})
	p.put("sessions", id(14), newSession(next, "2026-10-10T09:00:00+08:00", nil))
	vehicle(14, plates["H"], object{"area": string(next)})
	vehicle(14, plates["I"], nil)
	roadside(15, "2026-10-20T09:00:00+08:00", object{"topic": "voc_product", "kind": "site", "participants": []any{"market_supervision"}})
	vehicle(15, plates["L"], nil)
	vehicle(15, "", object{"template": "voc_product", "answers": object{"company": "示例"}})

	p.Slow = 20 * time.Minute
	roadside(16, "2026-10-09T09:00:00+08:00", object{"participants": []any{"ecology", "traffic_police"}})
	p.Slow = -20 * time.Minute
	roadside(17, "2026-10-21T09:00:00+08:00", object{"participants": []any{}})
	p.Slow = 0
	vehicle(16, plates["J"], nil)

	w.SetClock(local("2026-11-09 09:00:00"))
	roadside(13, "2026-10-30T09:00:00+08:00", nil)
	vehicle(13, plates["G"], nil)
}

func dieselAnswers(fixture, plate string) object {
	doc := newVehicle(street, "", plate, nil)
	answers := doc["answers"].(inspection.Object)
	for name, v := range fixtureAnswers(fixture) {
		if name != "plate" {
			answers[name] = v
		}
	}
	return answers
}

func short(id inspection.DocID) string { return strings.TrimLeft(string(id)[24:], "0") }

func (w *month) wantExcluded(j *report.Joint, want ...string) {
	w.T.Helper()
	var got []string
	for _, x := range j.Excluded {
		got = append(got, short(x.Session)+" "+string(x.Reason))
	}
	if !slices.Equal(got, want) {
		w.T.Errorf("excluded %q, want %q", got, want)
	}
}

func (w *month) street(j *report.Joint, area inspection.Area) []report.Topic {
	for _, s := range j.Streets {
		if s.Area == area {
			return s.Topics
		}
	}
	w.T.Errorf("there is no street %s", area)
	return nil
}
