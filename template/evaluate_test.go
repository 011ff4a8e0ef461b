package template

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"gridpatrol/inspection"
)

func TestRulesInThreeValues(t *testing.T) {
	tp, limits := mustParse(t, mini), miniLimits(t)
	for _, c := range []struct {
		rule, answers string
		want          inspection.Verdict
	}{
		{"compared", `{"value":1.19}`, "pass"}, {"compared", `{"value":1.2}`, "pass"}, {"compared", `{"value":1.205}`, "pass"},
		{"compared", `{"value":1.2051}`, "fail"}, {"compared", `{"value":1.21}`, "fail"}, {"compared", `{"value":-1}`, "pass"},
		{"compared", `{}`, "indeterminate"}, {"compared", `{"value":null}`, "indeterminate"}, {"compared", `{"value":""}`, "indeterminate"},
		{"compared", `{"value":"1.0"}`, "indeterminate"}, {"compared", `{"value":101}`, "indeterminate"},
		{"compared", `{"value":1e-999999999}`, "indeterminate"}, {"compared", `{"value":{"a":1}}`, "indeterminate"},
		{"compared", `{"value":1,"mode":"b"}`, "not_applicable"}, {"compared", `{"value":1,"mode":"zzz"}`, "indeterminate"},
		{"by_size", `{"value":1.4,"count":4}`, "pass"}, {"by_size", `{"value":1.5,"count":4}`, "fail"}, // rounds to 2, < 2
		{"by_size", `{"value":4.5,"count":5}`, "fail"}, {"by_size", `{"value":5,"count":5}`, "pass"},
		{"by_size", `{"value":5}`, "not_applicable"}, {"by_size", `{"value":5,"count":1.5}`, "indeterminate"},
		{"made_rule", `{"value":80,"made":"2026-05-31"}`, "pass"}, {"made_rule", `{"value":80,"made":"2026-06-01"}`, "fail"},
		{"made_rule", `{"value":50.5,"made":"2026-06-01"}`, "pass"}, {"made_rule", `{"value":51,"made":"2026-06-01"}`, "fail"},
		{"made_rule", `{"made":"2026-06-01"}`, "pending_lab"}, {"made_rule", `{"value":1,"made":"2020-01-01"}`, "indeterminate"},
		{"made_rule", `{"value":1}`, "not_applicable"}, {"made_rule", `{"value":1,"made":"June"}`, "indeterminate"},
		{"mean_rule", `{"readings":[1.2,1.2,1.215]}`, "pass"}, {"mean_rule", `{"readings":[1.2,1.2,1.217]}`, "fail"},
		{"mean_rule", `{"readings":[1.2,1.2]}`, "indeterminate"}, {"mean_rule", `{"readings":[1,1,1,1]}`, "indeterminate"},
		{"mean_rule", `{"readings":[1,"1",1]}`, "indeterminate"}, {"mean_rule", `{"readings":[1,1,21]}`, "indeterminate"},
		{"duration", `{"begun":"2026-10-12T08:00:00+08:00","done":"2026-10-13T08:00:00+08:00"}`, "pass"},
		{"duration", `{"begun":"2026-10-12T08:00:00+08:00","done":"2026-10-13T00:00:01Z"}`, "fail"},
		{"duration", `{"done":"2026-10-13T08:00:00+08:00"}`, "indeterminate"},
		{"duration", `{"begun":"2026-10-12T08:00:00+08:00","done":"2026-10-11T08:00:00+08:00"}`, "indeterminate"},
		{"period", `{"ok":true}`, "pass"}, {"period", `{"ok":false}`, "fail"}, {"advice", `{"ok":false}`, "fail"},
	} {
		out := tp.Evaluate(Input{Answers: object(t, c.answers), Started: noon, Limits: limits})
		if f := finding(t, out, c.rule); f.Result != c.want {
			t.Errorf("%s of %s: %s, want %s (%s)", c.rule, c.answers, f.Result, c.want, f.MessageEN)
		}
	}
}

