package template

import (
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"gridpatrol/inspection"
)

func midnight(y int, m time.Month, d int) time.Time {
	return time.Date(y, m, d, 0, 0, 0, 0, inspection.China)
}

// Bounds of what is kept of a finding or a problem: the texts of templates and
// limits may be long, and one record has many findings.
const (
	maxWords    = 1500 // bytes of one text
	maxObserved = 300
	maxNamed    = 100 // labels, or limits, in one text
)

// clipped cuts a text that is longer than any that a person would read.
func clipped(s string) string { return cut(s, maxWords) }

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// finding applies one rule.
func (s *scope) finding(r *rule) inspection.Finding {
	f := s.told(r)
	f.Message, f.MessageEN, f.Basis, f.Unit = clipped(f.Message), clipped(f.MessageEN), clipped(f.Basis), clipped(f.Unit)
	return f
}

func (s *scope) told(r *rule) inspection.Finding {
	f := inspection.Finding{Rule: r.Name, Level: r.Level, Basis: r.basisFor(s)}
	day := s.today
	if r.date >= 0 {
		day = dayOfValue(s.value(r.date))
	}
	s.limits.day = day
	defer func() { s.limits.day = s.today }()
	switch s.applies(r, day) {
	case no:
		// Most rules of a checklist don't apply to a given record, and records
		// are kept for ever: these have no words.
		f.Result = inspection.NotApplicable
		return f
	case unsure:
		s.indeterminate(r, &f, day)
		return f
	}
	if r.pendingLab != nil && s.truthOf(r.pendingLab) == yes {
		f.Result = inspection.PendingLab
		f.Message, f.MessageEN = r.Label.ZH+"：已送检，待结果", r.Label.EN+": a sample was sent, the result is not here yet."
		return f
	}
	if r.Limit != "" {
		s.compare(r, &f, day)
	} else {
		s.check(r, &f, day)
	}
	return f
}

// dayOfValue reads a day of China back from a timestamp.
func dayOfValue(v ref.Val) int {
	t, ok := v.(types.Timestamp)
	if !ok {
		return 0
	}
	return dayOf(t.Time)
}

// applies tells whether the rule concerns this record.
func (s *scope) applies(r *rule, day int) truth {
	during := yes
	if r.During != "" {
		switch {
		case day == 0:
			during = unsure
		case s.in.Limits.find(r.During, day) == nil:
			return no
		}
	}
	when := s.truthOf(r.when)
	if when == no {
		return no
	}
	return min(when, during)
}

func (s *scope) lacksNeeded(r *rule) bool {
	return slices.ContainsFunc(r.needs, func(i int) bool { return types.IsUnknown(s.value(i)) })
}

// compare rounds the observed value to the limit's digits (GB/T 8170) and
// compares it.
func (s *scope) compare(r *rule, f *inspection.Finding, day int) {
	l := s.limitOf(r, day)
	observed := ratOf(s.eval(r.observe))
	if l != nil {
		f.Limit, f.Unit, f.Flag = l.Value, l.Unit, l.Flag
		f.Basis = l.basisWith(f.Basis)
	}
	if l == nil || observed == nil {
		if observed != nil {
			f.Observed = displayed(observed)
		}
		s.indeterminate(r, f, day)
		return
	}
	rounded, digits := round(observed, l.Digits)
	f.Observed = digits
	switch {
	case s.lacksNeeded(r):
		s.indeterminate(r, f, day)
	case !s.sameUnit(r, l):
		f.Result = inspection.Indeterminate
		f.Message = r.Label.ZH + "：实测值单位与限值单位（" + l.Unit + "）不一致，无法判定"
		f.MessageEN = r.Label.EN + ": the value is not in the limit's unit (" + l.Unit + ")."
	default:
		r.wordComparison(f, l, l.allows(rounded))
	}
}

func ratOf(v ref.Val) *big.Rat {
	d, ok := v.(decimal)
	if !ok {
		return nil
	}
	return d.r
}

// allows compares a rounded value.
func (l *Limit) allows(r *big.Rat) bool {
	c := r.Cmp(l.value)
	switch l.Comparison {
	case "<=":
		return c <= 0
	case "<":
		return c < 0
	case ">=":
		return c >= 0
	default:
		return c > 0
	}
}

// limitOf returns the row that the rule compares with, nil if there is none.
func (s *scope) limitOf(r *rule, day int) *Limit {
	l := s.in.Limits.find(s.limitName(r), day)
	if l == nil || l.value == nil {
		return nil
	}
	return l
}

