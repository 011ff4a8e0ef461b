package simulate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// Process is a server that the simulation starts, kills and starts again.
type Process struct {
	// Binary is the program.
	Binary string
	// Place are the flags that say where the database is.
	Place []string
	// Log is the file that takes what the server writes.
	Log string

	mu     sync.Mutex
	listen string
	cmd    *exec.Cmd
	ended  chan struct{}
}

// startTimeout is how long a server may take until it is ready.
const startTimeout = 2 * time.Minute

// Start runs the server on a free port, the same one each time, and waits
// until it is ready.
func (p *Process) Start(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listen == "" {
		var err error
		if p.listen, err = freeAddress(ctx); err != nil {
			return err
		}
	}
	log, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("the server's log: %w", err)
	}
	defer log.Close()
	args := append([]string{"serve", "--demo", "--no-demo-month", "--listen", p.listen, "--log-level", "warn"}, p.Place...)
	// The context doesn't end it: a server must not end before it was asked to.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), p.Binary, args...)
	cmd.Stdout, cmd.Stderr, cmd.Env = log, log, environment()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the server: %w", err)
	}
	p.cmd, p.ended = cmd, make(chan struct{})
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // how it ended is in its log
	}()
	return p.ready(ctx)
}

// environment is this process's own without the server's variables: one that
// names a real database must not lead a simulation there.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GRIDPATROL_") })
}

func freeAddress(ctx context.Context) (string, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("no free port: %w", err)
	}
	return ln.Addr().String(), ln.Close()
}

func (p *Process) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for sleep(ctx, 20*time.Millisecond) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.listen+"/readyz", nil)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			if p.over() {
				return fmt.Errorf("the server ended; its log is %s", p.Log)
			}
			continue
		}
		if res.Body.Close() == nil && res.StatusCode == http.StatusOK {
			return nil
		}
	}
	return fmt.Errorf("the server doesn't get ready; its log is %s: %w", p.Log, ctx.Err())
}

func (p *Process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// URL is where the server is, once it was started.
func (p *Process) URL() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return "http://" + p.listen
}

// Kill ends the server as a power cut would.
func (p *Process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill() // it may be gone already
	<-p.ended
	p.cmd = nil
}

// Verify runs the program's own check of the history beside the server, and
// returns what it says and whether all is fine.
func (p *Process) Verify(ctx context.Context) (string, bool, error) {
	cmd := exec.CommandContext(ctx, p.Binary, append([]string{"verify"}, p.Place...)...)
	cmd.Env = environment()
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return "", false, fmt.Errorf("verify: %w", err)
	}
	return strings.TrimSpace(string(out)), err == nil, nil
}
