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

// outlet is where an answer goes that is written in parts, after its handler
// has returned. It has a goroutine of its own, and a deadline for each part.
type outlet struct {
	server *Server
	id     string
	conn   net.Conn
	w      *bufio.Writer
}

// open begins an answer in parts; the goroutine that writes it must call
// close. Returns CodeUnavailable when the server is stopping.
func (c *call) open() (*outlet, error) {
	if !c.server.streamBegins() {
		return nil, inspection.Errorf(inspection.CodeUnavailable, "The server is stopping. Connect again.")
	}
	// The end of the answer is the end of its connection: nothing may wait in
	// line behind it, and a deadline of one's own replaces the server's.
	c.Response().SetConnectionClose()
	_ = c.Context().SetWriteDeadline(time.Now().Add(c.server.cfg.WriteTimeout)) // a dead connection shows at the first write
	return &outlet{server: c.server, id: c.id, conn: c.Context().Conn()}, nil
}

// close ends the answer. A panic that left its goroutine would end the process.
func (o *outlet) close() {
	if r := recover(); r != nil {
		o.server.cfg.Log.Error("stream failed", "request", o.id, "error", &panicked{value: r, stack: debug.Stack()})
	}
	o.server.streams.Done()
}

// put writes a part. The client has WriteTimeout to take it.
func (o *outlet) put(b []byte) error {
	// A connection that takes no deadline is gone: the write tells.
	_ = o.conn.SetWriteDeadline(time.Now().Add(o.server.cfg.WriteTimeout))
	if _, err := o.w.Write(b); err != nil {
		return &unwrittenError{err}
	}
	if err := o.w.Flush(); err != nil {
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
	o, err := c.open()
	if err != nil {
		return err
	}
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer o.close()
		o.w = w
		if err := write(o.server.base, o.put); err != nil {
			o.server.cfg.Log.Warn("answer cut off", "request", o.id, "error", err)
		}
	})
	return nil
}
