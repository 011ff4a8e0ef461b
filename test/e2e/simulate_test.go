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
	out, status := runProgram(t, simulator, "", append([]string{"--phones", "10", "--days", "6", "--loss", "0.25", "--kill-every", "2s"}, args...)...)
	if status != 0 || !strings.Contains(out, "replay: simulate") {
		t.Fatalf("exit status %d\n%s", status, out)
	}
	t.Log(out)
}

// TestSimulation also sees to it that a real database which the environment
// names is left alone.
func TestSimulation(t *testing.T) {
	t.Setenv("GRIDPATROL_STORE", "mongodb://127.0.0.1:1/real")
	simulateSome(t, "--seed", "20")
}

func TestSimulationOnMongo(t *testing.T) {
	simulateSome(t, "--phones", "5", "--days", "4", "--kill-every", "5s", "--seed", "21", "--store", mongotest.Database(t))
}

// TestSimulationOnTwoServers: each request goes to the other one.
func TestSimulationOnTwoServers(t *testing.T) {
	simulateSome(t, "--phones", "5", "--days", "3", "--kill-every", "5s", "--seed", "23", "--servers", "2", "--store", mongotest.Database(t))
}

// TestSimulationOfAGivenServer drives a server that holds other people's
// documents.
func TestSimulationOfAGivenServer(t *testing.T) {
	s := startDemo(t)
	p := s.signIn("inspector1")
	_, edits := p.oneInspection("610102001")
	p.results(edits...)
	simulateSome(t, "--days", "3", "--seed", "22", "--url", s.url(""), "--username", "admin", "--password", "gridpatrol-demo")
}
