package report

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Dispatch is the half-monthly report by lead unit: what was inspected in what
// each unit leads, what failed, and how far its tasks are.
type Dispatch struct {
	Window Window            `json:"window"`
	Areas  []inspection.Area `json:"areas"`
	AsOf   *Position         `json:"as_of"`
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
	if !q.Window.Kind.half() {
		return nil, inspection.Errorf(inspection.CodeBadParameter, "The parameter window must be first_half or second_half: the units are called on every half month.")
	}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	sc, err := s.scene(ctx, q.Scope, q.AsOf)
	if err != nil {
		return nil, err
	}
	t := &unitTally{units: map[string]*UnitProgress{}, sc: sc}
	if _, err := sc.walk(ctx, q.Window, every{t}, q.Progress); err != nil {
		return nil, err
	}
	if err := sc.alone(ctx, q.Window, "", t.violation); err != nil {
		return nil, err
	}
	if err := t.tasks(ctx, q.Window); err != nil {
		return nil, err
	}
	return &Dispatch{Window: q.Window, Areas: sc.scope, AsOf: sc.position, Units: t.list()}, nil
}

// unitTally counts by lead unit.
type unitTally struct {
	sc    *scene
	units map[string]*UnitProgress
}

func (t *unitTally) of(unit string) *UnitProgress {
	if t.units[unit] == nil {
		t.units[unit] = &UnitProgress{Unit: unit, NameZH: t.sc.ref.unit(unit), Checklists: []ChecklistResult{}}
	}
	return t.units[unit]
}

func (t *unitTally) check(_ *session, c *check, _ Outcome) error {
	if c.Standing {
		return t.violation(c)
	}
	return nil
}

func (t *unitTally) session(s *session, n Count) error {
	t.of(s.Lead).Sessions += n.Sessions
	return nil
}

// violation counts an inspection, whatever its verdict.
func (t *unitTally) violation(c *check) error {
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

// tasks counts the tasks of the areas, whenever they were made.
func (t *unitTally) tasks(ctx context.Context, w Window) error {
	refs, err := t.sc.view.list(ctx, store.ListQuery{Areas: t.sc.areas, Collection: inspection.Tasks})
	if err != nil {
		return err
	}
	end := w.To
	if at := t.sc.position.At; at.Before(end) {
		end = at
	}
	for part := range slices.Chunk(refs, pageSize) {
		docs, err := t.sc.view.load(ctx, part)
		if err != nil {
			return err
		}
		for _, d := range docs {
			t.of(textOf(d.Doc["unit"])).Tasks.add(&d, w, end)
		}
	}
	return nil
}

// add counts one task.
func (p *TaskProgress) add(d *document, w Window, end time.Time) {
	server := d.server()
	if due := dayOf(d.Doc["due"]); !due.IsZero() && w.Holds(due) {
		p.Due++
	}
	if inspection.TaskOf(server) == inspection.TaskClosed {
		if act := members(server["act"]); w.Holds(timeOf(act["at"])) {
			p.Closed++
		}
		return
	}
	p.Open++
	if due := timeOf(server["due_at"]); !due.IsZero() && !due.After(end) {
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
