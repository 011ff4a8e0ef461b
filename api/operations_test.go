package api_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"gridpatrol/api"
	"gridpatrol/inspection"
	"gridpatrol/sync"
	"gridpatrol/test/localhost"
	"gridpatrol/test/world"
)

// failingSync fails as it is told.
type failingSync struct {
	api.Sync
	pull func() error
}

func (s failingSync) Pull(context.Context, *inspection.Principal, sync.PullRequest) (*sync.PullAnswer, error) {
	return nil, s.pull()
}

func TestFailuresAreToldAndLogged(t *testing.T) {
	var fail func() error
	w := newHost(t, func(c *api.Config) { c.Sync = failingSync{c.Sync, func() error { return fail() }} })
	p := w.login("inspector")
	fail = func() error { return errors.New("disk on fire at /data/x.db") }
	a := p.get("/v1/sync/pull", "X-Request-ID: trace-1")
	if told := a.problem(503, inspection.CodeUnavailable); a.header.Get("Retry-After") != "5" || strings.Contains(told.Detail, "fire") {
		t.Errorf("%v %s", a.header, a.body)
	}
	fail = func() error { panic("nil map of secrets") }
	a = p.get("/v1/sync/pull", "X-Request-ID: trace-2")
	if a.problem(500, inspection.CodeInternal); strings.Contains(string(a.body), "secrets") {
		t.Errorf("%s", a.body)
	}
	p.get("/v1/me").ok(200)
	for _, want := range []string{"request=trace-1", "disk on fire", "request=trace-2", "nil map of secrets", "operations_test.go"} {
		if !strings.Contains(w.log.String(), want) {
			t.Errorf("the log lacks %q", want)
		}
	}
}

type sickHealth struct{}

func (sickHealth) Ping(ctx context.Context) error {
	if _, ok := ctx.Deadline(); !ok {
		return errors.New("asked without a deadline")
	}
	return errors.New("no route to db")
}

// standing is a sync engine with a queue that stands.
type standing struct{ api.Sync }

func (standing) Ready() error {
	return &inspection.Error{
		Code: inspection.CodeUnavailable, Detail: "A commit takes too long, and others wait for it.",
		Err: errors.New("the queue of 610102003 stands"),
	}
}

// Strangers are told that a queue stands; which one, the log tells.
func TestReadyzTellsOfAQueueThatStands(t *testing.T) {
	w := newHost(t, func(c *api.Config) { c.Sync = standing{c.Sync} })
	a := w.request("GET", "/readyz", nil)
	if a.problem(503, inspection.CodeUnavailable); strings.Contains(string(a.body), "610102") {
		t.Errorf("%s", a.body)
	}
	if !strings.Contains(w.log.String(), "the queue of 610102003 stands") {
		t.Error("the cause is not in the log")
	}
}

func TestHealth(t *testing.T) {
	w := newHost(t)
	if a := w.request("GET", "/readyz", nil).ok(200); string(a.body) != `{"status":"ok"}` {
		t.Errorf("%s", a.body)
	}
	w = newHost(t, func(c *api.Config) { c.Health = sickHealth{} })
	w.request("GET", "/healthz", nil).ok(200)
	w.request("GET", "/readyz", nil).problem(503, inspection.CodeUnavailable)
	if !strings.Contains(w.log.String(), "no route to db") {
		t.Error("the cause is not in the log")
	}
}

func TestRequestIDs(t *testing.T) {
	w := newHost(t)
	for offered, kept := range map[string]bool{
		"abc-123_X.y": true, strings.Repeat("a", 64): true,
		strings.Repeat("a", 65): false, "a b": false, `a"b`: false, "": false, "编号": false,
	} {
		got := w.request("GET", "/nowhere", nil, "X-Request-ID: "+offered).header.Get("X-Request-ID")
		if (got == offered) != kept || got == "" {
			t.Errorf("%q was answered with %q", offered, got)
		}
	}
}

func TestAccessLog(t *testing.T) {
	w := newHost(t)
	p := w.login("inspector")
	p.push(p.mutation(ownArea, "很秘密")).ok(200)
	w.request("GET", "/v1/secretpath", nil).ok(404)
	log := w.log.String()
	for _, want := range []string{`msg=request method=POST route=/v1/sync/push status=200 ms=`, "bytes=", "request=", "device=" + p.device,
		"user=" + string(p.signIn.User.ID), "route=none status=404"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
	for _, secret := range []string{"很秘密", "张三", password, p.signIn.AccessToken, p.signIn.RefreshToken, "secretpath"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log tells %q", secret)
		}
	}
}

