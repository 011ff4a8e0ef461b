package e2e_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gridpatrol/test/localhost"

	"github.com/google/uuid"
	_ "modernc.org/sqlite"
)

// certificate writes a certificate for 127.0.0.1 and its key.
func certificate(t *testing.T) (cert, key string, roots *x509.CertPool) {
	t.Helper()
	made, roots := localhost.Certificate(t)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(made.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, bytes []byte) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	return write("cert.pem", "CERTIFICATE", made.Certificate[0]), write("key.pem", "PRIVATE KEY", pkcs8), roots
}

// withEnv starts the binary with nothing but the command on its line.
func withEnv(t *testing.T, command string, vars ...string) *server {
	t.Helper()
	s := &server{t: t, log: &logBuffer{}}
	s.cmd = exec.Command(binary, command)
	s.cmd.Env = append(os.Environ(), vars...)
	s.cmd.Stderr = s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	return s
}

func (s *server) says(text string) {
	s.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !strings.Contains(s.log.String(), text) {
		if time.Now().After(deadline) {
			s.t.Fatalf("the log never says %q: %s", text, s.log)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestTLSByEnvironment(t *testing.T) {
	cert, key, roots := certificate(t)
	addr := localhost.FreeAddress(t)
	vars := []string{
		"GRIDPATROL_LISTEN=" + addr, "GRIDPATROL_DATA=" + filepath.Join(t.TempDir(), "data"), "GRIDPATROL_DEMO=true",
		"GRIDPATROL_TLS_CERT=" + cert, "GRIDPATROL_TLS_KEY=" + key, "GRIDPATROL_LOG_FORMAT=json",
		"GRIDPATROL_LOG_LEVEL=warn", "GRIDPATROL_TRUSTED_PROXY=10.0.0.0/8,127.0.0.1", "GRIDPATROL_STOP_TIMEOUT=5s",
	}
	s := withEnv(t, "serve", vars...)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	body := `{"username":"inspector1","password":"gridpatrol-demo","device":{"id":"` + uuid.NewString() + `"}}`
	status := 0
	for deadline := time.Now().Add(30 * time.Second); status == 0 && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if res, err := client.Post("https://"+addr+"/v1/auth/login", "application/json", strings.NewReader(body)); err == nil {
			status = res.StatusCode
			res.Body.Close()
		}
	}
	if status != http.StatusOK {
		t.Fatalf("sign-in over TLS: %d: %s", status, s.log)
	}
	health := exec.Command(binary, "health")
	health.Env = append(os.Environ(), vars...)
	if out, err := health.CombinedOutput(); err != nil {
		t.Errorf("health: %v: %s", err, out)
	}
	if s.log.String() != "" {
		t.Errorf("a quiet start is not quiet: %s", s.log)
	}
	if err := s.stop(); err != nil {
		t.Errorf("stop: %v: %s", err, s.log)
	}
	if out, err := exec.Command(binary, "health", "--listen", addr).CombinedOutput(); err == nil {
		t.Errorf("a stopped server is alive: %s", out)
	}
}

func TestBeyondLoopbackWithoutTLSIsWarned(t *testing.T) {
	s := withEnv(t, "serve", "GRIDPATROL_LISTEN=0.0.0.0:0", "GRIDPATROL_DATA="+filepath.Join(t.TempDir(), "data"))
	s.says("without TLS")
	s.says("serving")
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

// TestAStoreThatTakesNoWrites: another process holds the database. The
// process is alive, but not ready; a push is told to come again, and what was
// pushed before and after is there.
func TestAStoreThatTakesNoWrites(t *testing.T) {
	s := startDemo(t)
	p := s.signIn("inspector1")
	p.results(p.next("610102001").edits...)
	release := s.lock()
	if status, out := s.call("GET", "/readyz", "", nil); status != http.StatusServiceUnavailable || out["code"] != "unavailable" {
		t.Errorf("readyz: %d %v", status, out)
	}
	if status, _ := s.call("GET", "/healthz", "", nil); status != http.StatusOK {
		t.Errorf("healthz: %d", status)
	}
	held := p.next("610102001")
	if status, out := p.push(held.edits...); status != http.StatusServiceUnavailable || out["code"] != "unavailable" {
		t.Errorf("push: %d %v", status, out)
	}
	release()
	if status, out := s.call("GET", "/readyz", "", nil); status != http.StatusOK {
		t.Errorf("readyz afterwards: %d %v", status, out)
	}
	for _, r := range p.results(held.edits...) {
		if r["status"] == "rejected" {
			t.Errorf("the same batch again: %v", r)
		}
	}
}

// lock takes the database's write lock, as a backup tool might.
func (s *server) lock() (release func()) {
	s.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.data, "gridpatrol.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		s.t.Fatal(err)
	}
	conn, err := db.Conn(context.Background())
	if err == nil {
		_, err = conn.ExecContext(context.Background(), "BEGIN IMMEDIATE")
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return func() {
		if _, err := conn.ExecContext(context.Background(), "ROLLBACK"); err != nil {
			s.t.Fatal(err)
		}
		conn.Close()
		db.Close()
	}
}

func TestMetricsCountWhatHappened(t *testing.T) {
	s := startDemo(t)
	p := s.signIn("inspector1")
	p.results(p.put(uuid.NewString(), 0, object{"area": "610102001"}), p.put("nope", 0, object{}))
	res, err := http.Get(s.url("/metrics"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err != nil || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/plain") {
		t.Fatal(err, res.Header)
	}
	for _, line := range []string{
		`gridpatrol_push_results_total{status="applied"} 1`, `gridpatrol_push_results_total{status="rejected"} 1`,
		`gridpatrol_http_requests_total{method="POST",route="/v1/sync/push",status="200"} 1`, "go_goroutines", "process_open_fds",
	} {
		if !strings.Contains(string(page), line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
}
