package template

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp/syntax"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gridpatrol/inspection"
)

// drawExpression draws an expression of a type out of all that there is.
func drawExpression(t *rapid.T, kind string, depth int) string {
	sub := func(kind string) string { return drawExpression(t, kind, depth-1) }
	forms := map[string][]func() string{
		"text": {
			func() string { return "a" }, func() string { return "b" }, func() string { return `"lit"` },
			func() string { return "(" + sub("text") + " + " + sub("text") + ")" },
			func() string { return "(" + sub("bool") + " ? " + sub("text") + " : " + sub("text") + ")" },
			func() string { return "string(bytes(" + sub("text") + ") + bytes(" + sub("text") + "))" },
		},
		"list": {
			func() string { return "tags" }, func() string { return "[" + sub("text") + ", " + sub("text") + "]" },
			func() string { return "(" + sub("list") + " + " + sub("list") + ")" },
		},
		"number": {
			func() string { return "limit.n" }, func() string { return "mean(readings, limit.n)" },
			func() string { return "mean(readings + readings, limit.n)" }, func() string { return "location_lat" },
		},
		"bool": {
			func() string { return "answered(a)" },
			func() string { return sub("text") + " == " + sub("text") }, func() string { return "(" + sub("bool") + " || " + sub("bool") + ")" },
			func() string { return "(" + sub("bool") + " && !" + sub("bool") + ")" },
			func() string { return sub("text") + " in " + sub("list") }, func() string { return sub("list") + " != " + sub("list") },
			func() string { return "size(" + sub("text") + ") > size(" + sub("list") + ")" },
			func() string { return sub("number") + " <= " + sub("number") },
			func() string { return sub("text") + ".contains(" + sub("text") + ")" },
			func() string { return sub("text") + `.matches("(a|b)*[a-z]{0,20}c")` }, func() string { return "matches(" + sub("text") + ", b)" },
			func() string { return "started.getHours(" + sub("text") + ") == 3" }, func() string { return `dyn(` + sub("text") + `) == dyn(` + sub("list") + `)` },
		},
	}[kind]
	if depth <= 0 {
		return forms[0]()
	}
	return rapid.SampledFrom(forms).Draw(t, kind)()
}

// drawTemplate draws a definition as an old database may hold it. Expressions
// that are too long to be compiled are drawn smaller.
func drawTemplate(t *rapid.T) *Template {
	expression := func(kind string) string {
		for depth := rapid.IntRange(0, 7).Draw(t, "depth"); ; depth-- {
			if s := drawExpression(t, kind, depth); len(s) < maxExpression {
				return strings.ReplaceAll(s, "'", "''")
			}
		}
	}
	rest := "calculations:\n"
	for i := range rapid.IntRange(1, 12).Draw(t, "calculations") {
		source := expression("text")
		if i > 0 {
			source = strings.ReplaceAll(source, "b", fmt.Sprintf("c%d", i-1))
			source = strings.ReplaceAll(source, fmt.Sprintf("c%dytes", i-1), "bytes")
		}
		rest += calculated(fmt.Sprintf("c%d", i), source)
	}
	var rules []string
	for range rapid.IntRange(1, 12).Draw(t, "rules") {
		rules = append(rules, strings.ReplaceAll(expression("bool"), `"lit"`, "c0"))
	}
	doc, err := DecodeYAML([]byte(costly(rest + checks(rules...) + "instance_name: c0 + a\n")))
	if err != nil {
		t.Fatal(err)
	}
	tp, err := FromDocument(doc)
	if err != nil {
		t.Skip(err) // an expression that CEL does not take
	}
	return tp
}

// drawAnswers draws answers of up to a document's size.
func drawAnswers(t *rapid.T) inspection.Object {
	text := func(name string) any {
		n := rapid.SampledFrom([]int{0, 1, 30, 900, maxText, maxText + 1, 300_000}).Draw(t, name)
		return strings.Repeat(rapid.SampledFrom([]string{"a", "ab", "汉"}).Draw(t, "of"), n)
	}
	list := func(name string, values ...any) any {
		out := make([]any, rapid.SampledFrom([]int{0, 1, 3, 1000, 1001}).Draw(t, name))
		for i := range out {
			out[i] = values[i%len(values)]
		}
		return out
	}
	return inspection.Object{
		"a": text("a"), "b": text("b"), "tags": list("tags", "x", "y"),
		"readings": list("readings", inspection.Integer(7), inspection.Integer(123456789012345)),
	}
}

