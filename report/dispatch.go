package report

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/store/asof"
)

// Dispatch is the half-monthly report by lead unit: what was inspected in what
// each unit leads, what failed, and how far its tasks are.
type Dispatch struct {
	Window Window            `json:"window"`
	Areas  []inspection.Area `json:"areas"`
	AsOf   *asof.Position    `json:"as_of"`
	Units  []UnitProgress    `json:"units"`
}

// UnitProgress is one lead unit's part. Unit is "" for what no unit leads.
type UnitProgress struct {
	Unit   string `json:"unit"`
	NameZH string `json:"name_zh"`
	// Sessions are the joint ones that the unit led.
	Sessions    int               `json:"sessions"`
	Inspections int               `json:"inspections"`
	Failed      int               `json:"failed"`
	Checklists  []ChecklistResult `json:"checklists"`
	Tasks       TaskProgress      `json:"tasks"`
}

// ChecklistResult is what came of one checklist.
type ChecklistResult struct {
	Template    string                     `json:"template"`
	Inspections int                        `json:"inspections"`
	Verdicts    map[inspection.Verdict]int `json:"verdicts"`
}

// TaskProgress counts a unit's tasks: Open ones are not closed, Overdue ones
// of them were due before the window's end and the report's time; Due were due
// in the window, Closed were closed in it.
type TaskProgress struct {
	Open    int `json:"open"`
	Overdue int `json:"overdue"`
	Due     int `json:"due"`
	Closed  int `json:"closed"`
}

// Dispatch counts half a month by lead unit. Returns CodeBadParameter for a
// window that isn't half a month.
func (s *Service) Dispatch(ctx context.Context, q JointQuery) (*Dispatch, error) {
	_, d, err := s.dispatch(ctx, q)
	return d, err
}

func (s *Service) dispatch(ctx context.Context, q JointQuery) (*Context, *Dispatch, error) {
	if !q.Window.Kind.half() {
		return nil, nil, inspection.Errorf(inspection.CodeBadParameter, "The parameter window must be first_half or second_half: the units are called on every half month.")
	}
	rc, err := s.begin(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	defer s.end()
	t := &unitTally{units: map[string]*UnitProgress{}, rc: rc}
	if _, err := rc.count(ctx, "", broadcast{t}, q.Progress); err != nil {
		return nil, nil, err
	}
	if err := t.countTasks(ctx); err != nil {
		return nil, nil, err
	}
	return rc, &Dispatch{Window: q.Window, Areas: rc.Scope, AsOf: rc.Position, Units: t.list()}, nil
}

// unitTally counts by lead unit.
type unitTally struct {
	rc    *Context
	units map[string]*UnitProgress
}

func (t *unitTally) of(unit string) *UnitProgress {
	if t.units[unit] == nil {
		t.units[unit] = &UnitProgress{Unit: unit, NameZH: t.rc.Reference.Unit(unit), Checklists: []ChecklistResult{}}
	}
	return t.units[unit]
}

// Check implements Lines.
func (t *unitTally) Check(_ *Session, c *Check, _ Outcome) error {
	if c.Valid {
		return t.WithoutSession(c)
	}
	return nil
}

// Session implements Lines.
func (t *unitTally) Session(s *Session, n Count) error {
	t.of(s.Lead).Sessions += n.Sessions
	return nil
}

// WithoutSession implements Lines. It counts an inspection, whatever its verdict.
func (t *unitTally) WithoutSession(c *Check) error {
	u := t.of(c.LeadUnit)
	u.Inspections++
	if c.Verdict == inspection.Fail {
		u.Failed++
	}
	i := slices.IndexFunc(u.Checklists, func(r ChecklistResult) bool { return r.Template == c.Template })
	if i < 0 {
		i = len(u.Checklists)
		u.Checklists = append(u.Checklists, ChecklistResult{Template: c.Template, Verdicts: map[inspection.Verdict]int{}})
	}
	u.Checklists[i].Inspections++
	u.Checklists[i].Verdicts[c.Verdict]++
	return nil
}

// countTasks counts the tasks of the areas, whenever they were made.
func (t *unitTally) countTasks(ctx context.Context) error {
	refs, err := t.rc.snapshot.Find(ctx, store.ListQuery{Areas: t.rc.areas, Collection: inspection.Tasks})
	if err != nil {
		return err
	}
	w := t.rc.Window
	end := w.To
	if at := t.rc.Position.At; at.Before(end) {
		end = at
	}
	for docs, err := range t.rc.snapshot.Pages(ctx, refs) {
		if err != nil {
			return err
		}
		for i := range docs {
			t.of(docs[i].Doc.Text("unit")).Tasks.countTask(&docs[i], w, end)
		}
	}
	return nil
}

// countTask counts one task.
func (p *TaskProgress) countTask(d *asof.Document, w Window, end time.Time) {
	server := inspection.ServerOf(d.Doc)
	if due := dayOf(d.Doc.Text("due")); !due.IsZero() && w.Holds(due) {
		p.Due++
	}
	if server.State == inspection.TaskClosed {
		if server.Act != nil && w.Holds(server.Act.At.Time()) {
			p.Closed++
		}
		return
	}
	p.Open++
	if due := server.DueAt.Time(); !due.IsZero() && !due.After(end) {
		p.Overdue++
	}
}

func (t *unitTally) list() []UnitProgress {
	list := []UnitProgress{}
	for _, unit := range slices.Sorted(maps.Keys(t.units)) {
		u := t.units[unit]
		if u.Sessions+u.Inspections+u.Tasks.Open+u.Tasks.Due+u.Tasks.Closed == 0 {
			continue
		}
		slices.SortFunc(u.Checklists, func(a, b ChecklistResult) int { return cmp.Compare(a.Template, b.Template) })
		list = append(list, *u)
	}
	return list
}
