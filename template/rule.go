package template

import (
	"strings"

	"cel.dev/cel-go/cel"

	"gridpatrol/inspection"
)

// rule is a compiled rule. It either compares an observed value with a limit
// or checks a condition.
type rule struct {
	ruleDef
	when, pendingLab, observe, check *expr
	cases                            []basisRule
	needs                            []int
	date                             int // index of a date field, or -1 for the check's date
	unit                             int // index of the select_one that gives the unit, or -1
	limitPrefix                      string
	limitVar                         int      // index of what the limit's name ends with, or -1
	limitValues                      []string // what that may be
}

type basisRule struct {
	when  *expr
	basis string
}

func (t *Template) compileRule(env *cel.Env, def ruleDef) (*rule, error) {
	r := &rule{ruleDef: def, date: -1, unit: -1, limitVar: -1}
	where := "rule " + def.Name
	if err := checkRule(where, r); err != nil {
		return nil, err
	}
	steps := []func() error{
		func() error { return t.ruleExpressions(env, where, r) },
		func() error { return t.ruleNames(where, r) },
		func() error { return t.ruleLimit(where, r) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func checkRule(where string, r *rule) error {
	if r.Level == "" {
		r.Level = inspection.LevelFail
	}
	switch {
	case !namePattern.MatchString(r.Name):
		return errorf("%s: the name is not lower-case letters, digits and underscores", where)
	case !r.Label.complete() || r.Fail != nil && !r.Fail.complete():
		return errorf("%s: label and fail need zh and en", where)
	case r.Level != inspection.LevelFail && r.Level != inspection.LevelWarn:
		return errorf("%s: level is fail or warn", where)
	case (r.Limit == "") == (r.Check == ""):
		return errorf("%s: needs either limit or check", where)
	case r.Limit != "" && r.Observe == "":
		return errorf("%s: a limit needs observe", where)
	case r.UnitField != "" && r.Limit == "":
		return errorf("%s: unit_field needs limit", where)
	case r.During != "" && !namePattern.MatchString(r.During):
		return errorf("%s: during: %q is no name of a limit", where, r.During)
	}
	return nil
}

func (t *Template) ruleExpressions(env *cel.Env, where string, r *rule) (err error) {
	observed := []*cel.Type{decimalType}
	if r.Limit == "" {
		observed = []*cel.Type{decimalType, cel.StringType, cel.BoolType}
	}
	for _, x := range []struct {
		to     **expr
		name   string
		source string
		want   []*cel.Type
	}{
		{&r.when, "when", r.When, []*cel.Type{cel.BoolType}},
		{&r.pendingLab, "pending_lab", r.PendingLab, []*cel.Type{cel.BoolType}},
		{&r.check, "check", r.Check, []*cel.Type{cel.BoolType}},
		{&r.observe, "observe", r.Observe, observed},
	} {
		if *x.to, err = t.compileExpr(env, where+": "+x.name, x.source, x.want...); err != nil {
			return err
		}
	}
	for _, c := range r.BasisCases {
		e, err := t.compileExpr(env, where+": basis_cases", c.When, cel.BoolType)
		if err != nil {
			return err
		}
		if e == nil || c.Basis == "" {
			return errorf("%s: basis_cases: needs when and basis", where)
		}
		r.cases = append(r.cases, basisRule{e, c.Basis})
	}
	return nil
}

func (t *Template) ruleNames(where string, r *rule) error {
	for _, name := range r.Needs {
		if t.fieldNamed(name) == nil {
			return errorf("%s: needs: there is no field %q", where, name)
		}
		r.needs = append(r.needs, t.vars[name])
	}
	if r.Date != "" {
		if t.fieldNamed(r.Date, typeDate, typeDatetime) == nil {
			return errorf("%s: date: %q is no date field", where, r.Date)
		}
		r.date = t.vars[r.Date]
	}
	if r.UnitField != "" {
		if t.fieldNamed(r.UnitField, typeSelectOne) == nil {
			return errorf("%s: unit_field: %q is no select_one field", where, r.UnitField)
		}
		r.unit = t.vars[r.UnitField]
	}
	return nil
}

func (t *Template) ruleLimit(where string, r *rule) error {
	if r.Limit == "" {
		return nil
	}
	prefix, variable, ok := splitLimit(r.Limit)
	if !ok {
		return errorf("%s: limit: %q is no name of a limit", where, r.Limit)
	}
	r.limitPrefix = prefix
	if variable == "" {
		return nil
	}
	if f := t.fieldNamed(variable, typeSelectOne); f != nil {
		r.limitValues = f.choiceNames()
	}
	if i := t.vars[variable] - len(t.fields); i >= 0 && i < len(t.calcs) {
		r.limitValues = t.calcs[i].Choices
	}
	if len(r.limitValues) == 0 {
		return errorf("%s: limit: %q has no list of choices", where, variable)
	}
	r.limitVar = t.vars[variable]
	return nil
}

// splitLimit splits "voc_{product_class}" into its prefix and the variable;
// a plain name has no variable. ok is false for anything else.
func splitLimit(name string) (prefix, variable string, ok bool) {
	prefix, rest, braces := strings.Cut(name, "{")
	if !braces {
		return name, "", namePattern.MatchString(name)
	}
	variable, tail, closed := strings.Cut(rest, "}")
	return prefix, variable, closed && tail == "" && variable != ""
}

func (f *fieldDef) choiceNames() []string {
	names := make([]string, len(f.Choices))
	for i, c := range f.Choices {
		names[i] = c.Name
	}
	return names
}

// normalUnit makes the spellings of a unit comparable: "g_l" is how a choice
// must be named, "g/L" how a limit row writes it, "percent" stands for "%".
func normalUnit(unit string) string {
	unit = strings.ToLower(strings.ReplaceAll(unit, "/", "_"))
	return strings.ReplaceAll(unit, "%", "percent")
}
