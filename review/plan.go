package review

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/sync"
)

// plan checks a new task and fills in what follows from its inspection.
func (s *Service) plan(ctx context.Context, principal *inspection.Principal, in NewTask) (*plan, error) {
	ref, err := s.cfg.Acts.Reference(ctx)
	if err != nil {
		return nil, err
	}
	p := &plan{kind: in.Kind, due: in.Due, doc: inspection.Object{}}
	if p.id, err = s.taskID(in.ID); err != nil {
		return nil, err
	}
	if in.Inspection != "" {
		if err := s.follow(ctx, principal, ref, &in, p); err != nil {
			return nil, err
		}
	}
	p.area = inspection.Area(in.Area)
	switch {
	case in.Area == "":
		return nil, fault("/area", inspection.CodeRequired, "Name the task's area, or the inspection that it follows from.")
	case !principal.CanRead(p.area, s.cfg.Now()) || !ref.Areas[p.area]:
		return nil, inspection.Errorf(inspection.CodeForbidden, "This area is not yours.")
	}
	if err := p.describe(in); err != nil {
		return nil, err
	}
	p.until = func(from time.Time) (time.Time, bool) { return ref.TaskDue(p.kind, from) }
	return p, s.checkHands(ctx, ref, p.area, in.Unit, in.Assignee)
}

func (s *Service) taskID(id string) (inspection.DocID, error) {
	if id == "" {
		id = s.cfg.NewID()
	}
	parsed, err := inspection.ParseDocID(id)
	if err != nil {
		return "", fault("/id", inspection.CodeBadID, "Make the task's id a UUID (version 7), or leave it out.")
	}
	return parsed, nil
}

// describe fills the task's document.
func (p *plan) describe(in NewTask) error {
	title := strings.TrimSpace(in.Title)
	switch {
	case title == "":
		return fault("/title", inspection.CodeRequired, "Say in a title what is to be done.")
	case utf8.RuneCountInString(title) > maxTitle:
		return fault("/title", inspection.CodeOutOfRange, "A title has at most 200 characters.")
	case in.Unit == "" && in.Assignee == "":
		return fault("/unit", inspection.CodeRequired, "Somebody must see to the task: name a unit, a person, or both.")
	}
	p.doc["id"], p.doc["area"], p.doc["title"] = string(p.id), string(p.area), title
	p.doc["inspection"], p.doc["unit"], p.doc["assignee"] = inspection.TextOrNull(in.Inspection), inspection.TextOrNull(in.Unit), inspection.TextOrNull(in.Assignee)
	p.doc["rectification"] = nil
	return nil
}

// follow takes over what the inspection says: where it was, when, which unit
// such matters go to, and what was found.
func (s *Service) follow(ctx context.Context, principal *inspection.Principal, ref *sync.Reference, in *NewTask, p *plan) error {
	id, err := inspection.ParseDocID(in.Inspection)
	if err != nil {
		return fault("/inspection", inspection.CodeBadID, "The inspection's id must be a UUID.")
	}
	r, err := s.Document(ctx, principal, inspection.Inspections, id)
	if err != nil {
		return err
	}
	doc, err := inspection.ParseObject(r.Doc)
	if err != nil {
		return inspection.Errorf(inspection.CodeInternal, "The stored document is not readable.")
	}
	switch {
	case r.Deleted:
		return inspection.Errorf(inspection.CodeConflict, "The inspection is deleted.")
	case doc["status"] != "submitted":
		return inspection.Errorf(inspection.CodeConflict, "The inspection is a draft. Wait until it is submitted.")
	case in.Area != "" && in.Area != string(r.Area):
		return fault("/area", inspection.CodeUnknownChoice, "The task lies where its inspection lies. Leave the area out.")
	}
	in.Inspection, in.Area = string(id), string(r.Area)
	p.from = r.Index.Started
	if p.kind == "" {
		p.kind = r.Index.Template
	}
	server := inspection.ServerOf(doc)
	if in.Unit == "" && in.Assignee == "" {
		in.Unit = server.LeadUnit.Value()
	}
	if in.Title == "" {
		in.Title = titleFrom(ref, doc, &server)
	}
	return nil
}

// titleFrom words what was found: the checklist, what it was about, and the
// first finding that failed.
func titleFrom(ref *sync.Reference, doc inspection.Object, server *inspection.Server) string {
	var parts []string
	if t := ref.Template(doc); t != nil {
		parts = append(parts, t.Title())
	}
	if title := server.Title.Value(); title != "" {
		parts = append(parts, title)
	}
	for _, f := range server.Findings() {
		if f.Result == inspection.Fail && f.Level == inspection.LevelFail {
			parts = append(parts, f.Message)
			break
		}
	}
	title := []rune(strings.Join(parts, " · "))
	return string(title[:min(len(title), maxTitle)])
}

// checkHands tells whether the task can be given to the unit and the person.
func (s *Service) checkHands(ctx context.Context, ref *sync.Reference, area inspection.Area, unit, assignee string) error {
	if unit != "" && !ref.Units[unit] {
		return fault("/unit", inspection.CodeUnknownRef, "There is no unit of this id.")
	}
	if assignee == "" {
		return nil
	}
	works, err := s.cfg.People.WorksIn(ctx, inspection.UserID(assignee), area)
	if err == nil && !works {
		return fault("/assignee", inspection.CodeUnknownRef, "Nobody of this id works in the task's area.")
	}
	return err
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
