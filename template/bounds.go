package template

import (
	"slices"
	"strconv"
)

// Bounds of a definition that is to be published. What is loaded was published
// before.
const (
	maxLabel       = 1000    // bytes of a text for people in one language
	maxChoices     = 1000    // of one field
	maxCases       = 100     // of a rule's basis, and of the lead unit
	maxExpressions = 100_000 // bytes of all expressions together
)

// checkLengths refuses a definition that is too long to compile, or whose
// texts are too long to be kept with every record.
func (t *Template) checkLengths() error {
	d := t.def
	l := &lengths{}
	l.text("title", &d.Title)
	l.phrase("instance_name", d.InstanceName)
	l.fields("field ", d.Fields)
	if l.count > maxFields {
		l.fail("fields", "those of repeats included, there are more than "+strconv.Itoa(maxFields))
	}
	for i := range d.Calculations {
		c := &d.Calculations[i]
		l.text("calculation "+c.Name, &c.Label)
		l.phrase("calculation "+c.Name, c.Calculation)
	}
	for i := range d.Rules {
		l.rule(&d.Rules[i])
	}
	l.atMost("lead_unit: cases", len(d.LeadUnit.Cases), maxCases)
	for _, c := range d.LeadUnit.Cases {
		l.phrase("lead_unit", c.When)
	}
	if l.expressions > maxExpressions {
		l.fail("expressions", "together they have more than "+strconv.Itoa(maxExpressions)+" bytes")
	}
	return l.err
}

// lengths keeps the first thing that is too long.
type lengths struct {
	count       int // of fields
	expressions int // their bytes
	err         error
}

func (l *lengths) fail(where, why string) {
	if l.err == nil {
		l.err = errorf("%s: %s", where, why)
	}
}

func (l *lengths) atMost(where string, n, limit int) {
	if n > limit {
		l.fail(where, "there are more than "+strconv.Itoa(limit))
	}
}

func (l *lengths) text(where string, texts ...*text) {
	for _, t := range texts {
		if t != nil && max(len(t.ZH), len(t.EN)) > maxLabel {
			l.fail(where, "a text for people is longer than "+strconv.Itoa(maxLabel)+" bytes")
		}
	}
}

// phrase counts an expression.
func (l *lengths) phrase(where, source string) {
	if l.expressions += len(source); len(source) > 4*maxExpression { // in characters it is looked at by the compiler
		l.fail(where, "the expression is longer than "+strconv.Itoa(maxExpression)+" characters")
	}
}

func (l *lengths) fields(prefix string, fields []fieldDef) {
	for i := range fields {
		f := &fields[i]
		where := prefix + f.Name
		l.count++
		l.text(where, &f.Label, f.Hint, f.ConstraintMessage)
		l.phrase(where, f.Relevant)
		l.phrase(where, f.Constraint)
		l.atMost(where+": choices", len(f.Choices), maxChoices)
		for k := range f.Choices {
			l.text(where, &f.Choices[k].Label)
		}
		l.fields(where+".", f.Repeat)
	}
}

func (l *lengths) rule(r *ruleDef) {
	where := "rule " + r.Name
	l.text(where, &r.Label, r.Fail, &text{ZH: r.Basis})
	for _, source := range []string{r.When, r.Observe, r.Check, r.PendingLab} {
		l.phrase(where, source)
	}
	l.atMost(where+": basis_cases", len(r.BasisCases), maxCases)
	for _, c := range r.BasisCases {
		l.text(where, &text{ZH: c.Basis})
		l.phrase(where, c.When)
	}
	l.atMost(where+": needs", len(r.Needs), maxFields)
}

// checkCost refuses a definition by which judging could take more than there
// is, on whatever answers, and names the expression that takes the most.
func (t *Template) checkCost() error {
	for _, e := range t.exprs {
		if e.over != nil {
			return errorf("%s: %v", e.where, e.over)
		}
	}
	if t.steps <= maxSteps {
		return nil
	}
	most := slices.MaxFunc(t.exprs, func(a, b *expr) int { return a.steps - b.steps })
	return errorf("%s: %v: on the largest answers all expressions take %d steps together, this one %d, and at most %d are taken",
		most.where, errOverrun, t.steps, most.steps, maxSteps)
}
