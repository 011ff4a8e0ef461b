package template

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"

	"gridpatrol/inspection"
)

// Input is what a verdict is made from. Answers may hold anything. Photos
// counts the distinct photos that the record names, by photo field. Started
// decides the check's date (in China); the zero time is absent.
type Input struct {
	Answers           inspection.Object
	Photos            map[string]int
	Location          *Location
	Started, Finished time.Time
	Limits            *LimitSet
	// Done ends judging when it is closed: what was not told by then is
	// indeterminate. nil never does.
	Done <-chan struct{}
}

// Outcome is what a template says of a record.
type Outcome struct {
	Verdict  inspection.Verdict
	Findings []inspection.Finding // one per rule, in the template's order
	// Problems are sorted by pointer, then code, and at most 200; if there are
	// more, the last one says so.
	Problems []inspection.Problem
	// MissingFields are the photo fields that are demanded and lack photos.
	MissingFields []string
	LeadUnit      string // id of the unit that the matter goes to, "" if unknown
	// Title is what the record is called among others, by the template's
	// instance_name; "" if that can't be told.
	Title string
	// Trouble says where judging took too much, or failed; nil if it did not.
	// Then there is a problem of CodeOverrun, and the verdict is indeterminate.
	// It is for the log.
	Trouble error
}

// Evaluate judges a record. It is pure, takes any answers and may be called by
// many at once. What it takes is bounded, whatever the template and the
// answers are.
func (t *Template) Evaluate(in Input) (out Outcome) {
	defer func() {
		if r := recover(); r != nil { // a mistake of ours: no reason to lose the record
			out = Outcome{Verdict: inspection.Indeterminate, Trouble: fmt.Errorf("judging panicked: %v\n%s", r, debug.Stack())}
			out.Problems = []inspection.Problem{overrunProblem("/answers")}
		}
	}()
	out, _ = t.evaluate(&in)
	return out
}

func (t *Template) evaluate(in *Input) (out Outcome, steps int) {
	s, c := t.newScope(in), &checker{}
	t.readAnswers(s, c)
	out.Title = t.titleOf(s) // an answer that breaks its constraint still names the record
	t.checkRequired(s, c)
	t.checkConstraints(s, c)
	out.MissingFields, out.LeadUnit = t.missingPhotos(s), t.leadUnit(s)
	out.Findings = make([]inspection.Finding, len(t.rules))
	for i, r := range t.rules {
		out.Findings[i] = s.finding(r)
	}
	out.Verdict = verdictOf(out.Findings)
	if s.trouble != nil {
		c.problems = append(c.problems, overrunProblem("/answers"))
	}
	if out.Trouble = cmp.Or(s.trouble, c.trouble); out.Trouble != nil {
		out.Verdict = inspection.Indeterminate // what was told of rules stands, but is no verdict
	}
	out.Problems = c.sorted()
	return out, s.steps
}

func overrunProblem(pointer string) inspection.Problem {
	return inspection.Problem{
		Pointer: pointer, Code: inspection.CodeOverrun,
		Message:   "按检查表判定此内容的计算量过大，未能完成",
		MessageEN: "To judge this by the checklist takes too much; what it would tell is undecided.",
	}
}

func (t *Template) readAnswers(s *scope, c *checker) {
	for i, f := range t.fields {
		if f.Type == typePhoto {
			s.values[i] = types.Int(s.in.Photos[f.Name])
			continue
		}
		s.values[i] = c.read(f, "/answers/"+f.Name, s.in.Answers[f.Name])
	}
	c.noteUnknown("/answers", s.in.Answers, func(name string) bool {
		f := t.fieldNamed(name)
		return f != nil && f.Type != typePhoto
	})
}

// checkRequired notes what is required and missing. A field whose relevance
// can't be told yet is not demanded.
func (t *Template) checkRequired(s *scope, c *checker) {
	for i, f := range t.fields {
		if f.Required && f.isMissing(s.in.Answers[f.Name]) && s.truthOf(f.relevant) == yes {
			c.note("/answers/"+f.Name, inspection.CodeRequired, "缺少必填项："+f.Label.ZH, f.Label.EN+" is required.")
			s.values[i] = missing
		}
	}
}

