package template

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"time"

	"cel.dev/cel-go/cel"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// maxExpression bounds one expression's text.
const maxExpression = 2000

// limitName is the variable under which expressions find the limits.
const limitName = "limit"

// The two kinds of an answer that a rule can't use. answered() tells them
// apart: what is missing was not answered, of what is invalid one can't say.
var (
	missing = types.NewUnknown(1, types.NewAttributeTrail("missing"))
	invalid = types.NewUnknown(2, types.NewAttributeTrail("invalid"))
)

// baseEnv is CEL without macros: no loops, so an expression's cost is bounded
// by its length, whatever the answers are.
var baseEnv = sync.OnceValues(func() (*cel.Env, error) {
	d, t, b := decimalType, cel.TimestampType, cel.BoolType
	order := func(op, id string) cel.EnvOption {
		return cel.Function(op, cel.Overload(id, []*cel.Type{d, d}, b))
	}
	span := func(name string, unit time.Duration) cel.EnvOption {
		return cel.Function(name, cel.Overload(name+"_duration", []*cel.Type{cel.DurationType}, d,
			cel.UnaryBinding(func(v ref.Val) ref.Val { return inUnits(v, unit) })))
	}
	return cel.NewCustomEnv(
		cel.StdLib(), cel.ClearMacros(), cel.ParserExpressionSizeLimit(maxExpression), cel.ParserRecursionLimit(64),
		cel.Variable(limitName, cel.MapType(cel.StringType, d)),
		cel.Variable("started", t), cel.Variable("finished", t), cel.Variable("check_date", t),
		cel.Variable("location_lat", d), cel.Variable("location_lon", d), cel.Variable("location_accuracy", d),
		order("_<_", "less_decimal"), order("_<=_", "less_equals_decimal"),
		order("_>_", "greater_decimal"), order("_>=_", "greater_equals_decimal"),
		span("days", 24*time.Hour), span("hours", time.Hour), span("minutes", time.Minute),
		cel.Function("answered", cel.Overload("answered_any", []*cel.Type{cel.DynType}, b,
			cel.OverloadIsNonStrict(), cel.UnaryBinding(answered))),
		cel.Function("mean", cel.Overload("mean_list_decimal", []*cel.Type{cel.ListType(d), d}, d,
			cel.BinaryBinding(mean))),
		cel.Function("meters", cel.Overload("meters_decimals", []*cel.Type{d, d, d, d}, d,
			cel.FunctionBinding(meters))),
	)
})

// builtins are the variables that every template has besides its own.
var builtins = []string{"started", "finished", "check_date", "location_lat", "location_lon", "location_accuracy"}

// firstLocation is where the location begins among the specials.
const firstLocation = 3

func answered(v ref.Val) ref.Val {
	if v == ref.Val(missing) {
		return types.False
	}
	if types.IsUnknownOrError(v) {
		return v
	}
	return types.True
}

func inUnits(v ref.Val, unit time.Duration) ref.Val {
	d, ok := v.(types.Duration)
	if !ok {
		return types.MaybeNoSuchOverloadErr(v)
	}
	return decimal{big.NewRat(int64(d.Duration), int64(unit))}
}

// mean is the arithmetic mean of exactly n readings; of another number of
// readings it is unknown.
func mean(list, n ref.Val) ref.Val {
	l, ok1 := list.(traits.Lister)
	want, ok2 := n.(decimal)
	if !ok1 || !ok2 {
		return types.MaybeNoSuchOverloadErr(list)
	}
	size, _ := l.Size().(types.Int)
	count := new(big.Rat).SetInt64(int64(size))
	if size == 0 || count.Cmp(want.r) != 0 {
		return invalid
	}
	sum := new(big.Rat)
	for i := types.Int(0); i < size; i++ {
		if x, ok := l.Get(i).(decimal); ok {
			sum.Add(sum, x.r)
		}
	}
	return decimal{sum.Quo(sum, count)}
}

// expr is a compiled expression and what it names.
type expr struct {
	program cel.Program
	ast     celast.Expr
	vars    []int    // indexes of the template's variables
	limits  []string // names of limits, in order
}

