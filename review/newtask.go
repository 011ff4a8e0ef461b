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
		Decide: func(at time.Time, drafts map[inspection.DocID]*sync.Draft) error {
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
		if err := s.fillFromInspection(ctx, principal, ref, &in, p); err != nil {
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
	return p, s.checkAssignment(ctx, ref, p.area, in.Unit, in.Assignee)
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

// fillFromInspection takes over what the inspection says: where it was, when, which unit
// such matters go to, and what was found.
func (s *Service) fillFromInspection(ctx context.Context, principal *inspection.Principal, ref *sync.Reference, in *NewTask, p *plan) error {
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

// checkAssignment tells whether the task can be given to the unit and the person.
func (s *Service) checkAssignment(ctx context.Context, ref *sync.Reference, area inspection.Area, unit, assignee string) error {
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
