package api

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gridpatrol/inspection"
	"gridpatrol/report"
)

// description is the OpenAPI document without the formats of reports. The tests
// hold it and the table of routes against each other.
//
//go:embed openapi.json
var description []byte

func (s *Server) operationsRoutes() []route {
	return []route{
		{Method: fiber.MethodGet, Path: "/healthz", Proof: none, Handler: s.healthz},
		{Method: fiber.MethodGet, Path: "/readyz", Proof: none, Handler: s.readyz},
		{Method: fiber.MethodGet, Path: "/metrics", Proof: none, Handler: s.metricsPage},
		{Method: fiber.MethodGet, Path: "/openapi.json", Proof: none, Handler: s.openapi},
	}
}

type health struct {
	Status string `json:"status"`
}

func (s *Server) healthz(c *call) error {
	c.private()
	return c.json(health{"ok"})
}

// readyz tells a load balancer whether to send requests here.
func (s *Server) readyz(c *call) error {
	c.private()
	ctx, cancel := context.WithTimeout(c.ctx, readyTimeout)
	defer cancel()
	if err := s.cfg.Health.Ping(ctx); err != nil {
		return fmt.Errorf("store not ready: %w", &inspection.Error{
			Code: inspection.CodeUnavailable, Detail: "The store cannot be reached or written just now.", Err: err,
		})
	}
	if err := s.cfg.Sync.Ready(); err != nil {
		return err
	}
	return c.json(health{"ok"})
}

func (s *Server) metricsPage(c *call) error {
	c.private()
	s.metrics.page(c.Context())
	return nil
}

func (s *Server) openapi(c *call) error { return c.sendPacked(s.description) }

// described is the description with the formats that reports can be had in.
func described(formats []report.Format) []byte {
	text := withFormats(string(description), "joint", formats)
	return []byte(withFormats(text, "dispatch", report.DispatchFormats(formats)))
}

// withFormats fills in the formats of one report. Answers in JSON are described
// by their schemas.
func withFormats[F report.Format](text, of string, formats []F) string {
	var names, files []string
	for _, f := range formats {
		names = append(names, strconv.Quote(f.Name()))
		if kind, _, _ := strings.Cut(f.MediaType(), ";"); f.Name() != report.JSON {
			files = append(files, strconv.Quote(kind)+": {}")
		}
	}
	return strings.NewReplacer(
		`"{formats of the `+of+` report}"`, strings.Join(names, ", "),
		`"{files of the `+of+` report}": {}`, strings.Join(files, ", "),
	).Replace(text)
}
