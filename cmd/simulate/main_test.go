package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestEveryFlagHasAVariable but the place that a simulation fills: a real
// server's variable must not point it there.
func TestEveryFlagHasAVariable(t *testing.T) {
	parser, err := newParser(&command{stdout: io.Discard, stderr: io.Discard}, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	err = kong.Visit(parser.Model, func(node kong.Visitable, next kong.Next) error {
		f, ok := node.(*kong.Flag)
		switch {
		case !ok || f.Name == "help":
		case f.Name == "store":
			if len(f.Envs) != 0 {
				t.Errorf("--store has the variables %v", f.Envs)
			}
		default:
			seen++
			want := "GRIDPATROL_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
			if len(f.Envs) != 1 || f.Envs[0] != want {
				t.Errorf("--%s has the variables %v, want %s", f.Name, f.Envs, want)
			}
		}
		return next(nil)
	})
	if err != nil || seen < 10 {
		t.Errorf("%d flags, %v", seen, err)
	}
}

// TestWrongCommandLines say what to do and simulate nothing.
func TestWrongCommandLines(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	server := filepath.Join(t.TempDir(), "server")
	if err := os.WriteFile(server, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"--fly"}, exitUsage, "--help"},
		{[]string{"--server", server + "2"}, exitUsage, "server2"},
		{[]string{"--url", "http://127.0.0.1:1", "--server", server}, exitError, "leave them out"},
		{[]string{"--servers", "2"}, exitError, "--store"},
		{nil, exitError, "--server"}, // none lies beside the tests
		{[]string{"--server", server, "--phones", "1"}, exitError, "two phones"},
		{[]string{"--help"}, exitOK, "--kill-every"},
	} {
		var out strings.Builder
		if status := execute(context.Background(), c.args, &out, &out); status != c.status || !strings.Contains(out.String(), c.says) {
			t.Errorf("%v: status %d: %s", c.args, status, &out)
		}
	}
}

func TestReplayNamesWhatWasSimulated(t *testing.T) {
	for _, c := range []struct {
		command command
		want    string
	}{
		{command{Phones: 2, Days: 3, Loss: 0.5}, "simulate --phones 2 --days 3 --loss 0.5 --seed 7 --kill-every 0s"},
		{command{URL: "http://127.0.0.1:1"}, "simulate --phones 0 --days 0 --loss 0 --seed 7 --url http://127.0.0.1:1"},
		{command{Servers: 2, Store: "mongodb://u:secret@h/db"}, "simulate --phones 0 --days 0 --loss 0 --seed 7 --kill-every 0s --store mongodb://u:xxxxx@h/db --servers 2"},
		{command{Store: "mongodb://u:secr%ZZ@h/db"}, "simulate --phones 0 --days 0 --loss 0 --seed 7 --kill-every 0s --store …"},
	} {
		if got := c.command.replay(7); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
