package api

import (
	"context"

	"github.com/gofiber/fiber/v2"

	"gridpatrol/inspection"
	"gridpatrol/review"
)

func (s *Server) reviewRoutes() []route {
	routes := []route{
		{Method: fiber.MethodGet, Path: "/v1/inspections", Proof: bearer, Action: inspection.ActionRead, Handler: lists(decodeInspections, s.cfg.Review.Inspections)},
		{Method: fiber.MethodPost, Path: "/v1/inspections/:id/review", Proof: bearer, Action: inspection.ActionReview, Cap: actCap, Handler: s.decideReview()},
	}
	for _, c := range inspection.FieldCollections {
		base := "/v1/" + string(c) + "/:id"
		routes = append(routes,
			route{Method: fiber.MethodGet, Path: base, Proof: bearer, Action: inspection.ActionRead, Handler: s.document(c)},
			route{Method: fiber.MethodGet, Path: base + "/history", Proof: bearer, Action: inspection.ActionRead, Handler: s.history(c)},
			route{Method: fiber.MethodPost, Path: base + "/conflicts/:k", Proof: bearer, Action: inspection.ActionReview, Cap: actCap, Handler: s.settleConflict(c)},
		)
	}
	return routes
}

// named makes the handler of a route whose address names a document.
func named(do func(c *call, id inspection.DocID) error) func(*call) error {
	return func(c *call) error {
		c.private()
		id, err := c.docID()
		if err != nil {
			return err
		}
		return do(c, id)
	}
}

// acts makes the handler of an act on the document in the address, with what
// is read of the body.
func acts[T any](read func(members) T, act func(c *call, id inspection.DocID, in T) error) func(*call) error {
	return named(func(c *call, id inspection.DocID) error {
		in, err := decodeBody(c, read)
		if err != nil {
			return err
		}
		return act(c, id, in)
	})
}

// docID reads the id in the address. What is no UUID is nobody's id.
func (c *call) docID() (inspection.DocID, error) {
	id, err := inspection.ParseDocID(c.Params("id"))
	if err != nil {
		return "", inspection.Errorf(inspection.CodeNotFound, "There is no such document, or none that you may see.")
	}
	return id, nil
}

// lists makes the handler of a list.
func lists[Q any](decode func(values func(string) []string) (Q, error), list func(context.Context, *inspection.Principal, Q) (review.Page, error)) func(*call) error {
	return func(c *call) error {
		c.private()
		req, err := decode(c.values)
		if err != nil {
			return err
		}
		page, err := list(c.ctx, c.principal, req)
		if err != nil {
			return err
		}
		return c.sendPacked(appendPage(nil, page))
	}
}

// The words that filters of a list of inspections take.
var (
	verdicts = []string{"pass", "fail", "pending_lab", "indeterminate", "not_applicable"}
	states   = []string{"received", "has_issues", "edited", "approved", "rejected"}
	flags    = []string{"time_mismatch", "place_mismatch", "mock_location", "reused", "edited_software", "no_exif"}
)

// decodeInspections reads the query of a list of inspections. Returns
// CodeBadParameter.
func decodeInspections(values func(string) []string) (review.ListRequest, error) {
	q := query{values: values}
	req := review.ListRequest{
		Areas: q.areas(), Template: q.text("template"), Verdict: q.choice("verdict", verdicts...),
		State: q.choice("state", states...), Evidence: q.choice("evidence", "complete", "incomplete"),
		From: q.moment("from", false), To: q.moment("to", true), Search: q.text("q"),
		Session: q.id("session"), Site: q.id("site"), Flag: inspection.FlagKind(q.choice("flag", flags...)),
		Cursor: q.text("cursor"), Limit: q.number("limit", review.DefaultLimit, review.MaxLimit),
	}
	return req, q.err
}

// appendPage writes a page of a list.
func appendPage(dst []byte, page review.Page) []byte {
	dst = append(appendRecords(dst, page), `,"total":`...)
	dst = inspection.AppendJSON(dst, page.Total)
	dst = append(dst, `,"total_capped":`...)
	dst = inspection.AppendJSON(dst, page.Capped)
	return append(appendCursor(dst, page.Cursor), '}')
}

// appendRecords begins a page of a list with its documents, copied as they are
// stored.
func appendRecords(dst []byte, page review.Page) []byte {
	dst = append(dst, `{"documents":[`...)
	for i := range page.Records {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, page.Records[i].Doc...)
	}
	return append(dst, ']')
}

func appendCursor(dst []byte, cursor string) []byte {
	dst = append(dst, `,"cursor":`...)
	if cursor == "" {
		return append(dst, "null"...)
	}
	return inspection.AppendString(dst, cursor)
}

func (s *Server) document(collection inspection.Collection) func(*call) error {
	return named(func(c *call, id inspection.DocID) error {
		r, err := s.cfg.Review.Document(c.ctx, c.principal, collection, id)
		return c.sendDoc(r.Doc, err)
	})
}

func (s *Server) decideReview() func(*call) error {
	read := func(m members) review.Decision {
		return review.Decision{
			Event:   inspection.ReviewEvent(m.text("decision")),
			Comment: m.optional("comment"), Rev: m.integer("rev"),
		}
	}
	return acts(read, func(c *call, id inspection.DocID, in review.Decision) error {
		r, err := s.cfg.Review.Decide(c.ctx, c.principal, id, in)
		return c.sendDoc(r.Doc, err)
	})
}

