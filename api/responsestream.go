package api

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"runtime/debug"
	"time"

	"github.com/gofiber/fiber/v2"

	"gridpatrol/inspection"
)

// responseStream is where an answer goes that is written in parts, after its
// handler has returned. It has a goroutine of its own, and a deadline for each
// part.
type responseStream struct {
	server *Server
	id     string
	conn   net.Conn
	w      *bufio.Writer
}

// beginStream begins an answer in parts; the goroutine that writes it must
// call close. Returns CodeUnavailable when the server is stopping.
func (c *call) beginStream() (*responseStream, error) {
	if !c.server.countStream() {
		return nil, inspection.Errorf(inspection.CodeUnavailable, "The server is stopping. Connect again.")
	}
	// The end of the answer is the end of its connection: nothing may wait in
	// line behind it, and a deadline of one's own replaces the server's.
	c.Response().SetConnectionClose()
	_ = c.Context().SetWriteDeadline(time.Now().Add(c.server.cfg.WriteTimeout)) // a dead connection shows at the first write
	return &responseStream{server: c.server, id: c.id, conn: c.Context().Conn()}, nil
}

// countStream counts a stream in, unless the server is stopping.
func (s *Server) countStream() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return false
	}
	s.streams.Add(1)
	return true
}

// close ends the answer. A panic that left its goroutine would end the process.
func (r *responseStream) close() {
	if p := recover(); p != nil {
		r.server.cfg.Log.Error("stream failed", "request", r.id, "error", &panicked{value: p, stack: debug.Stack()})
	}
	r.server.streams.Done()
}

// put writes a part. The client has WriteTimeout to take it.
func (r *responseStream) put(b []byte) error {
	// A connection that takes no deadline is gone: the write tells.
	_ = r.conn.SetWriteDeadline(time.Now().Add(r.server.cfg.WriteTimeout))
	if _, err := r.w.Write(b); err != nil {
		return &unwrittenError{err}
	}
	if err := r.w.Flush(); err != nil {
		return &unwrittenError{err}
	}
	return nil
}

// unwrittenError: the client is gone, or took too long.
type unwrittenError struct{ err error }

func (e *unwrittenError) Error() string { return fmt.Sprintf("writing a part of an answer: %v", e.err) }

func (e *unwrittenError) Unwrap() error { return e.err }

// sendParts answers with JSON that write puts in parts, however large it is.
// What fails then can only end the answer in the middle: the client finds it
// cut off, and asks again.
func (c *call) sendParts(write func(ctx context.Context, put func([]byte) error) error) error {
	c.Set(fiber.HeaderContentType, jsonType)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	if c.Method() == fiber.MethodHead {
		return nil
	}
	r, err := c.beginStream()
	if err != nil {
		return err
	}
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer r.close()
		r.w = w
		if err := write(r.server.base, r.put); err != nil {
			r.server.cfg.Log.Warn("answer cut off", "request", r.id, "error", err)
		}
	})
	return nil
}
