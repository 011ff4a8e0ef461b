package api_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/uuid"

	"gridpatrol/api"
	"gridpatrol/auth"
	"gridpatrol/inspection"
	"gridpatrol/sync"
)

func TestMalformedSignIn(t *testing.T) {
	w := newHost(t)
	device := `{"id":"` + uuid.NewString() + `"}`
	for _, tc := range []struct {
		body     string
		pointers []string
	}{
		{``, nil}, {`{`, nil}, {`[]`, nil}, {`null`, nil}, {`"x"`, nil}, {`{} {}`, nil}, {"{\"username\":\"\xff\"}", nil},
		{`{}`, []string{"/username", "/password", "/device"}},
		{`{"username":7,"password":["x"],"device":"x"}`, []string{"/username", "/password", "/device"}},
		{`{"username":"x","password":"y","device":{}}`, []string{"/device/id"}},
		{`{"username":"x","password":"y","device":{"id":"no uuid","name":7,"platform":{},"app_version":false}}`,
			[]string{"/device/name", "/device/platform", "/device/app_version", "/device/id"}},
		{`{"username":null,"password":"y","device":` + device + `}`, []string{"/username"}},
	} {
		p := w.post("/v1/auth/login", tc.body).problem(400, inspection.CodeBadRequest)
		var got []string
		for _, e := range p.Errors {
			got = append(got, e.Pointer)
		}
		if fmt.Sprint(got) != fmt.Sprint(tc.pointers) {
			t.Errorf("%s: members %v, want %v", tc.body, got, tc.pointers)
		}
	}
	w.post("/v1/auth/login", `{"more":1,"username":"admin","password":"`+password+`","device":`+device+`}`).ok(200)
	w.post("/v1/auth/login", strings.Repeat(" ", api.CredentialsCap)+"{}").problem(413, inspection.CodeTooLarge)
	w.post("/v1/auth/refresh", `{"refresh_token":7}`).problem(400, inspection.CodeBadRequest)
	w.post("/v1/auth/refresh", `{"refresh_token":"x"}`).problem(401, inspection.CodeUnauthenticated)
	w.request("POST", "/v1/auth/login", nil).problem(400, inspection.CodeBadRequest)
}

func TestMalformedPush(t *testing.T) {
	w := newHost(t)
	p := w.login("inspector")
	for _, body := range []string{``, `{`, `[]`, `{}`, `{"mutations":{}}`, `{"mutations":null}`, `{"mutations":[7]}`,
		`{"mutations":[{"n":"1"}]}`, `{"mutations":[{"n":1.5}]}`, "{\"mutations\":[\"\xff\"]}",
		strings.Repeat("[", 100000), `{"mutations":[` + strings.Repeat(`{"n":1},`, 1000) + `{"n":1}]}`} {
		w.post("/v1/sync/push", body, p.bearer()).problem(400, inspection.CodeBadBatch)
	}
}

func TestPullParameters(t *testing.T) {
	w := newHost(t)
	p := w.login("inspector")
	for query, code := range map[string]inspection.Code{
		"": "", "limit=1": "", "limit=007": "", "limit=99999": "", "limit=99999999999999999999": "", "history=all": "",
		"collections=inspections,areas": "", "collections=inspections&collections=tasks": "", "unknown=1": "",
		"confirm_revoked=610102003,610102004&confirm_revoked=610103001": "", "checkpoint=": "",
		"limit=0": inspection.CodeBadParameter, "limit=-1": inspection.CodeBadParameter, "limit=": inspection.CodeBadParameter,
		"limit=1.5": inspection.CodeBadParameter, "limit=x": inspection.CodeBadParameter, "limit=1&limit=2": inspection.CodeBadParameter,
		"history=some": inspection.CodeBadParameter, "history=": inspection.CodeBadParameter,
		"collections=users": inspection.CodeBadParameter, "collections=quarantine": inspection.CodeBadParameter,
		"collections=inspections,": inspection.CodeBadParameter, "confirm_revoked=_": inspection.CodeBadParameter,
		"confirm_revoked=61010": inspection.CodeBadParameter, "checkpoint=a&checkpoint=b": inspection.CodeBadParameter,
		"checkpoint=%00": inspection.CodeBadCheckpoint, "checkpoint=bm9uc2Vuc2U": inspection.CodeBadCheckpoint,
	} {
		a := p.get("/v1/sync/pull?" + query)
		if code == "" {
			a.ok(200)
			continue
		}
		told := a.problem(400, code)
		if (code == inspection.CodeBadParameter) != (len(told.Errors) == 1) {
			t.Errorf("%s: %+v", query, told)
		}
	}
	var page pageJSON
	w.login("other").get("/v1/sync/pull").ok(200).decode(&page)
	p.get("/v1/sync/pull?checkpoint="+page.Checkpoint).problem(409, inspection.CodeCheckpointReset)
}

