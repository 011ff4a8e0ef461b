package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	gosync "sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/google/uuid"

	"gridpatrol/auth"
	"gridpatrol/inspection"
	"gridpatrol/media"
	"gridpatrol/report"
	"gridpatrol/report/render"
	"gridpatrol/review"
	"gridpatrol/store"
	"gridpatrol/store/files"
	"gridpatrol/store/sqlite"
	"gridpatrol/sync"
)

const (
	ownArea   = inspection.Area("610102003")
	otherArea = inspection.Area("610103001")
	password  = "correct horse battery"
)

// world is a whole server on a real listener, over a real store.
type world struct {
	t      testing.TB
	ctx    context.Context
	auth   *auth.Service
	sync   *sync.Service
	media  *media.Service
	blobs  store.Blobs
	review *review.Service
	field  *phone // whose documents tests look at
	server *Server
	addr   string
	url    string
	client *http.Client
	log    *syncBuffer
	ahead  atomic.Int64 // nanoseconds that the clock is ahead
	served chan error
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

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

func (w *world) skip(d time.Duration) { w.ahead.Add(int64(d)) }

// newWorld serves over a fresh store; adjust may change the server's config.
func newWorld(t testing.TB, adjust ...func(*Config)) *world {
	t.Helper()
	w := &world{t: t, ctx: context.Background(), log: &syncBuffer{}, served: make(chan error, 1)}
	st, err := sqlite.Open(w.ctx, t.TempDir(), sqlite.Options{NewID: uuid.NewString})
	w.must(err)
	quiet := slog.New(slog.DiscardHandler)
	w.sync, err = sync.New(w.ctx, sync.Config{
		Store: st, Now: w.now, Log: quiet, Poll: 5 * time.Millisecond,
		OnPhotos: func(area inspection.Area, ids []inspection.DocID) { w.media.Put(area, ids) },
	})
	w.must(err)
	w.blobs, err = files.Open(t.TempDir(), w.now())
	w.must(err)
	w.media, err = media.New(media.Config{
		Store: st, Blobs: w.blobs, Amender: amender{w.sync}, Now: w.now, NewID: func() string { return strings.ReplaceAll(uuid.NewString(), "-", "") }, Log: quiet,
		DailyQuota: 64 << 20, Floor: 1,
	})
	w.must(err)
	w.auth, err = auth.New(w.ctx, st, auth.Config{
		Now: w.now, Random: rand.Reader, Areas: w.sync,
		Params: argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32},
	})
	w.must(err)
	w.populate()
	w.review = review.New(review.Config{Store: st, Acts: w.sync, People: w.auth, Now: w.now, NewID: uuid.NewString})
	reports, err := report.New(report.Config{Store: st, Ledger: ledger{w.sync}, Now: w.now, Scratch: t.TempDir(), Formats: render.Formats("")})
	w.must(err)
	cfg := Config{
		Auth: w.auth, Sync: w.sync, Media: w.media, Review: w.review, Reports: reports, Health: st, Now: w.now, NewID: uuid.NewString,
		Log: slog.New(slog.NewTextHandler(w.log, nil)), Recheck: 20 * time.Millisecond,
	}
	for _, a := range adjust {
		a(&cfg)
	}
	w.server, err = New(cfg)
	w.must(err)
	w.listen()
	t.Cleanup(func() {
		w.shutdown()
		w.media.Close()
		w.sync.Close()
		w.must(st.Close())
	})
	return w
}

// ledger closes windows through sync, as the command line wires it.
type ledger struct{ sync *sync.Service }

func (l ledger) AddClosing(ctx context.Context, by inspection.UserID, id string, doc inspection.Object) error {
	return l.sync.Establish(ctx, by, store.KindClosing, sync.ReferenceDocument{Collection: inspection.Closings, ID: id, Doc: doc})
}

// amender appends evidence as the command line wires it.
type amender struct{ sync *sync.Service }

func (a amender) Amend(ctx context.Context, area inspection.Area, id inspection.DocID, decide media.Decide) error {
	_, err := a.sync.Act(ctx, sync.Act{
		Area: area, IDs: []inspection.DocID{id}, Kind: store.KindEvidence,
		Decide: func(_ time.Time, drafts map[inspection.DocID]*sync.Draft) error {
			if d := drafts[id]; d.Record.Rev > 0 && decide(&d.Record, d.Client, &d.Server) {
				d.ServerChanged()
			}
			return nil
		},
	})
	return err
}

