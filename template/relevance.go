package template

import (
	celast "cel.dev/cel-go/common/ast"

	"gridpatrol/inspection"
)

// holds says in JSON Schema when a relevance condition is definitely true (or
// definitely false, for want == false). Where a field is missing or unusable
// it is neither, just as in CEL with unknowns. ok is false for conditions
// that a schema can't say.
func (t *Template) holds(x celast.Expr, want bool) (schema inspection.Object, ok bool) {
	switch x.Kind() {
	case celast.IdentKind:
		f := t.identField(x)
		if f == nil || f.Type != typeBoolean {
			return nil, false
		}
		return present(f.Name, inspection.Object{"const": want}), true
	case celast.CallKind:
		call := x.AsCall()
		switch call.FunctionName() {
		case "!_":
			return t.holds(call.Args()[0], !want)
		case "_&&_":
			return t.holdsAll(call.Args(), want, want)
		case "_||_":
			return t.holdsAll(call.Args(), want, !want)
		}
		return t.comparisonHolds(call, want)
	}
	return nil, false
}

func (t *Template) holdsAll(args []celast.Expr, want, all bool) (inspection.Object, bool) {
	var parts []any
	for _, a := range args {
		s, ok := t.holds(a, want)
		if !ok {
			return nil, false
		}
		parts = append(parts, s)
	}
	if all {
		return inspection.Object{"allOf": parts}, true
	}
	return inspection.Object{"anyOf": parts}, true
}

func (t *Template) comparisonHolds(call celast.CallExpr, want bool) (inspection.Object, bool) {
	c, ok := t.comparison(call)
	if !ok || !c.field.Type.selects() {
		return nil, false
	}
	values := make([]any, len(c.values))
	for i, v := range c.values {
		values[i] = v
	}
	f := t.fieldNamed(c.field.Name)
	var match any = inspection.Object{"enum": values}
	if f.Type == typeSelectMultiple {
		match = inspection.Object{"type": "array", "contains": match}
	}
	if want == c.negated {
		match = inspection.Object{"not": match}
	}
	usable := []any{f.valueSchema(), inspection.Object{"not": inspection.Object{"enum": f.absent()}}, match}
	return present(f.Name, inspection.Object{"allOf": usable}), true
}
