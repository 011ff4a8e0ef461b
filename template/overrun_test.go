package template

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"gridpatrol/inspection"
)

// loaded compiles a definition as one that was published before there were
// bounds: it is taken whatever it may cost.
func loaded(t testing.TB, yaml string) *Template {
	t.Helper()
	doc, err := DecodeYAML([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	tp, err := FromDocument(doc)
	if err != nil {
		t.Fatalf("a published template must load: %v", err)
	}
	return tp
}

// costly is a definition with a text, a list and more, and what the case adds.
func costly(rest string) string {
	return `
name: costly
version: 1
title: {zh: 贵, en: Costly}
fields:
  - {type: text, name: a, label: {zh: 甲, en: A}}
  - {type: text, name: b, label: {zh: 乙, en: B}}
  - {type: numbers, name: readings, label: {zh: 读数, en: Readings}}
  - {type: select_multiple, name: tags, label: {zh: 标签, en: Tags}, choices: [{name: x, label: {zh: 子, en: X}}, {name: y, label: {zh: 丑, en: Y}}]}
` + rest
}

func calculated(name, expression string) string {
	return fmt.Sprintf("  - {name: %s, label: {zh: 算, en: Made}, calculation: '%s'}\n", name, expression)
}

func checks(expressions ...string) string {
	out := "rules:\n"
	for i, e := range expressions {
		out += fmt.Sprintf("  - {name: r%d, label: {zh: 规则, en: Rule}, check: '%s'}\n", i, e)
	}
	return out
}

// doubling is a chain of n calculations, each the one before it twice.
func doubling(n int) string {
	out := "calculations:\n" + calculated("c0", "a + a")
	for i := 1; i < n; i++ {
		out += calculated(fmt.Sprintf("c%d", i), fmt.Sprintf("c%d + c%d", i-1, i-1))
	}
	return out
}

// joinedBy is n times the operand, joined by + in pairs: the parser bounds depth.
func joinedBy(operand string, n int) string {
	if n == 1 {
		return operand
	}
	return "(" + joinedBy(operand, n/2) + "+" + joinedBy(operand, n-n/2) + ")"
}

func repeated(s string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = s
	}
	return list
}

// evaluated judges answers and returns what that allocated, in bytes.
func evaluated(tp *Template, in Input) (Outcome, uint64) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	out := tp.Evaluate(in)
	runtime.ReadMemStats(&after)
	return out, after.TotalAlloc - before.TotalAlloc
}

// maxJudging is far more than what judging may allocate, a document's answers
// of 1 MiB of numbers included.
const maxJudging = 192 << 20

// attack is a template that an old database may hold, answers that make it
// cost gigabytes or minutes, and why it is not published any more; "" if it is.
type attack struct{ definition, answers, refused string }