func (s *Server) settleConflict(collection inspection.Collection) func(*call) error {
	read := func(m members) review.Settlement {
		return review.Settlement{Take: m.text("take"), Rev: m.integer("rev")}
	}
	return acts(read, func(c *call, id inspection.DocID, in review.Settlement) error {
		r, err := s.cfg.Review.Settle(c.ctx, c.principal, collection, id, c.Params("k"), in)
		return c.sendDoc(r.Doc, err)
	})
}

// revisionJSON is a revision with the name of who made it.
type revisionJSON struct {
	review.Revision
	ByName *string `json:"by_name"`
}

func (s *Server) history(collection inspection.Collection) func(*call) error {
	return named(func(c *call, id inspection.DocID) error {
		q := query{values: c.values}
		before, limit := q.number("before", 0, 1<<53), q.number("limit", review.DefaultRevisions, review.MaxRevisions)
		if q.err != nil {
			return q.err
		}
		h, err := s.cfg.Review.History(c.ctx, c.principal, collection, id, int64(before), limit)
		if err != nil {
			return err
		}
		names, err := s.names(c)
		if err != nil {
			return err
		}
		list := make([]revisionJSON, len(h.Revisions))
		for i, r := range h.Revisions {
			list[i].Revision = r
			if name, known := names[r.By]; known {
				list[i].ByName = &name
			}
		}
		var next *int64
		if h.Next > 0 {
			next = &h.Next
		}
		return c.packed(map[string]any{"revisions": list, "before": next})
	})
}

func (s *Server) names(c *call) (map[inspection.UserID]string, error) {
	users, err := s.cfg.Auth.Users(c.ctx)
	names := make(map[inspection.UserID]string, len(users))
	for _, u := range users {
		names[u.ID] = u.Name
	}
	return names, err
}

func (s *Server) taskRoutes() []route {
	routes := []route{
		{Method: fiber.MethodGet, Path: "/v1/tasks", Proof: bearer, Action: inspection.ActionRead, Handler: lists(decodeTasks, s.cfg.Review.Tasks)},
		{Method: fiber.MethodPost, Path: "/v1/tasks", Proof: bearer, Action: inspection.ActionTasks, Cap: actCap, Handler: s.createTask},
	}
	for _, event := range []inspection.TaskEvent{
		inspection.TaskAssign, inspection.TaskRectify, inspection.TaskVerify, inspection.TaskReopen, inspection.TaskClose,
	} {
		routes = append(routes, route{
			Method: fiber.MethodPost, Path: "/v1/tasks/:id/" + string(event), Proof: bearer, Action: inspection.ActionTasks, Cap: actCap, Handler: s.moveTask(event),
		})
	}
	return routes
}

// taskStates are the words that the filter of a list of tasks takes.
var taskStates = []string{"assigned", "rectified", "verified", "closed"}

// decodeTasks reads the query of a list of tasks. Returns CodeBadParameter.
func decodeTasks(values func(string) []string) (review.TasksRequest, error) {
	q := query{values: values}
	req := review.TasksRequest{
		Areas: q.areas(), State: inspection.TaskState(q.choice("state", taskStates...)), Unit: q.text("unit"),
		Assignee: inspection.UserID(q.text("assignee")), Inspection: q.id("inspection"), Overdue: q.flag("overdue"),
		Cursor: q.text("cursor"), Limit: q.number("limit", review.DefaultLimit, review.MaxLimit),
	}
	return req, q.err
}

func (s *Server) createTask(c *call) error {
	c.private()
	in, err := decodeBody(c, func(m members) review.NewTask {
		return review.NewTask{
			ID: m.optional("id"), Inspection: m.optional("inspection"), Area: m.optional("area"),
			Title: m.optional("title"), Unit: m.optional("unit"), Assignee: m.optional("assignee"),
			Kind: m.optional("kind"), Due: m.optional("due"), Comment: m.optional("comment"),
		}
	})
	if err != nil {
		return err
	}
	r, err := s.cfg.Review.CreateTask(c.ctx, c.principal, in)
	if err != nil {
		return err
	}
	c.Status(fiber.StatusCreated)
	return c.sendJSON(r.Doc)
}

func (s *Server) moveTask(event inspection.TaskEvent) func(*call) error {
	read := func(m members) review.TaskMove { return taskMove(m, event) }
	return acts(read, func(c *call, id inspection.DocID, in review.TaskMove) error {
		r, err := s.cfg.Review.MoveTask(c.ctx, c.principal, id, in)
		return c.sendDoc(r.Doc, err)
	})
}

func taskMove(m members, event inspection.TaskEvent) review.TaskMove {
	move := review.TaskMove{
		Event: event, Rev: m.integer("rev"), Comment: m.optional("comment"),
		Unit: m.textIfGiven("unit"), Assignee: m.textIfGiven("assignee"), Due: m.textIfGiven("due"),
	}
	if m.values["rectification"] != nil {
		move.Rectification = m.object("rectification").values
	}
	return move
}
