package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gridpatrol/test/localhost"
)

func TestDemoStaysOnLoopback(t *testing.T) {
	s := startDemo(t)
	if out, status := run(t, "", "demo", "--data", t.TempDir(), "--listen", "0.0.0.0:0"); status == 0 || !strings.Contains(out, "loopback") {
		t.Errorf("status %d: %s", status, out)
	}
	if err := s.stop(); err != nil {
		t.Fatalf("%v: %s", err, s.log)
	}
	if out, status := run(t, "", "serve", "--data", s.data, "--listen", "0.0.0.0:0"); status == 0 || !strings.Contains(out, "everyone knows") {
		t.Errorf("status %d: %s", status, out)
	}
	s.start("serve")
	s.signIn("inspector1")
}

func TestDemoIsNotMixedIntoRealData(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	if out, status := run(t, "a long password\n", "user", "add", "chen", "--name", "陈", "--role", "admin", "--area", "610102", "--password-stdin", "--create", "--data", data); status != 0 {
		t.Fatal(out)
	}
	if out, status := run(t, "", "demo", "--data", data, "--listen", "127.0.0.1:0"); status == 0 || !strings.Contains(out, "accounts already") {
		t.Errorf("status %d: %s", status, out)
	}
}

func TestFilesAreForTheOwnerOnly(t *testing.T) {
	s := startDemo(t)
	entries, err := os.ReadDir(s.data)
	if err != nil || len(entries) == 0 {
		t.Fatal(err, entries)
	}
	for _, e := range entries {
		info, err := e.Info()
		want := os.FileMode(0o600)
		if e.IsDir() {
			want = 0o700
		}
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v (%v)", e.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(s.data); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v (%v)", info.Mode(), err)
	}
}

func TestAccountsFromTheCommandLine(t *testing.T) {
	s := &server{t: t, data: filepath.Join(t.TempDir(), "data"), addr: localhost.FreeAddress(t)}
	s.start("serve")
	t.Cleanup(s.kill)
	must := func(want string, stdin string, args ...string) string {
		t.Helper()
		out, status := run(t, stdin, append(args, "--data", s.data)...)
		if status != 0 || !strings.Contains(out, want) {
			t.Fatalf("%v: status %d: %s", args, status, out)
		}
		return out
	}
	must("added chen", "correct horse battery\n", "user", "add", "chen", "--name", "陈静", "--role", "inspector", "--area", "610102003", "--password-stdin")
	a := &account{s: s, username: "chen", device: "0192f3c1-7d1e-7a64-9f0a-3b1c2d4e5f60"}
	a.signIn("correct horse battery")

	out := must("password:", "", "user", "reset", "chen")
	a.eventually(http.StatusUnauthorized)
	a.signIn(strings.TrimSpace(out[strings.Index(out, "password:")+len("password:"):]))

	must("granted 610102004", "", "user", "grant", "chen", "--area", "610102004")
	must("disabled chen", "", "user", "disable", "chen")
	a.eventually(http.StatusUnauthorized)
	must("enabled chen", "", "user", "enable", "chen")

	list := "username,name,role,areas,password\nlin,林,inspector,610102001;610102002,a long password\nbad,坏,boss,610102001,\n"
	if out, status := run(t, list, "user", "import", "-", "--data", s.data); status != 1 || !strings.Contains(out, "1 of 2 lines failed") {
		t.Errorf("status %d: %s", status, out)
	}
	if out := must("lin", "", "user", "list"); !strings.Contains(out, "610102001;610102002") {
		t.Error(out)
	}
	if out, status := run(t, "x\n", "user", "add", "short", "--name", "x", "--role", "admin", "--area", "61", "--password-stdin", "--data", s.data); status != 1 || !strings.Contains(out, "10") {
		t.Errorf("a short password: status %d: %s", status, out)
	}
	if out, status := run(t, "a long password\n", "user", "add", "far", "--name", "x", "--role", "admin", "--area", "110101001", "--password-stdin", "--data", s.data); status != 1 || !strings.Contains(out, "110101001") {
		t.Errorf("an unknown area: status %d: %s", status, out)
	}
}

// eventually waits for the rights to be read anew: at most 5 s by docs/contract.md, section 1.
func (a *account) eventually(want int) {
	a.s.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	status := 0
	for time.Now().Before(deadline) {
		if status, _ = a.s.call("GET", "/v1/me", a.token, nil); status == want {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	a.s.t.Fatalf("/v1/me still answers %d, want %d", status, want)
}

func TestWrongCommandLinesSayWhatToDo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"fly"}, 2, "--help"},
		{[]string{"serve", "--listen", "nonsense", "--data", t.TempDir()}, 1, "--listen"},
		{[]string{"serve", "--data", file}, 1, "folder"},
		{[]string{"serve", "--tls-cert", file, "--data", t.TempDir()}, 1, "--tls-key"},
		{[]string{"--version"}, 0, "gridpatrol"},
		{nil, 0, "serve"},
	}
	for _, c := range cases {
		out, status := run(t, "", c.args...)
		if status != c.status || !strings.Contains(out, c.says) {
			t.Errorf("%v: status %d: %s", c.args, status, out)
		}
	}
}

// awaitRequests waits until the server has so many requests under way besides
// the one that asks.
func (s *server) awaitRequests(n int) {
	s.t.Helper()
	want := fmt.Sprintf("gridpatrol_http_requests_in_flight %d\n", n+1)
	for range 3000 {
		res, err := http.Get(s.url("/metrics"))
		if err != nil {
			s.t.Fatal(err)
		}
		page, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err == nil && strings.Contains(string(page), want) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.t.Fatalf("there are never %d requests under way", n)
}

// A push whose body is still arriving when the server is told to stop is
// taken to its end and answered.
func TestAStopFinishesWhatIsUnderWay(t *testing.T) {
	s := startDemo(t)
	p := s.signIn("inspector1")
	b := p.next("610102001")
	// Clients send what fills a buffer of theirs: half of this does.
	for range 3 {
		b.edits = append(b.edits, p.next("610102001").edits...)
	}
	body, err := json.Marshal(object{"mutations": b.edits})
	if err != nil {
		t.Fatal(err)
	}
	reader, writer := io.Pipe()
	req, err := http.NewRequest("POST", s.url("/v1/sync/push"), reader)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = int64(len(body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+p.token)
	status := make(chan int, 1)
	go func() {
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			status <- 0
			return
		}
		res.Body.Close()
		status <- res.StatusCode
	}()
	writer.Write(body[:len(body)/2])
	s.awaitRequests(1)
	s.cmd.Process.Signal(syscall.SIGTERM)
	for !strings.Contains(s.log.String(), "stopping") {
		time.Sleep(5 * time.Millisecond)
	}
	writer.Write(body[len(body)/2:])
	writer.Close()
	if got := <-status; got != http.StatusOK {
		t.Fatalf("the push under way was answered with %d: %s", got, s.log)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Fatalf("a stop ended with %v: %s", err, s.log)
	}
	s.cmd = nil
	s.start("demo")
	for _, r := range p.results(b.edits...) {
		if r["replayed"] != true {
			t.Fatalf("not stored: %v", r)
		}
	}
}
