package e2e_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// rxExample is the folder of the example app.
const rxExample = "../../examples/rxdb"

// TestExampleWithRxDB runs what its README says: one watches, another files a
// record, the server goes away and comes back.
func TestExampleWithRxDB(t *testing.T) {
	needNode(t, rxExample)
	s := startDemo(t)
	app := func(args ...string) *exec.Cmd {
		cmd := exec.Command("node", append([]string{"app.mjs"}, args...)...)
		cmd.Dir, cmd.Env = rxExample, append(os.Environ(), "GRIDPATROL_URL="+s.url(""))
		return cmd
	}
	watch, shown := app("watch"), &logBuffer{}
	watch.Stdout = shown
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { watch.Process.Kill(); watch.Wait() }()
	add := func(note string) {
		t.Helper()
		out, err := app("add", note).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "is revision 1: ") {
			t.Fatalf("%v: %s", err, out)
		}
		for deadline := time.Now().Add(time.Minute); !strings.Contains(shown.String(), note); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("who watches sees %q", shown)
			}
		}
	}
	add("smoke by the gate")
	s.kill()
	s.start("demo")
	add("embers behind it")
}
