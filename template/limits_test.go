package template

import (
	"strings"
	"testing"
	"time"

	"gridpatrol/inspection"
)

func TestLookupByDay(t *testing.T) {
	s := miniLimits(t)
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{time.Date(2020, 12, 31, 23, 59, 0, 0, inspection.China), ""},
		{time.Date(2021, 1, 1, 0, 0, 0, 0, inspection.China), "80"},
		{time.Date(2026, 5, 31, 23, 59, 59, 0, inspection.China), "80"},
		{time.Date(2026, 5, 31, 16, 0, 0, 0, time.UTC), "50"}, // already June in China
		{time.Date(2030, 1, 1, 0, 0, 0, 0, inspection.China), "50"},
		{time.Time{}, ""},
	} {
		l, ok := s.Lookup("dated", c.at)
		if ok != (c.want != "") || string(l.Value) != c.want {
			t.Errorf("on %v: %v %v, want %q", c.at, l.Value, ok, c.want)
		}
	}
	var none *LimitSet
	if _, ok := none.Lookup("dated", noon); ok {
		t.Error("a nil set found a row")
	}
}

func TestLookupTakesLatestAndSkipsDisabled(t *testing.T) {
	s := limitSet(t,
		`{"id":"old","name":"x","value":1,"comparison":"<=","flag":"S","enabled":true}`,
		`{"id":"new","name":"x","value":2,"comparison":"<=","flag":"S","enabled":true,"effective_from":"2025-01-01"}`,
		`{"id":"off","name":"x","value":3,"comparison":"<=","flag":"M","enabled":false,"effective_from":"2026-01-01"}`)
	if l, _ := s.Lookup("x", noon); l.ID != "new" {
		t.Errorf("got the row %q", l.ID)
	}
}

func TestBadLimitRows(t *testing.T) {
	for member, row := range map[string]string{
		"value":          `{"id":"r","name":"x","value":"12","comparison":"<=","flag":"S","enabled":true}`,
		"comparison":     `{"id":"r","name":"x","value":1,"comparison":"=","flag":"S","enabled":true}`,
		"flag":           `{"id":"r","name":"x","value":1,"comparison":"<=","flag":"Q","enabled":true}`,
		"enabled":        `{"id":"r","name":"x","value":1,"comparison":"<=","flag":"S"}`,
		"digits":         `{"id":"r","name":"x","value":1,"comparison":"<=","digits":99,"flag":"S","enabled":true}`,
		"name":           `{"id":"r","value":1,"comparison":"<=","flag":"S","enabled":true}`,
		"effective_from": `{"id":"r","name":"x","value":1,"comparison":"<=","flag":"S","enabled":true,"effective_from":"soon"}`,
		"pattern":        `{"id":"r","name":"x","pattern":"(","flag":"S","enabled":true}`,
		"pattern_for":    `{"id":"r","name":"x","pattern":"a","pattern_for":[1],"flag":"S","enabled":true}`,
		"unit":           `{"id":"r","name":"x","value":1,"unit":3,"comparison":"<=","flag":"S","enabled":true}`,
	} {
		_, err := NewLimitSet([]inspection.Object{object(t, row)})
		if inspection.CodeOf(err) != inspection.CodeBadDocument || !strings.Contains(err.Error(), member) {
			t.Errorf("%s: %v", member, err)
		}
	}
}

// A pattern that takes too much is not published; one that was before is not
// used: what it would say of a text can't be told.
func TestCostlyPatterns(t *testing.T) {
	row := func(pattern string) string {
		return `{"id":"p","name":"plate","pattern":"` + pattern + `","flag":"S","enabled":true}`
	}
	tp := mustParse(t, mini)
	for _, c := range []struct{ pattern, plate, refused string }{
		{strings.Repeat("(?:[A-Z]{1000})?", 1300), "a", "the pattern has 20806 bytes, and at most 1000 are taken."},
		{"(?:[A-Z]{1000})?", "a", "the pattern has 1007 instructions, and at most 500 are taken."},
		{"[A-Z]{400}", strings.Repeat("a", 3000), ""},
	} {
		_, err := ParseLimit(object(t, row(c.pattern)))
		if c.refused == "" && err != nil || c.refused != "" && (err == nil || !strings.Contains(err.Error(), "pattern takes too much: "+c.refused)) {
			t.Errorf("%.30s: %v", c.pattern, err)
		}
		rows := []string{}
		for range 5 {
			rows = append(rows, row(c.pattern))
		}
		in := Input{Answers: object(t, `{"vin":"1","mode":"b","reason":"r","plate":"`+c.plate+`"}`), Started: noon, Limits: limitSet(t, rows...)}
		out, steps := tp.evaluate(&in)
		if out.Verdict != inspection.Indeterminate || !hasProblem(out, inspection.CodeOverrun) || steps > 2*maxSteps {
			t.Errorf("%.30s: verdict %s after %d steps, %v", c.pattern, out.Verdict, steps, out.Problems)
		}
		in.Limits = limitSet(t, append(rows, `{"id":"q","name":"plate","pattern":"A*","flag":"S","enabled":true,"effective_from":"2026-01-01"}`)...)
		if out, _ := tp.evaluate(&in); out.Trouble != nil {
			t.Errorf("%.30s: another row says that it matches: %v", c.pattern, out.Trouble)
		}
	}
}
