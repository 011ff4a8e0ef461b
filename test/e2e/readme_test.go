package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"gridpatrol/test/localhost"
)

// TestReadmeWalkThrough runs the console blocks of README.md, line by line in
// one shell, against a fresh demo district, and compares what is printed. In
// the README "…" stands for what differs from run to run. The demo's photos are
// there by then, even if the server was killed among them.
func TestReadmeWalkThrough(t *testing.T) {
	text, _ := readme(t)
	s := startMonth(t)
	s.kill()
	s.start("demo")
	s.albumSent()
	s.walk(text, 25)
}

// TestReadmeOnMongo runs the blocks about Mongo, on a small district.
func TestReadmeOnMongo(t *testing.T) {
	_, text := readme(t)
	startDemo(t).walk("```console\n$ T=$(mktemp -d)\n```\n"+text, 7)
}

// readme returns what README.md says before and from the heading about Mongo.
func readme(t *testing.T) (before, from string) {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	before, from, found := strings.Cut(string(text), "### On Mongo\n")
	if !found {
		t.Fatal("the README doesn't tell of Mongo")
	}
	return before, from
}

// walk runs the text's commands, at least so many.
func (s *server) walk(text string, least int) {
	t := s.t
	t.Helper()
	steps := consoleSteps(text)
	if len(steps) < least {
		t.Fatalf("the walk-through has %d commands", len(steps))
	}
	inTest := strings.NewReplacer("127.0.0.1:8080", s.addr, "127.0.0.1:27017", localhost.FreeAddress(t), "bin/gridpatrol", binary, "./data/demo", s.data)
	var script strings.Builder
	script.WriteString("cd ../..\nTMPDIR=" + t.TempDir() + "\nset -o pipefail\n")
	for i, st := range steps {
		fmt.Fprintf(&script, "%s\necho; echo '<<step %d>>'\n", inTest.Replace(st.command), i)
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
