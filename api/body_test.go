package api_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"gridpatrol/api"
	"gridpatrol/inspection"
)

func zip(t testing.TB, b []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	zw := gzip.NewWriter(&buf)
	if _, err := zw.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestPushEncodings(t *testing.T) {
	w := newHost(t)
	p := w.login("inspector")
	empty := []byte(`{"mutations":[]}`)
	zipped := zip(t, empty)
	for name, tc := range map[string]struct {
		body     []byte
		encoding string
		status   int
		code     inspection.Code
	}{
		"plain":              {empty, "", 200, ""},
		"identity":           {empty, "identity", 200, ""},
		"gzip":               {zipped, "gzip", 200, ""},
		"upper case":         {zipped, "GZIP", 200, ""},
		"several members":    {append(zip(t, empty[:5]), zip(t, empty[5:])...), "gzip", 200, ""},
		"trailing garbage":   {append(bytes.Clone(zipped), "garbage"...), "gzip", 400, inspection.CodeBadRequest},
		"cut":                {zipped[:len(zipped)-9], "gzip", 400, inspection.CodeBadRequest},
		"wrong checksum":     {append(bytes.Clone(zipped[:len(zipped)-8]), 1, 2, 3, 4, 16, 0, 0, 0), "gzip", 400, inspection.CodeBadRequest},
		"no gzip":            {empty, "gzip", 400, inspection.CodeBadRequest},
		"empty gzip":         {nil, "gzip", 400, inspection.CodeBadRequest},
		"gzip, undeclared":   {zipped, "", 400, inspection.CodeBadBatch},
		"twice":              {zip(t, zipped), "gzip, gzip", 415, inspection.CodeMediaType},
		"brotli":             {empty, "br", 415, inspection.CodeMediaType},
		"deflate":            {empty, "deflate", 415, inspection.CodeMediaType},
		"8 MiB of spaces":    {zip(t, append(bytes.Repeat([]byte(" "), api.MaxBatch-len(empty)), empty...)), "gzip", 200, ""},
		"a byte over 8 MiB":  {zip(t, append(bytes.Repeat([]byte(" "), api.MaxBatch-len(empty)+1), empty...)), "gzip", 413, inspection.CodeTooLarge},
		"plain 8 MiB":        {append(bytes.Repeat([]byte(" "), api.MaxBatch-len(empty)), empty...), "", 200, ""},
		"plain, a byte over": {append(bytes.Repeat([]byte(" "), api.MaxBatch-len(empty)+1), empty...), "", 413, inspection.CodeTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			headers := []string{typeJSON, p.bearer()}
			if tc.encoding != "" {
				headers = append(headers, "Content-Encoding: "+tc.encoding)
			}
			chunked := io.MultiReader(bytes.NewReader(tc.body)) // hides its length
			for _, body := range []io.Reader{bytes.NewReader(tc.body), chunked} {
				a := w.request("POST", "/v1/sync/push", body, headers...)
				if tc.code == "" {
					a.ok(tc.status)
				} else {
					a.problem(tc.status, tc.code)
				}
			}
		})
	}
}

func TestGzipIsForPushOnly(t *testing.T) {
	w := newHost(t)
	body := bytes.NewReader(zip(t, []byte(`{}`)))
	w.request("POST", "/v1/auth/login", body, typeJSON, "Content-Encoding: gzip").problem(415, inspection.CodeMediaType)
}

func TestGzipBombTakesNoMemory(t *testing.T) {
	w := newHost(t)
	p := w.login("inspector")
	member := zip(t, make([]byte, 16<<20))
	bomb := bytes.Repeat(member, (api.MaxBatch-1)/len(member)) // more than 7 GiB
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	w.request("POST", "/v1/sync/push", bytes.NewReader(bomb), typeJSON, p.bearer(), "Content-Encoding: gzip").
		problem(413, inspection.CodeTooLarge)
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 100<<20 {
		t.Errorf("a bomb of %d bytes made the process allocate %d", len(bomb), used)
	}
	twice := bytes.NewReader(append(bomb, bomb...))
	w.request("POST", "/v1/sync/push", twice, typeJSON, p.bearer(), "Content-Encoding: gzip").problem(413, inspection.CodeTooLarge)
}