func attacks() map[string]attack {
	long := func(n int) string { return strings.Repeat("a", n) }
	numbers := "[" + strings.TrimSuffix(strings.Repeat("1234567890.12345678901234567890123456789012345e-9,", 1000), ",") + "]"
	tags := "[" + strings.TrimSuffix(strings.Repeat(`"x",`, 1000), ",") + "]"
	return map[string]attack{
		"calculations that double a text": {
			doubling(22) + checks("size(c21) > 3"), `{"a":"` + long(100) + `"}`, "calculation c4: takes too much: what + makes may have 131072 bytes, and at most 65536 are taken.",
		},
		"one text joined 400 times": {checks("size(" + joinedBy("a", 400) + ") > 3"), `{"a":"` + long(4000) + `"}`, "rule r0: check: "},
		"bytes joined 150 times":    {checks("size(" + joinedBy("bytes(a)", 150) + ") > 3"), `{"a":"` + long(4000) + `"}`, "rule r0: check: "},
		"a list joined 250 times":   {checks(`"y" in ` + "(" + joinedBy("tags", 250) + ")"), `{"tags":` + tags + `}`, "rule r0: check: "},
		"a title of a huge text":    {"instance_name: a + b\n" + checks("!answered(a)"), `{"a":"` + long(1<<20) + `","b":"b"}`, ""},
		"a pattern that tries much": {
			checks(repeated(`a.matches("(?:.*a){50}c")`, 20)...), `{"a":"` + long(4000) + `"}`,
			"rule r0: check: takes too much: on the largest answers all expressions take 16",
		},
		"a pattern of many instructions": {checks(`a.matches("` + strings.Repeat("x{1000}", 50) + `")`), `{"a":"x"}`, "rule r0: check: takes too much: the pattern has 50102 instructions, and at most 500 are taken"},
		"a pattern from an answer":       {checks(`matches(a, b)`), `{"a":"x","b":"` + strings.Repeat("(?:x{1000})", 60) + `"}`, "rule r0: check: "},
		"means of a thousand readings, many times": {
			checks(repeated(strings.TrimSuffix(strings.Repeat("mean(readings, limit.n) > limit.n || ", 45), " || "), 50)...),
			`{"readings":` + numbers + `}`, "takes too much: on the largest answers",
		},
		"lists compared many times": {
			checks(repeated(strings.TrimSuffix(strings.Repeat("readings != readings || ", 80), " || "), 50)...),
			`{"readings":` + numbers + `}`, "takes too much: on the largest answers",
		},
		"zones from an answer": {
			checks(repeated(strings.TrimSuffix(strings.Repeat("started.getHours(a) == 99 || ", 60), " || "), 50)...),
			`{"a":"Asia/Shanghai"}`, "takes too much: on the largest answers",
		},
	}
}

// The record is judged within bounds, indeterminate, and says so.
func TestWhatTakesTooMuchIsIndeterminate(t *testing.T) {
	for name, c := range attacks() {
		t.Run(name, func(t *testing.T) {
			tp := loaded(t, costly(c.definition))
			limits := limitSet(t, `{"id":"n","name":"n","value":1000,"comparison":"<=","flag":"S","enabled":true}`)
			out, allocated := evaluated(tp, Input{Answers: object(t, c.answers), Started: noon, Limits: limits})
			if out.Verdict != inspection.Indeterminate || !hasProblem(out, inspection.CodeOverrun) {
				t.Errorf("verdict %s, problems %v", out.Verdict, out.Problems)
			}
			if allocated > maxJudging {
				t.Errorf("%d MiB were allocated", allocated>>20)
			}
		})
	}
}

