package template

import (
	"errors"
	"fmt"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"

	"gridpatrol/inspection"
)

// scope is what expressions see of one record. It is CEL's activation.
type scope struct {
	t      *Template
	in     *Input
	values []ref.Val // by variable index; nil is a calculation not made yet
	limits limitView
	today  int // the check's date, 0 if unknown
	steps  int // that were taken, as far as they are counted
	// trouble is why judging broke off, or a part of it; the first counts.
	trouble error
}

func (t *Template) newScope(in *Input) *scope {
	s := &scope{t: t, in: in, values: make([]ref.Val, len(t.fields)+len(t.calcs)+len(builtins))}
	s.today = dayOf(in.Started)
	s.limits = limitView{set: in.Limits, day: s.today}
	special := s.values[len(t.fields)+len(t.calcs):]
	special[0], special[1] = timestamp(in.Started), timestamp(in.Finished)
	special[2] = missing
	if s.today != 0 {
		y, m, d := in.Started.In(inspection.China).Date()
		special[2] = types.Timestamp{Time: midnight(y, m, d)}
	}
	special[3], special[4], special[5] = missing, missing, missing
	if p := in.Location; p != nil {
		special[3], special[4], special[5] = floatVal(p.Lat), floatVal(p.Lon), floatVal(p.AccuracyM)
	}
	return s
}

// ResolveName implements CEL's activation.
func (s *scope) ResolveName(name string) (any, bool) {
	if i, ok := s.t.vars[name]; ok {
		return s.value(i), true
	}
	if name == limitName {
		return &s.limits, true
	}
	return nil, false
}

// Parent implements CEL's activation.
func (s *scope) Parent() interpreter.Activation { return nil }

// value returns a variable, making a calculation at its first use. A
// calculation looks up limits by the check's date, whoever asks.
func (s *scope) value(i int) ref.Val {
	if s.values[i] == nil {
		day := s.limits.day
		s.limits.day = s.today
		s.values[i] = s.eval(s.t.calcs[i-len(s.t.fields)].expr)
		s.limits.day = day
	}
	return s.values[i]
}

// eval returns the value of an expression, an unknown where it has none.
func (s *scope) eval(e *expr) ref.Val {
	if s.t.counted {
		for _, i := range e.calcs { // one within another would not see its steps
			s.value(i)
		}
	}
	if !s.goesOn(e.where) {
		return invalid
	}
	v, details, err := e.program.Eval(s)
	if n := details.ActualCost(); n != nil {
		s.steps += int(*n)
	}
	if err != nil {
		s.failed(e.where, err)
		return invalid
	}
	if v == nil {
		return invalid
	}
	return v
}

// goesOn reports whether there are steps and time left.
func (s *scope) goesOn(where string) bool {
	select {
	case <-s.in.Done:
		s.fail(where, errLate)
		return false
	default:
	}
	if s.steps > maxSteps {
		s.fail(where, errOverrun)
	}
	return s.steps <= maxSteps
}

// failed notes an overrun, or a panic, which CEL returns as an error that is
// none of its own. Other errors are values that can't be had.
func (s *scope) failed(where string, err error) {
	var own *types.Err
	if isOverrun(err) || !errors.As(err, &own) {
		s.fail(where, err)
	}
}

func (s *scope) fail(where string, err error) {
	if s.trouble == nil {
		s.trouble = fmt.Errorf("%s: %w", where, err)
	}
}

// truth is a condition's outcome in three-valued logic.
type truth int

const (
	unsure truth = iota
	no
	yes
)

// truthOf evaluates a condition; none is true.
func (s *scope) truthOf(e *expr) truth {
	if e == nil {
		return yes
	}
	switch s.eval(e) {
	case types.True:
		return yes
	case types.False:
		return no
	}
	return unsure
}

// limitView is the map behind limit.<name>: the rows in force on a day. A
// name without a row is unknown, and so is what is compared with it.
type limitView struct {
	traits.Mapper
	set *LimitSet
	day int
}

func (l *limitView) Find(key ref.Val) (ref.Val, bool) {
	name, _ := key.(types.String)
	row := l.set.find(string(name), l.day)
	if row == nil || row.value == nil {
		return missing, true
	}
	return decimal{row.value}, true
}

func (l *limitView) Get(key ref.Val) ref.Val {
	v, _ := l.Find(key)
	return v
}

// Type implements ref.Val. The other methods of a CEL map are never reached:
// the compiler takes limit.<name> only.
func (l *limitView) Type() ref.Type { return types.MapType }
func (l *limitView) Value() any     { return nil }
