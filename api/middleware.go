package api

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"gridpatrol/inspection"
)

// callKey finds the call in fiber's context.
type callKey struct{}

func callOf(fc *fiber.Ctx) *call {
	c, _ := fc.Locals(callKey{}).(*call)
	return c
}

// observe stands around every request: id, log, metrics, and the one place
// where errors become problems.
func (s *Server) observe(fc *fiber.Ctx) error {
	began := s.cfg.Now()
	c := &call{Ctx: fc, server: s, ctx: s.base, id: s.requestID(fc.Get(fiber.HeaderXRequestID))}
	fc.Locals(callKey{}, c)
	fc.Set(fiber.HeaderXRequestID, c.id)
	s.metrics.inFlight.Inc()
	defer s.metrics.inFlight.Dec()
	if err := c.proceed(); err != nil {
		c.fail(err)
	}
	c.settle()
	c.account(s.cfg.Now().Sub(began))
	return nil
}

// requestID takes over a sane id from the client, else makes one.
func (s *Server) requestID(offered string) string {
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
	if offered != "" && len(offered) <= 64 && strings.Trim(offered, plain) == "" {
		return offered
	}
	return s.cfg.NewID()
}

// proceed runs the rest and turns a panic into an error.
func (c *call) proceed() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &panicked{value: r, stack: debug.Stack()}
		}
	}()
	err = c.Next()
	if c.route == nil {
		return c.unrouted()
	}
	return err
}

// panicked is a panic on its way to the log.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v\n%s", p.value, p.stack) }

// Unwrap tells the outside that something went wrong inside, and no more.
func (p *panicked) Unwrap() error { return inspection.Errorf(inspection.CodeInternal, "") }

// unrouted answers what is in no line of the table. OPTIONS tells a path's
// methods.
func (c *call) unrouted() error {
	methods := c.server.methodsOf(c.Path())
	if len(methods) == 0 {
		return fiber.ErrNotFound
	}
	c.Set(fiber.HeaderAllow, strings.Join(methods, ", "))
	if c.Method() == fiber.MethodOptions {
		c.Status(fiber.StatusNoContent)
		return nil
	}
	return fiber.ErrMethodNotAllowed
}

// fail answers with a problem and keeps for the log what is not told.
func (c *call) fail(err error) {
	p, hidden := problemOf(err)
	var broken *panicked
	if hidden || errors.As(err, &broken) {
		c.server.cfg.Log.Error("request failed", "request", c.id, "route", c.pattern(), "error", err)
	}
	p.send(c.Ctx)
}

// pattern is the route as the table has it: it bounds the labels of metrics
// and keeps ids out of the log.
func (c *call) pattern() string {
	if c.route == nil {
		return "none"
	}
	return c.route.Path
}

// account writes the access log's line and the metrics.
func (c *call) account(took time.Duration) {
	status, size := c.Response().StatusCode(), max(c.Response().Header.ContentLength(), 0) // what a stream is to be
	if !c.Response().IsBodyStream() {
		size = len(c.Response().Body())
	}
	c.server.metrics.answered(c.pattern(), c.Method(), status, took)
	c.server.cfg.Log.LogAttrs(c.ctx, slog.LevelInfo, "request",
		slog.String("method", c.Method()), slog.String("route", c.pattern()),
		slog.Int("status", status), slog.Int64("ms", took.Milliseconds()), slog.Int("bytes", size),
		slog.String("request", c.id),
		slog.String("user", string(c.session.Device.User)), slog.String("device", string(c.session.Device.ID)))
}

// unserved answers what never reached a route: requests that are no HTTP,
// headers that are too large or too slow.
func (s *Server) unserved(fc *fiber.Ctx, err error) error {
	p, _ := problemOf(err)
	p.send(fc)
	s.metrics.answered("none", "none", p.Status, 0)
	return nil
}

// outer guards what lies outside of fiber's reach: methods that it doesn't
// know, and panics of its own.
func (s *Server) outer(fc *fasthttp.RequestCtx, inner fasthttp.RequestHandler) {
	defer func() {
		if r := recover(); r != nil {
			s.cfg.Log.Error("request failed", "error", &panicked{value: r, stack: debug.Stack()})
			s.unknown(fc, fiber.ErrInternalServerError)
		}
	}()
	if !knownMethod(string(fc.Method())) {
		s.unknown(fc, fiber.ErrMethodNotAllowed)
		return
	}
	inner(fc)
}

func knownMethod(method string) bool {
	for _, m := range fiber.DefaultMethods {
		if m == method {
			return true
		}
	}
	return false
}

func (s *Server) unknown(fc *fasthttp.RequestCtx, err error) {
	c := s.app.AcquireCtx(fc)
	defer s.app.ReleaseCtx(c)
	c.Set(fiber.HeaderAllow, strings.Join(s.methodsOf(string(fc.Path())), ", "))
	c.Response().SetConnectionClose()
	_ = s.unserved(c, err) // it always answers
}
