package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	gosync "sync"
	"sync/atomic"
	"time"
)

// lingering is how long a connection that is closed in the middle of a body
// still reads. Closing at once would reset it, and the client could lose the
// answer that tells it why.
const lingering = 2 * time.Second

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

// conns knows the listeners and their open connections, so that a shutdown
// can cut off what would keep it waiting.
type conns struct {
	mu        gosync.Mutex
	listeners []*listener
	open      map[*conn]struct{}
}

func (cs *conns) listen(ln net.Listener) *listener {
	l := &listener{Listener: ln, conns: cs}
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.listeners = append(cs.listeners, l)
	return l
}

func (cs *conns) add(c *conn) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.open == nil {
		cs.open = map[*conn]struct{}{}
	}
	cs.open[c] = struct{}{}
}

func (cs *conns) remove(c *conn) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	delete(cs.open, c)
}

// stop closes the listeners and the connections on which nothing was ever
// asked.
func (cs *conns) stop() {
	cs.mu.Lock()
	listeners := cs.listeners
	cs.listeners = nil
	cs.mu.Unlock()
	for _, l := range listeners {
		_ = l.Close() // closed twice is closed
	}
	cs.closeIf(func(c *conn) bool { return !c.used.Load() })
}

func (cs *conns) closeAll() { cs.closeIf(func(*conn) bool { return true }) }

func (cs *conns) closeIf(condition func(*conn) bool) {
	cs.mu.Lock()
	var chosen []*conn
	for c := range cs.open {
		if condition(c) {
			chosen = append(chosen, c)
		}
	}
	cs.mu.Unlock()
	for _, c := range chosen {
		c.linger.Store(false)
		_ = c.Close() // it may be gone already
	}
}

type listener struct {
	net.Listener
	conns  *conns
	closed atomic.Bool
}

func (l *listener) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	if err != nil {
		return nil, err // the server tells temporary errors from others
	}
	c := &conn{Conn: inner, conns: l.conns}
	l.conns.add(c)
	return c, nil
}

func (l *listener) Close() error {
	if l.closed.Swap(true) {
		return nil
	}
	return l.Listener.Close()
}

// conn is an accepted connection.
type conn struct {
	net.Conn
	conns  *conns
	used   atomic.Bool
	linger atomic.Bool
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.used.Store(true)
	}
	return n, err
}

// Close closes the connection; one that lingers first says that nothing more
// comes and swallows what the client is still sending.
func (c *conn) Close() error {
	if tcp, ok := c.Conn.(*net.TCPConn); ok && c.linger.Swap(false) {
		if tcp.CloseWrite() == nil && tcp.SetReadDeadline(time.Now().Add(lingering)) == nil {
			_, _ = io.Copy(io.Discard, tcp) // until the client closes or the deadline
		}
	}
	c.conns.remove(c)
	return c.Conn.Close()
}
