package seeds

import (
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/template"
)

// ruleCase changes the answers of a checklist's good record and says what one
// rule then finds.
type ruleCase struct {
	rule, answers string
	want          inspection.Verdict
}

// caseTable is the cases of one checklist. Rules that compare with limits from
// memory are tried with these enabled.
type caseTable struct {
	template string
	day      string // of the check, where it is not the fixture's
	memory   bool
	photos   map[string]int // in place of the fixture's
	cases    []ruleCase
}

func (c caseTable) run(t *testing.T, w *world, seen map[string]map[inspection.Verdict]bool) {
	t.Helper()
	limits := w.limits
	if c.memory {
		limits = w.limitSet(t, func(row inspection.Object) { row["enabled"] = true })
	}
	in := input(Fixture(c.template+"_pass"), limits)
	if c.day != "" {
		in.Started, _ = time.ParseInLocation(time.DateOnly, c.day, china)
		in.Finished = in.Started.Add(time.Hour)
	}
	if c.photos != nil {
		in.Photos = c.photos
	}
	good := in.Answers
	for _, k := range c.cases {
		in.Answers = override(t, good, k.answers)
		f := findingOf(t, w.templates[c.template].Evaluate(in), k.rule)
		if f.Result != k.want {
			t.Errorf("%s.%s of %s on %s: %s, want %s (%s)", c.template, k.rule, k.answers, c.day, f.Result, k.want, f.MessageEN)
		}
		note(seen, c.template+"."+k.rule, f.Result)
	}
}

func note(seen map[string]map[inspection.Verdict]bool, rule string, v inspection.Verdict) {
	if seen[rule] == nil {
		seen[rule] = map[inspection.Verdict]bool{}
	}
	seen[rule][v] = true
}

// override sets members; null removes.
func override(t testing.TB, answers inspection.Object, text string) inspection.Object {
	t.Helper()
	changes, err := inspection.ParseObject([]byte(text))
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	out := inspection.Overlay(answers, changes)
	for k, v := range out {
		if v == nil {
			delete(out, k)
		}
	}
	return out
}

// TestRules tries every rule at, just under and just over its limit; a rule
// that was never seen to pass and to fail is not tested.
func TestRules(t *testing.T) {
	w := load(t)
	seen := map[string]map[inspection.Verdict]bool{}
	for _, tables := range [][]caseTable{dieselCases, burningCases, fireworksCases, restaurantCases, vocCases} {
		for _, c := range tables {
			c.run(t, w, seen)
		}
	}
	for name, tp := range w.templates {
		rules, _ := tp.Document()["rules"].([]any)
		for _, x := range rules {
			rule := name + "." + x.(inspection.Object)["name"].(string)
			for _, v := range []inspection.Verdict{inspection.Pass, inspection.Fail} {
				if !seen[rule][v] {
					t.Errorf("%s was never seen to %s", rule, v)
				}
			}
		}
	}
}

// A missing answer is never a pass: no record without answers passes any rule,
// and taking one answer away never turns a failure, or what can't be told,
// into a pass.
func TestAMissingAnswerIsNeverAPass(t *testing.T) {
	w := load(t)
	all := w.limitSet(t, func(row inspection.Object) { row["enabled"] = true })
	for name, tp := range w.templates {
		in := input(Fixture(name+"_pass"), all)
		in.Answers, in.Photos, in.Location = nil, nil, nil
		for _, f := range tp.Evaluate(in).Findings {
			if f.Result == inspection.Pass {
				t.Errorf("%s.%s passes without an answer", name, f.Rule)
			}
		}
	}
	for _, tables := range [][]caseTable{dieselCases, burningCases, fireworksCases, restaurantCases, vocCases} {
		for _, c := range tables {
			for _, k := range c.cases {
				in := input(Fixture(c.template+"_pass"), all)
				answers := override(t, in.Answers, k.answers)
				in.Answers = answers
				before := findingOf(t, w.templates[c.template].Evaluate(in), k.rule).Result
				for member := range answers {
					in.Answers = override(t, answers, `{"`+member+`":null}`)
					after := findingOf(t, w.templates[c.template].Evaluate(in), k.rule).Result
					other := member == "stoves" || member == "stove_power" // the scale has three measures
					if after == inspection.Pass && (before == inspection.Fail || before == inspection.Indeterminate) && !other {
						t.Errorf("%s.%s of %s is %s, and passes without %s", c.template, k.rule, k.answers, before, member)
					}
				}
			}
		}
	}
}

