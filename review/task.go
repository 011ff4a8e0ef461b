package review

import (
	"context"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/sync"
)

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
	t, err := s.target(ctx, principal, inspection.Tasks, id, in.Rev)
	if err != nil {
		return store.Record{}, err
	}
	ref, err := s.cfg.Acts.Reference(ctx)
	if err != nil {
		return store.Record{}, err
	}
	if err := s.checkAssignment(ctx, ref, t.record.Area, valueOf(in.Unit), valueOf(in.Assignee)); err != nil {
		return store.Record{}, err
	}
	given := in.given()
	by := principal.Device.User
	done := func(server *inspection.Server) bool {
		last := server.Act
		return last != nil && last.Act == in.Event && last.Comment == comment && last.By == by && last.On == in.Rev && inspection.Equal(last.Given, given)
	}
	return s.change(ctx, by, t, done, func(at time.Time, d *sync.Draft) error {
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
		return m.reassign(d, ref, at)
	case inspection.TaskRectify:
		given := inspection.Overlay(inspection.Object{"done_at": at.In(inspection.China).Format(time.RFC3339)}, m.Rectification)
		d.Client["rectification"] = inspection.Overlay(d.Client.Object("rectification"), given)
		d.ClientChanged()
	}
	return nil
}

// reassign gives the task to others, or more time.
func (m *TaskMove) reassign(d *sync.Draft, ref *sync.Reference, at time.Time) error {
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

// TasksRequest asks for tasks, those with the latest last day first.
type TasksRequest struct {
	Areas    []inspection.Area
	State    inspection.TaskState // "" takes all
	Unit     string
	Assignee inspection.UserID
	// Inspection, if any, is what the tasks follow from.
	Inspection inspection.DocID
	// Overdue takes those that wait for their rectification past their time.
	Overdue bool
	Cursor  string
	Limit   int
}

// longAgo bounds lists of what is overdue: a task without a last day is never
// that.
var longAgo = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)

// Tasks lists tasks. Returns the errors of Inspections, and CodeBadParameter
// for filters that can't be asked together.
func (s *Service) Tasks(ctx context.Context, principal *inspection.Principal, req TasksRequest) (Page, error) {
	q := ListRequest{Areas: req.Areas, State: string(req.State), unit: req.Unit, Cursor: req.Cursor, Limit: req.Limit}
	switch {
	case req.Assignee != "" && req.Inspection != "":
		return Page{}, inspection.Errorf(inspection.CodeBadParameter, "Ask for an assignee's tasks or for an inspection's, not for both.")
	case req.Assignee != "":
		q.term = store.TermAssignee + string(req.Assignee)
	case req.Inspection != "":
		q.term = store.TermInspection + string(req.Inspection)
	}
	if req.Overdue {
		if req.State != "" && req.State != inspection.TaskAssigned {
			return Page{}, nil // such a task was rectified
		}
		q.State, q.From, q.To = string(inspection.TaskAssigned), longAgo, s.cfg.Now()
	}
	return s.list(ctx, principal, inspection.Tasks, q)
}
