package template

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"gridpatrol/inspection"
)

// Limit is one row of the limits: a number, where it comes from and when it
// is in force. Comparison tells how an observed value must stand to Value
// ("<=", "<", ">=" or ">") after rounding to Digits decimals. From is the
// first day, To the first day after; the zero time is open. A row without
// Value only marks a period. Flag is P (primary text), S (secondary source)
// or M (memory: not enabled until someone has checked it).
type Limit struct {
	ID, Name             string
	Value                json.Number
	Comparison, Unit     string
	Digits               int
	Standard, Basis      string
	Source, Flag         string
	Enabled              bool
	From, To             time.Time
	value                *big.Rat
	pattern              *pattern
	costly               error // why the pattern is not used
	patternFor           []string
	fromDay, toDayBefore int
}

// LimitSet is all limits at one moment. It is never changed; a nil set is
// empty.
type LimitSet struct {
	rows     map[string][]Limit // enabled ones, the latest From first
	patterns map[string][]Limit
}

// NewLimitSet reads documents of the limits collection. Returns a
// CodeBadDocument error that names the row and the member.
func NewLimitSet(docs []inspection.Object) (*LimitSet, error) {
	s := &LimitSet{rows: map[string][]Limit{}, patterns: map[string][]Limit{}}
	for _, doc := range docs {
		l, err := readLimit(doc)
		if err != nil {
			return nil, err
		}
		switch {
		case !l.Enabled:
		case l.pattern != nil || l.costly != nil:
			s.patterns[l.Name] = append(s.patterns[l.Name], l)
		default:
			s.rows[l.Name] = append(s.rows[l.Name], l)
		}
	}
	for _, rows := range s.rows {
		slices.SortFunc(rows, latestFirst)
	}
	for _, rows := range s.patterns {
		slices.SortFunc(rows, latestFirst)
	}
	return s, nil
}

func latestFirst(a, b Limit) int {
	if a.fromDay != b.fromDay {
		return b.fromDay - a.fromDay
	}
	return strings.Compare(a.ID, b.ID)
}

// Lookup returns the enabled row of that name that is in force on the day
// that t falls on in China. Of several it is the one that began last.
func (s *LimitSet) Lookup(name string, t time.Time) (Limit, bool) {
	l := s.find(name, dayOf(t))
	if l == nil {
		return Limit{}, false
	}
	return *l, true
}

func (s *LimitSet) find(name string, day int) *Limit {
	if s == nil || day == 0 {
		return nil
	}
	rows := s.rows[name]
	for i := range rows {
		if rows[i].inForce(day) {
			return &rows[i]
		}
	}
	return nil
}

func (l *Limit) inForce(day int) bool {
	return day != 0 && day >= l.fromDay && (l.toDayBefore == 0 || day < l.toDayBefore)
}

// dayOf numbers days so that they compare: 20260601. 0 is no day.
func dayOf(t time.Time) int {
	if t.IsZero() {
		return 0
	}
	y, m, d := t.In(inspection.China).Date()
	return y*10000 + int(m)*100 + d
}

// ParseLimit reads one document of the limits collection that is to be
// published. Returns a CodeBadDocument error that names the member.
func ParseLimit(doc inspection.Object) (Limit, error) {
	l, err := readLimit(doc)
	if err == nil && l.costly != nil {
		err = inspection.Errorf(inspection.CodeBadDocument, "Limit %q: the member pattern %v.", l.ID, l.costly)
	}
	return l, err
}

// readLimit reads a document that may have been published before there were
// bounds of patterns.
func readLimit(doc inspection.Object) (Limit, error) {
	r := rowReader{doc: doc}
	l := Limit{
		ID: r.text("id"), Name: r.text("name"), Comparison: r.text("comparison"), Unit: r.text("unit"),
		Standard: r.text("standard"), Basis: r.text("basis"), Source: r.text("source"), Flag: r.text("flag"),
		From: r.date("effective_from"), To: r.date("effective_to"), Enabled: r.flag("enabled"),
		Digits: r.digits("digits"), patternFor: r.texts("pattern_for"),
	}
	l.pattern, l.costly = r.pattern("pattern")
	l.Value, l.value = r.number("value")
	l.fromDay, l.toDayBefore = dayOf(l.From), dayOf(l.To)
	if l.value != nil && !slices.Contains([]string{"<=", "<", ">=", ">"}, l.Comparison) {
		r.fail("comparison", `must be "<=", "<", ">=" or ">"`)
	}
	if l.Name == "" || !namePattern.MatchString(l.Name) {
		r.fail("name", "must be lower-case letters, digits and underscores")
	}
	if !slices.Contains([]string{"P", "S", "M"}, l.Flag) {
		r.fail("flag", "must be P, S or M")
	}
	return l, r.err
}

// rowReader reads members of a row and keeps the first thing that is wrong.
type rowReader struct {
	doc inspection.Object
	err error
}

func (r *rowReader) fail(member, why string) {
	if r.err == nil {
		r.err = inspection.Errorf(inspection.CodeBadDocument, "Limit %q: the member %s %s.", fmt.Sprint(r.doc["id"]), member, why)
	}
}

func (r *rowReader) text(member string) string {
	s, ok := r.doc[member].(string)
	if !ok && r.doc[member] != nil {
		r.fail(member, "must be a text")
	}
	return s
}

func (r *rowReader) texts(member string) []string {
	list, ok := r.doc[member].([]any)
	if !ok && r.doc[member] != nil {
		r.fail(member, "must be a list of texts")
	}
	var out []string
	for _, v := range list {
		s, ok := v.(string)
		if !ok {
			r.fail(member, "must be a list of texts")
		}
		out = append(out, s)
	}
	return out
}

func (r *rowReader) flag(member string) bool {
	b, ok := r.doc.Bool(member)
	if !ok {
		r.fail(member, "must be true or false")
	}
	return b
}

func (r *rowReader) date(member string) time.Time {
	s := r.text(member)
	if s == "" {
		return time.Time{}
	}
	t, err := inspection.ParseDay(s)
	if err != nil {
		r.fail(member, "must be a date like 2026-06-01")
	}
	return t
}

func (r *rowReader) digits(member string) int {
	n, _ := r.doc[member].(json.Number)
	if r.doc[member] == nil {
		return 0
	}
	d, err := strconv.Atoi(string(n))
	if err != nil || d < 0 || d > maxDecimals {
		r.fail(member, "must be an integer from 0 to 12")
		return 0
	}
	return d
}

func (r *rowReader) number(member string) (json.Number, *big.Rat) {
	if r.doc[member] == nil {
		return "", nil
	}
	n, _ := r.doc[member].(json.Number)
	v, ok := parseNumber(string(n))
	if !ok {
		r.fail(member, "must be a number")
		return "", nil
	}
	return n, v
}

func (r *rowReader) pattern(member string) (p *pattern, costly error) {
	s := r.text(member)
	if s == "" {
		return nil, nil
	}
	p, err := compilePattern("^(?:" + s + ")$")
	if isOverrun(err) {
		return nil, err
	}
	if err != nil {
		r.fail(member, "must be a regular expression")
	}
	return p, nil
}
