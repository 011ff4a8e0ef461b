// Package mutants puts bugs into copies of the server on purpose and demands
// that the simulator finds each one out. Nothing of it is in the product: a
// mutant is built from sources of which a line or two were exchanged on the
// way to the compiler.
package mutants_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gridpatrol/store/mongo/mongotest"
)

// Variable makes the tests run all mutants when it is set to "all". Otherwise
// they run those marked as quick: each one is a build and a simulation.
const Variable = "GRIDPATROL_MUTANTS"

// mutant is a bug and the promises of which at least one must be found broken.
type mutant struct {
	bug    string
	edits  []edit
	caught []string
	args   []string // more than the usual ones
	mongo  bool
	quick  bool
}

// edit exchanges text that stands in a file exactly once: when the code moves,
// the test fails rather than testing nothing.
type edit struct{ file, old, new string }

// usual are the arguments of every simulation. Some bugs stop phones from ever
// getting done, hence the short patience.
var usual = []string{"--phones", "10", "--days", "8", "--loss", "0.3", "--kill-every", "2s", "--seed", "3", "--patience", "8s"}

// seeds is how many simulations a mutant may get through: some bugs need an
// order of events that the kernel, not the seed, decides on.
const seeds = 4

// simulator returns the module's folder and the simulator.
func simulator(t *testing.T) (root, binary string) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	binary = filepath.Join(t.TempDir(), "simulate")
	build(t, root, binary, "./cmd/simulate")
	return root, binary
}

func build(t *testing.T, root, binary string, what ...string) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"build", "-o", binary}, what...)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// sources returns the files with the edits in them, by their place.
func (m *mutant) sources(t *testing.T, root string) map[string]string {
	t.Helper()
	edited := map[string]string{}
	for _, e := range m.edits {
		place := filepath.Join(root, filepath.FromSlash(e.file))
		if _, again := edited[place]; !again {
			source, err := os.ReadFile(place)
			if err != nil {
				t.Fatal(err)
			}
			edited[place] = string(source)
		}
		if n := strings.Count(edited[place], e.old); n != 1 {
			t.Errorf("%s: %s has this %d times, not once:\n%s", m.bug, e.file, n, e.old)
		}
		edited[place] = strings.Replace(edited[place], e.old, e.new, 1)
	}
	return edited
}

// mutate builds the program with the edits in it.
func (m *mutant) mutate(t *testing.T, root string) string {
	t.Helper()
	dir := t.TempDir()
	replace := map[string]string{}
	for place, source := range m.sources(t, root) {
		replace[place] = filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
		if err := os.WriteFile(replace[place], []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	overlay := filepath.Join(dir, "overlay.json")
	raw, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(overlay, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "mutant")
	build(t, root, binary, "-overlay", overlay, ".")
	return binary
}

// run simulates and returns the output, the exit status and the promises that
// were found broken.
func run(t *testing.T, binary string, args []string) (out string, status int, broken []string) {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	raw, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(raw), "\n") {
		if fields := strings.Fields(line); len(fields) == 4 && fields[3] == "BROKEN" {
			broken = append(broken, fields[0])
		}
	}
	return string(raw), cmd.ProcessState.ExitCode(), broken
}

// TestEveryEditStillFits: when the code moves, its mutants move along.
func TestEveryEditStillFits(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for i := range mutants {
		mutants[i].sources(t, root)
	}
}

// TestControl: without a bug, the same simulation finds nothing. In a usual run
// test/e2e shows that.
func TestControl(t *testing.T) {
	if os.Getenv(Variable) != "all" {
		t.Skipf("set %s to all", Variable)
	}
	root, binary := simulator(t)
	server := filepath.Join(filepath.Dir(binary), "gridpatrol")
	build(t, root, server, ".")
	if out, status, _ := run(t, binary, append(slices.Clone(usual), "--patience", "90s")); status != 0 {
		t.Fatalf("exit status %d\n%s", status, out)
	}
}

func TestMutants(t *testing.T) {
	all := os.Getenv(Variable) == "all"
	root, binary := simulator(t)
	var table strings.Builder
	for i := range mutants {
		m := &mutants[i]
		if !all && !m.quick {
			continue
		}
		t.Run(m.bug, func(t *testing.T) {
			args := append(append(slices.Clone(usual), m.args...), "--server", m.mutate(t, root))
			out, status, broken := "", 0, []string(nil)
			caught := false
			for seed := 3; seed < 3+seeds && !caught; seed++ {
				more := []string{"--seed", strconv.Itoa(seed)}
				if m.mongo {
					more = append(more, "--store", mongotest.Database(t))
				}
				out, status, broken = run(t, binary, append(args[:len(args):len(args)], more...))
				caught = status == 3 && slices.ContainsFunc(m.caught, func(c string) bool { return slices.Contains(broken, c) })
			}
			fmt.Fprintf(&table, "| %s | %s |\n", m.bug, strings.Join(broken, ", "))
			if !caught {
				t.Errorf("exit status %d, broken %v; one of %v should be\n%s", status, broken, m.caught, out)
			}
		})
	}
	t.Logf("what was found broken:\n%s", &table)
}
