package template

import (
	celast "cel.dev/cel-go/common/ast"

	"gridpatrol/inspection"
)

// schemaOf says in JSON Schema when a relevance condition is definitely true (or
// definitely false, for want == false). Where a field is missing or unusable
// it is neither, just as in CEL with unknowns. ok is false for conditions
// that a schema can't say.
func (t *Template) schemaOf(x celast.Expr, want bool) (schema inspection.Object, ok bool) {
	switch x.Kind() {
	case celast.IdentKind:
		f := t.identField(x)
		if f == nil || f.Type != typeBoolean {
			return nil, false
		}
		return presentAs(f.Name, inspection.Object{"const": want}), true
	case celast.CallKind:
		call := x.AsCall()
		switch call.FunctionName() {
		case "!_":
			return t.schemaOf(call.Args()[0], !want)
		case "_&&_":
			return t.schemaOfAll(call.Args(), want, want)
		case "_||_":
			return t.schemaOfAll(call.Args(), want, !want)
		}
		return t.schemaOfComparison(call, want)
	}
	return nil, false
}

func (t *Template) schemaOfAll(args []celast.Expr, want, all bool) (inspection.Object, bool) {
	var parts []any
	for _, a := range args {
		s, ok := t.schemaOf(a, want)
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

func (t *Template) schemaOfComparison(call celast.CallExpr, want bool) (inspection.Object, bool) {
	c, ok := t.comparison(call)
	if !ok || !c.field.Type.selects() {
		return nil, false
	}
	t.listed += len(c.field.Choices)
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
	usable := []any{f.valueSchema(), inspection.Object{"not": inspection.Object{"enum": f.emptyValues()}}, match}
	return presentAs(f.Name, inspection.Object{"allOf": usable}), true
}
