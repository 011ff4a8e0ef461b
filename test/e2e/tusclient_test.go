package e2e_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	gosync "sync"
	"testing"

	"gridpatrol/test/localhost"
)

// tusClient is the folder of the published client.
const tusClient = "../clients/tus"

// outcome is what the client says at the end.
type outcome struct {
	Done, Resumed bool
	Retries       int
	Stopped       int64
	URL, Error    string
}

// clientRun is one run of the published client for a file.
type clientRun struct {
	a        *account
	endpoint string
	dir      string
	data     []byte
}

func (c *clientRun) run(t *testing.T, more object) outcome {
	t.Helper()
	file := filepath.Join(c.dir, "photo.jpg")
	if err := os.WriteFile(file, c.data, 0o600); err != nil {
		t.Fatal(err)
	}
	settings := object{
		"endpoint": c.endpoint, "token": c.a.token, "file": file, "sha256": hashOf(c.data),
		"filetype": "image/jpeg", "store": filepath.Join(c.dir, "uploads.json"),
	}
	for name, v := range more {
		settings[name] = v
	}
	text, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", "upload.mjs", string(text))
	cmd.Dir = tusClient
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	printed, err := cmd.Output()
	var o outcome
	if json.Unmarshal(printed, &o) != nil {
		t.Fatalf("the client printed %q, %v: %s", printed, err, &stderr)
	}
	return o
}

// cutter passes connections on to the server and cuts them in the middle of
// parts: the nth PATCH after so many bytes, those beyond the list never.
type cutter struct {
	after []int64

	mu    gosync.Mutex
	count int
	heads []string // the PATCHes
}

func startCutter(t *testing.T, to string, after ...int64) (*cutter, string) {
	t.Helper()
	c := &cutter{after: after}
	return c, localhost.Relay(t, to, c.pass)
}

func (c *cutter) pass(client, server net.Conn) {
	go io.Copy(client, server)
	left := int64(-1)
	for buf := make([]byte, 32<<10); ; {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		// A client waits for the answer before it asks on, so requests begin
		// where a read begins.
		if left < 0 {
			left = c.enter(string(buf[:n]))
		}
		if left >= 0 {
			n = int(min(int64(n), left))
			left -= int64(n)
		}
		if _, err := server.Write(buf[:n]); err != nil || left == 0 {
			return
		}
	}
}

// enter notes a request and returns how much of a PATCH may pass; -1: all.
func (c *cutter) enter(head string) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !strings.HasPrefix(head, "PATCH ") {
		return -1
	}
	c.heads = append(c.heads, head)
	if c.count >= len(c.after) {
		return -1
	}
	c.count++
	return c.after[c.count-1]
}

// offsets are those of the PATCHes, in order.
func (c *cutter) offsets() (list []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, head := range c.heads {
		for line := range strings.SplitSeq(head, "\r\n") {
			if name, value, _ := strings.Cut(line, ": "); strings.EqualFold(name, "Upload-Offset") {
				list = append(list, value)
			}
		}
	}
	return list
}

// TestPublishedTusClient: tus-js-client as published uploads, is cut in the
// middle, resumes and finishes; the download equals the file bit for bit.
func TestPublishedTusClient(t *testing.T) {
	needNode(t, tusClient)
	s := startDemo(t)
	a := s.signIn("inspector3")

	t.Run("cut twice by the network", func(t *testing.T) {
		data := bigPhoto(1)
		cut, addr := startCutter(t, s.addr, int64(len(data)/3), int64(len(data)/4))
		c := &clientRun{a: a, endpoint: "http://" + addr + "/v1/uploads", dir: t.TempDir(), data: data}
		o := c.run(t, nil)
		if !o.Done || o.Retries < 2 {
			t.Fatalf("%+v", o)
		}
		offsets := cut.offsets()
		if len(offsets) != 3 || offsets[0] != "0" || offsets[1] == "0" || offsets[2] == offsets[1] {
			t.Errorf("parts began at %v: nothing was kept over the cuts", offsets)
		}
		a.holds(t, data)
	})
	t.Run("switched off and on again", func(t *testing.T) {
		data := bigPhoto(2)
		c := &clientRun{a: a, endpoint: s.url("/v1/uploads"), dir: t.TempDir(), data: data}
		o := c.run(t, object{"stopAt": len(data) / 2, "chunkSize": 64 << 10})
		if o.Stopped == 0 || o.Done {
			t.Fatalf("%+v", o)
		}
		s.kill()
		s.start("demo")
		o = c.run(t, nil)
		if !o.Done || !o.Resumed {
			t.Fatalf("%+v", o)
		}
		a.holds(t, data)
		again := c.run(t, nil) // what is here is done at once
		if !again.Done {
			t.Errorf("%+v", again)
		}
	})
	t.Run("told that the file is another one", func(t *testing.T) {
		data := bigPhoto(3)
		c := &clientRun{a: a, endpoint: s.url("/v1/uploads"), dir: t.TempDir(), data: data}
		o := c.run(t, object{"sha256": hashOf([]byte("x"))})
		if o.Done || !strings.Contains(o.Error, "460") && !strings.Contains(o.Error, "404") {
			t.Errorf("%+v", o)
		}
	})
}

// holds downloads a photo and compares.
func (a *account) holds(t *testing.T, data []byte) {
	t.Helper()
	status, got := a.download("/v1/media/" + hashOf(data))
	if status != http.StatusOK || !bytes.Equal(got, data) {
		t.Errorf("the download is %d, %d bytes of %d, or other ones", status, len(got), len(data))
	}
}