// Every class of VOC product: at the limit it passes, half a unit above it
// rounds to the even digit, one above it fails. A class without an enabled row
// is indeterminate.
func TestEveryProductClass(t *testing.T) {
	w := load(t)
	tp := w.templates["voc_product"]
	in := input(Fixture("voc_product_pass"), w.limits)
	good, tried := in.Answers, 0
	units := map[string]string{"g/L": "g_l", "g/kg": "g_kg", "%": "percent"}
	for _, made := range []string{"2026-05-31", "2026-06-01"} {
		day, _ := time.ParseInLocation(time.DateOnly, made, china)
		for _, class := range productClasses(tp) {
			l, ok := w.limits.Lookup("voc_"+class, day)
			try := func(value string, want inspection.Verdict) {
				in.Answers = override(t, good, `{"production_date":"`+made+`","product_class":"`+class+`","lab_voc_unit":"`+units[l.Unit]+`","lab_voc_value":`+value+`}`)
				if f := findingOf(t, tp.Evaluate(in), "voc_limit"); f.Result != want {
					t.Errorf("%s made %s with %s: %s, want %s", class, made, value, f.Result, want)
				}
			}
			if !ok {
				try("1", inspection.Indeterminate)
				continue
			}
			tried++
			n, _ := l.Value.Int64()
			even := inspection.Pass
			if n%2 == 1 {
				even = inspection.Fail
			}
			try(string(l.Value), inspection.Pass)
			try(string(l.Value)+".4", inspection.Pass)
			try(string(l.Value)+".5", even)
			try(string(l.Value)+".6", inspection.Fail)
		}
	}
	if tried < 80 {
		t.Errorf("only %d rows were in force", tried)
	}
}

func productClasses(tp *template.Template) []string {
	var out []string
	walk(tp.Document(), func(o inspection.Object) {
		if o["name"] != "product_class" {
			return
		}
		for _, c := range o["choices"].([]any) {
			out = append(out, c.(inspection.Object)["name"].(string))
		}
	})
	return out
}

func TestLegalBasisFollowsTheMaterial(t *testing.T) {
	w := load(t)
	in := input(Fixture("open_burning_pass"), w.limits)
	good := in.Answers
	in.Answers = override(t, good, `{"materials":["debris"],"populated_area":true}`)
	if f := findingOf(t, w.templates["open_burning"].Evaluate(in), "resolved"); f.Basis != "大气污染防治法 第八十二条/第一百一十九条第二款" {
		t.Errorf("in a populated area: %s", f.Basis)
	}
	good = override(t, good, `{"populated_area":null}`)
	for materials, want := range map[string]string{
		`["leaves"]`:               "大气污染防治法 第七十七条/第一百一十九条第一款",
		`["straw"]`:                "大气污染防治法 第七十七条/第一百一十九条第一款",
		`["waste"]`:                "大气污染防治法 第八十二条/第一百一十九条第二款",
		`["leaves","toxic"]`:       "大气污染防治法 第八十二条/第一百一十九条第二款",
		`["joss_paper"]`:           "大气污染防治法 第八十二条/第一百一十九条",
		`["something else again"]`: "大气污染防治法 第八十二条/第一百一十九条",
	} {
		in.Answers = override(t, good, `{"materials":`+materials+`}`)
		if f := findingOf(t, w.templates["open_burning"].Evaluate(in), "resolved"); f.Basis != want {
			t.Errorf("%s: %s", materials, f.Basis)
		}
	}
}

func TestLeadUnitFollowsTheKind(t *testing.T) {
	w := load(t)
	for _, c := range []struct{ template, answers, want string }{
		{"fireworks", `{"kind":"sale"}`, "emergency"}, {"fireworks", `{"kind":"online"}`, "police"},
		{"fireworks", `{"kind":"letting_off"}`, "police"}, {"fireworks", `{"kind":"transport"}`, "police"},
		{"fireworks", `{"kind":"storage"}`, "police"}, {"fireworks", `{"kind":"carrying_mailing"}`, "police"},
		{"fireworks", `{"kind":"publicity"}`, "police"}, {"fireworks", `{}`, ""}, {"fireworks", `{"kind":"other"}`, ""},
		{"open_burning", `{"materials":["waste"]}`, "urban_management"}, {"open_burning", `{"materials":["joss_paper"]}`, "civil_affairs"},
		{"restaurant_fume", `{}`, "urban_management"}, {"diesel_roadside", `{}`, "ecology"}, {"voc_product", `{}`, "market_supervision"},
	} {
		out := w.templates[c.template].Evaluate(template.Input{Answers: override(t, nil, c.answers), Limits: w.limits})
		if out.LeadUnit != c.want {
			t.Errorf("%s %s goes to %q, want %q", c.template, c.answers, out.LeadUnit, c.want)
		}
	}
}

func TestPlatePatterns(t *testing.T) {
	w := load(t)
	in := input(Fixture("diesel_roadside_pass"), w.limits)
	good := in.Answers
	for _, c := range []struct {
		plate, color string
		ok           bool
	}{
		{"陕A12345", "yellow", true}, {"陕A·1234挂", "yellow", true}, {"陕a 12345", "blue", true}, {"陕A1234O", "blue", false},
		{"陕AD12345", "green", true}, {"陕AF1234", "green", false}, {"陕AD12345", "yellow", false},
		{"陕A12345D", "yellow_green", true}, {"陕A12345A", "yellow_green", false}, {"A12345", "yellow", false}, {"陕I12345", "yellow", false},
	} {
		in.Answers = override(t, good, `{"plate":"`+c.plate+`","plate_color":"`+c.color+`"}`)
		problems := w.templates["diesel_roadside"].Evaluate(in).Problems
		if (len(problems) == 0) != c.ok {
			t.Errorf("%s %s: %v", c.plate, c.color, problems)
		}
	}
}
