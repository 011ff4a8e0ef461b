package review

import (
	"context"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/sync"
)

// NewTask is what a task is made from. What is "" follows from the
// inspection, where one is named.
type NewTask struct {
	// ID is a UUID that the client made, so that the request may be sent
	// again; "" lets the server make one.
	ID         string
	Inspection string // id of the inspection that the task follows from
	Area       string
	Title      string
	Unit       string // who is to see to it: a unit,
	Assignee   string // a person, or both
	// Kind names the template whose tasks are due after so many days or hours.
	Kind string
	// Due is the last day, like 2026-11-11. By default it follows from the
	// kind and the time of the inspection.
	Due     string
	Comment string
}

// maxTitle is the longest title of a task, in characters.
const maxTitle = 200

// CreateTask makes a task and returns it. Returns CodeBadRequest for what is
// missing or unknown, CodeForbidden for an area of others, CodeNotFound for
// an inspection that the principal may not see, CodeConflict for a draft, a
// deleted inspection, or an id that another document has.
func (s *Service) CreateTask(ctx context.Context, principal *inspection.Principal, in NewTask) (store.Record, error) {
	comment, err := cleanComment(in.Comment, false)
	if err != nil {
		return store.Record{}, err
	}
	p, err := s.plan(ctx, principal, in)
	if err != nil {
		return store.Record{}, err
	}
	out, err := s.cfg.Acts.Act(ctx, sync.Act{
		Area: p.area, IDs: []inspection.DocID{p.id}, By: principal.Device.User, Kind: store.KindReview,
		Decide: func(at moment, drafts map[inspection.DocID]*sync.Draft) error {
			return p.create(drafts[p.id], principal.Device.User, at, comment)
		},
	})
	return out[p.id], err
}

// plan is a task before it is made.
type plan struct {
	id    inspection.DocID
	area  inspection.Area
	kind  string
	doc   inspection.Object
	due   string    // as given, or ""
	from  time.Time // when the inspection was; zero is now
	until func(from time.Time) (time.Time, bool)
}

// create makes the draft the planned task. A task that the same person made
// of the same is not made again.
func (p *plan) create(d *sync.Draft, by inspection.UserID, at time.Time, comment string) error {
	due, err := p.dueAt(at)
	if err != nil {
		return err
	}
	p.doc["due"] = lastDay(due)
	if d.Record.Rev > 0 {
		same := d.Record.Collection == inspection.Tasks && d.Server.CreatedBy == by
		for _, name := range []string{"inspection", "title", "unit", "assignee"} {
			same = same && inspection.Equal(d.Client[name], p.doc[name])
		}
		if !same {
			return inspection.Errorf(inspection.CodeConflict, "Another document has this id. Make a new one.")
		}
		return nil
	}
	state, _ := inspection.TaskNone.After(inspection.TaskCreate)
	now := inspection.StampOf(at)
	d.Server.State, d.Server.Kind, d.Server.DueAt = state, inspection.OrNull(p.kind), inspection.StampOf(due)
	d.Server.CreatedBy, d.Server.ReceivedAt = by, now
	d.Server.Act = &inspection.TaskAct{Act: inspection.TaskCreate, Comment: comment, By: by, At: now}
	d.Create(inspection.Tasks, p.doc)
	return nil
}

// dueAt returns the moment from which the task is overdue.
func (p *plan) dueAt(at time.Time) (time.Time, error) {
	if p.due != "" {
		return endOfDay(p.due)
	}
	from := p.from
	if from.IsZero() {
		from = at
	}
	if due, ok := p.until(from); ok {
		return due, nil
	}
	return time.Time{}, fault("/due", inspection.CodeRequired, "No limit says until when a task of this kind is due. Name its last day.")
}

// endOfDay returns when the day ends in China.
func endOfDay(day string) (time.Time, error) {
	t, err := inspection.ParseDay(day)
	if err != nil || t.Year() < 2000 || t.Year() > 2199 {
		return time.Time{}, fault("/due", inspection.CodeWrongType, "The last day must be a date like 2026-11-11.")
	}
	return t.AddDate(0, 0, 1), nil
}

// lastDay is the day in China on which the time left ends.
func lastDay(due time.Time) string {
	return due.Add(-time.Nanosecond).In(inspection.China).Format(time.DateOnly)
}

// TaskMove is an act on a task.
type TaskMove struct {
	Event inspection.TaskEvent
	// Rev is the revision that the supervisor saw.
	Rev     int64
	Comment string
	// Unit, Assignee and Due are for assigning and reopening; nil leaves them,
	// "" takes a unit or a person away.
	Unit, Assignee, Due *string
	// Rectification is for rectifying: its members replace those that are
	// there.
	Rectification inspection.Object
}

