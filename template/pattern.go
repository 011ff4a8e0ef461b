package template

import (
	"fmt"
	"regexp"
	"regexp/syntax"

	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

// Bounds of a pattern: its text in bytes, the instructions that it compiles to,
// and these times the bytes of what is matched.
const (
	maxPattern = 1000
	maxProgram = 500
	maxMatch   = 1_000_000
)

// pattern is a regular expression within the bounds.
type pattern struct {
	re   *regexp.Regexp
	size int // in instructions, at most
}

// compilePattern returns an error that is errOverrun for a pattern beyond the
// bounds, without having spent what it would take to compile.
func compilePattern(source string) (*pattern, error) {
	size, err := programSize(source)
	if err != nil {
		return nil, err
	}
	re, err := regexp.Compile(source)
	if err != nil {
		return nil, err
	}
	return &pattern{re, size}, nil
}

// programSize bounds the instructions that a pattern compiles to. Errors are
// those of compilePattern.
func programSize(source string) (int, error) {
	if len(source) > maxPattern {
		return 0, fmt.Errorf("%w: the pattern has %d bytes, and at most %d are taken", errOverrun, len(source), maxPattern)
	}
	parsed, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return 0, err
	}
	size := instructions(parsed) + 2
	if size > maxProgram {
		return 0, fmt.Errorf("%w: the pattern has %d instructions, and at most %d are taken", errOverrun, size, maxProgram)
	}
	return size, nil
}

// instructions bounds those of a part. The parser bounds what repetitions
// within repetitions multiply to.
func instructions(re *syntax.Regexp) int {
	parts := 0
	for _, sub := range re.Sub {
		parts += instructions(sub)
	}
	switch re.Op {
	case syntax.OpLiteral:
		return max(len(re.Rune), 1)
	case syntax.OpCapture, syntax.OpStar:
		return parts + 2
	case syntax.OpPlus, syntax.OpQuest:
		return parts + 1
	case syntax.OpRepeat:
		return max(re.Min, re.Max, 1)*parts + max(re.Max-re.Min, 0) + 2
	case syntax.OpConcat:
		return max(parts, 1)
	case syntax.OpAlternate:
		return parts + len(re.Sub)
	}
	return parts + 1
}

// steps is what matching a text takes.
func (p *pattern) steps(text string) int { return len(text) * p.size }

// match implements matches() of expressions.
func (p *pattern) match(text string) ref.Val {
	if p.steps(text) > maxMatch {
		return overran()
	}
	return types.Bool(p.re.MatchString(text))
}

// matches is that of CEL, within the bounds, for a pattern that is no literal.
func matches(text, source ref.Val) ref.Val {
	t, ok1 := text.(types.String)
	s, ok2 := source.(types.String)
	if !ok1 || !ok2 {
		return types.MaybeNoSuchOverloadErr(text)
	}
	p, err := compilePattern(string(s))
	if err != nil {
		return types.WrapErr(err)
	}
	return p.match(string(t))
}

// literalPatterns compiles the patterns that are literals once. One beyond the
// bounds is no error: a template that has it was published before there were any.
var literalPatterns = []*interpreter.RegexOptimization{
	literalPattern(overloads.Matches), literalPattern(overloads.MatchesString),
}

func literalPattern(overload string) *interpreter.RegexOptimization {
	return &interpreter.RegexOptimization{
		Function: overloads.Matches, OverloadID: overload, RegexIndex: 1,
		Factory: func(call interpreter.InterpretableCall, source string) (interpreter.InterpretableCall, error) {
			p, err := compilePattern(source)
			if err != nil && !isOverrun(err) {
				return nil, err
			}
			return interpreter.NewCall(call.ID(), call.Function(), call.OverloadID(), call.Args(), func(values ...ref.Val) ref.Val {
				text, ok := values[0].(types.String)
				switch {
				case !ok:
					return types.MaybeNoSuchOverloadErr(values[0])
				case p == nil:
					return overran()
				}
				return p.match(string(text))
			}), nil
		},
	}
}