func TestMediaTypes(t *testing.T) {
	w := newHost(t)
	p := w.login("inspector")
	for header, status := range map[string]int{
		"application/json":                       200,
		"application/json; charset=utf-8":        200,
		"application/json;charset=UTF-8":         200,
		`Application/JSON; charset="utf-8"; v=1`: 200,
		"application/json; charset=gbk":          415,
		"application/json;":                      200,
		"application/jsonx":                      415,
		"text/plain":                             415,
		"multipart/form-data; boundary=x":        415,
		"application/x-www-form-urlencoded":      415,
		"application/json, text/plain":           415,
		"":                                       415,
	} {
		a := w.request("POST", "/v1/sync/push", strings.NewReader(`{"mutations":[]}`), p.bearer(), "Content-Type: "+header)
		if a.status != status {
			t.Errorf("%q: %d, want %d", header, a.status, status)
		}
	}
}

// wire is a raw connection to the server.
type wire struct {
	t testing.TB
	net.Conn
	r *bufio.Reader
}

func (w *host) dial() *wire {
	w.T.Helper()
	conn, err := net.Dial("tcp", w.addr)
	w.Must(err)
	w.Must(conn.SetDeadline(time.Now().Add(20 * time.Second)))
	w.T.Cleanup(func() { _ = conn.Close() })
	return &wire{t: w.T, Conn: conn, r: bufio.NewReader(conn)}
}

func (c *wire) send(format string, args ...any) {
	c.t.Helper()
	if _, err := fmt.Fprintf(c.Conn, strings.ReplaceAll(format, "\n", "\r\n"), args...); err != nil {
		c.t.Fatal(err)
	}
}

func (c *wire) read() *answer {
	c.t.Helper()
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return &answer{t: c.t, status: resp.StatusCode, header: resp.Header, body: b}
}

// closed expects that the server says nothing more.
func (c *wire) closed() {
	c.t.Helper()
	if b, err := io.ReadAll(c.r); len(b) > 0 {
		c.t.Errorf("after the last answer came %q (%v)", b, err)
	}
}

const pushHead = "POST /v1/sync/push HTTP/1.1\nHost: x\nContent-Type: application/json\n"

func TestPipelinedRequests(t *testing.T) {
	c := newHost(t).dial()
	c.send("GET /healthz HTTP/1.1\nHost: x\n\nGET /nowhere HTTP/1.1\nHost: x\n\nGET /healthz HTTP/1.1\nHost: x\n\n")
	c.read().ok(200)
	c.read().problem(404, inspection.CodeNotFound)
	c.read().ok(200)
}

func TestNothingIsServedAfterTooLarge(t *testing.T) {
	w := newHost(t)
	p := w.login("inspector")
	for name, framing := range map[string]string{
		"declared":       "Content-Length: 9000000\n\n" + strings.Repeat("x", 9000),
		"little too big": "Content-Length: 8388609\n\n" + strings.Repeat("x", 9000),
		"chunked":        "Transfer-Encoding: chunked\n\n900000\n" + strings.Repeat("x", 0x900000) + "\n0\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := w.dial()
			c.send(pushHead+"%s\n"+framing+"GET /healthz HTTP/1.1\nHost: x\n\n", p.bearer())
			c.read().problem(413, inspection.CodeTooLarge)
			w.Must(c.Conn.(*net.TCPConn).CloseWrite())
			c.closed()
		})
	}
	c := w.dial()
	c.send("POST /v1/auth/login HTTP/1.1\nHost: x\nContent-Type: application/json\nContent-Length: %d\n\n%sGET /healthz HTTP/1.1\nHost: x\n\n",
		api.CredentialsCap+1, strings.Repeat("x", api.CredentialsCap+1))
	c.read().problem(413, inspection.CodeTooLarge)
	w.Must(c.Conn.(*net.TCPConn).CloseWrite())
	c.closed()
}

