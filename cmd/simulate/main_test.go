package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gridpatrol/test/flags"
)

// TestEveryFlagHasAVariable but the place that a simulation fills: a real
// server's variable must not point it there.
func TestEveryFlagHasAVariable(t *testing.T) {
	parser, err := newParser(&command{stdout: io.Discard, stderr: io.Discard}, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	flags.HaveVariables(t, parser, "store")
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