// limitName is the name of the limit for this record, "" if the answer that
// it is made from is missing.
func (s *scope) limitName(r *rule) string {
	if r.limitVar < 0 {
		return r.limitPrefix
	}
	v, ok := s.value(r.limitVar).(types.String)
	if !ok {
		return ""
	}
	return r.limitPrefix + string(v)
}

func (s *scope) sameUnit(r *rule, l *Limit) bool {
	if r.unit < 0 {
		return true
	}
	unit, _ := s.value(r.unit).(types.String)
	return normalUnit(string(unit)) == normalUnit(l.Unit)
}

func (s *scope) check(r *rule, f *inspection.Finding, day int) {
	if r.observe != nil {
		f.Observed = jsonOf(s.eval(r.observe))
	}
	for _, name := range r.check.limits {
		if l := s.in.Limits.find(name, day); l != nil && l.value != nil && f.Limit == nil {
			f.Limit, f.Unit, f.Flag = l.Value, l.Unit, l.Flag
		}
	}
	outcome := s.truthOf(r.check)
	switch {
	case outcome == no:
		f.Result = inspection.Fail
		say := r.Label
		if r.Fail != nil {
			say = *r.Fail
		}
		r.wordFailure(f, "疑似违规", "Suspected violation", say)
	case outcome == unsure || s.lacksNeeded(r):
		s.indeterminate(r, f, day)
	default:
		f.Result = inspection.Pass
		f.Message, f.MessageEN = r.Label.ZH+"：符合", r.Label.EN+": in order."
	}
}

// jsonOf is a CEL value as JSON, nil if unknown.
func jsonOf(v ref.Val) any {
	switch v := v.(type) {
	case decimal:
		return displayed(v.r)
	case types.String:
		return cut(string(v), maxObserved)
	case types.Bool:
		return bool(v)
	}
	return nil
}

func (r *rule) basisFor(s *scope) string {
	for _, c := range r.cases {
		if s.truthOf(c.when) == yes {
			return c.basis
		}
	}
	return r.Basis
}

// basisWith joins the row's standard and legal basisWith with the rule's, each once.
func (l *Limit) basisWith(rule string) string {
	out := rule
	for _, part := range []string{l.Basis, l.Standard} {
		if part != "" && !strings.Contains(out, part) {
			out = strings.TrimSuffix(part+"；"+out, "；")
		}
	}
	return out
}

var comparisonSigns = map[string]string{"<=": "≤", "<": "<", ">=": "≥", ">": ">"}

func (r *rule) wordComparison(f *inspection.Finding, l *Limit, holds bool) {
	sign := comparisonSigns[l.Comparison]
	value := func(v any) string {
		n, _ := v.(json.Number)
		return strings.TrimSpace(string(n) + " " + l.Unit)
	}
	zh := r.Label.ZH + " " + value(f.Observed) + "，限值 " + sign + " " + value(l.Value)
	en := r.Label.EN + " " + value(f.Observed) + ", limit " + sign + " " + value(l.Value)
	if holds {
		f.Result, f.Message, f.MessageEN = inspection.Pass, zh+"，符合", en+": in order."
		return
	}
	f.Result = inspection.Fail
	r.wordFailure(f, "疑似超标", "Suspected exceedance", text{zh, en})
}

// wordFailure words a failure: people in the field have no power to penalise.
func (r *rule) wordFailure(f *inspection.Finding, zh, en string, say text) {
	if r.Level == inspection.LevelWarn {
		f.Message, f.MessageEN = "提示："+say.ZH, "Note: "+say.EN+"."
		return
	}
	f.Message = zh + "，待执法认定：" + say.ZH
	f.MessageEN = en + ", to be determined by the authority: " + say.EN + "."
}

// indeterminate says what the rule lacks: answers, and limits in force.
func (s *scope) indeterminate(r *rule, f *inspection.Finding, day int) {
	f.Result = inspection.Indeterminate
	g := gaps{s: s, day: day}
	g.rule(r)
	var zh, en []string
	for _, label := range g.labels {
		zh, en = append(zh, label.ZH), append(en, label.EN)
	}
	f.Message, f.MessageEN = r.Label.ZH+"：无法判定", r.Label.EN+": can't be told"
	if len(zh) > 0 {
		f.Message += "，缺少或无效：" + strings.Join(zh, "、")
		f.MessageEN += "; missing or unusable: " + strings.Join(en, ", ")
	}
	if len(g.limits) > 0 {
		f.Message += "，当日没有已启用的限值：" + strings.Join(g.limits, "、")
		f.MessageEN += "; no enabled limit in force on that date: " + strings.Join(g.limits, ", ")
	}
	f.MessageEN += "."
}