func TestUnknownRoutesAndMethods(t *testing.T) {
	w := newHost(t)
	for _, path := range []string{"/", "/v1", "/v1/me/", "/V1/me", "/v1/sync", "/v1/sync/push/x", "/favicon.ico", "/v1/%6de%00", "/<script>"} {
		w.request("GET", path, nil).problem(404, inspection.CodeNotFound)
	}
	for _, tc := range []struct{ method, path, allow string }{
		{"GET", "/v1/sync/push", "OPTIONS, POST"}, {"HEAD", "/v1/auth/login", "OPTIONS, POST"},
		{"DELETE", "/v1/me", "GET, HEAD, OPTIONS"}, {"POST", "/v1/sync/pull", "GET, HEAD, OPTIONS"},
		{"PROPFIND", "/v1/me", "GET, HEAD, OPTIONS"}, {"TRACE", "/healthz", "GET, HEAD, OPTIONS"},
	} {
		a := w.request(tc.method, tc.path, nil)
		if a.status != 405 || a.header.Get("Allow") != tc.allow || len(a.header.Values("Allow")) != 1 {
			t.Errorf("%s %s: %d, Allow %q", tc.method, tc.path, a.status, a.header.Values("Allow"))
		}
		if tc.method != "HEAD" {
			a.problem(405, inspection.CodeMethodNotAllowed)
		}
	}
	if a := w.request("OPTIONS", "/v1/me", nil).ok(204); a.header.Get("Allow") != "GET, HEAD, OPTIONS" {
		t.Errorf("OPTIONS: %v", a.header)
	}
	w.request("OPTIONS", "/nowhere", nil).problem(404, inspection.CodeNotFound)
}

func TestHeadIsGetWithoutBody(t *testing.T) {
	w := newHost(t)
	p := w.login("inspector")
	for _, path := range []string{"/v1/me", "/v1/sync/pull", "/openapi.json", "/healthz", "/metrics"} {
		a := w.request("HEAD", path, nil, p.bearer()).ok(200)
		if len(a.body) > 0 || a.header.Get("Content-Type") == "" {
			t.Errorf("%s: %v %q", path, a.header, a.body)
		}
	}
}

func TestNotHTTP(t *testing.T) {
	w := newHost(t)
	for text, status := range map[string]int{
		"nonsense\n\n": 400, "GET\n\n": 400,
		"GET /healthz HTTP/1.1\nHost: x\nX: " + strings.Repeat("x", api.MaxHeaderBytes) + "\n\n": 431,
	} {
		c := w.dial()
		c.send("%s", strings.ReplaceAll(text, "\n", "\r\n"))
		c.read().problem(status, inspection.CodeBadRequest)
		c.closed()
	}
	w.request("GET", "/healthz", nil).ok(200)
}

