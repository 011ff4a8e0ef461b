package report_test

import (
	"fmt"
	"io"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/report"
	"gridpatrol/seeds"
	"gridpatrol/store"
	"gridpatrol/sync"
	"gridpatrol/test/world"
)

const (
	district = world.District
	street   = world.Street
	next     = world.Elsewhere
)

// month is a world that begins in September, and the reports of it.
type month struct {
	*world.World
	reports *report.Service
}

func newMonth(t testing.TB) *month {
	t.Helper()
	return newMonthIn(t, nil)
}

// newMonthIn makes a month in an empty store, which it closes at the end.
func newMonthIn(t testing.TB, st store.Store) *month {
	t.Helper()
	w := world.New(t, world.Options{Start: local("2026-09-01 08:00:00"), Store: st})
	return &month{w, w.Reports}
}

// local reads a time in China.
func local(s string) time.Time {
	t, err := time.ParseInLocation(time.DateTime, s, inspection.China)
	if err != nil {
		panic(err)
	}
	return t
}

// phone is a phone for all of the district.
type phone struct {
	*world.Phone
}

func (w *month) phone(user string) *phone { return &phone{w.Phone(user, "61")} }

type object = map[string]any

func (p *phone) put(c inspection.Collection, id string, doc object) {
	p.W.T.Helper()
	p.Stored(p.Mutation(c, "put", id, 0, doc))
}

// edit puts members over the document as it is.
func (p *phone) edit(c inspection.Collection, id string, doc object) {
	p.W.T.Helper()
	p.Stored(p.Mutation(c, "put", id, p.W.Record(id).Rev, doc))
}

func (p *phone) remove(c inspection.Collection, id string) {
	p.W.T.Helper()
	p.Stored(p.Mutation(c, "delete", id, p.W.Record(id).Rev, nil))
}

// review sets a review's state, as the supervisors' room does.
func (w *month) review(id string, state inspection.ReviewState) {
	w.T.Helper()
	w.Act(store.KindReview, w.Record(id).Area, id, func(d *sync.Draft) {
		d.Server.Review = &inspection.Review{State: state, By: "boss"}
		d.ServerChanged()
	})
}

// newSession is the seeds' joint session, changed.
func newSession(area inspection.Area, started string, changes object) object {
	doc := seeds.Fixture("session_joint")
	doc["area"], doc["started_at"] = string(area), started
	return changed(doc, changes)
}

// newVehicle is the seeds' diesel vehicle, changed.
func newVehicle(area inspection.Area, session, plate string, changes object) object {
	doc := seeds.Fixture("diesel_roadside_pass")
	doc["area"], doc["session"] = string(area), session
	answers := doc["answers"].(inspection.Object)
	answers["plate"] = plate
	return changed(doc, changes)
}

func changed(doc inspection.Object, changes object) object {
	delete(doc, "id")
	for name, v := range changes {
		doc[name] = v
	}
	return doc
}

// id makes readable ids that sort by their number.
func id(n int) string { return fmt.Sprintf("0192f3c1-0000-7000-8000-%012d", n) }

func october(kind report.Kind) report.Window {
	w, err := report.ParseWindow("2026-10", string(kind))
	if err != nil {
		panic(err)
	}
	return w
}

// joint reports on October.
func (w *month) joint(kind report.Kind, asOf string, scope ...inspection.Area) *report.Joint {
	w.T.Helper()
	if len(scope) == 0 {
		scope = []inspection.Area{district}
	}
	j, err := w.reports.Joint(w.Ctx, report.JointQuery{Window: october(kind), Scope: scope, AsOf: asOf})
	w.Must(err)
	return j
}

// file exports October.
func (w *month) file(format string, asOf string, scope ...inspection.Area) []byte {
	w.T.Helper()
	if len(scope) == 0 {
		scope = []inspection.Area{district}
	}
	f, err := w.reports.Export(w.Ctx, report.JointQuery{Window: october(report.WholeMonth), Scope: scope, AsOf: asOf}, format)
	w.Must(err)
	defer f.Close()
	b, err := io.ReadAll(f)
	w.Must(err)
	return b
}

// formats are the names of what reports can be had in.
var formats = []string{"json", "xlsx", "csv", "geojson"}

func topic(list []report.Topic, name string) report.Topic {
	for _, t := range list {
		if t.Topic == name {
			return t
		}
	}
	return report.Topic{}
}

func fixtureAnswers(name string) object {
	answers, _ := seeds.Fixture(name)["answers"].(inspection.Object)
	return answers
}

func copyAll(to io.Writer, from io.Reader) (int64, error) { return io.Copy(to, from) }
