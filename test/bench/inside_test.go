package bench_test

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	gosync "sync"
	"testing"
	"time"

	"gridpatrol/cli"
)

// BenchmarkPushInside is BenchmarkPush/http with the server in the test's own
// process, so that -cpuprofile shows where the time goes.
func BenchmarkPushInside(b *testing.B) {
	s := inside(b, filepath.Join(b.TempDir(), "data"))
	phones := make([]*phone, clients)
	work := make([][][]byte, clients)
	for i := range phones {
		phones[i] = s.signIn("inspector" + string(rune('1'+i)))
		work[i] = bodies(b, area(i), batches*b.N, 0)
	}
	b.ResetTimer()
	var group gosync.WaitGroup
	for i, p := range phones {
		group.Go(func() {
			for _, body := range work[i] {
				p.call(http.MethodPost, "/v1/sync/push", body)
			}
		})
	}
	group.Wait()
	b.StopTimer()
	b.ReportMetric(float64(clients*batches*batchSize*b.N)/b.Elapsed().Seconds(), "records/s")
}

// inside runs the command line in this process.
func inside(b *testing.B, data string) *server {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &server{tb: b, addr: ln.Addr().String()}
	ln.Close()
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan int, 1)
	go func() {
		done <- cli.Run(ctx, cli.Process{
			Args:  []string{"serve", "--demo", "--no-demo-month", "--data", data, "--listen", s.addr, "--log-level", "warn"},
			Stdin: bytes.NewReader(nil), Stdout: os.Stdout, Stderr: os.Stderr,
		})
	}()
	b.Cleanup(func() { cancel(); <-done })
	for range 1000 {
		if res, err := http.Get("http://" + s.addr + "/readyz"); err == nil {
			res.Body.Close()
			return s
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.Fatal("not ready")
	return nil
}

// BenchmarkPullInside is BenchmarkFullPull with the server in the test's own
// process.
func BenchmarkPullInside(b *testing.B) {
	data := filepath.Join(b.TempDir(), "data")
	filled(b, data, 100_000)
	s := inside(b, data)
	b.ResetTimer()
	documents := 0
	for range b.N {
		_, n := s.signIn("supervisor").pullAll()
		documents += n
	}
	b.ReportMetric(float64(documents)/b.Elapsed().Seconds(), "records/s")
}
