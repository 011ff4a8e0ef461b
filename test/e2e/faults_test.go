package e2e_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	gosync "sync"
	"syscall"
	"testing"
	"time"

	"gridpatrol/test/localhost"
)

// smallDisk mounts a disk of so many megabytes, which takes root.
func smallDisk(t *testing.T, megabytes int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", megabytes)); err != nil {
		t.Skipf("no disk can be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// TestDiskFull fills the disk while a phone pushes. The phone is told, nothing
// that was acknowledged is lost, and once there is room the same batch is
// taken, without a restart.
func TestDiskFull(t *testing.T) {
	dir := smallDisk(t, 24)
	s := &server{t: t, data: filepath.Join(dir, "data"), addr: localhost.FreeAddress(t)}
	s.start("demo")
	t.Cleanup(s.kill)
	p := s.signIn("inspector1")
	before := p.next("610102001")
	p.results(before.edits...)

	filler := filepath.Join(dir, "filler")
	fill(t, filler)
	refused, status, out := p.next("610102001"), 0, object(nil)
	for range 200 { // what the engine had set aside fills up first
		if status, out = p.push(refused.edits...); status != http.StatusOK {
			break
		}
		before, refused = refused, p.next("610102001")
	}
	if status != http.StatusInsufficientStorage && status != http.StatusServiceUnavailable || out["detail"] == nil {
		t.Fatalf("with a full disk: %d %v", status, out)
	}
	t.Logf("with a full disk: %d %v", status, out)
	if got := len(p.pullAll()); got == 0 {
		t.Error("nothing can be read from a full disk")
	}

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	for _, r := range p.results(refused.edits...) {
		if r["status"] == "rejected" {
			t.Errorf("with room again: %v", r)
		}
	}
	for _, r := range p.results(before.edits...) {
		if r["replayed"] != true {
			t.Errorf("acknowledged before the disk was full: %v", r)
		}
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if out, status := run(t, "", "verify", "--data", s.data); status != 0 {
		t.Errorf("verify: %d %s", status, out)
	}
}

// fill writes until the disk takes no more.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{1 << 20, 4 << 10} {
		block := make([]byte, size)
		for err = nil; err == nil; {
			_, err = f.Write(block)
		}
	}
}

// TestAThousandIdleStreams: each of a thousand consoles that listen is told of
// a push, and pushing goes on.
func TestAThousandIdleStreams(t *testing.T) {
	const consoles = 1000
	s := startDemo(t)
	boss, p := s.signIn("supervisor"), s.signIn("inspector1")
	var told, open gosync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{}}
	for i := range consoles {
		open.Add(1)
		told.Go(func() {
			opened := gosync.OnceFunc(open.Done)
			defer opened()
			if err := listen(ctx, client, s.url("/v1/sync/stream"), boss.token, opened); err != nil {
				t.Errorf("console %d: %v", i, err)
			}
		})
		if i%50 == 49 {
			open.Wait()
		}
	}
	open.Wait()
	p.results(p.next("610102001").edits...)
	told.Wait()
}

// listen reads a stream until it tells of the first street.
func listen(ctx context.Context, client *http.Client, url, token string, opened func()) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", res.StatusCode)
	}
	opened()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "610102001") {
			return nil
		}
	}
	return fmt.Errorf("the stream ended: %w", lines.Err())
}

// TestSlowLoris: connections that never finish their headers are closed, and
// others are served meanwhile.
func TestSlowLoris(t *testing.T) {
	t.Parallel()
	s := startDemo(t)
	p := s.signIn("inspector1")
	conns := make([]net.Conn, 300)
	for i := range conns {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /v1/sync/push HTTP/1.1\r\nHost: x\r\nX-Slow: ")
		conns[i] = conn
	}
	ended := make(chan struct{}, len(conns))
	for _, conn := range conns {
		go func() {
			defer func() { ended <- struct{}{} }()
			for { // a byte now and then, until the server has had enough
				if _, err := conn.Write([]byte("x")); err != nil {
					return
				}
				conn.SetReadDeadline(time.Now().Add(2 * time.Second))
				if _, err := conn.Read(make([]byte, 512)); err != nil && !os.IsTimeout(err) {
					return
				}
			}
		}()
	}
	deadline := time.After(2 * time.Minute)
	for left := len(conns); left > 0; {
		select {
		case <-ended:
			left--
		case <-time.After(time.Second):
			p.results(p.next("610102001").edits...)
		case <-deadline:
			t.Fatalf("%d slow connections are still open", left)
		}
	}
	p.results(p.next("610102001").edits...)
}

// TestTenThousandWrongPasswords: who guesses is held back, and nobody else is,
// nor is what needs no password.
func TestTenThousandWrongPasswords(t *testing.T) {
	t.Parallel()
	s := startDemo(t)
	p := s.signIn("inspector2")
	statuses := map[int]int{}
	var mu gosync.Mutex
	var guessing gosync.WaitGroup
	guesser := &account{s: s, username: "inspector1", device: p.device}
	for range 20 {
		guessing.Go(func() {
			for i := range 500 {
				status, _ := guesser.login(fmt.Sprint("guess ", i))
				mu.Lock()
				statuses[status]++
				mu.Unlock()
			}
		})
	}
	p.results(p.next("610102002").edits...)
	guessing.Wait()
	if statuses[http.StatusUnauthorized] == 0 || statuses[http.StatusUnauthorized] > 100 || statuses[http.StatusUnauthorized]+statuses[http.StatusTooManyRequests] != 10_000 {
		t.Errorf("answers: %v", statuses)
	}
	t.Logf("answers: %v", statuses)
	p.results(p.next("610102002").edits...)
}

// TestStopDuringUploads stops the server politely in the middle of a part.
// What arrived is kept; the phone goes on from there.
func TestStopDuringUploads(t *testing.T) {
	t.Parallel()
	s := startDemo(t)
	a := s.signIn("inspector3")
	data := bigPhoto(11)
	place := a.begin(data)
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "PATCH %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: %d\r\n\r\n", place, a.token, len(data))
	if _, err := conn.Write(data[:len(data)/2]); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	if err := s.stop(); err != nil {
		t.Errorf("the stop: %v", err)
	}
	s.start("demo")
	at := a.offset(place)
	if at == 0 {
		t.Error("nothing of half a photo was kept")
	}
	if status := a.patch(place, at, data[at:]); status != http.StatusNoContent {
		t.Errorf("going on from %d: %d", at, status)
	}
	a.holds(t, data)
}
