package report_test

import (
	"encoding/json"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/report"
)

func TestWindows(t *testing.T) {
	for _, c := range []struct{ month, kind, from, to, before string }{
		{"2026-10", "month", "2026-10-01T00:00:00+08:00", "2026-11-01T00:00:00+08:00", "2026-09 month"},
		{"2026-10", "", "2026-10-01T00:00:00+08:00", "2026-11-01T00:00:00+08:00", "2026-09 month"},
		{"2026-10", "26-25", "2026-09-26T00:00:00+08:00", "2026-10-26T00:00:00+08:00", "2026-09 26-25"},
		{"2026-10", "first_half", "2026-10-01T00:00:00+08:00", "2026-10-16T00:00:00+08:00", "2026-09 second_half"},
		{"2026-10", "second_half", "2026-10-16T00:00:00+08:00", "2026-11-01T00:00:00+08:00", "2026-10 first_half"},
		{"2026-01", "26-25", "2025-12-26T00:00:00+08:00", "2026-01-26T00:00:00+08:00", "2025-12 26-25"},
		{"2026-12", "month", "2026-12-01T00:00:00+08:00", "2027-01-01T00:00:00+08:00", "2026-11 month"},
		{"2028-02", "second_half", "2028-02-16T00:00:00+08:00", "2028-03-01T00:00:00+08:00", "2028-02 first_half"},
	} {
		w, err := report.ParseWindow(c.month, c.kind)
		if err != nil {
			t.Fatal(err)
		}
		from, to := w.From.Format(time.RFC3339), w.To.Format(time.RFC3339)
		before := w.Before()
		if from != c.from || to != c.to || before.Month+" "+string(before.Kind) != c.before || !before.To.Equal(w.From) {
			t.Errorf("%s %s: from %s to %s, before it %s %s", c.month, c.kind, from, to, before.Month, before.Kind)
		}
		if !w.Holds(w.From) || w.Holds(w.To) || w.Holds(w.From.Add(-1)) || !w.Holds(w.To.Add(-1)) {
			t.Errorf("%s %s does not hold its own days", c.month, c.kind)
		}
		b, err := json.Marshal(w)
		var again report.Window
		if err != nil || json.Unmarshal(b, &again) != nil || again != w {
			t.Errorf("%s became %v (%v)", b, again, err)
		}
	}
	for _, bad := range [][2]string{{"2026-13", ""}, {"2026", ""}, {"", ""}, {"2026-10-01", ""}, {"2026-10", "week"}, {"0001-01", ""}, {"9999-12", ""}} {
		if _, err := report.ParseWindow(bad[0], bad[1]); inspection.CodeOf(err) != inspection.CodeBadParameter {
			t.Errorf("%v: %v", bad, err)
		}
	}
}
