package template

import (
	"slices"

	"cel.dev/cel-go/common/types"
)

// gaps collects what kept a rule from an outcome: labels of answers that are
// missing or unusable, and names of limits without a row in force.
type gaps struct {
	s      *scope
	day    int
	seen   map[int]bool // variables, so that paths to one don't multiply
	labels []text
	limits []string
}

// started is in no field, so it has its label here.
var (
	startedLabel  = text{"检查开始时间", "start of the check"}
	finishedLabel = text{"检查结束时间", "end of the check"}
	locationLabel = text{"定位", "location"}
)

func (g *gaps) rule(r *rule) {
	for _, i := range append(slices.Clone(r.needs), r.date, r.unit, r.limitVar) {
		g.variable(i)
	}
	for _, e := range []*expr{r.when, r.observe, r.check} {
		g.expr(e, g.day)
	}
	if r.date < 0 && g.day == 0 {
		g.label(startedLabel)
		return
	}
	if r.Limit != "" && g.s.limitOf(r, g.day) == nil {
		g.limit(g.s.limitName(r), g.day)
	}
}

func (g *gaps) expr(e *expr, day int) {
	if e == nil {
		return
	}
	for _, i := range e.vars {
		g.variable(i)
	}
	for _, name := range e.limits {
		g.limit(name, day)
	}
}

func (g *gaps) variable(i int) {
	if i < 0 || g.seen[i] || !types.IsUnknown(g.s.value(i)) {
		return
	}
	if g.seen == nil {
		g.seen = map[int]bool{}
	}
	g.seen[i] = true
	t := g.s.t
	calc := i - len(t.fields)
	switch {
	case calc < 0:
		g.label(t.fields[i].Label)
	case calc < len(t.calcs):
		g.expr(t.calcs[calc].expr, g.s.today)
	case calc == len(t.calcs)+slices.Index(builtins, "finished"):
		g.label(finishedLabel)
	case calc < len(t.calcs)+firstLocation:
		g.label(startedLabel)
	default:
		g.label(locationLabel)
	}
}

func (g *gaps) label(l text) {
	if len(g.labels) < maxNamed && !slices.Contains(g.labels, l) {
		g.labels = append(g.labels, l)
	}
}

func (g *gaps) limit(name string, day int) {
	l := g.s.in.Limits.find(name, day)
	if len(g.limits) < maxNamed && day != 0 && name != "" && (l == nil || l.value == nil) && !slices.Contains(g.limits, name) {
		g.limits = append(g.limits, name)
	}
}
