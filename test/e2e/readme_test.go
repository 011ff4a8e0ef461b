package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestReadmeWalkThrough runs the console blocks of README.md, line by line in
// one shell, against a fresh demo district, and compares what is printed. In
// the README "…" stands for what differs from run to run.
func TestReadmeWalkThrough(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	steps := consoleSteps(string(text))
	if len(steps) < 8 {
		t.Fatalf("the README's walk-through has %d commands", len(steps))
	}
	s := startMonth(t)
	var script strings.Builder
	script.WriteString("cd ../..\nTMPDIR=" + t.TempDir() + "\nset -o pipefail\n")
	for i, st := range steps {
		command := strings.NewReplacer("127.0.0.1:8080", s.addr, "bin/gridpatrol", binary).Replace(st.command)
		fmt.Fprintf(&script, "%s\necho; echo '<<step %d>>'\n", command, i)
	}
	out, err := exec.Command("bash", "-c", script.String()).CombinedOutput()
	if err != nil {
		t.Logf("the shell ended with %v", err)
	}
	rest := string(out)
	for i, st := range steps {
		printed, after, found := strings.Cut(rest, fmt.Sprintf("\n<<step %d>>\n", i))
		if !found {
			t.Fatalf("the walk-through ended before step %d: %s\n%s", i, st.command, rest)
		}
		rest = after
		if !st.pattern().MatchString(strings.TrimSpace(printed)) {
			t.Errorf("$ %s\nprinted:\n%s\nthe README says:\n%s", st.command, printed, st.output)
		}
	}
}

type step struct{ command, output string }

// consoleSteps reads the ```console blocks: lines that begin with "$ " are
// commands, "> " continues one, the rest is output.
func consoleSteps(text string) []step {
	var steps []step
	inside := false
	for _, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == "```console"
		case !inside:
		case strings.HasPrefix(line, "$ "):
			steps = append(steps, step{command: line[2:]})
		case strings.HasPrefix(line, "> "):
			steps[len(steps)-1].command += "\n" + line[2:]
		default:
			steps[len(steps)-1].output += line + "\n"
		}
	}
	return steps
}

func (s step) pattern() *regexp.Regexp {
	quoted := regexp.QuoteMeta(strings.TrimSpace(s.output))
	return regexp.MustCompile(`(?s)^` + strings.ReplaceAll(quoted, "…", ".*?") + `$`)
}
