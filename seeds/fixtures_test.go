package seeds

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/template"
)

// input is what a server makes of a record.
func input(doc inspection.Object, limits *template.LimitSet) template.Input {
	photos := map[string]int{}
	for _, p := range inspection.Photos(doc) {
		photos[p.Field]++
	}
	at := func(name string) time.Time {
		s, _ := doc[name].(string)
		t, _ := time.Parse(time.RFC3339, s)
		return t
	}
	answers, _ := doc["answers"].(inspection.Object)
	return template.Input{
		Answers: answers, Photos: photos, Location: &template.Location{Lat: 34.2712, Lon: 108.9651, AccuracyM: 8},
		Started: at("started_at"), Finished: at("finished_at"), Limits: limits,
	}
}

func TestFixturesAreWhatTheirNamesSay(t *testing.T) {
	w := load(t)
	ids := map[any]bool{}
	for _, name := range Fixtures() {
		doc := Fixture(name)
		id, _ := doc["id"].(string)
		if _, err := inspection.ParseDocID(id); err != nil || ids[id] || doc["area"] != "610102003" || doc["server"] != nil {
			t.Errorf("%s: id, area or server", name)
		}
		ids[id] = true
		collection := inspection.Inspections
		if strings.HasPrefix(name, "session_") {
			collection = inspection.Sessions
		}
		if err := inspection.CheckShape(collection, doc); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if p := inspection.TopLevelProblems(collection, doc); len(p) > 0 {
			t.Errorf("%s: %v", name, p)
		}
		if collection == inspection.Inspections {
			checkRecord(t, w, name, doc)
		}
	}
}

func checkRecord(t *testing.T, w *world, name string, doc inspection.Object) {
	t.Helper()
	tp := w.templates[doc["template"].(string)]
	rest := strings.TrimPrefix(name, tp.Name()+"_")
	want := map[string]inspection.Verdict{
		"pass": inspection.Pass, "fail": inspection.Fail, "incomplete": inspection.Indeterminate,
		"pending_lab": inspection.PendingLab, "example_pass": inspection.Pass,
	}[rest]
	out := tp.Evaluate(input(doc, w.limits))
	if out.Verdict != want {
		t.Errorf("%s: %s: %+v", name, out.Verdict, out.Findings)
	}
	if rest == "pass" && (len(out.Problems) > 0 || len(out.MissingFields) > 0) {
		t.Errorf("%s: problems %v, missing photos %v", name, out.Problems, out.MissingFields)
	}
	if rest == "pass" {
		for _, f := range out.Findings {
			if f.Result != inspection.Pass && f.Result != inspection.NotApplicable {
				t.Errorf("%s: %s is %s: %s", name, f.Rule, f.Result, f.MessageEN)
			}
		}
	}
}

func TestEveryChecklistHasItsFixtures(t *testing.T) {
	for name := range load(t).templates {
		for _, kind := range []string{"_pass", "_fail", "_incomplete"} {
			if Fixture(name+kind) == nil {
				t.Errorf("there is no fixture %s", name+kind)
			}
		}
	}
	if Fixture("session_joint") == nil || Fixture("session_single_unit") == nil || Fixture("../people") != nil {
		t.Error("sessions")
	}
	a := Fixture("session_joint")
	a["id"] = "changed"
	if reflect.DeepEqual(a, Fixture("session_joint")) {
		t.Error("a fixture is shared")
	}
}

// The example record of docs/contract.md, section 2, with its finding and its problem.
func TestContractExample(t *testing.T) {
	w := load(t)
	out := w.templates["diesel_roadside"].Evaluate(input(Fixture("diesel_roadside_example_pass"), w.limits))
	f := findingOf(t, out, "k_limit_a")
	got := string(inspection.AppendJSON(nil, []any{f.Result, f.Observed, f.Limit, f.Basis}))
	if got != `["pass",0.64,1.2,"GB 3847-2018"]` || out.Verdict != inspection.Pass {
		t.Errorf("%s, verdict %s", got, out.Verdict)
	}
	if len(out.Problems) != 1 || out.Problems[0].Pointer != "/answers/vin" || out.Problems[0].Code != inspection.CodeRequired {
		t.Errorf("problems %v", out.Problems)
	}
}

func findingOf(t testing.TB, out template.Outcome, rule string) inspection.Finding {
	t.Helper()
	for _, f := range out.Findings {
		if f.Rule == rule {
			return f
		}
	}
	t.Fatalf("there is no rule %s", rule)
	return inspection.Finding{}
}

func BenchmarkEvaluate(b *testing.B) {
	w := load(b)
	for name, tp := range w.templates {
		in := input(Fixture(name+"_pass"), w.limits)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				tp.Evaluate(in)
			}
		})
	}
}

// Whatever the answers: no panic, a known verdict, sorted and bounded
// problems, and the same outcome twice.
func FuzzEvaluate(f *testing.F) {
	w := load(f)
	for _, name := range Fixtures() {
		if answers, ok := Fixture(name)["answers"]; ok {
			f.Add(inspection.AppendJSON(nil, answers))
		}
	}
	f.Add([]byte(`{"k_readings":[1e999999999,"0.6",null],"plate":{"a":[[[]]]},"method":7,"~/":1,"seizures":[{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		answers, err := inspection.ParseObject(data)
		if err != nil {
			t.Skip()
		}
		at := time.Date(2026, 10, 12, 9, 31, 0, 0, china)
		for name, tp := range w.templates {
			in := template.Input{Answers: answers, Started: at, Finished: at.Add(time.Hour), Limits: w.limits}
			out := tp.Evaluate(in)
			switch out.Verdict {
			case inspection.Pass, inspection.Fail, inspection.PendingLab, inspection.Indeterminate, inspection.NotApplicable:
			default:
				t.Fatalf("%s: verdict %q", name, out.Verdict)
			}
			if len(out.Problems) > 200 {
				t.Fatalf("%s: %d problems", name, len(out.Problems))
			}
			if !reflect.DeepEqual(out, tp.Evaluate(in)) {
				t.Fatalf("%s: two outcomes", name)
			}
		}
	})
}
