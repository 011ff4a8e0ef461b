package api

import (
	"bufio"
	"context"
	"errors"
	"reflect"
	"time"

	"github.com/gofiber/fiber/v2"

	"gridpatrol/auth"
	"gridpatrol/inspection"
)

// eventSource is where the events of a stream come from.
type eventSource interface {
	// wake receives when there may be events; it is closed when there will be
	// no more.
	wake() <-chan struct{}
	// events puts those that there are.
	events(ctx context.Context, put func([]byte) error) error
	Close()
}

// sendEvents answers with Server-Sent Events until the token expires, rights
// change, the client is gone or the server stops. It owns the source.
func (c *call) sendEvents(source eventSource) error {
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set(fiber.HeaderCacheControl, "no-cache")
	c.Set("X-Accel-Buffering", "no")
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	if c.Method() == fiber.MethodHead {
		source.Close()
		return nil
	}
	stream, err := c.beginStream()
	if err != nil {
		source.Close()
		return err
	}
	p := &eventStream{responseStream: stream, source: source, session: c.session}
	c.Context().SetBodyStreamWriter(p.run)
	return nil
}

// eventStream is one open stream.
type eventStream struct {
	*responseStream
	source  eventSource
	session auth.Session
}

// run is the stream's goroutine.
func (p *eventStream) run(w *bufio.Writer) {
	began, reason := p.server.cfg.Now(), "panic"
	p.server.metrics.streams.Inc()
	defer p.close()
	defer p.server.metrics.streams.Dec()
	defer func() {
		p.server.cfg.Log.Info("stream ended", "request", p.id, "reason", reason,
			"ms", p.server.cfg.Now().Sub(began).Milliseconds(),
			"user", string(p.session.Device.User), "device", string(p.session.Device.ID))
	}()
	defer p.source.Close()
	p.w = w
	reason = p.serve()
}

// serve writes events until there is a reason to end.
func (p *eventStream) serve() (reason string) {
	cfg := &p.server.cfg
	heartbeat, recheck := time.NewTicker(cfg.Heartbeat), time.NewTicker(cfg.Recheck)
	expiry := time.NewTimer(p.session.Expires.Sub(cfg.Now()))
	defer heartbeat.Stop()
	defer recheck.Stop()
	defer expiry.Stop()
	err := p.put([]byte(": connected\n\n")) // makes the headers go out
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
			err = p.put([]byte(": alive\n\n"))
		case _, open := <-p.source.wake():
			if !open {
				return "service closed"
			}
			err = p.emit()
		}
	}
	var unwritten *unwrittenError
	if errors.As(err, &unwritten) {
		return "client gone"
	}
	cfg.Log.Warn("events not read", "request", p.id, "error", err)
	return "events not read"
}

// emit puts the events that there are.
func (p *eventStream) emit() error {
	ctx, cancel := context.WithTimeout(p.server.base, requestTimeout)
	defer cancel()
	return p.source.events(ctx, p.put)
}

// changed tells why the session is no longer what the stream was opened with.
// A stream whose rights can't be read ends, too: the phone connects again.
func (p *eventStream) changed() (reason string) {
	ctx, cancel := context.WithTimeout(p.server.base, maxRecheck)
	defer cancel()
	now, err := p.server.cfg.Auth.Recheck(ctx, p.session)
	switch {
	case err != nil:
		return string(inspection.CodeOf(err))
	case !now.User.Role.May(inspection.ActionStream) || !reflect.DeepEqual(now.Rights, p.session.Rights) || now.User.Role != p.session.User.Role:
		return "rights changed"
	}
	return ""
}