// checkConstraints makes answers unusable that break their field's own
// condition. All are asked before any is marked, so their order is nothing.
func (t *Template) checkConstraints(s *scope, c *checker) {
	var broken []int
	for i, f := range t.fields {
		if types.IsUnknown(s.values[i]) || f.constraint == nil && f.Patterns == "" {
			continue
		}
		if f.constraint != nil && s.truthOf(f.constraint) == no || !t.matchesPattern(s, i) {
			broken = append(broken, i)
		}
	}
	for _, i := range broken {
		f := t.fields[i]
		say := text{f.Label.ZH + "：不符合填写要求", f.Label.EN + ": the answer breaks its constraint."}
		if f.ConstraintMessage != nil {
			say = *f.ConstraintMessage
		}
		c.note("/answers/"+f.Name, inspection.CodeConstraint, say.ZH, say.EN)
		s.values[i] = invalid
	}
}

func (t *Template) matchesPattern(s *scope, i int) bool {
	f := t.fields[i]
	value, ok := s.values[i].(types.String)
	if f.Patterns == "" || !ok {
		return true
	}
	by := types.String("")
	if f.PatternBy != "" {
		by, _ = s.values[t.vars[f.PatternBy]].(types.String)
	}
	return s.matchesOne(s.in.Limits.patternsOf(f.Patterns, string(by), s.today), NormalPlate(string(value)), "field "+f.Name+": patterns")
}

// matchesOne reports whether the text matches one of the patterns, or there is
// none. What can't be told counts as a match, and is noted.
func (s *scope) matchesOne(patterns []*pattern, text, where string) bool {
	costly := false
	for _, p := range patterns {
		if p == nil {
			costly = true
			continue
		}
		s.steps += p.steps(text)
		if !s.goesOn(where) || p.re.MatchString(text) {
			return true
		}
	}
	if costly {
		s.fail(where, errOverrun)
	}
	return costly || len(patterns) == 0
}

// patternsOf returns the patterns of that name in force on day for the other
// answer; nil stands for one that takes too much.
func (s *LimitSet) patternsOf(name, by string, day int) []*pattern {
	if s == nil {
		return nil
	}
	var rows []*pattern
	for i := range s.patterns[name] {
		l := &s.patterns[name][i]
		if l.inForce(day) && (by == "" || len(l.patternFor) == 0 || slices.Contains(l.patternFor, by)) {
			rows = append(rows, l.pattern)
		}
	}
	return rows
}

func (t *Template) missingPhotos(s *scope) []string {
	var names []string
	for _, f := range t.fields {
		if f.Type == typePhoto && s.in.Photos[f.Name] < f.MinCount && s.truthOf(f.relevant) == yes {
			names = append(names, f.Name)
		}
	}
	return names
}

func (t *Template) leadUnit(s *scope) string {
	for _, u := range t.units {
		if s.truthOf(u.when) == yes {
			return u.unit
		}
	}
	return t.def.LeadUnit.Default
}

// maxTitle is the longest title, in characters.
const maxTitle = 120

func (t *Template) titleOf(s *scope) string {
	if t.title == nil {
		return ""
	}
	v, _ := s.eval(t.title).(types.String)
	title := []rune(strings.TrimSpace(string(v)))
	return string(title[:min(len(title), maxTitle)])
}

// verdictOf combines the findings that decide: one failure decides; then what
// waits for a laboratory; then what can't be told.
func verdictOf(findings []inspection.Finding) inspection.Verdict {
	order := []inspection.Verdict{
		inspection.Fail, inspection.PendingLab, inspection.Indeterminate, inspection.Pass,
	}
	for _, v := range order {
		for _, f := range findings {
			if f.Level == inspection.LevelFail && f.Result == v {
				return v
			}
		}
	}
	return inspection.NotApplicable
}