func (w *world) listen() {
	w.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	w.addr, w.url = ln.Addr().String(), "http://"+ln.Addr().String()
	w.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}, Timeout: 30 * time.Second}
	go func() { w.served <- w.server.Listen(ln) }()
}

func (w *world) shutdown() {
	ctx, cancel := context.WithTimeout(w.ctx, 10*time.Second)
	defer cancel()
	w.client.CloseIdleConnections()
	w.must(w.server.Shutdown(ctx))
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// populate makes two districts and people of all kinds. Those named other…
// work in the other district.
func (w *world) populate() {
	w.t.Helper()
	var areas []sync.ReferenceDocument
	for _, code := range []string{"610102", "610102003", "610102004", "610103", "610103001"} {
		areas = append(areas, sync.ReferenceDocument{
			Collection: inspection.Areas, ID: code, Doc: inspection.Object{"id": code, "name_zh": "街道" + code},
		})
	}
	_, err := w.sync.SeedReference(w.ctx, areas)
	w.must(err)
	for _, u := range []auth.NewUser{
		{Username: "inspector", Role: inspection.RoleInspector, Areas: []inspection.Area{ownArea}},
		{Username: "supervisor", Role: inspection.RoleSupervisor, Areas: []inspection.Area{"610102"}},
		{Username: "admin", Role: inspection.RoleAdmin, Areas: []inspection.Area{"610102"}},
		{Username: "disabled", Role: inspection.RoleInspector, Areas: []inspection.Area{ownArea}},
		{Username: "other", Role: inspection.RoleInspector, Areas: []inspection.Area{otherArea}},
	} {
		u.Name, u.Password = "张三"+u.Username, password
		_, err := w.auth.AddUser(w.ctx, "", u)
		w.must(err)
	}
}

func (w *world) patch(username string, p auth.UserPatch) {
	w.t.Helper()
	u, err := w.auth.UserByName(w.ctx, username)
	w.must(err)
	_, err = w.auth.UpdateUser(w.ctx, "", u.ID, p)
	w.must(err)
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
func (a *answer) problem(status int, code inspection.Code) problem {
	a.t.Helper()
	var p problem
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
func (w *world) request(method, path string, body io.Reader, headers ...string) *answer {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.ctx, method, w.url+path, body)
	w.must(err)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	resp, err := w.client.Do(req)
	w.must(err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	w.must(err)
	return &answer{t: w.t, status: resp.StatusCode, header: resp.Header, body: b}
}

const typeJSON = "Content-Type: application/json"

func (w *world) post(path, body string, headers ...string) *answer {
	w.t.Helper()
	return w.request("POST", path, strings.NewReader(body), append([]string{typeJSON}, headers...)...)
}

// phone is a signed-in device.
type phone struct {
	*world
	device string
	signIn signInJSON
	n      int64
}

func loginBody(username, pass, device string) string {
	b, _ := json.Marshal(map[string]any{"username": username, "password": pass,
		"device": map[string]any{"id": device, "name": "红米", "platform": "android", "app_version": "1.2"}})
	return string(b)
}

func (w *world) login(username string) *phone {
	w.t.Helper()
	p := &phone{world: w, device: uuid.NewString()}
	w.post("/v1/auth/login", loginBody(username, password, p.device)).ok(200).decode(&p.signIn)
	return p
}

func (p *phone) bearer() string { return "Authorization: Bearer " + p.signIn.AccessToken }

func (p *phone) get(path string, headers ...string) *answer {
	p.t.Helper()
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
	p.t.Helper()
	body := `{"device_time":"` + p.now().Format(time.RFC3339) + `","backlog":{"mutations":0,"photos":0,"photo_bytes":0},"mutations":[` +
		strings.Join(mutations, ",") + `]}`
	return p.post("/v1/sync/push", body, p.bearer())
}

// eventually waits for a condition that another goroutine brings about.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("never happened: %s", what)
		case <-tick.C:
		}
	}
}
