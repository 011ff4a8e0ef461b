package api_test

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gridpatrol/api"
	"gridpatrol/auth"
	"gridpatrol/inspection"
	"gridpatrol/sync"
	"gridpatrol/test/world"
)

// events is an open stream, its lines in a channel that closes with it.
type events struct {
	t      testing.TB
	resp   *http.Response
	cancel context.CancelFunc
	lines  chan string
}

func (p *phone) stream() *events {
	p.T.Helper()
	return p.streamOf("/v1/sync/stream")
}

func (p *phone) streamOf(path string) *events {
	p.T.Helper()
	ctx, cancel := context.WithCancel(p.Ctx)
	req, err := http.NewRequestWithContext(ctx, "GET", p.url+path, nil)
	p.Must(err)
	req.Header.Set("Authorization", "Bearer "+p.signIn.AccessToken)
	resp, err := (&http.Client{Transport: p.client.Transport}).Do(req)
	p.Must(err)
	if resp.StatusCode != 200 {
		p.T.Fatalf("stream: %d", resp.StatusCode)
	}
	e := &events{t: p.T, resp: resp, cancel: cancel, lines: make(chan string, 1000)}
	go func() {
		defer close(e.lines)
		for scan := bufio.NewScanner(resp.Body); scan.Scan(); {
			e.lines <- scan.Text()
		}
	}()
	p.T.Cleanup(func() { cancel(); _ = resp.Body.Close() })
	return e
}

// next returns the next line that isn't empty; ok is false at the end.
func (e *events) next() (line string, ok bool) {
	e.t.Helper()
	for {
		select {
		case line, ok = <-e.lines:
			if !ok || line != "" {
				return line, ok
			}
		case <-time.After(10 * time.Second):
			e.t.Fatal("the stream is silent")
		}
	}
}

func (e *events) expect(want string) {
	e.t.Helper()
	if got, ok := e.next(); !ok || got != want {
		e.t.Fatalf("got %q (open: %t), want %q", got, ok, want)
	}
}

// ends waits for the end; comments may come before it.
func (e *events) ends() {
	e.t.Helper()
	for {
		line, ok := e.next()
		if !ok {
			return
		}
		if !strings.HasPrefix(line, ":") {
			e.t.Fatalf("an event instead of the end: %q", line)
		}
	}
}