// To publish one of them is refused, with the expression and the reason.
func TestWhatTakesTooMuchIsNotPublished(t *testing.T) {
	for name, c := range attacks() {
		_, err := Parse([]byte(costly(c.definition)))
		switch {
		case c.refused == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.refused != "" && (inspection.CodeOf(err) != inspection.CodeBadDocument || !strings.Contains(err.Error(), c.refused)):
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Steps that a calculation took are counted before those that need it go on.
func TestStepsOfCalculationsAddUp(t *testing.T) {
	heavy := `a.matches("(?:.*a){50}c")`
	chain := "calculations:\n" + calculated("c0", heavy)
	for i := 1; i < 100; i++ {
		chain += calculated(fmt.Sprintf("c%d", i), fmt.Sprintf("c%d || %s", i-1, heavy))
	}
	tp := loaded(t, costly(chain+checks("c99")))
	out, steps := tp.evaluate(&Input{Answers: object(t, `{"a":"`+strings.Repeat("a", 4000)+`"}`), Started: noon})
	if out.Trouble == nil || steps > 2*maxSteps {
		t.Errorf("%d steps, %v", steps, out.Trouble)
	}
}

// A template may be as large as it likes only as far as it can be compiled and
// kept in a moment.
func TestLengthsOfADefinition(t *testing.T) {
	many := func(n int, line string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, line+"\n", i)
		}
		return b.String()
	}
	long := strings.Repeat("x", maxLabel+1)
	asked := strings.Repeat(`s != "c0" && `, 140) + `s != "c1"`
	for want, rest := range map[string]string{
		"relevant: the schema would list more than 1000000 choices": "  - type: select_one\n    name: s\n    label: {zh: 选, en: S}\n    choices:\n" +
			many(maxChoices, "      - {name: c%d, label: {zh: 选, en: C}}") +
			many(50, "  - {type: text, name: f%d, label: {zh: 项, en: F}, relevant: '"+asked+"'}"),
		"field s: choices: there are more than 1000": "  - type: select_one\n    name: s\n    label: {zh: 选, en: S}\n    choices:\n" +
			many(maxChoices+1, "      - {name: c%d, label: {zh: 选, en: C}}"),
		"fields: those of repeats included, there are more than 500": "  - type: repeat\n    name: s\n    label: {zh: 单, en: S}\n    repeat:\n" +
			many(maxFields, "      - {type: text, name: f%d, label: {zh: 项, en: F}}"),
		"expressions: together they have more than 100000 bytes": checks(repeated(strings.Repeat("answered(a) || ", 100)+"true", 70)...),
		"field s: a text for people is longer than 1000 bytes":   "  - {type: text, name: s, label: {zh: 长, en: " + long + "}}\n",
		"rule r: a text for people is longer than 1000 bytes":    "rules:\n  - {name: r, label: {zh: 规, en: R}, basis: " + long + ", check: answered(a)}\n",
		"rule r: basis_cases: there are more than 100": "rules:\n  - name: r\n    label: {zh: 规, en: R}\n    check: answered(a)\n    basis_cases:\n" +
			many(maxCases+1, "      - {when: answered(a), basis: b%d}"),
		"rule r: the expression is longer than 2000 characters": "rules:\n  - {name: r, label: {zh: 规, en: R}, check: '" + strings.Repeat(" ", 9000) + "true'}\n",
	} {
		_, err := Parse([]byte(costly(rest)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %.200v", want, err)
		}
	}
}

func hasProblem(out Outcome, code inspection.Code) bool {
	for _, p := range out.Problems {
		if p.Code == code {
			return true
		}
	}
	return false
}

// What a rule lacks is looked for along the calculations: each is visited
// once, however many paths lead to it.
func TestWhatLacksIsFoundOnce(t *testing.T) {
	chain := "calculations:\n" + calculated("c0", "a")
	for i := 1; i < 100; i++ {
		parts := []string{"a"}
		for k := max(0, i-20); k < i; k++ {
			parts = append(parts, fmt.Sprintf("c%d", k))
		}
		chain += calculated(fmt.Sprintf("c%d", i), strings.Join(parts, " + "))
	}
	tp := loaded(t, costly(chain+checks("c99 == b")))
	out := tp.Evaluate(Input{Answers: object(t, `{"b":"b"}`), Started: noon})
	if f := finding(t, out, "r0"); f.MessageEN != "Rule: can't be told; missing or unusable: A." {
		t.Error(f.MessageEN)
	}
}

// A long text that no expression reads costs nothing: it may be as long as it
// likes, and answered() is true of it.
func TestALongRemarkIsAnAnswer(t *testing.T) {
	tp := loaded(t, costly(checks("answered(a)")))
	in := Input{Answers: object(t, `{"a":"`+strings.Repeat("a", 100_000)+`"}`), Started: noon}
	if out := tp.Evaluate(in); out.Verdict != inspection.Pass || len(out.Problems) > 0 {
		t.Errorf("verdict %s, problems %v", out.Verdict, out.Problems)
	}
}

// Many items of a repeat with many fields each: what is read is bounded.
func TestRepeatsAreReadWithinBounds(t *testing.T) {
	var fields strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&fields, "      - {type: text, name: f%d, label: {zh: 项, en: F}, required: true}\n", i)
	}
	tp := loaded(t, `
name: costly
version: 1
title: {zh: 贵, en: Costly}
fields:
  - type: repeat
    name: items
    label: {zh: 清单, en: Items}
    repeat:
`+fields.String()+checks("items > 0"))
	items := "[" + strings.TrimSuffix(strings.Repeat(`{"id":"a"},`, 1000), ",") + "]"
	out, allocated := evaluated(tp, Input{Answers: object(t, `{"items":`+items+`}`), Started: noon})
	if out.Verdict != inspection.Indeterminate || !hasProblem(out, inspection.CodeOverrun) || allocated > maxJudging {
		t.Errorf("verdict %s, %d problems, %d MiB", out.Verdict, len(out.Problems), allocated>>20)
	}
}

