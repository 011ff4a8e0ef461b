// Package mongotest gives tests a Mongo server: the one that the variable
// MONGODB_URI names, or FerretDB as a process of its own.
package mongotest

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// Variable names a real server for the tests. Each test makes a database of
// its own there and drops it.
const Variable = "MONGODB_URI"

// Real reports whether the tests run on a real server.
func Real() bool { return os.Getenv(Variable) != "" }

// NeedsReal skips a test that FerretDB can't show, with the reason.
func NeedsReal(tb testing.TB, reason string) {
	tb.Helper()
	if !Real() {
		tb.Skipf("FerretDB can't show this, set %s: %s", Variable, reason)
	}
}

// shared is the server of all tests of this process. It ends with it: then the
// other end of its standard input is gone.
var shared = sync.OnceValues(func() (*Server, error) {
	if uri := os.Getenv(Variable); uri != "" {
		return &Server{URI: uri}, nil
	}
	return start("", "127.0.0.1:0")
})

// Database returns the URI of a new database, which is dropped after the test.
func Database(tb testing.TB) string {
	tb.Helper()
	server, err := shared()
	if err != nil {
		tb.Fatalf("no Mongo server: %v", err)
	}
	name := "gridpatrol_test_" + rand.Text()
	if Real() { // the other one's databases end with it
		tb.Cleanup(func() { drop(tb, server.URI, name) })
	}
	return Named(tb, server.URI, name)
}

// Named returns the URI of a server's database.
func Named(tb testing.TB, server, name string) string {
	tb.Helper()
	u, err := url.Parse(server)
	if err != nil {
		tb.Fatalf("%s: %v", Variable, err)
	}
	u.Path = "/" + name
	return u.String()
}

func drop(tb testing.TB, server, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	client, err := mongo.Connect(ctx, options.Client().ApplyURI(server))
	if err == nil {
		err = errors.Join(client.Database(name).Drop(ctx), client.Disconnect(ctx))
	}
	if err != nil {
		tb.Errorf("dropping %s: %v", name, err)
	}
}

// Server is a FerretDB process.
type Server struct {
	// URI of the server, without a database.
	URI    string
	cmd    *exec.Cmd
	stdin  io.Closer
	folder string
}

// Start runs a FerretDB of the test's own, which ends with the test.
func Start(tb testing.TB) *Server {
	tb.Helper()
	s, err := start(tb.TempDir(), "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("no FerretDB: %v", err)
	}
	tb.Cleanup(s.Kill)
	return s
}

// Kill ends the process the hard way. What it has answered stays.
func (s *Server) Kill() {
	// The process may be gone already, and was killed: neither is news.
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	_ = s.stdin.Close()
}

// Restart runs the server again, with its data and at its address, after Kill.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()
	u, err := url.Parse(s.URI)
	if err != nil {
		tb.Fatal(err)
	}
	again, err := start(s.folder, u.Host)
	if err != nil {
		tb.Fatalf("FerretDB doesn't come back: %v", err)
	}
	s.cmd, s.stdin = again.cmd, again.stdin
}

func start(folder, listen string) (*Server, error) {
	binary, err := build()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(context.Background(), binary, "-data", folder, "-listen", listen)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("FerretDB ended: %w", err), cmd.Wait())
	}
	return &Server{URI: strings.TrimSpace(line), cmd: cmd, stdin: stdin, folder: folder}, nil
}

// build returns the path of the binary, bin/ferretdb, which it makes if it is
// missing or older than its source. Of two that do so at once, the last wins.
func build() (string, error) {
	_, here, _, ok := runtime.Caller(0)
	if !ok {
		return "", errors.New("the source folder is not known")
	}
	root := filepath.Join(filepath.Dir(here), "..", "..", "..")
	source, binary := filepath.Join(root, "tools", "ferretdb"), filepath.Join(root, "bin", "ferretdb")
	if current(binary, filepath.Join(source, "main.go"), filepath.Join(source, "go.mod")) {
		return binary, nil
	}
	made := fmt.Sprintf("%s.%d", binary, os.Getpid())
	cmd := exec.CommandContext(context.Background(), "go", "build", "-o", made, ".")
	cmd.Dir = source
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building FerretDB: %w\n%s", err, out)
	}
	return binary, os.Rename(made, binary)
}

func current(binary string, sources ...string) bool {
	made, err := os.Stat(binary)
	if err != nil {
		return false
	}
	for _, file := range sources {
		if info, err := os.Stat(file); err != nil || info.ModTime().After(made.ModTime()) {
			return false
		}
	}
	return true
}