// Whatever the template and the answers: judging ends within its steps, what
// was foreseen is never exceeded, and counting changes nothing.
func TestJudgingIsBounded(t *testing.T) {
	limits := limitSet(t, `{"id":"n","name":"n","value":1000,"comparison":"<=","flag":"S","enabled":true}`)
	overruns, within := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		tp := drawTemplate(t)
		in := Input{Answers: drawAnswers(t), Started: noon, Location: &Location{Lat: 34.1, Lon: 108.9}, Limits: limits}
		uncounted, allocated := evaluated(tp, in)
		if allocated > maxJudging {
			t.Fatalf("%d MiB were allocated", allocated>>20)
		}
		foreseen := tp.steps
		if err := tp.plan(true); err != nil {
			t.Fatal(err)
		}
		out, steps := tp.evaluate(&in)
		if steps > min(foreseen, 2*maxSteps+maxMatch) {
			t.Fatalf("%d steps were taken, %d foreseen", steps, foreseen)
		}
		if (out.Trouble != nil) != hasProblem(out, inspection.CodeOverrun) || out.Trouble != nil && out.Verdict != inspection.Indeterminate {
			t.Fatalf("verdict %s after %v, problems %v", out.Verdict, out.Trouble, out.Problems)
		}
		if foreseen <= maxSteps && !reflect.DeepEqual(said(out), said(uncounted)) {
			t.Fatalf("counted: %v\nnot counted: %v", out, uncounted)
		}
		if out.Trouble != nil {
			overruns++
		} else {
			within++
		}
	})
	if overruns == 0 || within == 0 {
		t.Errorf("%d records overran, %d did not", overruns, within)
	}
}

// said is an outcome without the error, which may tell another place.
func said(out Outcome) Outcome {
	out.Trouble = nil
	return out
}

// What is counted before a pattern is compiled is never less than it has.
func TestInstructionsOfPatterns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		source := drawPattern(t, 5)
		parsed, err := syntax.Parse(source, syntax.Perl)
		if err != nil {
			t.Skip(err)
		}
		program, err := syntax.Compile(parsed.Simplify())
		if err != nil {
			t.Skip(err)
		}
		if n := instructions(parsed) + 2; n < len(program.Inst) {
			t.Fatalf("%s has %d instructions, %d were counted", source, len(program.Inst), n)
		}
	})
}

func drawPattern(t *rapid.T, depth int) string {
	if depth == 0 {
		return rapid.SampledFrom([]string{"", "a", "ab", ".", "[a-z]", `\pL`, `\d`, "^", "$", `\b`, "(?i)k", "汉"}).Draw(t, "leaf")
	}
	x, y := drawPattern(t, depth-1), drawPattern(t, depth-1)
	return rapid.SampledFrom([]string{
		x, x + y, "(?:" + x + "|" + y + ")", "(" + x + ")", "(?:" + x + ")*", "(?:" + x + ")+?", "(?:" + x + ")?",
		"(?:" + x + "){2,5}", "(?:" + x + "){3}", "(?:" + x + "){0,4}", "(?:" + x + "){2,}", "(?:" + x + "){0}",
	}).Draw(t, "form")
}

// The checklists that come with the program stay far below the bounds.
func TestOurChecklistsAreCheap(t *testing.T) {
	files, err := filepath.Glob("../seeds/templates/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		yaml, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		tp := mustParse(t, string(yaml))
		t.Logf("%s takes %d steps at most", name, tp.steps)
		if tp.steps > maxSteps/5 || tp.counted {
			t.Errorf("%s takes up to %d of %d steps", name, tp.steps, maxSteps)
		}
	}
}