// What a record keeps of its judging is bounded, whatever the texts of the
// template are: the record is kept for ever, and many share one commit.
func TestFindingsAreBounded(t *testing.T) {
	var fields, needs []string
	for i := range 100 {
		name := fmt.Sprintf("f%d", i)
		fields = append(fields, fmt.Sprintf("  - {type: text, name: %s, label: {zh: %s, en: F}, required: true}", name, name+strings.Repeat("长", 1000)))
		needs = append(needs, name)
	}
	definition := costly(strings.Join(fields, "\n") + "\nrules:\n")
	for i := range 200 {
		definition += fmt.Sprintf("  - {name: r%d, label: {zh: 规则, en: Rule}, basis: %s, observe: a, check: answered(a), needs: [%s]}\n", i, strings.Repeat("b", 500), strings.Join(needs, ", "))
	}
	out := loaded(t, definition).Evaluate(Input{Answers: object(t, `{"a":"`+strings.Repeat("a", 4000)+`"}`), Started: noon})
	bytes := 0
	for _, f := range out.Findings {
		observed, _ := f.Observed.(string)
		bytes += len(f.Message) + len(f.MessageEN) + len(f.Basis) + len(observed)
	}
	for _, p := range out.Problems {
		bytes += len(p.Message) + len(p.MessageEN)
	}
	if bytes > 2<<20 {
		t.Errorf("findings and problems are %d KiB", bytes>>10)
	}
}

// A panic while an expression is evaluated is a mistake of ours: it costs the
// record its verdict, nothing else.
func TestAPanicIsThatOfOneRecord(t *testing.T) {
	tp := loaded(t, costly(checks(`"x" in limit`, "answered(a)")))
	out := tp.Evaluate(Input{Answers: object(t, `{"a":"a"}`), Started: noon, Limits: limitSet(t)})
	if out.Verdict != inspection.Indeterminate || !hasProblem(out, inspection.CodeOverrun) {
		t.Errorf("verdict %s, problems %v", out.Verdict, out.Problems)
	}
	if f := finding(t, out, "r1"); f.Result != inspection.Pass {
		t.Errorf("the other rule is %s", f.Result)
	}
}

func TestTimesAtTheirEnds(t *testing.T) {
	tp := loaded(t, costly("  - {type: datetime, name: at, label: {zh: 时, en: At}}\n"+
		checks("hours(finished - started) > limit.n", "hours(at - started) > limit.n", `at + duration("1000000h") > started`)))
	limits := limitSet(t, `{"id":"n","name":"n","value":1000,"comparison":"<=","flag":"S","enabled":true}`)
	for _, at := range []string{"0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0000-01-01T00:00:00+23:59"} {
		started, _ := time.Parse(time.RFC3339, at)
		for _, answer := range []string{"9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00Z"} {
			out := tp.Evaluate(Input{Answers: object(t, `{"at":"`+answer+`"}`), Started: started, Finished: noon, Limits: limits})
			if hasProblem(out, inspection.CodeOverrun) || out.Verdict == "" {
				t.Errorf("%s, %s: verdict %s, %v", at, answer, out.Verdict, out.Problems)
			}
		}
	}
}