func TestLargeAnswers(t *testing.T) {
	w := newHost(t)
	p := w.login("inspector")
	var list []string
	for range 6 {
		list = append(list, p.mutation(ownArea, strings.Repeat("冒烟", 90_000)))
	}
	if a := p.push(list...).ok(200); len(a.body) < 3<<20 {
		t.Errorf("the push was answered with %d bytes", len(a.body))
	}
	plain := p.get("/v1/sync/pull", "Accept-Encoding: identity").ok(200)
	packed := p.get("/v1/sync/pull", "Accept-Encoding: br;q=1, gzip;q=0.5").ok(200)
	if plain.header.Get("Vary") != "Accept-Encoding" || packed.header.Get("Vary") != "Accept-Encoding" {
		t.Error("no Vary")
	}
	if plain.header.Get("Content-Encoding") != "" || packed.header.Get("Content-Encoding") != "gzip" || len(packed.body) > len(plain.body)/10 {
		t.Errorf("%d bytes plain, %d packed", len(plain.body), len(packed.body))
	}
	zr, err := gzip.NewReader(bytes.NewReader(packed.body))
	w.Must(err)
	unpacked, err := io.ReadAll(zr)
	w.Must(err)
	var a, b pageJSON
	plain.decode(&a)
	w.Must(json.Unmarshal(unpacked, &b))
	if len(a.Changes) != w.reference+6 || len(b.Changes) != w.reference+6 || len(plain.body) < 3<<20 {
		t.Errorf("%d and %d changes", len(a.Changes), len(b.Changes))
	}
	if small := p.get("/v1/sync/pull?checkpoint="+a.Checkpoint, "Accept-Encoding: gzip").ok(200); small.header.Get("Content-Encoding") != "" {
		t.Error("a small answer was packed")
	}
}

// addressAuth keeps the address that a sign-in came with.
type addressAuth struct {
	api.Auth
	address netip.Addr
}

func (a *addressAuth) Refresh(_ context.Context, _ string, address netip.Addr) (auth.Tokens, error) {
	a.address = address
	return auth.Tokens{}, errors.New("out of reach")
}

func TestForwardedForCountsFromTrustedProxiesOnly(t *testing.T) {
	for trusted, want := range map[string]string{"127.0.0.0/8": "198.51.100.7", "10.0.0.0/8": "127.0.0.1"} {
		spy := &addressAuth{}
		w := newHost(t, func(c *api.Config) {
			spy.Auth, c.Auth, c.TrustedProxies = c.Auth, spy, []netip.Prefix{netip.MustParsePrefix(trusted)}
		})
		w.post("/v1/auth/refresh", `{"refresh_token":"x"}`, "X-Forwarded-For: 1.1.1.1, 198.51.100.7").problem(503, inspection.CodeUnavailable)
		if spy.address.String() != want {
			t.Errorf("proxies %s: %s, want %s", trusted, spy.address, want)
		}
	}
}

func FuzzDecodeLogin(f *testing.F) {
	f.Add([]byte(loginBody("admin", password, "0192f3c1-7d1e-7a64-9f0a-3b1c2d4e5f60")))
	f.Add([]byte(`{"device":{"id":7}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := api.DecodeLogin(body)
		if err == nil && !inspection.ValidDeviceID(req.Device.ID) {
			t.Errorf("took the device %q", req.Device.ID)
		}
		if p, _ := api.ProblemOf(errors.Join(err)); err != nil && p.Status != 400 {
			t.Errorf("told as %d", p.Status)
		}
	})
}

func FuzzDecodePull(f *testing.F) {
	f.Add("10", "all", "inspections,areas", "610102003")
	f.Add("-1", "", ",", "_")
	f.Fuzz(func(t *testing.T, limit, history, collections, confirm string) {
		given := map[string][]string{"limit": {limit}, "history": {history}, "collections": {collections}, "confirm_revoked": {confirm}}
		req, err := api.DecodePull(func(name string) []string { return given[name] })
		if err == nil && (req.Limit < 1 || req.Limit > sync.MaxLimit || !req.WholeHistory || len(req.Collections) == 0) {
			t.Errorf("took %+v", req)
		}
		if err != nil && inspection.CodeOf(err) != inspection.CodeBadParameter {
			t.Errorf("refused with %v", err)
		}
	})
}

func FuzzInflate(f *testing.F) {
	f.Add(zip(f, []byte("abc")))
	f.Add(zip(f, make([]byte, 5000)))
	f.Fuzz(func(t *testing.T, zipped []byte) {
		out, err := api.Inflate(zipped, 1000)
		if len(out) > 1000 || err != nil && out != nil {
			t.Errorf("%d bytes, %v", len(out), err)
		}
	})
}
