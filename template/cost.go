package template

import (
	"errors"
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
)

// Bounds of judging one record. A step is about what CEL takes for one
// operator, and a pattern for one byte in one of its instructions: 50 to
// 200 ns. The numbers are far beyond any checklist.
const (
	maxSteps    = 2_000_000    // of all expressions and patterns on one record
	maxRead     = 1_000_000    // fields of the items of repeats, given or not
	maxText     = 4 << 10      // bytes of an answer that an expression reads
	maxMade     = 16 * maxText // bytes of a text that an expression makes
	maxMadeList = 4 * maxItems
)

// errOverrun says that something goes beyond these bounds, errLate that the
// time for judging is over.
var (
	errOverrun = errors.New("takes too much")
	errLate    = errors.New("the time was over")
)

func isOverrun(err error) bool {
	var cancelled interpreter.EvalCancelledError
	return errors.Is(err, errOverrun) || errors.As(err, &cancelled)
}

// overran is errOverrun as a CEL value. CEL notes in an error where it arose,
// so each is one of its own.
func overran() ref.Val { return types.WrapErr(errOverrun) }

// A value's size is in bytes: those of a text, or of the items of a list.
// Numbers, times and the like have none by themselves.
const (
	itemSize    = 16
	numberSize  = 80 // of a number in a list: comparing decimals takes long
	choiceSize  = 64
	zoneSteps   = 1000 // to find a time zone by its name
	meanSteps   = 10   // for one number
	bytesOfStep = 16   // that are copied, compared or looked through
)

// callSteps is what a call takes, by the sizes of its operands. It grows with
// each of them, so sizes that are bounds give a bound.
func callSteps(function string, sizes []int, program int) int {
	all := 0
	for _, n := range sizes {
		all += n
	}
	steps := 1 + all/bytesOfStep
	switch {
	case function == "matches":
		steps += min(sizes[0]*program, maxMatch)
	case function == "mean":
		steps += all / (itemSize + numberSize) * meanSteps
	case strings.HasPrefix(function, "get") && len(sizes) == 2:
		steps += zoneSteps
	}
	return steps
}

// meter tells CEL what calls took.
type meter struct{}

// CallCost implements cost.ActualCostEstimator.
func (meter) CallCost(function, _ string, args []ref.Val, _ ref.Val) *uint64 {
	sizes, program := make([]int, len(args)), 0
	for i, a := range args {
		sizes[i] = sizeOf(a)
	}
	if function == "matches" && len(args) == 2 {
		if source, ok := args[1].(types.String); ok {
			program, _ = programSize(string(source))
		}
	}
	steps := uint64(callSteps(function, sizes, program))
	return &steps
}

func sizeOf(v ref.Val) int {
	switch v := v.(type) {
	case types.String:
		return len(v)
	case types.Bytes:
		return len(v)
	case traits.Lister:
		n, _ := v.Size().(types.Int)
		size := 0
		for i := range n {
			size += itemSize + max(sizeOf(v.Get(i)), numberSize)
		}
		return size
	}
	return 0
}

// scale finds what an expression takes at most, whatever the answers are: it
// has no loops, so each part is done once at most.
type scale struct {
	t    *Template
	ast  *celast.AST
	over error // what may go beyond the bounds of one operation
}

// weigh sets what the expression takes at most.
func (t *Template) weigh(e *expr, checked *cel.Ast) {
	s := &scale{t: t, ast: checked.NativeRep()}
	e.steps, e.size = s.load(s.ast.Expr())
	e.over = s.over
}

// load returns the most steps that x takes and the size that it has.
func (s *scale) load(x celast.Expr) (steps, size int) {
	switch x.Kind() {
	case celast.LiteralKind:
		return 0, sizeOf(x.AsLiteral())
	case celast.IdentKind:
		return 1, s.t.maxSize(x.AsIdent())
	case celast.SelectKind:
		steps, _ = s.load(x.AsSelect().Operand())
		return steps + 2, 0
	case celast.ListKind:
		return s.items(10, x.AsList().Elements())
	case celast.MapKind:
		var parts []celast.Expr
		for _, e := range x.AsMap().Entries() {
			parts = append(parts, e.AsMapEntry().Key(), e.AsMapEntry().Value())
		}
		return s.items(30, parts)
	case celast.CallKind:
		return s.call(x)
	}
	return maxSteps + 1, 0 // the environment has nothing else
}

func (s *scale) items(steps int, parts []celast.Expr) (int, int) {
	size := 0
	for _, p := range parts {
		n, b := s.load(p)
		steps, size = steps+n, size+itemSize+max(b, numberSize)
	}
	return steps, size
}

func (s *scale) call(x celast.Expr) (steps, size int) {
	call := x.AsCall()
	args := call.Args()
	if call.IsMemberFunction() {
		args = append([]celast.Expr{call.Target()}, args...)
	}
	sizes := make([]int, len(args))
	for i, a := range args {
		n, b := s.load(a)
		steps, sizes[i], size = steps+n, b, max(size, b)
	}
	program := 0
	if call.FunctionName() == "matches" && len(args) == 2 {
		program = s.program(args[1])
		if sizes[0]*program > maxMatch {
			s.over = fmt.Errorf("%w: a text of %d bytes is matched with a pattern of %d instructions, and their product is at most %d", errOverrun, sizes[0], program, maxMatch)
		}
	}
	steps += callSteps(call.FunctionName(), sizes, program)
	switch s.ast.GetType(x.ID()).Kind() {
	case types.StringKind, types.BytesKind, types.ListKind, types.MapKind, types.DynKind, types.AnyKind:
		if call.FunctionName() == "_+_" {
			size = s.made(x, sizes[0]+sizes[1])
		}
		return steps, max(size, choiceSize)
	}
	return steps, 0
}

// made is the size of what + makes.
func (s *scale) made(x celast.Expr, size int) int {
	limit := maxMade
	if s.ast.GetType(x.ID()).Kind() == types.ListKind {
		limit = maxMadeList * (itemSize + numberSize)
	}
	if size > limit {
		s.over = fmt.Errorf("%w: what + makes may have %d bytes, and at most %d are taken", errOverrun, size, limit)
	}
	return min(size, limit)
}

// program is how many instructions a pattern has; one that is no literal may
// have as many as are taken.
func (s *scale) program(x celast.Expr) int {
	if x.Kind() != celast.LiteralKind {
		return maxProgram
	}
	source, _ := x.AsLiteral().(types.String)
	n, err := programSize(string(source))
	if errors.Is(err, errOverrun) {
		s.over = err
	}
	return n
}

// maxSize is the most that a variable's value has.
func (t *Template) maxSize(name string) int {
	i, ok := t.vars[name]
	switch {
	case !ok || i >= len(t.fields)+len(t.calcs):
		return 0
	case i >= len(t.fields):
		return t.calcs[i-len(t.fields)].expr.size
	}
	switch t.fields[i].Type {
	case typeText:
		return maxText
	case typeSelectOne:
		return choiceSize
	case typeSelectMultiple, typeNumbers:
		return maxItems * (itemSize + numberSize)
	}
	return 0
}
