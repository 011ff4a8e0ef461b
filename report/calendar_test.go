package report_test

import (
	"fmt"
	"testing"

	"gridpatrol/inspection"
	"gridpatrol/report"
)

func TestADay(t *testing.T) {
	w := newMonth(t)
	for date, want := range map[string]string{
		"2026-01-31": "heavy_pollution [] [fireworks open_burning]",
		"2026-02-02": "heavy_pollution [chunjie-2026 15] [fireworks open_burning]",
		"2026-02-18": "heavy_pollution [] [fireworks open_burning]",
		"2026-04-05": "dust [qingming-2026 0] [open_burning]",
		"2026-07-01": "ozone [] [voc_product diesel_roadside]",
		"2026-11-09": "particulates_nox [hanyi-2026 0] [open_burning diesel_roadside]",
		"2027-10-14": "particulates_nox [hanyi-2027 15] [open_burning diesel_roadside]",
	} {
		d, err := w.reports.Day(w.Ctx, date, []inspection.Area{street})
		w.Must(err)
		festivals := []string{}
		for _, f := range d.Festivals {
			festivals = append(festivals, fmt.Sprint(f.ID, " ", f.InDays))
		}
		if got := fmt.Sprint(d.Season.ID, " ", festivals, " ", d.Priorities); got != want {
			t.Errorf("%s: %s, want %s", date, got, want)
		}
		if len(d.Targets) != 1 || d.Targets[0].Area != district || *d.Targets[0].Vehicles != 200 || len(d.Seasons) != 4 {
			t.Errorf("%s: targets %+v", date, d.Targets)
		}
	}
	w.SetClock(local("2026-03-01 00:00:00"))
	today, err := w.reports.Day(w.Ctx, "", []inspection.Area{"999999"})
	w.Must(err)
	if today.Date != "2026-03-01" || len(today.Targets) != 0 {
		t.Errorf("today is %+v", today)
	}
	before, err := w.reports.Day(w.Ctx, "2023-12-31", []inspection.Area{district})
	w.Must(err)
	if len(before.Targets) != 0 {
		t.Error("a target is in force before its first day")
	}
	_, err = w.reports.Day(w.Ctx, "tomorrow", nil)
	wantCode(t, err, inspection.CodeBadParameter)
}

func TestACalendarHasEveryMonthOnce(t *testing.T) {
	for _, months := range []string{"1 2 3 4 5 6 7 8 9 10 11", "1 2 3 4 5 6 7 8 9 10 11 12 12", "1 2 x"} {
		if _, err := report.NewCalendar([]inspection.Object{{"id": "a", "months": months}}, nil); err == nil {
			t.Errorf("a year of %s is taken", months)
		}
	}
	whole := []inspection.Object{{"id": "a", "months": "1 2 3 4 5 6 7 8 9 10 11 12"}}
	if _, err := report.NewCalendar(whole, []inspection.Object{{"id": "f", "date": "soon"}}); err == nil {
		t.Error("a festival without a date is taken")
	}
}
