package api

import (
	"github.com/gofiber/fiber/v2"

	"gridpatrol/inspection"
	"gridpatrol/review"
)

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