// TestAnswerSurvivesAnUnreadBody: whoever is still sending gets to read why
// it is of no use, instead of a reset.
func TestAnswerSurvivesAnUnreadBody(t *testing.T) {
	w := newHost(t)
	for range 20 {
		c := w.dial()
		c.send(pushHead + "Content-Length: 6000000\n\n")
		for range 100 {
			c.send("%s", strings.Repeat("x", 60000))
		}
		c.read().problem(401, inspection.CodeUnauthenticated)
	}
}

func TestShortUnreadBodyKeepsTheConnection(t *testing.T) {
	w := newHost(t)
	c := w.dial()
	c.send(pushHead+"Content-Length: 16\n\n%s", `{"mutations":[]}`)
	c.read().problem(401, inspection.CodeUnauthenticated)
	c.send("GET /healthz HTTP/1.1\nHost: x\n\n")
	c.read().ok(200)
}

func TestCutBodies(t *testing.T) {
	w := newHost(t)
	p := w.login("inspector")
	for name, tail := range map[string]string{
		"short":           "Content-Length: 100\n\n" + `{"mutations":[]}`,
		"valid so far":    "Content-Length: 20000\n\n" + `{"mutations":[]}` + strings.Repeat(" ", 10000),
		"chunk cut":       "Transfer-Encoding: chunked\n\nff\n{",
		"last chunk gone": "Transfer-Encoding: chunked\n\n10\n" + `{"mutations":[]}` + "\n",
		"no chunk size":   "Transfer-Encoding: chunked\n\nzz\n{}\n0\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := w.dial()
			c.send(pushHead+"%s\n"+tail, p.bearer())
			w.Must(c.Conn.(*net.TCPConn).CloseWrite())
			c.read().problem(400, inspection.CodeBadRequest)
			c.closed()
		})
	}
}

func TestSlowClients(t *testing.T) {
	w := newHost(t, func(c *api.Config) { c.ReadTimeout = 150 * time.Millisecond })
	p := w.login("inspector")
	for name, head := range map[string]string{
		"silent body":     pushHead + p.bearer() + "\nContent-Length: 20000\n\n" + strings.Repeat(" ", 9000),
		"silent chunks":   pushHead + p.bearer() + "\nTransfer-Encoding: chunked\n\n5\n{",
		"silent in front": pushHead + p.bearer() + "\nContent-Length: 20\n\n{",
		"silent headers":  "GET /healthz HTTP/1.1\nHost:",
	} {
		t.Run(name, func(t *testing.T) {
			c := w.dial()
			c.send("%s", strings.ReplaceAll(head, "\n", "\r\n"))
			c.read().problem(408, inspection.CodeBadRequest)
			c.closed()
		})
	}
}

// TestSteadySlowBody: a body may take longer than the timeout while it comes.
func TestSteadySlowBody(t *testing.T) {
	const silence = 300 * time.Millisecond
	w := newHost(t, func(c *api.Config) { c.ReadTimeout = silence })
	p := w.login("inspector")
	c := w.dial()
	c.send(pushHead+p.bearer()+"\nContent-Length: %d\n\n", 40*1000+16)
	tick := time.NewTicker(silence / 15)
	defer tick.Stop()
	for range 40 {
		<-tick.C
		c.send("%s", strings.Repeat(" ", 1000))
	}
	c.send("%s", `{"mutations":[]}`)
	c.read().ok(200)
}

func TestExpectContinue(t *testing.T) {
	w := newHost(t)
	p := w.login("inspector")
	c := w.dial()
	c.send(pushHead+p.bearer()+"\nExpect: 100-continue\nContent-Length: %d\n\n", 16)
	if line, err := c.r.ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		t.Fatalf("%q %v", line, err)
	}
	_, err := c.r.ReadString('\n')
	w.Must(err)
	c.send("%s", `{"mutations":[]}`)
	c.read().ok(200)
}
