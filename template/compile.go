package template

import (
	"encoding/json"
	"math/big"
	"regexp"
	"slices"
	"strconv"

	"cel.dev/cel-go/cel"
)

// Bounds of a definition and of answers. The numbers are far beyond any
// checklist and keep the cost of a hostile record low.
const (
	maxFields = 500
	maxRules  = 200
	maxItems  = 1000
	maxNumber = 1e15 // where a field gives no range; floats of phones hold it
)

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// reservedNames are CEL's own words and those of this package's environment.
var reservedNames = append([]string{
	"true", "false", "null", "in", "as", "break", "const", "continue", "else", "for",
	"function", "if", "import", "let", "loop", "package", "namespace", "return", "var",
	"void", "while", "bool", "bytes", "double", "int", "uint", "string", "list", "map",
	"null_type", "type", "timestamp", "duration", "dyn", "size", "decimal", limitName,
	"answered", "mean", "days", "hours", "minutes", "meters",
}, builtins...)

// field is a field with what was compiled of it.
type field struct {
	fieldDef
	min, max   *big.Rat
	relevant   *expr
	constraint *expr
	sub        []*field        // of a repeat, sorted as written
	choices    map[string]bool // by name
	read       bool            // by an expression or a pattern, so that its length counts
}

// calculation is a value that rules share.
type calculation struct {
	calculationDef
	expr *expr
}

type unitRule struct {
	when *expr
	unit string
}

