package report_test

import (
	"fmt"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/report"
	"gridpatrol/seeds"
	"gridpatrol/store"
	"gridpatrol/sync"
)

// task adds a task as the supervisors' room does.
func (w *month) task(n int, unit, due string, state inspection.TaskState) {
	w.T.Helper()
	doc := inspection.DocID(id(n))
	_, err := w.Sync.Act(w.Ctx, sync.Act{
		Area: street, IDs: []inspection.DocID{doc}, By: "boss", Kind: store.KindReview,
		Decide: func(_ time.Time, drafts map[inspection.DocID]*sync.Draft) error {
			drafts[doc].Create(inspection.Tasks, inspection.Object{"id": string(doc), "area": string(street), "unit": unit, "due": due})
			last, err := time.ParseInLocation(time.DateOnly, due, inspection.China)
			server := &drafts[doc].Server
			server.State, server.DueAt = state, inspection.StampOf(last.AddDate(0, 0, 1))
			server.Act = &inspection.TaskAct{Act: inspection.TaskClose, At: inspection.StampOf(w.Now())}
			return err
		},
	})
	w.Must(err)
}

// The second half of October by lead unit: inspections in sessions go with
// them, others by their own time; drafts and rejected ones don't count.
func TestDispatch(t *testing.T) {
	w := newMonth(t)
	w.SetClock(local("2026-10-20 09:00:00"))
	p := w.phone("zhang")
	p.put("sessions", id(1), newSession(street, "2026-10-16T00:00:00+08:00", nil))
	p.put("sessions", id(2), newSession(street, "2026-10-15T23:59:59+08:00", nil))
	p.put("inspections", id(11), newVehicle(street, id(1), "陕A10001", object{"started_at": "2026-10-01T09:00:00+08:00"}))
	p.put("inspections", id(12), newVehicle(street, id(1), "陕A10002", object{"answers": dieselAnswers("diesel_roadside_fail", "陕A10002")}))
	p.put("inspections", id(13), newVehicle(street, id(1), "陕A10003", object{"status": "draft"}))
	p.put("inspections", id(14), newVehicle(street, id(2), "陕A10004", object{"started_at": "2026-10-20T09:00:00+08:00"}))
	for i, name := range []string{"open_burning_fail", "fireworks_fail", "restaurant_fume_pass", "voc_product_pending_lab"} {
		doc := seeds.Fixture(name)
		p.put("inspections", id(20+i), changed(doc, object{"started_at": "2026-10-19T09:00:00+08:00"}))
	}
	p.put("inspections", id(30), changed(seeds.Fixture("open_burning_fail"), object{"started_at": "2026-11-01T00:00:00+08:00"}))
	w.task(41, "urban_management", "2026-10-19", "assigned") // overdue, due in the window
	w.task(42, "urban_management", "2026-10-20", "rectified")
	w.task(43, "urban_management", "2026-10-18", "closed")
	w.task(44, "urban_management", "2026-11-18", "assigned")

	half, err := report.ParseWindow("2026-10", "second_half")
	w.Must(err)
	ask := func(asOf string) *report.Dispatch {
		d, err := w.reports.Dispatch(w.Ctx, report.JointQuery{Window: half, Scope: []inspection.Area{district}, AsOf: asOf})
		w.Must(err)
		return d
	}
	d := ask("")
	got := map[string]string{}
	for _, u := range d.Units {
		got[u.Unit] = fmt.Sprintf("%d sessions, %d of %d failed, tasks %+v", u.Sessions, u.Failed, u.Inspections, u.Tasks)
	}
	for unit, want := range map[string]string{
		"ecology":            "1 sessions, 1 of 2 failed, tasks {Open:0 Overdue:0 Due:0 Closed:0}",
		"urban_management":   "0 sessions, 1 of 2 failed, tasks {Open:3 Overdue:1 Due:3 Closed:1}",
		"emergency":          "0 sessions, 1 of 1 failed, tasks {Open:0 Overdue:0 Due:0 Closed:0}",
		"market_supervision": "0 sessions, 0 of 1 failed, tasks {Open:0 Overdue:0 Due:0 Closed:0}",
	} {
		if got[unit] != want {
			t.Errorf("%s: %s, want %s", unit, got[unit], want)
		}
	}
	if len(got) != 4 {
		t.Errorf("%d units: %v", len(got), got)
	}
	p.remove("sessions", id(1))
	if again := ask(d.AsOf.Token()); fmt.Sprint(again.Units) != fmt.Sprint(d.Units) {
		t.Errorf("the same token gave\n%v, first\n%v", again.Units, d.Units)
	}
	_, err = w.reports.Dispatch(w.Ctx, report.JointQuery{Window: october(report.WholeMonth), Scope: []inspection.Area{district}})
	wantCode(t, err, inspection.CodeBadParameter)
}
