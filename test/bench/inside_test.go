package bench_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"gridpatrol/cli"
	"gridpatrol/test/localhost"
)

// BenchmarkPushInside is BenchmarkPush/http with the server in the test's own
// process, so that -cpuprofile shows where the time goes.
func BenchmarkPushInside(b *testing.B) {
	pushAll(b, inside(b, filepath.Join(b.TempDir(), "data")))
	b.ReportMetric(float64(clients*batches*batchSize*b.N)/b.Elapsed().Seconds(), "records/s")
}

// inside runs the command line in this process.
func inside(b *testing.B, data string) *server {
	b.Helper()
	s := &server{tb: b, addr: localhost.FreeAddress(b)}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan int, 1)
	go func() {
		done <- cli.Run(ctx, cli.Process{
			Args:  []string{"serve", "--demo", "--no-demo-month", "--data", data, "--listen", s.addr, "--log-level", "warn"},
			Stdin: bytes.NewReader(nil), Stdout: os.Stdout, Stderr: os.Stderr,
		})
	}()
	b.Cleanup(func() { cancel(); <-done })
	if !localhost.Ready("http://" + s.addr + "/readyz") {
		b.Fatal("not ready")
	}
	return s
}

// BenchmarkPullInside is BenchmarkFullPull with the server in the test's own
// process.
func BenchmarkPullInside(b *testing.B) {
	data := filepath.Join(b.TempDir(), "data")
	filled(b, data, 100_000)
	s := inside(b, data)
	documents := pullAll(b, s)
	b.ReportMetric(float64(documents)/b.Elapsed().Seconds(), "records/s")
}
