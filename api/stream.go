package api

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"reflect"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"gridpatrol/auth"
	"gridpatrol/inspection"
	"gridpatrol/sync"
)

// stream answers with Server-Sent Events until the token expires, rights
// change, the client is gone or the server stops.
func (s *Server) stream(c *call) error {
	listener, err := s.cfg.Sync.Listen(c.ctx, askerOf(c.session))
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set(fiber.HeaderCacheControl, "no-cache")
	c.Set("X-Accel-Buffering", "no")
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	if c.Method() == fiber.MethodHead {
		listener.Close()
		return nil
	}
	if !s.streamBegins() {
		listener.Close()
		return inspection.Errorf(inspection.CodeUnavailable, "The server is stopping. Connect again.")
	}
	p := &poking{server: s, listener: listener, session: c.session, id: c.id, conn: c.Context().Conn()}
	// The end of a stream is the end of its connection: nothing may wait in
	// line behind it, and a deadline of one's own replaces the server's.
	c.Response().SetConnectionClose()
	_ = c.Context().SetWriteDeadline(time.Now().Add(s.cfg.WriteTimeout)) // a dead connection shows at the first write
	c.Context().SetBodyStreamWriter(p.run)
	return nil
}

// streamBegins counts a stream in, unless the server is stopping.
func (s *Server) streamBegins() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return false
	}
	s.streams.Add(1)
	return true
}

// poking is one open stream. It owns the listener.
type poking struct {
	server   *Server
	listener *sync.Stream
	session  auth.Session
	id       string
	conn     net.Conn
	w        *bufio.Writer
}

// run is the stream's goroutine. A panic that left it would end the process.
func (p *poking) run(w *bufio.Writer) {
	began, reason := p.server.cfg.Now(), "panic"
	p.server.metrics.streams.Inc()
	defer p.server.streams.Done()
	defer p.server.metrics.streams.Dec()
	defer func() {
		if r := recover(); r != nil {
			p.server.cfg.Log.Error("stream failed", "request", p.id, "error", &panicked{value: r, stack: debug.Stack()})
		}
		p.server.cfg.Log.Info("stream ended", "request", p.id, "reason", reason,
			"ms", p.server.cfg.Now().Sub(began).Milliseconds(),
			"user", string(p.session.Device.User), "device", string(p.session.Device.ID))
	}()
	defer p.listener.Close()
	p.w = w
	reason = p.serve()
}

// serve writes events until there is a reason to end.
func (p *poking) serve() (reason string) {
	cfg := &p.server.cfg
	heartbeat, recheck := time.NewTicker(cfg.Heartbeat), time.NewTicker(cfg.Recheck)
	expiry := time.NewTimer(p.session.Expires.Sub(cfg.Now()))
	defer heartbeat.Stop()
	defer recheck.Stop()
	defer expiry.Stop()
	err := p.write([]byte(": connected\n\n")) // makes the headers go out
	for err == nil {
		select {
		case <-p.server.stopping:
			return "shutdown"
		case <-expiry.C:
			return "token expired"
		case <-recheck.C:
			if reason := p.changed(); reason != "" {
				return reason
			}
		case <-heartbeat.C:
			err = p.write([]byte(": alive\n\n"))
		case _, open := <-p.listener.Ready:
			if !open {
				return "service closed"
			}
			err = p.write(poke(p.listener.Take()))
		}
	}
	return "client gone"
}

// changed tells why the session is no longer what the stream was opened with.
// A stream whose rights can't be read ends, too: the phone connects again.
func (p *poking) changed() (reason string) {
	ctx, cancel := context.WithTimeout(p.server.base, maxRecheck)
	defer cancel()
	now, err := p.server.cfg.Auth.Recheck(ctx, p.session)
	switch {
	case err != nil:
		return string(inspection.CodeOf(err))
	case !now.May(auth.ActionStream) || !reflect.DeepEqual(now.Rights, p.session.Rights) || now.User.Role != p.session.User.Role:
		return "rights changed"
	}
	return ""
}

func (p *poking) write(b []byte) error {
	p.deadline()
	if _, err := p.w.Write(b); err != nil {
		return fmt.Errorf("writing an event: %w", err)
	}
	if err := p.w.Flush(); err != nil {
		return fmt.Errorf("writing an event: %w", err)
	}
	return nil
}

// deadline gives the client until then to take what is written next.
func (p *poking) deadline() {
	// A connection that takes no deadline is gone: the write tells.
	_ = p.conn.SetWriteDeadline(time.Now().Add(p.server.cfg.WriteTimeout))
}

// poke is the event that areas have grown, keys in order; nothing if none did.
func poke(grown map[inspection.Area]int64) []byte {
	if len(grown) == 0 {
		return nil
	}
	areas := make([]inspection.Area, 0, len(grown))
	for area := range grown {
		areas = append(areas, area)
	}
	slices.Sort(areas)
	b := []byte("event: poke\ndata: {")
	for i, area := range areas {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(inspection.AppendString(b, string(area)), ':')
		b = strconv.AppendInt(b, grown[area], 10)
	}
	return append(b, "}\n\n"...)
}
