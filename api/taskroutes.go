package api

import (
	"github.com/gofiber/fiber/v2"

	"gridpatrol/inspection"
	"gridpatrol/review"
)

func (s *Server) taskRoutes() []route {
	routes := []route{
		{Method: fiber.MethodGet, Path: "/v1/tasks", Proof: bearer, Action: inspection.ActionRead, Handler: s.tasks},
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

func (s *Server) tasks(c *call) error {
	c.private()
	req, err := decodeTasks(c.values)
	if err != nil {
		return err
	}
	page, err := s.cfg.Review.Tasks(c.ctx, c.principal, req)
	if err != nil {
		return err
	}
	return c.sendPacked(appendPage(nil, page))
}

func (s *Server) createTask(c *call) error {
	c.private()
	m, err := c.members()
	if err != nil {
		return err
	}
	in := review.NewTask{
		ID: m.optional("/id", "id"), Inspection: m.optional("/inspection", "inspection"), Area: m.optional("/area", "area"),
		Title: m.optional("/title", "title"), Unit: m.optional("/unit", "unit"), Assignee: m.optional("/assignee", "assignee"),
		Kind: m.optional("/kind", "kind"), Due: m.optional("/due", "due"), Comment: m.optional("/comment", "comment"),
	}
	if err := m.err(); err != nil {
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
	return func(c *call) error {
		c.private()
		id, err := c.docID()
		if err != nil {
			return err
		}
		m, err := c.members()
		if err != nil {
			return err
		}
		in := review.TaskMove{
			Event: event, Rev: m.integer("/rev", "rev"), Comment: m.optional("/comment", "comment"),
			Unit: m.perhaps("/unit", "unit"), Assignee: m.perhaps("/assignee", "assignee"), Due: m.perhaps("/due", "due"),
		}
		if m.values["rectification"] != nil {
			in.Rectification = m.object("/rectification", "rectification").values
		}
		if err := m.err(); err != nil {
			return err
		}
		r, err := s.cfg.Review.MoveTask(c.ctx, c.principal, id, in)
		if err != nil {
			return err
		}
		return c.sendPacked(r.Doc)
	}
}
