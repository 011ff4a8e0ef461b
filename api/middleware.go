package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"gridpatrol/auth"
	"gridpatrol/inspection"
)

// callKey finds the call in fiber's context.
type callKey struct{}

func callOf(fc *fiber.Ctx) *call {
	c, _ := fc.Locals(callKey{}).(*call)
	return c
}

// mount registers the table with the router.
func (s *Server) mount(table []route) error {
	s.routes = table
	s.app.Use(s.observe)
	for i := range s.routes {
		r := &s.routes[i]
		if r.Proof == nil || (r.Proof == none) != (r.Action == "") || r.Handler == nil {
			return fmt.Errorf("api: the route %s %s lacks a proof, a permission or a handler", r.Method, r.Path)
		}
		s.app.Add(r.Method, r.Path, s.enter(r))
		if r.Method == fiber.MethodGet {
			s.app.Add(fiber.MethodHead, r.Path, s.enter(r))
		}
	}
	server := s.app.Server()
	server.CloseOnShutdown = true
	inner := s.app.Handler()
	server.Handler = func(fc *fasthttp.RequestCtx) { s.outer(fc, inner) }
	return nil
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
	c.dropUnread()
	c.logAnswer(s.cfg.Now().Sub(began))
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

// enter makes the handler of a route: sign-in and role first.
func (s *Server) enter(r *route) fiber.Handler {
	return func(fc *fiber.Ctx) error {
		c := callOf(fc)
		c.route = r
		ctx, cancel := context.WithTimeout(s.base, cmp.Or(r.Timeout, requestTimeout))
		defer cancel()
		c.ctx = ctx
		if err := c.authorize(); err != nil {
			return err
		}
		return r.Handler(c)
	}
}

// authorize fills the session and the principal, where the route wants a proof.
func (c *call) authorize() (err error) {
	if c.route.Proof == none {
		return nil
	}
	if c.session, err = c.route.Proof.session(c); err != nil {
		return err
	}
	if c.principal, err = c.server.principalOf(c.ctx, c.session); err != nil {
		return err
	}
	if c.route.Action == signedIn {
		return nil
	}
	return c.principal.Role.Require(c.route.Action)
}

// principalOf makes the principal of a request, here and nowhere else. Hardly
// anyone has lost an area, so what was confirmed is hardly ever read.
func (s *Server) principalOf(ctx context.Context, session auth.Session) (*inspection.Principal, error) {
	p := &inspection.Principal{
		Device: session.Device, Role: session.User.Role, Rights: session.Rights, FirstSeen: session.FirstSeen,
	}
	var err error
	if len(p.Rights.Revoked) > 0 {
		p.Confirmed, err = s.cfg.Sync.Confirmed(ctx, p.Device)
	}
	return p, err
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

// logAnswer writes the access log's line and the metrics.
func (c *call) logAnswer(took time.Duration) {
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

// dropUnread decides, once the answer is known, what becomes of a body that
// nobody read. A short one is skipped; else, and when the body was too large,
// the connection is closed after the answer, without taking in the rest.
func (c *call) dropUnread() {
	length := c.Request().Header.ContentLength()
	short := 0 <= length && length <= smallBody && c.Response().StatusCode() != fiber.StatusRequestEntityTooLarge
	if c.bodyRead || c.Context().RequestBodyStream() == nil || short {
		return
	}
	c.Response().SetConnectionClose()
	lingerOn(c.Context().Conn())
}

// lingerOn marks the connection under a request, through TLS as well.
func lingerOn(nc net.Conn) {
	if t, ok := nc.(interface{ NetConn() net.Conn }); ok {
		nc = t.NetConn()
	}
	if c, ok := nc.(*conn); ok {
		c.linger.Store(true)
	}
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