// MoveTask moves a task on and returns it. Returns CodeNotFound, CodeBadRequest
// for what is missing or unknown, CodeStale if what the act rests on has
// changed since its revision, CodeConflict for an act that has no place in
// the task's state.
func (s *Service) MoveTask(ctx context.Context, principal *inspection.Principal, id inspection.DocID, in TaskMove) (store.Record, error) {
	// Who has to do it again must learn why.
	comment, err := cleanComment(in.Comment, in.Event == inspection.TaskReopen)
	if err != nil {
		return store.Record{}, err
	}
	if err := in.checkRectification(); err != nil {
		return store.Record{}, err
	}
	r, err := s.Document(ctx, principal, inspection.Tasks, id)
	if err != nil {
		return store.Record{}, err
	}
	b, err := s.basis(ctx, r, in.Rev)
	if err != nil {
		return store.Record{}, err
	}
	ref, err := s.cfg.Acts.Reference(ctx)
	if err != nil {
		return store.Record{}, err
	}
	if err := s.checkHands(ctx, ref, r.Area, valueOf(in.Unit), valueOf(in.Assignee)); err != nil {
		return store.Record{}, err
	}
	given := in.given()
	by := principal.Device.User
	repeat := func(d *sync.Draft) bool {
		last := d.Server.Act
		return last != nil && last.Act == in.Event && last.Comment == comment && last.By == by && last.On == b.rev && inspection.Equal(last.Given, given)
	}
	return s.change(ctx, principal, r, b, repeat, func(at moment, d *sync.Draft) error {
		state, ok := d.Server.State.After(in.Event)
		if !ok {
			return inspection.Errorf(inspection.CodeConflict, "A task that is %s can't take the act %s.", state, in.Event)
		}
		d.Server.State = state
		d.Server.Act = &inspection.TaskAct{
			Act: in.Event, Comment: comment, By: by, At: inspection.StampOf(at), On: in.Rev, Given: given,
		}
		d.ServerChanged()
		return in.apply(d, ref, at)
	})
}

// given is what came with the act, nil for nothing: a request that is sent again
// is known by it.
func (m *TaskMove) given() inspection.Object {
	given := inspection.Object{}
	for name, v := range map[string]*string{"unit": m.Unit, "assignee": m.Assignee, "due": m.Due} {
		if v != nil {
			given[name] = *v
		}
	}
	if len(m.Rectification) > 0 {
		given["rectification"] = m.Rectification
	}
	if len(given) == 0 {
		return nil
	}
	return given
}

func valueOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (m *TaskMove) checkRectification() error {
	if m.Event != inspection.TaskRectify {
		return nil
	}
	doc := inspection.Object{"rectification": m.Rectification}
	if len(m.Rectification) == 0 {
		return fault("/rectification", inspection.CodeRequired, "Tell what was done: note, done_at, photos.")
	}
	if err := inspection.CheckShape(inspection.Tasks, doc); err != nil {
		return fault("/rectification", inspection.CodeWrongType, "A rectification has a note, a time done_at and photos.")
	}
	if problems := inspection.TopLevelProblems(inspection.Tasks, doc); len(problems) > 0 {
		return fault(problems[0].Pointer, problems[0].Code, problems[0].MessageEN)
	}
	return nil
}

// apply changes the fields that the act is about.
func (m *TaskMove) apply(d *sync.Draft, ref *sync.Reference, at time.Time) error {
	switch m.Event {
	case inspection.TaskAssign, inspection.TaskReopen:
		return m.hand(d, ref, at)
	case inspection.TaskRectify:
		given := inspection.Overlay(inspection.Object{"done_at": at.In(inspection.China).Format(time.RFC3339)}, m.Rectification)
		d.Client["rectification"] = inspection.Overlay(d.Client.Object("rectification"), given)
		d.ClientChanged()
	}
	return nil
}

// hand gives the task to others, or more time.
func (m *TaskMove) hand(d *sync.Draft, ref *sync.Reference, at time.Time) error {
	for name, v := range map[string]*string{"unit": m.Unit, "assignee": m.Assignee} {
		if v != nil {
			d.Client[name] = inspection.TextOrNull(*v)
		}
	}
	if d.Client["unit"] == nil && d.Client["assignee"] == nil {
		return fault("/unit", inspection.CodeRequired, "Somebody must see to the task: name a unit, a person, or both.")
	}
	due, ok := time.Time{}, false
	var err error
	switch {
	case m.Due != nil:
		due, err = endOfDay(*m.Due)
		ok = true
	case m.Event == inspection.TaskReopen:
		// What has to be done again has its time again.
		due, ok = ref.TaskDue(d.Server.Kind.Value(), at)
	}
	if err != nil {
		return err
	}
	if ok {
		d.Client["due"], d.Server.DueAt = lastDay(due), inspection.StampOf(due)
	}
	d.ClientChanged()
	return nil
}
