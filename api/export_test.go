package api

import (
	"slices"

	"gridpatrol/inspection"
)

// Tests that need a world stand outside of the package: the world imports it.
// These are the inner names that they need all the same.
type (
	Route       = route
	Problem     = problem
	SignInJSON  = signInJSON
	MeJSON      = meJSON
	DeviceJSON  = deviceJSON
	MissingJSON = missingJSON
)

const (
	CredentialsCap     = credentialsCap
	HeaderTusResumable = headerTusResumable
	JSONType           = jsonType
	MaxBatch           = maxBatch
	MaxHeaderBytes     = maxHeaderBytes
	MaxRecheck         = maxRecheck
	MaxRows            = maxRows
	RowsAtOnce         = rowsAtOnce
	RxPrefix           = rxPrefix
)

var (
	Description       = description
	None              = none
	DecodeInspections = decodeInspections
	DecodeLogin       = decodeLogin
	DecodePull        = decodePull
	Inflate           = inflate
	ProblemOf         = problemOf
)

// Answers are the statuses of the codes that answer whole requests.
func Answers() map[inspection.Code]int {
	statuses := map[inspection.Code]int{}
	for code, a := range answers {
		statuses[code] = a.status
	}
	return statuses
}

// Scheme is how the description names the route's proof.
func (r route) Scheme() string { return r.Proof.scheme }

// Config is what the server was made with.
func (s *Server) Config() Config { return s.cfg }

// Described is what the server answers about itself.
func (s *Server) Described() []byte { return s.description }

// Routes are all that the server has.
func (s *Server) Routes() []Route { return s.routes }

// OfficeRoutes are those of review, tasks and administration.
func (s *Server) OfficeRoutes() []Route {
	return slices.Concat(s.reviewRoutes(), s.taskRoutes(), s.adminRoutes())
}

// Heard tells whether bytes have come on a connection that is open.
func (s *Server) Heard() bool {
	s.conns.mu.Lock()
	defer s.conns.mu.Unlock()
	for open := range s.conns.open {
		if open.used.Load() {
			return true
		}
	}
	return false
}
