package report

import (
	"encoding/json"
	"testing"

	"gridpatrol/inspection"
	"gridpatrol/store/asof"
)

func row(id, area, period, from, to string, sessions, vehicles any, enabled bool) inspection.Object {
	doc := inspection.Object{
		"id": id, "topic": TopicVehicles, "area": area, "period": period, "enabled": enabled, "basis": "依据" + id,
		"effective_from": from, "sessions": sessions, "vehicles": vehicles,
	}
	if to != "" {
		doc["effective_to"] = to
	}
	return doc
}

// A target is that of the area itself, of the window's period, and in force on
// the first of the window's month.
func TestTargets(t *testing.T) {
	six, two, many := json.Number("6"), json.Number("2"), json.Number("200")
	ref := &Reference{}
	for _, doc := range []inspection.Object{
		row("base", "610102", "month", "2024-01-01", "", six, many, true),
		row("summer", "610102", "month", "2026-06-01", "2026-09-01", two, nil, true),
		row("mid", "610102", "month", "2026-10-15", "", two, nil, true),
		row("off", "610102", "month", "2026-01-01", "", two, nil, false),
		row("empty", "610102", "month", "2026-01-01", "", nil, nil, true),
		row("half", "610102003", "half_month", "2026-01-01", "", two, nil, true),
	} {
		if target, ok := targetOf(doc); ok {
			ref.targets = append(ref.targets, target)
		}
	}
	for _, c := range []struct{ month, kind, area, want string }{
		{"2026-05", "month", "610102", "base"},
		{"2026-06", "month", "610102", "summer"},
		{"2026-06", "26-25", "610102", "summer"}, // named after June, although it begins in May
		{"2026-08", "month", "610102", "summer"},
		{"2026-09", "month", "610102", "base"},
		{"2026-10", "month", "610102", "base"}, // one that begins within the month
		{"2026-11", "month", "610102", "mid"},
		{"2023-12", "month", "610102", ""},
		{"2026-05", "first_half", "610102", ""},
		{"2026-05", "month", "610102003", ""},
		{"2026-05", "second_half", "610102003", "half"},
		{"2026-05", "month", "61", ""},
	} {
		w, err := ParseWindow(c.month, c.kind)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if best := ref.targetsOf(w.period())[inspection.Area(c.area)][TopicVehicles]; best != nil {
			got = best.ID
		}
		if got != c.want {
			t.Errorf("%s %s of %s: %q, want %q", c.month, c.kind, c.area, got, c.want)
		}
	}
}

func TestMet(t *testing.T) {
	six, many := int64(6), int64(200)
	for _, c := range []struct {
		target           Target
		sessions, checks int
		want             bool
	}{
		{Target{Sessions: &six, Checks: &many}, 6, 200, true},
		{Target{Sessions: &six, Checks: &many}, 5, 500, false},
		{Target{Sessions: &six, Checks: &many}, 9, 199, false},
		{Target{Sessions: &six}, 6, 0, true},
		{Target{Checks: &many}, 0, 200, true},
	} {
		if got := c.target.met(Count{Sessions: c.sessions, Checks: c.checks}); got != c.want {
			t.Errorf("%+v with %d, %d: %v", c.target, c.sessions, c.checks, got)
		}
	}
}

// Of a vehicle that is checked twice in one session the weightier verdict
// counts, whichever came first.
func TestTheWeightierVerdictCounts(t *testing.T) {
	verdicts := []inspection.Verdict{inspection.Fail, inspection.PendingLab, inspection.Indeterminate, inspection.Pass, inspection.NotApplicable}
	for i, heavy := range verdicts {
		for _, light := range verdicts[i:] {
			for _, order := range [][2]inspection.Verdict{{heavy, light}, {light, heavy}} {
				tally := newSessionTally(&Session{Topic: TopicVehicles})
				checks := make([]Check, len(order))
				for k, v := range order {
					checks[k] = Check{Document: asof.Document{ID: inspection.DocID(v) + inspection.DocID("01"[k:k+1])}, Template: TopicVehicles,
						Valid: true, Vehicle: "陕A12345/yellow", Verdict: v}
					tally.choose(&checks[k])
				}
				counted := 0
				for k := range checks {
					if tally.count(&checks[k]) == Counted {
						counted++
						if checks[k].Verdict != heavy {
							t.Errorf("%v: the check that is told as counted is %s", order, checks[k].Verdict)
						}
					}
				}
				if counted != 1 {
					t.Errorf("%v: %d checks are told as counted", order, counted)
				}
				topic := topicOf(TopicVehicles, tally.sum, nil)
				if topic.Checks() != 1 || len(topic.Verdicts) != 1 || topic.Verdicts[heavy] != 1 {
					t.Errorf("%v: %v", order, topic.Verdicts)
				}
			}
		}
	}
}

// Vehicles without a plate can't be told apart, so each is one.
func TestVehiclesWithoutAPlate(t *testing.T) {
	tally := newSessionTally(&Session{Topic: TopicVehicles})
	for range 3 {
		tally.count(&Check{Template: TopicVehicles, Valid: true, Verdict: inspection.Indeterminate})
	}
	if tally.sum.Checks != 3 {
		t.Errorf("%d", tally.sum.Checks)
	}
	for _, c := range []struct{ a, b string }{{"陕A·12345", "陕Ａ１２３４５"}, {"陕a 12345", "陕A12345"}} {
		of := func(plate string) string { return vehicleOf(inspection.Object{"plate": plate, "plate_color": "blue"}) }
		if of(c.a) != of(c.b) {
			t.Errorf("%s and %s are two", c.a, c.b)
		}
	}
	if vehicleOf(inspection.Object{"plate": "陕A12345", "plate_color": "blue"}) == vehicleOf(inspection.Object{"plate": "陕A12345", "plate_color": "yellow"}) {
		t.Error("two colours are one vehicle")
	}
}
