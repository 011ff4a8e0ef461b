package api

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"gridpatrol/inspection"
	"gridpatrol/report"
)

const (
	closingCap = 4 << 10
	// reportTimeout bounds the making of a report: one of 100,000 vehicles
	// takes a minute on a small machine.
	reportTimeout = 10 * time.Minute
)

// headerAsOf tells the position of a report that is no JSON.
const headerAsOf = "X-As-Of"

// headerAfresh tells that a closed window has no file in the format, so that
// this one was made as of its closing.
const headerAfresh = "X-Made-Afresh"

func (s *Server) reportRoutes() []route {
	return []route{
		{Method: fiber.MethodGet, Path: "/v1/reports/joint", Proof: bearer, Action: inspection.ActionReports, Timeout: reportTimeout, Handler: exported(s.cfg.Reports.Export)},
		{Method: fiber.MethodPost, Path: "/v1/reports/joint/close", Proof: bearer, Action: inspection.ActionReports, Cap: closingCap, Timeout: reportTimeout, Handler: s.closeWindow},
		{Method: fiber.MethodGet, Path: "/v1/reports/dispatch", Proof: bearer, Action: inspection.ActionReports, Timeout: reportTimeout, Handler: exported(s.cfg.Reports.ExportDispatch)},
		{Method: fiber.MethodGet, Path: "/v1/calendar", Proof: bearer, Action: inspection.ActionRead, Handler: s.calendar},
	}
}

// exported answers with a report as a file.
func exported(export func(context.Context, report.JointQuery, string) (*report.File, error)) func(c *call) error {
	return func(c *call) error {
		q, format, err := c.reportQuery()
		if err != nil {
			return err
		}
		f, err := export(c.ctx, q, format)
		if err != nil {
			return err
		}
		return c.sendFile(f)
	}
}

// reportQuery reads what both reports take. Returns CodeBadParameter, and
// CodeForbidden for an area of others.
func (c *call) reportQuery() (q report.JointQuery, format string, err error) {
	texts := map[string]string{}
	for _, name := range []string{"month", "window", "area", "as_of", "format"} {
		if texts[name], err = single(c.values, name); err != nil {
			return q, "", err
		}
	}
	if q.Window, err = report.ParseWindow(texts["month"], texts["window"]); err != nil {
		return q, "", err
	}
	q.Scope, q.AsOf = c.principal.Areas(), texts["as_of"]
	if texts["area"] != "" {
		area, err := c.ownArea(texts["area"])
		if err != nil {
			return q, "", err
		}
		q.Scope = []inspection.Area{area}
	}
	if len(q.Scope) == 0 {
		return q, "", noArea()
	}
	formats := c.server.cfg.Reports.Formats()
	format = cmp.Or(texts["format"], formats[0].Name())
	if !slices.ContainsFunc(formats, func(f report.Format) bool { return f.Name() == format }) {
		return q, "", badParameter("format", "it must be "+report.Names(formats, "")+".")
	}
	return q, format, nil
}

// ownArea reads an area that the caller's grants must cover.
func (c *call) ownArea(code string) (inspection.Area, error) {
	area := inspection.Area(code)
	if !area.Valid() {
		return "", badParameter("area", "it must be the code of an area.")
	}
	if !c.principal.CanRead(area, c.server.cfg.Now()) {
		return "", noArea()
	}
	return area, nil
}

func noArea() error {
	return inspection.Errorf(inspection.CodeForbidden, "Your account has no right to this area. Name one of yours, or one below it.")
}

// sendFile answers 200 with a file and closes it.
func (c *call) sendFile(f *report.File) error {
	c.private()
	c.Set(fiber.HeaderContentType, f.Format.MediaType())
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(headerAsOf, f.AsOf.Token())
	if f.Afresh {
		c.Set(headerAfresh, "true")
	}
	if f.Format.Name() != report.JSON {
		c.Set(fiber.HeaderContentDisposition, "attachment; filename="+strconv.Quote(f.Name))
	}
	c.allowFor(int(f.Size))
	c.Response().SetBodyStream(f, int(f.Size)) // closes the file
	return nil
}

// closeJSON is the body of a closing.
type closeJSON struct {
	Month  string `json:"month"`
	Window string `json:"window"`
	Area   string `json:"area"`
}

// closeWindow closes a window of one area, by default the caller's only one.
func (s *Server) closeWindow(c *call) error {
	c.private()
	body, err := c.body()
	if err != nil {
		return err
	}
	var in closeJSON
	if json.Unmarshal(body, &in) != nil {
		return badBody("The body must be an object with month, window and area.")
	}
	w, err := report.ParseWindow(in.Month, in.Window)
	if err != nil {
		return err
	}
	if own := c.principal.Areas(); in.Area == "" && len(own) == 1 {
		in.Area = string(own[0])
	}
	area, err := c.ownArea(in.Area)
	if err != nil {
		return err
	}
	closing, err := s.cfg.Reports.Close(c.ctx, c.principal.Device.User, w, area)
	if err != nil {
		return err
	}
	return c.json(closing)
}

func (s *Server) calendar(c *call) error {
	c.private()
	date, err := single(c.values, "date")
	if err != nil {
		return err
	}
	day, err := s.cfg.Reports.Day(c.ctx, date, c.principal.Areas())
	if err != nil {
		return err
	}
	return c.json(day)
}
