package api

import (
	"context"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"gridpatrol/auth"
	"gridpatrol/inspection"
)

// signedIn is what a route asks that is for a session of any role.
const signedIn inspection.Action = "signed_in"

// Caps of bodies, in bytes.
const (
	credentialsCap = 16 << 10
	// actCap holds a comment, or what was done about a task, with its photos.
	actCap = 256 << 10
	// definitionCap is the most that a template's definition has.
	definitionCap = 1 << 20
	// maxBatch is the most that a push holds, inflated. Source:
	// docs/contract.md, section 3.
	maxBatch = 8 << 20
)

// route is one line of the table. Cap is the most bytes of a body, gzip
// inflated; with 0 a body is ignored. GET answers HEAD as well.
type route struct {
	Method  string
	Path    string
	Proof   *proof            // how the caller proves who they are
	Action  inspection.Action // what they must be permitted; none without a proof
	Cap     int
	Gzip    bool          // Content-Encoding: gzip is taken
	Timeout time.Duration // what the services may take; 0 means requestTimeout
	YAML    bool          // a body in YAML is taken besides JSON
	Handler func(*call) error
}

// table lists all routes; the description and the tests follow it.
func (s *Server) table() []route {
	return slices.Concat(
		s.authRoutes(), s.syncRoutes(), s.rxRoutes(), s.mediaRoutes(), s.deviceRoutes(), s.reviewRoutes(), s.taskRoutes(),
		s.reportRoutes(), s.adminRoutes(), s.operationsRoutes(),
	)
}

// call is one request under way. It ends with the handler: nothing of it may
// be kept by a stream.
type call struct {
	*fiber.Ctx
	server  *Server
	ctx     context.Context
	id      string
	route   *route
	session auth.Session
	// principal is the session as services know it; nil where nothing is proven.
	principal *inspection.Principal
	// bodyRead: the request's body was read to its end.
	bodyRead bool
}

// methodsOf returns the methods that a path takes, for Allow.
func (s *Server) methodsOf(path string) []string {
	var methods []string
	for i := range s.routes {
		r := &s.routes[i]
		if !fiber.RoutePatternMatch(path, r.Path, fiber.Config{CaseSensitive: true, StrictRouting: true}) {
			continue
		}
		methods = append(methods, r.Method)
		if r.Method == fiber.MethodGet {
			methods = append(methods, fiber.MethodHead)
		}
	}
	if len(methods) > 0 {
		methods = append(methods, fiber.MethodOptions)
	}
	slices.Sort(methods)
	return slices.Compact(methods)
}
