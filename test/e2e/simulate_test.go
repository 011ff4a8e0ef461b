package e2e_test

import (
	"strings"
	"testing"

	"gridpatrol/store/mongo/mongotest"
)

// simulateSome lets a few bad phones loose for some days. The output of a
// failure names the command that replays it; `make soak` runs longer ones.
func simulateSome(t *testing.T, args ...string) {
	t.Helper()
	out, status := run(t, "", append([]string{"simulate", "--phones", "10", "--days", "6", "--loss", "0.25", "--kill-every", "2s"}, args...)...)
	if status != 0 || !strings.Contains(out, "replay: gridpatrol simulate") {
		t.Fatalf("exit status %d\n%s", status, out)
	}
	t.Log(out)
}

func TestSimulation(t *testing.T) { simulateSome(t, "--seed", "20") }

func TestSimulationOnMongo(t *testing.T) {
	simulateSome(t, "--phones", "5", "--days", "4", "--kill-every", "5s", "--seed", "21", "--store", mongotest.Database(t))
}