func TestMetrics(t *testing.T) {
	w := newHost(t)
	p := w.login("inspector")
	p.push(p.mutation(ownArea, "x"), p.mutation(otherArea, "x")).ok(200)
	w.request("BREW", "/v1/me", nil).ok(405)
	w.request("GET", "/nowhere", nil).ok(404)
	a := w.request("GET", "/metrics", nil).ok(200)
	for _, want := range []string{
		`gridpatrol_http_requests_total{method="POST",route="/v1/sync/push",status="200"} 1`,
		`gridpatrol_http_requests_total{method="GET",route="none",status="404"} 1`,
		`gridpatrol_http_request_duration_seconds_count{method="POST",route="/v1/sync/push"} 1`,
		`gridpatrol_push_results_total{status="applied"} 1`, `gridpatrol_push_results_total{status="rejected"} 1`,
		"gridpatrol_http_requests_in_flight 1", "gridpatrol_streams_open 0", "go_goroutines", "process_open_fds",
	} {
		if !strings.Contains(string(a.body), want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
		t.Errorf("Content-Type %q", a.header.Get("Content-Type"))
	}
}

func TestAnswersAreNotSniffedOrKept(t *testing.T) {
	w := newHost(t)
	p := w.login("inspector")
	for _, path := range []string{"/v1/me", "/v1/sync/pull", "/v1/nowhere", "/v1/devices"} {
		h := p.get(path).header
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, h)
		}
	}
}

// TestShutdownWaitsForRequests: a request under way is answered, connections
// on which nothing was asked don't hold up anything.
func TestShutdownWaitsForRequests(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	w := newHost(t, func(c *api.Config) {
		c.Sync = failingSync{c.Sync, func() error { close(entered); <-leave; return inspection.Errorf(inspection.CodeConflict, "x") }}
	})
	p := w.login("inspector")
	silent := w.dial()
	answered := make(chan int, 1)
	go func() { answered <- p.get("/v1/sync/pull").status }()
	<-entered
	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(w.Ctx, 4*time.Second)
		defer cancel()
		done <- w.server.Shutdown(ctx)
	}()
	silent.closed()
	close(leave)
	if status := <-answered; status != 409 {
		t.Errorf("the request under way got %d", status)
	}
	w.Must(<-done)
	w.Must(<-w.served)
	if _, err := net.Dial("tcp", w.addr); err == nil {
		t.Error("it still listens")
	}
}

func TestShutdownCutsOffWhatHangs(t *testing.T) {
	w := newHost(t)
	c := w.dial()
	c.send("GET /healthz HTTP/1.1\nHost:")
	world.Eventually(t, "the bytes arrive", w.server.Heard)
	ctx, cancel := context.WithTimeout(w.Ctx, 200*time.Millisecond)
	defer cancel()
	if err := w.server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
	c.closed()
}

func TestListenAfterShutdown(t *testing.T) {
	w := newHost(t)
	w.shutdown()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	w.Must(err)
	w.Must(w.server.Listen(ln))
	if _, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		t.Error("it listens")
	}
}

func TestDemoStaysOnLoopback(t *testing.T) {
	w := newHost(t, func(c *api.Config) { c.Demo = true })
	w.request("GET", "/healthz", nil).ok(200)
	ln, err := net.Listen("tcp", "0.0.0.0:0")
	w.Must(err)
	defer ln.Close()
	if err := w.server.Listen(ln); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("listened on all addresses: %v", err)
	}
}

func TestConfigMustBeWhole(t *testing.T) {
	if _, err := api.New(api.Config{}); err == nil {
		t.Error("made a server of nothing")
	}
}

func TestTLS(t *testing.T) {
	w := newHost(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	w.Must(err)
	if err := w.server.ListenTLS(ln, nil); err == nil {
		t.Error("TLS without a config")
	}
	cert, roots := localhost.Certificate(t)
	go func() {
		w.served <- w.server.ListenTLS(ln, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	}()
	w.url = "https://" + ln.Addr().String()
	w.client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	p := w.login("inspector")
	e := p.stream()
	e.expect(": connected")
	p.push(p.mutation(ownArea, "x")).ok(200)
	e.expect("event: poke")
	w.post("/v1/sync/push", strings.Repeat(" ", api.MaxBatch+1), p.bearer()).problem(413, inspection.CodeTooLarge)
}
