// Package e2e runs the real binary as its users do: over HTTP, from the
// command line, killed in the middle.
package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	gosync "sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"gridpatrol/test/localhost"
)

// binary and simulator are built once, as `make build` and `make soak` do.
var binary, simulator string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "gridpatrol-e2e-")
	if err != nil {
		panic(err)
	}
	binary, simulator = filepath.Join(dir, "gridpatrol"), filepath.Join(dir, "simulate")
	build := exec.Command("go", "build", "-o", dir, "../..", "../../cmd/simulate")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%v: %s", err, out))
	}
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// server is one process of the binary.
type server struct {
	t    testing.TB
	data string
	addr string
	cmd  *exec.Cmd
	log  *logBuffer
	// month: the demo holds one.
	month bool
}

type logBuffer struct {
	mu  gosync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// startDemo starts the demo district in a folder of its own, people and sites
// only.
func startDemo(t testing.TB) *server {
	t.Helper()
	return (&server{t: t}).district()
}

// startMonth starts the demo district as a newcomer does.
func startMonth(t testing.TB) *server {
	t.Helper()
	return (&server{t: t, month: true}).district()
}

func (s *server) district() *server {
	s.t.Helper()
	s.data, s.addr = filepath.Join(s.t.TempDir(), "data"), localhost.FreeAddress(s.t)
	s.start("demo")
	s.t.Cleanup(s.kill)
	return s
}

// start runs the process and waits until it is ready.
func (s *server) start(args ...string) {
	s.t.Helper()
	s.launch(args...)
	if !localhost.Ready(s.url("/readyz")) {
		s.t.Fatalf("not ready: %s", s.log)
	}
}

// launch runs the process.
func (s *server) launch(args ...string) {
	s.t.Helper()
	s.log = &logBuffer{}
	if !s.month {
		args = append(args, "--no-demo-month")
	}
	s.cmd = exec.Command(binary, append(args, "--data", s.data, "--listen", s.addr)...)
	s.cmd.Stderr = s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) url(path string) string { return "http://" + s.addr + path }

// kill ends the process as a power cut would.
func (s *server) kill() {
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Kill()
	s.cmd.Wait()
	s.cmd = nil
}

// stop ends the process as an operator would and returns its exit error.
func (s *server) stop() error {
	s.t.Helper()
	s.cmd.Process.Signal(syscall.SIGTERM)
	err := s.cmd.Wait()
	s.cmd = nil
	return err
}

// object is a decoded answer.
type object = map[string]any

// call sends a request and returns status and decoded answer; status 0 means
// that no whole answer came.
func (s *server) call(method, path, token string, body any) (int, object) {
	var in io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		in = bytes.NewReader(raw)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.url(path), in)
	if err != nil {
		s.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil
	}
	var out object
	if len(raw) > 0 && json.Unmarshal(raw, &out) != nil {
		s.t.Errorf("%s %s: not JSON: %.200s", method, path, raw)
	}
	return res.StatusCode, out
}

// account is a signed-in phone.
type account struct {
	s        *server
	username string
	device   string
	token    string
	n        int64
}

func (s *server) signIn(username string) *account {
	s.t.Helper()
	a := &account{s: s, username: username, device: uuid.NewString()}
	a.signIn("gridpatrol-demo")
	return a
}

func (a *account) signIn(password string) object {
	a.s.t.Helper()
	status, out := a.login(password)
	if status != http.StatusOK {
		a.s.t.Fatalf("sign-in of %s: %d %v", a.username, status, out)
	}
	a.token = out["access_token"].(string)
	return out
}

func (a *account) login(password string) (int, object) {
	return a.s.call("POST", "/v1/auth/login", "", object{
		"username": a.username, "password": password,
		"device": object{"id": a.device, "name": "test", "platform": "go", "app_version": "1"},
	})
}

// do sends a request in the account's name and reads the answer to its end.
func (a *account) do(req *http.Request) (*http.Response, []byte) {
	a.s.t.Helper()
	req.Header.Set("Authorization", "Bearer "+a.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		a.s.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		a.s.t.Fatal(err)
	}
	return res, body
}

// put makes a mutation with the phone's next number.
func (a *account) put(id string, base int64, doc object) object {
	a.n++
	return object{"n": a.n, "collection": "inspections", "op": "put", "id": id, "base": base, "doc": doc}
}

func (a *account) push(edits ...object) (int, object) {
	return a.s.call("POST", "/v1/sync/push", a.token, object{
		"device_time": time.Now().Format(time.RFC3339), "mutations": edits,
	})
}

// results pushes and insists on an answer.
func (a *account) results(edits ...object) []object {
	a.s.t.Helper()
	status, out := a.push(edits...)
	if status != http.StatusOK {
		a.s.t.Fatalf("push: %d %v", status, out)
	}
	return objects(out["results"])
}

func objects(v any) []object {
	list, _ := v.([]any)
	out := make([]object, len(list))
	for i, x := range list {
		out[i], _ = x.(object)
	}
	return out
}

// pullAll pulls from the start and returns the newest state of each document.
func (a *account) pullAll() map[string]object {
	a.s.t.Helper()
	seen := map[string]object{}
	checkpoint := ""
	for {
		status, page := a.s.call("GET", "/v1/sync/pull?limit=500&checkpoint="+checkpoint, a.token, nil)
		if status != http.StatusOK {
			a.s.t.Fatalf("pull: %d %v", status, page)
		}
		for _, c := range objects(page["changes"]) {
			seen[c["id"].(string)] = c
		}
		checkpoint = page["checkpoint"].(string)
		if page["more"] != true {
			return seen
		}
	}
}

// run runs the binary and returns its output and exit status.
func run(t testing.TB, stdin string, args ...string) (string, int) {
	t.Helper()
	return runProgram(t, binary, stdin, args...)
}

func runProgram(t testing.TB, program, stdin string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}