func TestPokeAfterAPush(t *testing.T) {
	w := newHost(t)
	p, colleague, stranger := w.login("inspector"), w.login("supervisor"), w.login("other")
	e, o := p.stream(), stranger.stream()
	for name, want := range map[string]string{"Content-Type": "text/event-stream", "Cache-Control": "no-cache", "X-Accel-Buffering": "no"} {
		if got := e.resp.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	e.expect(": connected")
	o.expect(": connected")
	colleague.push(colleague.mutation(ownArea, "x")).ok(200)
	e.expect("event: poke")
	e.expect(`data: {"610102003":1}`)
	stranger.push(stranger.mutation(otherArea, "y")).ok(200)
	o.expect("event: poke")
	o.expect(`data: {"610103001":1}`)
	p.push(p.mutation(ownArea, "z")).ok(200)
	e.expect("event: poke")
	e.expect(`data: {"610102003":2}`)
}

func TestStreamHeartbeat(t *testing.T) {
	w := newHost(t, func(c *api.Config) { c.Heartbeat = 5 * time.Millisecond })
	e := w.login("inspector").stream()
	e.expect(": connected")
	for range 3 {
		e.expect(": alive")
	}
}

// TestStreamOutlivesWriteTimeout: the server's timeout for answers bounds
// each event, not the stream.
func TestStreamOutlivesWriteTimeout(t *testing.T) {
	w := newHost(t, func(c *api.Config) {
		c.Heartbeat, c.WriteTimeout, c.ReadTimeout = 20*time.Millisecond, 200*time.Millisecond, 200*time.Millisecond
	})
	e := w.login("inspector").stream()
	e.expect(": connected")
	for began := time.Now(); time.Since(began) < time.Second; {
		e.expect(": alive")
	}
}

func TestStreamEnds(t *testing.T) {
	yes, secret := true, "another good password"
	elsewhere := []inspection.Area{"610102004"}
	supervisor := inspection.RoleSupervisor
	for name, change := range map[string]func(w *host, p *phone){
		"disabled":     func(w *host, _ *phone) { w.patch("inspector", auth.UserPatch{Disabled: &yes}) },
		"new password": func(w *host, _ *phone) { w.patch("inspector", auth.UserPatch{Password: &secret}) },
		"grants":       func(w *host, _ *phone) { w.patch("inspector", auth.UserPatch{Areas: &elsewhere}) },
		"role":         func(w *host, _ *phone) { w.patch("inspector", auth.UserPatch{Role: &supervisor}) },
		"logout":       func(w *host, p *phone) { w.post("/v1/auth/logout", "", p.bearer()).ok(204) },
		"signed in anew": func(w *host, p *phone) {
			w.post("/v1/auth/login", loginBody("inspector", password, p.device)).ok(200)
		},
		"expired": func(w *host, _ *phone) { w.Advance(15 * time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newHost(t)
			p := w.login("inspector")
			e := p.stream()
			e.expect(": connected")
			change(w, p)
			e.ends()
		})
	}
}

// TestStreamEndsOnTime: expiry needs no look at the store.
func TestStreamEndsOnTime(t *testing.T) {
	w := newHost(t, func(c *api.Config) { c.Recheck = time.Hour })
	p := w.login("inspector")
	w.Advance(15*time.Minute - 1500*time.Millisecond)
	e := p.stream()
	e.expect(": connected")
	e.ends()
}

func TestOtherChangesLeaveTheStreamOpen(t *testing.T) {
	counting := &countingAuth{}
	w := newHost(t, func(c *api.Config) { counting.Auth, c.Auth = c.Auth, counting })
	p := w.login("inspector")
	e := p.stream()
	e.expect(": connected")
	name, yes := "李四", true
	w.patch("inspector", auth.UserPatch{Name: &name})
	w.patch("other", auth.UserPatch{Disabled: &yes})
	w.login("inspector") // on another phone
	before := counting.rechecks.Load()
	world.Eventually(t, "two looks at the store", func() bool { return counting.rechecks.Load() >= before+2 })
	p.push(p.mutation(ownArea, "x")).ok(200)
	e.expect("event: poke")
}

// countingAuth is the real one; it only counts.
type countingAuth struct {
	api.Auth
	rechecks atomic.Int64
}

func (a *countingAuth) Recheck(ctx context.Context, s auth.Session) (auth.Session, error) {
	defer a.rechecks.Add(1)
	return a.Auth.Recheck(ctx, s)
}

func TestClientThatLeavesIsNoticed(t *testing.T) {
	w := newHost(t, func(c *api.Config) { c.Heartbeat = 5 * time.Millisecond })
	e := w.login("inspector").stream()
	e.expect(": connected")
	e.cancel()
	world.Eventually(t, "the stream ends", func() bool { return strings.Contains(w.log.String(), `reason="client gone"`) })
}

func TestManyStreamsEndWithTheServer(t *testing.T) {
	w := newHost(t, func(c *api.Config) { c.Heartbeat, c.Recheck = time.Hour, api.MaxRecheck })
	p := w.login("inspector")
	streams := make([]*events, 200)
	for i := range streams {
		streams[i] = p.stream()
		streams[i].expect(": connected")
	}
	p.push(p.mutation(ownArea, "x")).ok(200)
	for _, e := range streams {
		e.expect("event: poke")
		e.expect(`data: {"610102003":1}`)
	}
	if got := string(p.get("/metrics").ok(200).body); !strings.Contains(got, "gridpatrol_streams_open 200") {
		t.Error("the metrics don't show 200 streams")
	}
	ctx, cancel := context.WithTimeout(w.Ctx, 30*time.Second)
	defer cancel()
	w.Must(w.server.Shutdown(ctx))
	for _, e := range streams {
		e.ends()
	}
}

// brokenSync hands out streams that panic when they are asked.
type brokenSync struct{ api.Sync }

func (brokenSync) Listen(context.Context, *inspection.Principal) (*sync.Stream, error) {
	s := &sync.Stream{Ready: make(chan struct{}, 1)}
	s.Ready <- struct{}{}
	return s, nil
}

func TestPanicInAStream(t *testing.T) {
	w := newHost(t, func(c *api.Config) { c.Sync = brokenSync{c.Sync} })
	p := w.login("inspector")
	e := p.stream()
	e.expect(": connected")
	e.ends()
	p.get("/v1/me").ok(200)
	if !strings.Contains(w.log.String(), "stream failed") {
		t.Error("the panic is not in the log")
	}
}

func TestHeadOfAStream(t *testing.T) {
	w := newHost(t)
	p := w.login("inspector")
	a := w.request("HEAD", "/v1/sync/stream", nil, p.bearer()).ok(200)
	if a.header.Get("Content-Type") != "text/event-stream" || len(a.body) > 0 {
		t.Errorf("%v %q", a.header, a.body)
	}
	p.get("/v1/me").ok(200)
}
