package template

import (
	"strings"
	"testing"
	"time"

	"gridpatrol/inspection"
)

// TestTitle: what a record is called, whatever its answers are.
func TestTitle(t *testing.T) {
	named := func(expression string) *Template {
		return mustParse(t, strings.Replace(mini, "fields:\n", "instance_name: '"+expression+"'\nfields:\n", 1))
	}
	for _, c := range []struct{ expression, answers, want string }{
		{"vin", `{"vin":"  X1 "}`, "X1"},
		{"vin", `{}`, ""},
		{"vin", `{"vin":7}`, ""},
		{`vin + " " + reason`, `{"vin":"X1","reason":"why"}`, "X1 why"},
		{`answered(reason) ? reason : vin`, `{"vin":"X1"}`, "X1"},
		{"plate", `{"plate":"no plate at all","mode":"a"}`, "no plate at all"},
		{"vin", `{"vin":"` + strings.Repeat("字", 200) + `"}`, strings.Repeat("字", 120)},
	} {
		out := named(c.expression).Evaluate(Input{Answers: object(t, c.answers), Limits: miniLimits(t), Started: noon})
		if out.Title != c.want {
			t.Errorf("%s of %.40s: %q, want %q", c.expression, c.answers, out.Title, c.want)
		}
	}
	if out := mustParse(t, mini).Evaluate(Input{}); out.Title != "" {
		t.Errorf("without instance_name: %q", out.Title)
	}
	for _, wrong := range []string{"ok", "nothing", "limit.large"} {
		if _, err := Parse([]byte(strings.Replace(mini, "fields:\n", "instance_name: "+wrong+"\nfields:\n", 1))); err == nil || !strings.Contains(err.Error(), "instance_name") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

// TestTaskDue: days end in China, hours are hours, and the row in force on
// the day of the check counts.
func TestTaskDue(t *testing.T) {
	limits := limitSet(t,
		`{"id":"1","name":"days","value":30,"comparison":"<=","unit":"d","flag":"S","enabled":true}`,
		`{"id":"2","name":"hours","value":24,"comparison":"<=","unit":"h","flag":"S","enabled":true,"effective_to":"2026-10-13"}`,
		`{"id":"3","name":"hours","value":12.5,"comparison":"<=","unit":"h","flag":"S","enabled":true,"effective_from":"2026-10-13"}`,
		`{"id":"4","name":"metres","value":12,"comparison":"<=","unit":"m","flag":"S","enabled":true}`,
		`{"id":"5","name":"off","value":12,"comparison":"<=","unit":"h","flag":"M","enabled":false}`,
	)
	at := func(day, hour, minute int) time.Time {
		return time.Date(2026, 10, day, hour, minute, 0, 0, inspection.China)
	}
	for _, c := range []struct {
		name          string
		checked, want time.Time
	}{
		{"days", at(12, 9, 31), time.Date(2026, 11, 12, 0, 0, 0, 0, inspection.China)},
		{"days", at(12, 23, 59), time.Date(2026, 11, 12, 0, 0, 0, 0, inspection.China)},
		{"days", at(12, 0, 0).UTC(), time.Date(2026, 11, 12, 0, 0, 0, 0, inspection.China)},
		{"hours", at(12, 9, 31), at(13, 9, 31)},
		{"hours", at(13, 9, 0), at(13, 21, 30)},
		{"metres", at(12, 9, 0), time.Time{}},
		{"off", at(12, 9, 0), time.Time{}},
		{"unheard_of", at(12, 9, 0), time.Time{}},
		{"days", time.Time{}, time.Time{}},
	} {
		tp := mustParse(t, mini+"task_due: "+c.name+"\n")
		due, ok := tp.TaskDue(limits, c.checked)
		if !due.Equal(c.want) || ok == c.want.IsZero() {
			t.Errorf("%s after %v: %v, %v; want %v", c.name, c.checked, due, ok, c.want)
		}
	}
	if _, ok := mustParse(t, mini).TaskDue(limits, noon); ok {
		t.Error("a template that names no limit says when")
	}
}
