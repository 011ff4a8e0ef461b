package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"gridpatrol/inspection"
	"gridpatrol/seeds"
	"gridpatrol/store/sqlite"
)

// stepped is a server whose clock is set to and fro, and one phone.
type stepped struct {
	t             *testing.T
	url, data     string
	off           atomic.Int64 // of the clock, in nanoseconds
	username      string
	device        string
	access, renew string
	n             int64
}

func (s *stepped) now() time.Time { return time.Now().Add(time.Duration(s.off.Load())) }

func startStepped(t *testing.T) *stepped {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &stepped{t: t, url: "http://" + ln.Addr().String(), data: filepath.Join(t.TempDir(), "data"), username: "inspector1", device: uuid.NewString()}
	ln.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int, 1)
	go func() {
		done <- Run(ctx, Process{
			Args: []string{"demo", "--no-demo-month", "--data", s.data, "--listen", ln.Addr().String(), "--log-level", "error"},
			Now:  s.now, Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: t.Output(),
		})
	}()
	t.Cleanup(func() {
		cancel()
		if status := <-done; status != exitOK {
			t.Errorf("the server ended with %d", status)
		}
		s.checkHistory()
	})
	for range 1000 {
		if res, err := http.Get(s.url + "/readyz"); err == nil {
			res.Body.Close()
			return s
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the server doesn't get ready")
	return nil
}

type answer = map[string]any

func (s *stepped) call(method, path string, body any) (int, answer) {
	s.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	req, err := http.NewRequest(method, s.url+path, bytes.NewReader(raw))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if s.access != "" {
		req.Header.Set("Authorization", "Bearer "+s.access)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	var a answer
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil {
		s.t.Fatalf("%s %s: %d %v", method, path, res.StatusCode, err)
	}
	return res.StatusCode, a
}

func (s *stepped) sign(path string, body answer) {
	s.t.Helper()
	s.access = ""
	status, a := s.call(http.MethodPost, path, body)
	if status != http.StatusOK {
		s.t.Fatalf("%s, with the clock off by %s: %d %v", path, time.Duration(s.off.Load()), status, a)
	}
	s.access, _ = a["access_token"].(string)
	s.renew, _ = a["refresh_token"].(string)
}

func (s *stepped) signIn() {
	s.t.Helper()
	s.sign("/v1/auth/login", answer{
		"username": s.username, "password": "gridpatrol-demo",
		"device": answer{"id": s.device, "name": "P", "app_version": "1"},
	})
}

// insist is call as a phone does it: a token that ran out is renewed.
func (s *stepped) insist(method, path string, body any) answer {
	s.t.Helper()
	status, a := s.call(method, path, body)
	if status == http.StatusUnauthorized {
		s.sign("/v1/auth/refresh", answer{"refresh_token": s.renew, "device": answer{"id": s.device}})
		status, a = s.call(method, path, body)
	}
	if status != http.StatusOK {
		s.t.Fatalf("%s %s: %d %v", method, path, status, a)
	}
	return a
}

// push pushes a new inspection and returns the edit that did it.
func (s *stepped) push() answer {
	s.t.Helper()
	s.n++
	doc, id := seeds.Fixture("diesel_roadside_pass"), uuid.Must(uuid.NewV7()).String()
	doc["id"], doc["area"] = id, "610102001"
	batch := answer{"device_time": time.Now().Format(time.RFC3339), "mutations": []any{
		answer{"n": s.n, "collection": "inspections", "op": "put", "id": id, "base": 0, "doc": doc},
	}}
	if status := s.pushed(batch)["status"]; status != "applied" {
		s.t.Fatalf("a push is %v", status)
	}
	return batch
}

func (s *stepped) pushed(batch answer) answer {
	s.t.Helper()
	results, _ := s.insist(http.MethodPost, "/v1/sync/push", batch)["results"].([]any)
	if len(results) != 1 {
		s.t.Fatalf("%d results", len(results))
	}
	r, _ := results[0].(map[string]any)
	return r
}

// TestTheClockIsSet: the server's clock is set days forward and back again and
// again. Phones stay signed in, nothing is refused or done twice, a pull goes
// on from where it was, and the history's times never run backwards.
func TestTheClockIsSet(t *testing.T) {
	s := startStepped(t)
	s.signIn()
	checkpoint := s.insist(http.MethodGet, "/v1/sync/pull?limit=2000", nil)["checkpoint"]
	var last answer
	for _, step := range []time.Duration{0, 72 * time.Hour, -72 * time.Hour, -2 * time.Minute, 400 * 24 * time.Hour, time.Second, -400 * 24 * time.Hour} {
		s.off.Store(int64(step))
		if step > 300*24*time.Hour {
			s.signIn() // no phone's sign-in lasts that long
		}
		if last != nil {
			if r := s.pushed(last); r["replayed"] != true {
				t.Errorf("with the clock off by %s, a repeated edit is %v", step, r)
			}
		}
		last = s.push()
		page := s.insist(http.MethodGet, fmt.Sprint("/v1/sync/pull?limit=2000&checkpoint=", checkpoint), nil)
		inspections := 0
		for _, x := range page["changes"].([]any) {
			if c, _ := x.(map[string]any); c["collection"] == "inspections" {
				inspections++
			}
		}
		if inspections != 1 {
			t.Errorf("with the clock off by %s, a pull brings %d inspections", step, inspections)
		}
		checkpoint = page["checkpoint"]
	}
}

// checkHistory: after the server has ended.
func (s *stepped) checkHistory() {
	s.t.Helper()
	if status := Run(context.Background(), Process{
		Args: []string{"verify", "--data", s.data}, Stdin: strings.NewReader(""), Stdout: s.t.Output(), Stderr: s.t.Output(),
	}); status != exitOK {
		s.t.Errorf("verify ends with %d", status)
	}
	ctx := context.Background()
	st, err := sqlite.Open(ctx, s.data, sqlite.Options{Existing: true})
	if err != nil {
		s.t.Fatal(err)
	}
	defer st.Close()
	var before time.Time
	entries := 0
	for after := int64(0); ; {
		commits, err := st.Commits(ctx, inspection.Area("610102001"), after, 100)
		if err != nil || len(commits) == 0 {
			break
		}
		for _, c := range commits {
			for _, e := range c.Entries {
				entries++
				if e.At.Before(before) {
					s.t.Errorf("entry %d is from %s, the one before from %s", e.Seq, e.At, before)
				}
				before = e.At
			}
			after = c.Last
		}
	}
	if entries < int(s.n) {
		s.t.Errorf("the log has %d entries of %d", entries, s.n)
	}
}
