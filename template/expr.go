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
	"cel.dev/cel-go/common/env"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// maxExpression bounds one expression's text.
const maxExpression = 2000

// limitName is the variable under which expressions find the limits.
const limitName = "limit"

// The three kinds of an answer that a rule can't use. answered() tells them
// apart: what is missing was not answered, what is too long was, of what is
// invalid one can't say.
var (
	missing = types.NewUnknown(1, types.NewAttributeTrail("missing"))
	invalid = types.NewUnknown(2, types.NewAttributeTrail("invalid"))
	tooLong = types.NewUnknown(3, types.NewAttributeTrail("too_long"))
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
		boundedLib(), cel.ClearMacros(), cel.ParserExpressionSizeLimit(maxExpression), cel.ParserRecursionLimit(64),
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
		add(), boundedMatches(),
	)
})

// boundedLib is CEL's library without the functions whose results or patterns
// have no bounds.
func boundedLib() cel.EnvOption {
	without := env.NewLibrarySubset().AddExcludedFunctions(env.NewFunction(operators.Add), env.NewFunction(overloads.Matches))
	return cel.StdLib(cel.StdLibSubset(without))
}

// add is CEL's + within the bounds.
func add() cel.EnvOption {
	overload := func(id string, a, b, result *cel.Type) cel.FunctionOpt {
		return cel.Overload(id, []*cel.Type{a, b}, result)
	}
	t, span, list := cel.TimestampType, cel.DurationType, cel.ListType(cel.TypeParamType("A"))
	return cel.Function(operators.Add,
		overload(overloads.AddBytes, cel.BytesType, cel.BytesType, cel.BytesType),
		overload(overloads.AddDouble, cel.DoubleType, cel.DoubleType, cel.DoubleType),
		overload(overloads.AddDurationDuration, span, span, span),
		overload(overloads.AddDurationTimestamp, span, t, t),
		overload(overloads.AddTimestampDuration, t, span, t),
		overload(overloads.AddInt64, cel.IntType, cel.IntType, cel.IntType),
		overload(overloads.AddList, list, list, list),
		overload(overloads.AddString, cel.StringType, cel.StringType, cel.StringType),
		overload(overloads.AddUint64, cel.UintType, cel.UintType, cel.UintType),
		cel.SingletonBinaryBinding(sum, traits.AdderType),
	)
}

// sum refuses to make what is too long. A list is copied: CEL's own would be
// looked through by way of all that it was made of.
func sum(a, b ref.Val) ref.Val {
	if list, ok := a.(traits.Lister); ok {
		return joined(list, b)
	}
	if sizeOf(a)+sizeOf(b) > maxMade {
		return overran()
	}
	return a.(traits.Adder).Add(b)
}

func joined(a traits.Lister, b ref.Val) ref.Val {
	next, ok := b.(traits.Lister)
	if !ok {
		return types.MaybeNoSuchOverloadErr(b)
	}
	var items []ref.Val
	for _, list := range []traits.Lister{a, next} {
		n, _ := list.Size().(types.Int)
		if len(items)+int(n) > maxMadeList {
			return overran()
		}
		for i := range n {
			items = append(items, list.Get(i))
		}
	}
	return types.NewRefValList(types.DefaultTypeAdapter, items)
}

// boundedMatches is CEL's matches within the bounds.
func boundedMatches() cel.EnvOption {
	texts := []*cel.Type{cel.StringType, cel.StringType}
	return cel.Function(overloads.Matches,
		cel.Overload(overloads.Matches, texts, cel.BoolType),
		cel.MemberOverload(overloads.MatchesString, texts, cel.BoolType),
		cel.SingletonBinaryBinding(matches))
}

// builtins are the variables that every template has besides its own.
var builtins = []string{"started", "finished", "check_date", "location_lat", "location_lon", "location_accuracy"}

// firstLocation is where the location begins among the specials.
const firstLocation = 3

func answered(v ref.Val) ref.Val {
	switch v {
	case ref.Val(missing):
		return types.False
	case ref.Val(tooLong):
		return types.True
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
	total := total(l, size)
	return decimal{total.Quo(total, count)}
}

// total adds numbers over one denominator. To reduce each sum of a thousand
// would take a hundred times as long.
func total(l traits.Lister, size types.Int) *big.Rat {
	over, denominator := new(big.Int), big.NewInt(1)
	for i := range size {
		x, ok := l.Get(i).(decimal)
		if !ok {
			continue
		}
		factor, rest := new(big.Int).QuoRem(denominator, x.r.Denom(), new(big.Int))
		if rest.Sign() != 0 {
			shared := new(big.Int).GCD(nil, nil, denominator, x.r.Denom())
			grown := new(big.Int).Quo(x.r.Denom(), shared)
			over.Mul(over, grown)
			denominator.Mul(denominator, grown)
			factor.Quo(denominator, x.r.Denom())
		}
		over.Add(over, factor.Mul(factor, x.r.Num()))
	}
	return new(big.Rat).SetFrac(over, denominator)
}

// expr is a compiled expression and what it names.
type expr struct {
	where   string // it stands in the definition
	output  *cel.Type
	program cel.Program
	ast     celast.Expr
	vars    []int    // indexes of the template's variables
	calcs   []int    // indexes of all calculations that it names
	limits  []string // names of limits, in order

	steps, size int   // that it takes, and its value has, at most
	over        error // what may go beyond the bounds of one operation
	plan        func(...cel.ProgramOption) (cel.Program, error)
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
	e := &expr{where: where, output: checked.OutputType(), ast: checked.NativeRep().Expr()}
	if err := t.collectNames(e); err != nil {
		return nil, errorf("%s: %v", where, err)
	}
	t.weigh(e, checked)
	e.plan = func(options ...cel.ProgramOption) (cel.Program, error) { return env.Program(checked, options...) }
	t.exprs = append(t.exprs, e)
	return e, nil
}

// planExpressions makes the expressions' programs. CEL counts their steps only
// if they may take more than there are: counting costs a quarter of the time.
func (t *Template) planExpressions() error {
	for _, e := range t.exprs {
		t.steps += e.steps
		for _, i := range e.vars {
			if i < len(t.fields) {
				t.fields[i].read = true
			}
		}
	}
	return t.plan(t.steps > maxSteps)
}

func (t *Template) plan(counted bool) error {
	t.counted = counted
	options := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize), cel.OptimizeRegex(literalPatterns...)}
	if counted {
		options = append(options, cel.CostTracking(meter{}), cel.CostLimit(maxSteps))
	}
	for _, e := range t.exprs {
		var err error
		if e.program, err = e.plan(options...); err != nil {
			return errorf("%s: %v", e.where, err)
		}
	}
	return nil
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
			if i := t.vars[x.AsIdent()] - len(t.fields); i >= 0 && i < len(t.calcs) && !slices.Contains(e.calcs, i+len(t.fields)) {
				e.calcs = append(e.calcs, i+len(t.fields))
			}
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