func TestVerdictPrecedence(t *testing.T) {
	for _, c := range []struct {
		want    inspection.Verdict
		results []inspection.Verdict // a leading "!" is a warning
	}{
		{"not_applicable", nil}, {"not_applicable", []inspection.Verdict{"not_applicable"}},
		{"pass", []inspection.Verdict{"not_applicable", "pass"}}, {"indeterminate", []inspection.Verdict{"pass", "indeterminate"}},
		{"pending_lab", []inspection.Verdict{"indeterminate", "pending_lab", "pass"}},
		{"fail", []inspection.Verdict{"pending_lab", "indeterminate", "fail", "pass"}},
		{"pass", []inspection.Verdict{"pass", "!fail", "!indeterminate", "!pending_lab"}},
		{"not_applicable", []inspection.Verdict{"!pass"}},
	} {
		var findings []inspection.Finding
		for _, r := range c.results {
			f := inspection.Finding{Result: r, Level: inspection.LevelFail}
			if rest, warn := strings.CutPrefix(string(r), "!"); warn {
				f = inspection.Finding{Result: inspection.Verdict(rest), Level: inspection.LevelWarn}
			}
			findings = append(findings, f)
		}
		if got := verdictOf(findings); got != c.want {
			t.Errorf("%v: %s, want %s", c.results, got, c.want)
		}
	}
}

func TestFindingTellsAll(t *testing.T) {
	tp, limits := mustParse(t, mini), miniLimits(t)
	out := tp.Evaluate(Input{Answers: object(t, `{"value":1.5,"ok":false}`), Started: noon, Limits: limits})
	f := finding(t, out, "compared")
	if fmt.Sprint(f.Observed) != "1.50" || fmt.Sprint(f.Limit) != "1.2" || f.Unit != "m" || f.Flag != "S" || f.Level != "fail" || f.Basis != "GB 1；B 1" {
		t.Errorf("finding: %+v", f)
	}
	if !strings.Contains(f.Message, "疑似超标") || !strings.Contains(f.Message, "待执法认定") || f.MessageEN == "" {
		t.Errorf("a failure is worded %q", f.Message)
	}
	if f := finding(t, out, "period"); !strings.Contains(f.Message, "疑似违规") {
		t.Errorf("a failed check is worded %q", f.Message)
	}
	if f := finding(t, out, "advice"); !strings.Contains(f.Message, "不正常") || strings.Contains(f.Message, "疑似") {
		t.Errorf("advice is worded %q", f.Message)
	}
}

func TestIndeterminateNamesWhatLacks(t *testing.T) {
	tp := mustParse(t, mini)
	at := func(answers string, limits *LimitSet, started time.Time) string {
		return finding(t, tp.Evaluate(Input{Answers: object(t, answers), Started: started, Limits: limits}), "compared").Message
	}
	if m := at(`{"value":1}`, nil, noon); !strings.Contains(m, "没有已启用的限值") || !strings.Contains(m, "max_value") {
		t.Errorf("no limit: %q", m)
	}
	if m := at(`{}`, miniLimits(t), noon); !strings.Contains(m, "数值") || strings.Contains(m, "限值") {
		t.Errorf("no answer: %q", m)
	}
	if m := at(`{"value":1}`, miniLimits(t), time.Time{}); !strings.Contains(m, "检查开始时间") {
		t.Errorf("no date: %q", m)
	}
}

func TestProblems(t *testing.T) {
	tp, limits := mustParse(t, mini), miniLimits(t)
	for _, c := range []struct{ answers, want string }{
		{`{"vin":"V"}`, ""},
		{`{}`, "/answers/vin required"}, {`{"vin":""}`, "/answers/vin required"}, {`{"vin":[]}`, "/answers/vin wrong_type"},
		{`{"vin":"V","count":"3"}`, "/answers/count wrong_type"}, {`{"vin":"V","count":1.5}`, "/answers/count wrong_type"},
		{`{"vin":"V","count":1.0}`, ""}, {`{"vin":"V","count":11}`, "/answers/count out_of_range"}, {`{"vin":"V","count":""}`, ""},
		{`{"vin":"V","value":1e999999999}`, "/answers/value out_of_range"},
		{`{"vin":"V","mode":"c"}`, "/answers/mode unknown_choice"}, {`{"vin":"V","tags":["x","z"]}`, "/answers/tags/1 unknown_choice"},
		{`{"vin":"V","made":"2026-02-30"}`, "/answers/made wrong_type"}, {`{"vin":"V","begun":"2026-10-12T8:00:00Z"}`, "/answers/begun wrong_type"},
		{`{"vin":"V","readings":[1,99,"a"]}`, "/answers/readings/1 out_of_range, /answers/readings/2 wrong_type"},
		{`{"vin":"V","a/b~c":1}`, "/answers/a~1b~0c unknown_field"}, {`{"vin":"V","before":1}`, "/answers/before unknown_field"},
		{`{"vin":"V","mode":"b"}`, "/answers/reason required"}, {`{"vin":"V","mode":"a","tags":["x"],"ok":false}`, "/answers/readings required, /answers/reason required"},
		{`{"vin":"V","mode":"a","plate":"陕 a12345"}`, ""}, {`{"vin":"V","mode":"a","plate":"12345"}`, "/answers/plate constraint"},
		{`{"vin":"V","begun":"2026-10-12T08:00:00Z","done":"2026-10-11T08:00:00Z"}`, "/answers/done constraint"},
		{`{"vin":"V","items":[{"id":"1","what":"w"},{"what":"w","amount":-1,"q":1},7]}`,
			"/answers/items/1/amount out_of_range, /answers/items/1/id required, /answers/items/1/q unknown_field, /answers/items/2 wrong_type"},
	} {
		var got []string
		for _, p := range tp.Evaluate(Input{Answers: object(t, c.answers), Started: noon, Limits: limits}).Problems {
			got = append(got, p.Pointer+" "+string(p.Code))
			if p.Message == "" || p.MessageEN == "" {
				t.Errorf("%s has no words", p.Pointer)
			}
		}
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.answers, s, c.want)
		}
	}
}

