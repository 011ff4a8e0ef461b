package api

import (
	"context"
	"errors"
	"gridpatrol/review"
	"log/slog"
	"net/netip"
	gosync "sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// maxHeaderBytes bounds a request's line and headers together. Checkpoints
// travel in the query: one of a whole district takes some 2 kB.
const maxHeaderBytes = 32 << 10

// Config holds what a Server is made with. Zero durations take the values in
// brackets.
type Config struct {
	Auth    Auth
	Sync    Sync
	Media   Media
	Reports Reports
	Review  *review.Service
	Health  Health
	Log     *slog.Logger
	// Now is the clock by which tokens expire and requests are timed. Sockets
	// keep to the machine's own clock.
	Now func() time.Time
	// NewID makes the id of a request that brings none.
	NewID func() string
	// TrustedProxies are the peers whose X-Forwarded-For counts.
	TrustedProxies []netip.Prefix
	// Metrics takes the server's metrics; nil means a registry of its own.
	Metrics *prometheus.Registry

	// Heartbeat is the pause between comment lines on a stream (25 s).
	Heartbeat time.Duration
	// Recheck is how often an open stream's rights are read again (5 s, which
	// is also the most by docs/contract.md, section 1).
	Recheck time.Duration
	// ReadTimeout bounds a request's headers and each silence within its body
	// (30 s). A body may take longer as a whole, as long as it keeps coming.
	ReadTimeout time.Duration
	// WriteTimeout bounds the writing of an answer (30 s, and more for large
	// ones) and of each event of a stream.
	WriteTimeout time.Duration
	// Demo: the accounts are public, so the server listens on loopback only.
	Demo bool
}

const (
	defaultHeartbeat = 25 * time.Second
	maxRecheck       = 5 * time.Second
	defaultTimeout   = 30 * time.Second
	// requestTimeout bounds what a request may ask of the services.
	requestTimeout = 60 * time.Second
	readyTimeout   = 3 * time.Second
)

func (c Config) complete() (Config, error) {
	if c.Auth == nil || c.Sync == nil || c.Media == nil || c.Reports == nil || c.Review == nil || c.Health == nil || c.Log == nil || c.Now == nil || c.NewID == nil {
		return c, errors.New("api: the config lacks a service, a log, a clock or a maker of ids")
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	orDefault := func(d *time.Duration, value time.Duration) {
		if *d <= 0 {
			*d = value
		}
	}
	orDefault(&c.Heartbeat, defaultHeartbeat)
	orDefault(&c.Recheck, maxRecheck)
	orDefault(&c.ReadTimeout, defaultTimeout)
	orDefault(&c.WriteTimeout, defaultTimeout)
	c.Recheck = min(c.Recheck, maxRecheck)
	return c, nil
}

// Server serves the API. Make it with New.
type Server struct {
	cfg     Config
	app     *fiber.App
	routes  []route
	metrics *metrics
	// description is what /openapi.json answers.
	description []byte
	gzips       gosync.Pool
	pages       gosync.Pool // of *leased

	// base is the parent of all requests' contexts.
	base   context.Context
	cancel context.CancelFunc

	mu       gosync.Mutex
	conns    conns
	stopped  bool
	stopping chan struct{}
	streams  gosync.WaitGroup
}

// New makes a server. It doesn't listen yet.
func New(cfg Config) (*Server, error) { return newServer(cfg, (*Server).table) }

func newServer(cfg Config, table func(*Server) []route) (*Server, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, stopping: make(chan struct{}), description: described(cfg.Reports.Formats())}
	if s.metrics, err = newMetrics(cfg.Metrics, cfg.Media); err != nil {
		return nil, err
	}
	s.base, s.cancel = context.WithCancel(context.Background())
	s.app = fiber.New(fiber.Config{
		Immutable: true, StreamRequestBody: true, DisablePreParseMultipartForm: true,
		CaseSensitive: true, StrictRouting: true,
		ReadTimeout: cfg.ReadTimeout, WriteTimeout: cfg.WriteTimeout, IdleTimeout: 4 * cfg.ReadTimeout,
		ReadBufferSize: maxHeaderBytes, ErrorHandler: s.unserved,
		DisableStartupMessage: true, AppName: "gridpatrol",
	})
	if err := s.mount(table(s)); err != nil {
		return nil, err
	}
	return s, nil
}
