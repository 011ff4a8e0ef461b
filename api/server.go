package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	gosync "sync"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// maxHeaderBytes bounds a request's line and headers together. Checkpoints
// travel in the query: one of a whole district takes some 2 kB.
const maxHeaderBytes = 32 << 10

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
	conns    *conns
	stopped  bool
	stopping chan struct{}
	streams  gosync.WaitGroup
}

// New makes a server. It doesn't listen yet.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, conns: newConns(), stopping: make(chan struct{}), description: described(cfg.Reports.Formats())}
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
	s.routes = s.table()
	if err := s.mount(); err != nil {
		return nil, err
	}
	return s, nil
}

// mount registers the table with the router.
func (s *Server) mount() error {
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

// Listen serves connections of ln until Shutdown, then returns nil.
func (s *Server) Listen(ln net.Listener) error { return s.serve(ln, nil) }

// ListenTLS is Listen with TLS. The config must hold a certificate.
func (s *Server) ListenTLS(ln net.Listener, cfg *tls.Config) error {
	if cfg == nil {
		return errors.New("api: TLS needs a config")
	}
	return s.serve(ln, cfg)
}

func (s *Server) serve(ln net.Listener, cfg *tls.Config) error {
	if s.cfg.Demo && !onLoopback(ln.Addr()) {
		return fmt.Errorf("api: the demo's passwords are public: it does not listen on %s, only on loopback", ln.Addr())
	}
	s.mu.Lock()
	tracked := s.conns.listen(ln)
	stopped := s.stopped
	s.mu.Unlock()
	if stopped {
		return ln.Close()
	}
	served := net.Listener(tracked)
	if cfg != nil {
		cfg = cfg.Clone()
		cfg.NextProtos = []string{"http/1.1"}
		served = tls.NewListener(tracked, cfg)
	}
	if err := s.app.Listener(served); err != nil && !tracked.closed.Load() {
		return fmt.Errorf("api: serving %s: %w", ln.Addr(), err)
	}
	return nil
}

func onLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// Shutdown stops listening, ends the streams and waits for requests under
// way. What is left when ctx ends is cut off, and ctx's error returned.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	if !s.stopped {
		s.stopped = true
		close(s.stopping)
	}
	s.mu.Unlock()
	s.conns.stop()
	err := s.app.ShutdownWithContext(ctx)
	s.cancel()
	s.conns.closeAll()
	s.streams.Wait()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("api: shutting down: %w", err)
	}
	return nil
}