func (t *Template) compile() error {
	steps := []func() error{t.checkHead, t.compileFields, t.compileExpressions, t.compileSchema}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (t *Template) checkHead() error {
	d := t.def
	switch {
	case !namePattern.MatchString(d.Name):
		return errorf("name: %q is not lower-case letters, digits and underscores", d.Name)
	case d.Version < 1:
		return errorf("version: must be 1 or more")
	case !d.Title.complete():
		return errorf("title: needs zh and en")
	case d.TaskDue != "" && !namePattern.MatchString(d.TaskDue):
		return errorf("task_due: %q is no name of a limit", d.TaskDue)
	case len(d.Fields) == 0 || len(d.Fields) > maxFields:
		return errorf("fields: must be 1 to %d", maxFields)
	case len(d.Rules) > maxRules || len(d.Calculations) > maxRules:
		return errorf("rules: more than %d", maxRules)
	}
	return nil
}

// compileFields puts answers before photos, so that an index below the number
// of answers is one.
func (t *Template) compileFields() error {
	for _, photos := range []bool{false, true} {
		for _, def := range t.def.Fields {
			if (def.Type == typePhoto) != photos {
				continue
			}
			f, err := compileField("field "+def.Name, def)
			if err != nil {
				return err
			}
			f.read = def.Patterns != ""
			if err := t.declare("field "+def.Name, def.Name, len(t.fields)); err != nil {
				return err
			}
			t.fields = append(t.fields, f)
		}
	}
	for i, def := range t.def.Calculations {
		if err := t.declare("calculation "+def.Name, def.Name, len(t.fields)+i); err != nil {
			return err
		}
	}
	for i, name := range builtins {
		t.vars[name] = len(t.fields) + len(t.def.Calculations) + i
	}
	return nil
}

func (t *Template) declare(where, name string, index int) error {
	if !namePattern.MatchString(name) || slices.Contains(reservedNames, name) {
		return errorf("%s: the name is not lower-case letters, digits and underscores, or is reserved", where)
	}
	if _, twice := t.vars[name]; twice {
		return errorf("%s: the name is there twice", where)
	}
	t.vars[name] = index
	return nil
}

func compileField(where string, def fieldDef) (*field, error) {
	f := &field{fieldDef: def}
	if err := checkField(where, &def); err != nil {
		return nil, err
	}
	var err error
	if f.min, err = parseBound(where+": min", def.Min, -maxNumber); err != nil {
		return nil, err
	}
	if f.max, err = parseBound(where+": max", def.Max, maxNumber); err != nil {
		return nil, err
	}
	f.choices = make(map[string]bool, len(def.Choices))
	for _, c := range def.Choices {
		f.choices[c.Name] = true
	}
	seen := map[string]bool{"id": true}
	for _, d := range def.Repeat {
		at := where + "." + d.Name
		if seen[d.Name] || !namePattern.MatchString(d.Name) || slices.Contains([]fieldType{typePhoto, typeRepeat}, d.Type) {
			return nil, errorf("%s: a repeat's fields need unique names, not id, and a simple type", at)
		}
		if d.Relevant != "" || d.Constraint != "" || d.Patterns != "" {
			return nil, errorf("%s: expressions are not taken inside a repeat", at)
		}
		seen[d.Name] = true
		sub, err := compileField(at, d)
		if err != nil {
			return nil, err
		}
		f.sub = append(f.sub, sub)
	}
	return f, nil
}

func checkField(where string, d *fieldDef) error {
	switch {
	case !slices.Contains(fieldTypes, d.Type):
		return errorf("%s: there is no type %q", where, d.Type)
	case !d.Label.complete() || d.Hint != nil && !d.Hint.complete():
		return errorf("%s: label and hint need zh and en", where)
	case d.ConstraintMessage != nil && !d.ConstraintMessage.complete():
		return errorf("%s: constraint_message needs zh and en", where)
	case d.Type.selects() != (len(d.Choices) > 0):
		return errorf("%s: choices belong to select_one and select_multiple, and only there", where)
	case (d.Min != "" || d.Max != "") && !d.Type.numeric():
		return errorf("%s: min and max belong to numbers", where)
	case d.MinCount < 0 || d.MinCount > 0 && d.Type != typePhoto:
		return errorf("%s: min_count belongs to photos", where)
	case (d.Required || d.Constraint != "") && d.Type == typePhoto:
		return errorf("%s: a photo has min_count, not required or constraint", where)
	case (d.Type == typeRepeat) != (len(d.Repeat) > 0):
		return errorf("%s: a repeat needs fields under \"repeat\", and only a repeat has them", where)
	case d.Patterns != "" && d.Type != typeText || d.PatternBy != "" && d.Patterns == "":
		return errorf("%s: patterns belong to a text", where)
	}
	return checkChoices(where, d.Choices)
}

func (t fieldType) numeric() bool {
	return t == typeInteger || t == typeDecimal || t == typeNumbers
}

func checkChoices(where string, choices []choice) error {
	seen := map[string]bool{}
	for _, c := range choices {
		if seen[c.Name] || !namePattern.MatchString(c.Name) || !c.Label.complete() {
			return errorf("%s: the choice %q needs a unique name and a label in zh and en", where, c.Name)
		}
		seen[c.Name] = true
	}
	return nil
}

func parseBound(where string, n json.Number, otherwise float64) (*big.Rat, error) {
	if n == "" {
		return new(big.Rat).SetFloat64(otherwise), nil
	}
	r, ok := parseNumber(string(n))
	if !ok {
		return nil, errorf("%s: not a number", where)
	}
	return r, nil
}

// celType is the type of a field as expressions see it.
func (f *fieldDef) celType() *cel.Type {
	switch f.Type {
	case typeInteger, typeDecimal:
		return decimalType
	case typeDate, typeDatetime:
		return cel.TimestampType
	case typeBoolean:
		return cel.BoolType
	case typeSelectMultiple:
		return cel.ListType(cel.StringType)
	case typeNumbers:
		return cel.ListType(decimalType)
	case typePhoto, typeRepeat:
		return cel.IntType
	}
	return cel.StringType
}

// environments returns CEL with the fields, and CEL with the calculations on
// top of them. Calculations see those above them only.
func (t *Template) environment() (*cel.Env, error) {
	base, err := baseEnv()
	if err != nil {
		return nil, err
	}
	var options []cel.EnvOption
	for _, f := range t.fields {
		options = append(options, cel.Variable(f.Name, f.celType()))
	}
	return base.Extend(options...)
}

func (t *Template) compileExpressions() error {
	env, err := t.environment()
	if err != nil {
		return errorf("fields: %v", err)
	}
	for _, f := range t.fields {
		if err := t.compileFieldExpressions(env, f); err != nil {
			return err
		}
	}
	if env, err = t.compileCalculations(env); err != nil {
		return err
	}
	if t.title, err = t.compileExpr(env, "instance_name", t.def.InstanceName, cel.StringType); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, def := range t.def.Rules {
		if seen[def.Name] {
			return errorf("rule %s: the name is there twice", def.Name)
		}
		seen[def.Name] = true
		r, err := t.compileRule(env, def)
		if err != nil {
			return err
		}
		t.rules = append(t.rules, r)
	}
	if err := t.compileLeadUnits(env); err != nil {
		return err
	}
	return t.planExpressions()
}

func (t *Template) compileFieldExpressions(env *cel.Env, f *field) (err error) {
	where := "field " + f.Name
	if f.relevant, err = t.compileExpr(env, where+": relevant", f.Relevant, cel.BoolType); err != nil {
		return err
	}
	if f.constraint, err = t.compileExpr(env, where+": constraint", f.Constraint, cel.BoolType); err != nil {
		return err
	}
	if f.PatternBy != "" && t.fieldNamed(f.PatternBy, typeSelectOne) == nil {
		return errorf("%s: pattern_by: %q is no select_one field", where, f.PatternBy)
	}
	return nil
}

func (t *Template) compileCalculations(env *cel.Env) (*cel.Env, error) {
	for _, def := range t.def.Calculations {
		where := "calculation " + def.Name
		if !def.Label.complete() || def.Calculation == "" {
			return nil, errorf("%s: needs a label in zh and en, and a calculation", where)
		}
		e, err := t.compileExpr(env, where, def.Calculation, cel.StringType, decimalType, cel.BoolType)
		if err != nil {
			return nil, err
		}
		if env, err = env.Extend(cel.Variable(def.Name, e.output)); err != nil {
			return nil, errorf("%s: %v", where, err)
		}
		t.calcs = append(t.calcs, &calculation{calculationDef: def, expr: e})
	}
	return env, nil
}

func (t *Template) compileLeadUnits(env *cel.Env) error {
	for i, c := range t.def.LeadUnit.Cases {
		where := "lead_unit: case " + strconv.Itoa(i+1)
		e, err := t.compileExpr(env, where, c.When, cel.BoolType)
		if err != nil {
			return err
		}
		if e == nil || c.Unit == "" {
			return errorf("%s: needs when and unit", where)
		}
		t.units = append(t.units, unitRule{when: e, unit: c.Unit})
	}
	return nil
}

// fieldNamed returns the field if it has one of the types, else nil.
func (t *Template) fieldNamed(name string, types ...fieldType) *field {
	i, ok := t.vars[name]
	if !ok || i >= len(t.fields) || len(types) > 0 && !slices.Contains(types, t.fields[i].Type) {
		return nil
	}
	return t.fields[i]
}
