package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"gridpatrol/api"
	"gridpatrol/auth"
	"gridpatrol/inspection"
	"gridpatrol/server"
	"gridpatrol/sync"
	"gridpatrol/test/world"
)

const (
	ownArea   = world.Street
	otherArea = inspection.Area("610103001")
	password  = world.Password
)

// host is a world whose server listens.
type host struct {
	*world.World
	field  *phone // whose documents tests look at
	server *api.Server
	addr   string
	url    string
	client *http.Client
	log    *syncBuffer
	served chan error
	// reference is how many documents the world begins with.
	reference int
}

// syncBuffer is a log that many goroutines write.
type syncBuffer struct {
	mu  gosync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// newHost serves a fresh world; adjust may change the server's config.
func newHost(t testing.TB, adjust ...func(*api.Config)) *host {
	t.Helper()
	w := &host{log: &syncBuffer{}, served: make(chan error, 1)}
	w.World = world.New(t, world.Options{Ticking: true, Configure: func(cfg *server.Config) {
		world.Poll(cfg)
		cfg.Media.DailyQuota = 64 << 20
		cfg.API.Log, cfg.API.Recheck = slog.New(slog.NewTextHandler(w.log, nil)), 20*time.Millisecond
	}})
	w.populate()
	cfg := w.config()
	for _, a := range adjust {
		a(&cfg)
	}
	var err error
	w.server, err = api.New(cfg)
	w.Must(err)
	w.listen()
	t.Cleanup(w.shutdown)
	return w
}

// config is what the world's server was made with, for another one.
func (w *host) config() api.Config {
	cfg := w.HTTP.Config()
	cfg.Metrics = nil // each server counts for itself
	return cfg
}

func (w *host) listen() {
	w.T.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	w.Must(err)
	w.addr, w.url = ln.Addr().String(), "http://"+ln.Addr().String()
	w.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}, Timeout: 30 * time.Second}
	go func() { w.served <- w.server.Listen(ln) }()
}

func (w *host) shutdown() {
	ctx, cancel := context.WithTimeout(w.Ctx, 10*time.Second)
	defer cancel()
	w.client.CloseIdleConnections()
	w.Must(w.server.Shutdown(ctx))
}

// populate makes people of all kinds, and a district that the seeds don't have.
// The one named other works there.
func (w *host) populate() {
	w.T.Helper()
	var areas []sync.ReferenceDocument
	for _, code := range []string{"610103", string(otherArea)} {
		areas = append(areas, sync.ReferenceDocument{
			Collection: inspection.Areas, ID: code, Doc: inspection.Object{"id": code, "name_zh": "街道" + code},
		})
	}
	_, err := w.Sync.SeedReference(w.Ctx, areas)
	w.Must(err)
	w.Account("inspector", inspection.RoleInspector, ownArea)
	w.Account("supervisor", inspection.RoleSupervisor, world.District)
	w.Account("admin", inspection.RoleAdmin, world.District)
	w.Account("disabled", inspection.RoleInspector, ownArea)
	w.Account("other", inspection.RoleInspector, otherArea)
	seen, _ := w.Phone("counter", ownArea).Pull(sync.PullRequest{Collections: inspection.ReferenceCollections})
	w.reference = len(seen)
}

func (w *host) patch(username string, p auth.UserPatch) {
	w.T.Helper()
	u, err := w.Auth.UserByName(w.Ctx, username)
	w.Must(err)
	_, err = w.Auth.UpdateUser(w.Ctx, "", u.ID, p)
	w.Must(err)
}

// answer is a response, read to its end.
type answer struct {
	t      testing.TB
	status int
	header http.Header
	body   []byte
}

func (a *answer) decode(v any) {
	a.t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		a.t.Fatalf("answer %d is no JSON: %v: %.200s", a.status, err, a.body)
	}
}

// problem checks that the answer is a whole problem with the code.
func (a *answer) problem(status int, code inspection.Code) api.Problem {
	a.t.Helper()
	var p api.Problem
	a.decode(&p)
	if a.status != status || p.Status != status || p.Code != code {
		a.t.Fatalf("got %d %s, want %d %s: %.300s", a.status, p.Code, status, code, a.body)
	}
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		a.t.Errorf("problem with Content-Type %q", got)
	}
	if p.Title == "" || p.Detail == "" || p.Errors == nil {
		a.t.Errorf("problem lacks a member: %s", a.body)
	}
	if wants := status == 401; wants != strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
		a.t.Errorf("%d with WWW-Authenticate %q", status, a.header.Get("WWW-Authenticate"))
	}
	return p
}

func (a *answer) ok(status int) *answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("got %d, want %d: %.300s", a.status, status, a.body)
	}
	return a
}

// request sends one request. Header values are given as "Name: value".
func (w *host) request(method, path string, body io.Reader, headers ...string) *answer {
	w.T.Helper()
	req, err := http.NewRequestWithContext(w.Ctx, method, w.url+path, body)
	w.Must(err)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	resp, err := w.client.Do(req)
	w.Must(err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	w.Must(err)
	return &answer{t: w.T, status: resp.StatusCode, header: resp.Header, body: b}
}

const typeJSON = "Content-Type: application/json"

func (w *host) post(path, body string, headers ...string) *answer {
	w.T.Helper()
	return w.request("POST", path, strings.NewReader(body), append([]string{typeJSON}, headers...)...)
}

// phone is a signed-in device.
type phone struct {
	*host
	device string
	signIn api.SignInJSON
	n      int64
}

func loginBody(username, pass, device string) string {
	b, _ := json.Marshal(map[string]any{"username": username, "password": pass,
		"device": map[string]any{"id": device, "name": "红米", "platform": "android", "app_version": "1.2"}})
	return string(b)
}

func (w *host) login(username string) *phone {
	w.T.Helper()
	p := &phone{host: w, device: uuid.NewString()}
	w.post("/v1/auth/login", loginBody(username, password, p.device)).ok(200).decode(&p.signIn)
	return p
}

func (p *phone) bearer() string { return "Authorization: Bearer " + p.signIn.AccessToken }

func (p *phone) get(path string, headers ...string) *answer {
	p.T.Helper()
	return p.request("GET", path, nil, append(headers, p.bearer())...)
}

// mutation is a put of a new inspection with the text as an answer.
func (p *phone) mutation(area inspection.Area, text string) string {
	p.n++
	id := uuid.NewString()
	b, _ := json.Marshal(map[string]any{"n": p.n, "collection": "inspections", "op": "put", "id": id, "base": 0,
		"doc": map[string]any{"id": id, "area": area, "template": "open_burning", "template_version": 1,
			"status": "submitted", "started_at": "2026-10-12T09:31:07+08:00", "answers": map[string]any{"note": text}}})
	return string(b)
}

func (p *phone) push(mutations ...string) *answer {
	p.T.Helper()
	body := `{"device_time":"` + p.Now().Format(time.RFC3339) + `","backlog":{"mutations":0,"photos":0,"photo_bytes":0},"mutations":[` +
		strings.Join(mutations, ",") + `]}`
	return p.post("/v1/sync/push", body, p.bearer())
}
