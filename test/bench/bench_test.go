// Package bench measures the binary against the raw engine in one run and
// tells ratios: machines differ and are noisy, ratios much less so.
//
//	go test ./test/bench -bench . -benchtime 1x -timeout 60m
package bench_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	gosync "sync"
	"testing"
	"time"
)

// binary is built once, as `make build` does.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.bench").Value.String() == "" {
		return // there is nothing but benchmarks here
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "gridpatrol-bench-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "gridpatrol")
	build := exec.Command("go", "build", "-o", binary, "../..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%v: %s", err, out))
	}
	defer os.RemoveAll(dir)
	status := m.Run()
	results.print()
	return status
}

// results gathers what the benchmarks measured, for the table at the end.
var results table

type table struct {
	mu     gosync.Mutex
	values map[string]float64
	rows   []string
}

// record keeps a value under a name for ratios, and a row for the table.
func (t *table) record(name, unit string, value float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.values == nil {
		t.values = map[string]float64{}
	}
	t.values[name] = value
	t.rows = append(t.rows, fmt.Sprintf("| %s | %.4g %s |", name, value, unit))
}

// ratio adds a row that compares two values; it is left out where one of them
// was not measured in this run.
func (t *table) ratio(name, over, under, aim string) {
	a, b := t.values[over], t.values[under]
	if a != 0 && b != 0 {
		t.rows = append(t.rows, fmt.Sprintf("| **%s** (aim: %s) | **%.2f** |", name, aim, a/b))
	}
}

func (t *table) print() {
	if len(t.rows) == 0 {
		return
	}
	t.ratio("push over HTTP / raw engine", pushHTTP, pushRaw, "at least 0.4")
	t.ratio("full pull / push", fullPull, pushHTTP, "at least 4")
	t.ratio("empty pull at 1,000,000 / at 10,000", emptyLarge, emptySmall, "at most 1.5")
	fmt.Println("\n| measured | |\n|---|---|")
	for _, row := range t.rows {
		fmt.Println(row)
	}
}

// Names of what is measured.
const (
	pushRaw     = "push, raw SQLite engine"
	pushHTTP    = "push, over HTTP"
	fullPull    = "full pull of 100,000 in pages of 500"
	emptySmall  = "empty pull at 10,000 records, p50"
	emptyLarge  = "empty pull at 1,000,000 records, p50"
	memoryLarge = "memory at 1,000,000 records"
	startLarge  = "start-up at 1,000,000 records"
)

func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}