// compileExpr compiles source, which must give one of the wanted types.
func (t *Template) compileExpr(env *cel.Env, where, source string, want ...*cel.Type) (*expr, error) {
	if source == "" {
		return nil, nil
	}
	checked, issues := env.Compile(source)
	if issues.Err() != nil {
		return nil, errorf("%s: %v", where, issues.Err())
	}
	if !slices.ContainsFunc(want, checked.OutputType().IsExactType) {
		return nil, errorf("%s: the expression gives %s, which is not taken here", where, checked.OutputType())
	}
	program, err := env.Program(checked, cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, errorf("%s: %v", where, err)
	}
	e := &expr{program: program, ast: checked.NativeRep().Expr()}
	if err := t.collectNames(e); err != nil {
		return nil, errorf("%s: %v", where, err)
	}
	return e, nil
}

// collectNames finds the variables and limits that an expression names, and the
// choices that it compares with: a misspelt choice would make a rule that is
// never applied.
func (t *Template) collectNames(e *expr) error {
	var err error
	asked := map[string]int{} // answered(x) does not need x
	celast.PreOrderVisit(e.ast, celast.NewExprVisitor(func(x celast.Expr) {
		switch x.Kind() {
		case celast.IdentKind:
			if asked[x.AsIdent()]--; asked[x.AsIdent()] < 0 {
				t.mention(e, x.AsIdent())
			}
		case celast.SelectKind:
			if name := x.AsSelect().FieldName(); !slices.Contains(e.limits, name) {
				e.limits = append(e.limits, name)
			}
		case celast.CallKind:
			call := x.AsCall()
			if call.FunctionName() == "answered" && call.Args()[0].Kind() == celast.IdentKind {
				asked[call.Args()[0].AsIdent()]++
			}
			if wrong := t.checkChoice(call); err == nil {
				err = wrong
			}
		}
	}))
	return err
}

func (t *Template) mention(e *expr, name string) {
	if i, ok := t.vars[name]; ok && !slices.Contains(e.vars, i) {
		e.vars = append(e.vars, i)
	}
}

func (t *Template) checkChoice(call celast.CallExpr) error {
	if call.FunctionName() == "_[_]" {
		return errors.New("write limit.name instead of an index")
	}
	c, ok := t.comparison(call)
	if !ok || !c.field.Type.selects() {
		return nil
	}
	for _, v := range c.values {
		if !c.field.hasChoice(v) {
			return fmt.Errorf("%q is not a choice of %s", v, c.field.Name)
		}
	}
	return nil
}

// comparison is field == "a", field != "a", field in ["a", "b"], or
// "a" in field for a select_multiple.
type comparison struct {
	field   *fieldDef
	values  []string
	negated bool
}

func (t *Template) comparison(call celast.CallExpr) (comparison, bool) {
	if len(call.Args()) != 2 {
		return comparison{}, false
	}
	a, b := call.Args()[0], call.Args()[1]
	switch call.FunctionName() {
	case "_==_", "_!=_":
		if a.Kind() == celast.LiteralKind {
			a, b = b, a
		}
		values, ok := literals(b)
		f := t.identField(a)
		return comparison{f, values, call.FunctionName() == "_!=_"}, ok && f != nil && f.Type != typeSelectMultiple
	case "@in":
		if f := t.identField(b); f != nil && f.Type == typeSelectMultiple {
			values, ok := literals(a)
			return comparison{field: f, values: values}, ok
		}
		values, ok := literals(b)
		f := t.identField(a)
		return comparison{field: f, values: values}, ok && f != nil && f.Type == typeSelectOne
	}
	return comparison{}, false
}

func (t *Template) identField(x celast.Expr) *fieldDef {
	if x.Kind() != celast.IdentKind {
		return nil
	}
	i, ok := t.vars[x.AsIdent()]
	if !ok || i >= len(t.fields) {
		return nil
	}
	return &t.fields[i].fieldDef
}

// literals returns a text literal, or a list of them.
func literals(x celast.Expr) ([]string, bool) {
	switch x.Kind() {
	case celast.LiteralKind:
		s, ok := x.AsLiteral().(types.String)
		return []string{string(s)}, ok
	case celast.ListKind:
		var out []string
		for _, item := range x.AsList().Elements() {
			v, ok := literals(item)
			if !ok {
				return nil, false
			}
			out = append(out, v...)
		}
		return out, len(out) > 0
	}
	return nil, false
}
