package bench_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"gridpatrol/test/localhost"

	"github.com/google/uuid"
)

// server is one process of the binary on a data folder.
type server struct {
	tb   testing.TB
	addr string
	cmd  *exec.Cmd
	took time.Duration // from start to ready
}

func start(tb testing.TB, data string, more ...string) *server {
	tb.Helper()
	s := &server{tb: tb, addr: localhost.FreeAddress(tb)}
	args := append([]string{"serve", "--demo", "--no-demo-month", "--data", data, "--listen", s.addr, "--log-level", "warn"}, more...)
	s.cmd = exec.Command(binary, args...)
	s.cmd.Stderr = os.Stderr
	s.launch("/readyz")
	return s
}

// launch starts the process and waits until the path answers.
func (s *server) launch(ready string) {
	s.tb.Helper()
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		s.tb.Fatal(err)
	}
	s.tb.Cleanup(s.stop)
	if !localhost.Ready("http://" + s.addr + ready) {
		s.tb.Fatal("the server is not ready after a minute")
	}
	s.took = time.Since(began)
}

func (s *server) stop() {
	if s.cmd != nil {
		s.cmd.Process.Kill()
		s.cmd.Wait()
		s.cmd = nil
	}
}

// residentMB is what the process keeps in memory.
func (s *server) residentMB() float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		s.tb.Skip("memory is read from /proc")
	}
	for line := range strings.SplitSeq(string(status), "\n") {
		if rest, found := strings.CutPrefix(line, "VmRSS:"); found {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			if err != nil {
				s.tb.Fatal(err)
			}
			return kb / 1024
		}
	}
	return 0
}

// phone is a signed-in client on a connection of its own.
type phone struct {
	s     *server
	http  *http.Client
	token string

	buffer bytes.Buffer // the last answer
}

func (s *server) client() *phone {
	return &phone{s: s, http: &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 1}}}
}

func (s *server) signIn(username string) *phone {
	s.tb.Helper()
	return s.identified("/v1/auth/login", map[string]any{
		"username": username, "password": "gridpatrol-demo",
		"device": map[string]any{"id": uuid.NewString(), "name": "bench"},
	}, "access_token")
}

// identified is a phone with the token that the answer to the body has.
func (s *server) identified(path string, body map[string]any, token string) *phone {
	s.tb.Helper()
	p := s.client()
	raw, _ := json.Marshal(body)
	var answer map[string]any
	if err := json.Unmarshal(p.call(http.MethodPost, path, raw), &answer); err != nil {
		s.tb.Fatal(err)
	}
	p.token, _ = answer[token].(string)
	return p
}

// call sends a request, insists on 200 and returns the answer's bytes.
func (p *phone) call(method, path string, body []byte) []byte {
	req, err := http.NewRequest(method, "http://"+p.s.addr+path, bytes.NewReader(body))
	if err != nil {
		p.s.tb.Error(err)
		return nil
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+p.token)
	res, err := p.http.Do(req)
	if err != nil {
		p.s.tb.Error(err)
		return nil
	}
	defer res.Body.Close()
	out, err := p.read(res)
	if err != nil || res.StatusCode != http.StatusOK {
		p.s.tb.Errorf("%s %s: %d %.300s %v", method, path, res.StatusCode, out, err)
	}
	return out
}

// read returns the body. It is good until the next call: the client must cost
// as little as it can beside the server that is measured.
func (p *phone) read(res *http.Response) ([]byte, error) {
	p.buffer.Reset()
	p.buffer.Grow(int(max(res.ContentLength, 0)) + bytes.MinRead)
	_, err := p.buffer.ReadFrom(res.Body)
	return p.buffer.Bytes(), err
}

// page is what the benchmarks need of a pull's answer; it stands at the end.
type page struct {
	Checkpoint string `json:"checkpoint"`
	More       bool   `json:"more"`
}

// pull returns the next page's checkpoint without decoding its documents.
func (p *phone) pull(checkpoint string) (page, int) {
	out := p.call(http.MethodGet, "/v1/sync/pull?limit=500&checkpoint="+checkpoint, nil)
	i := bytes.LastIndex(out, []byte(`],"areas":`))
	var next page
	if i < 0 || json.Unmarshal(append([]byte{'{'}, out[i+2:]...), &next) != nil {
		p.s.tb.Fatalf("not a page: %.200s", out)
	}
	return next, bytes.Count(out[:i], []byte(`{"collection":`))
}

// pullAll follows the checkpoint to the end.
func (p *phone) pullAll() (checkpoint string, documents int) {
	for {
		next, n := p.pull(checkpoint)
		documents += n
		checkpoint = next.Checkpoint
		if !next.More {
			return checkpoint, documents
		}
	}
}