func TestPhotosAndLeadUnit(t *testing.T) {
	tp := mustParse(t, mini)
	for _, c := range []struct {
		answers string
		photos  map[string]int
		missing []string
		unit    string
	}{
		{`{}`, nil, []string{"before"}, "ecology"},
		{`{"ok":true}`, map[string]int{"before": 2}, []string{"after"}, "ecology"},
		{`{"ok":true,"mode":"b"}`, map[string]int{"before": 1, "after": 1}, []string{"before"}, "police"},
		{`{"ok":"?","mode":"?"}`, map[string]int{"before": 9}, nil, "ecology"},
	} {
		out := tp.Evaluate(Input{Answers: object(t, c.answers), Photos: c.photos})
		if !reflect.DeepEqual(out.MissingFields, c.missing) || out.LeadUnit != c.unit {
			t.Errorf("%s: %v %s", c.answers, out.MissingFields, out.LeadUnit)
		}
	}
}

func TestHostileAnswersStayFast(t *testing.T) {
	tp, limits := mustParse(t, mini), miniLimits(t)
	many := inspection.Object{"vin": "V"}
	for i := range 10000 {
		many[fmt.Sprintf("key%05d", i)] = strings.Repeat("x", 300)
	}
	var deep any = "end"
	for range 10000 {
		deep = []any{deep}
	}
	long := make([]any, 500000)
	items := make([]any, 1000)
	for i := range items {
		items[i] = many
	}
	for name, answers := range map[string]inspection.Object{
		"keys": many, "deep": {"vin": deep, "mode": deep, "items": deep}, "list": {"readings": long, "tags": long, "items": long},
		"name": {strings.Repeat("名", 1<<20): 1}, "text": {"vin": strings.Repeat("9", 3<<20)},
	} {
		begun := time.Now()
		out := tp.Evaluate(Input{Answers: answers, Started: noon, Limits: limits})
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("%s took %v", name, took)
		}
		checkBounds(t, name, out)
	}
	out := tp.Evaluate(Input{Answers: inspection.Object{"vin": "V", "items": items[:3]}, Started: noon})
	checkBounds(t, "items", out)
	last := out.Problems[len(out.Problems)-1]
	if len(out.Problems) != maxProblems || last.Pointer != "/answers" {
		t.Errorf("%d problems, the last is %+v", len(out.Problems), last)
	}
}

func checkBounds(t *testing.T, name string, out Outcome) {
	t.Helper()
	if len(out.Problems) > maxProblems {
		t.Errorf("%s: %d problems", name, len(out.Problems))
	}
	for _, p := range out.Problems {
		if len(p.Pointer) > 4*maxToken {
			t.Errorf("%s: a pointer of %d bytes", name, len(p.Pointer))
		}
	}
}

func TestEvaluateIsPureAndConcurrent(t *testing.T) {
	tp, limits := mustParse(t, mini), miniLimits(t)
	answers := object(t, `{"value":1.3,"count":7,"made":"2026-06-02","readings":[1,2,3],"tags":["x"],"zz":1,"ok":true}`)
	before := string(inspection.AppendJSON(nil, answers))
	want := tp.Evaluate(Input{Answers: answers, Started: noon, Limits: limits})
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 50 {
				if got := tp.Evaluate(Input{Answers: answers, Started: noon, Limits: limits}); !reflect.DeepEqual(got, want) {
					t.Errorf("got %+v", got)
					return
				}
			}
		})
	}
	wait.Wait()
	if string(inspection.AppendJSON(nil, answers)) != before {
		t.Error("the answers were changed")
	}
}
