package cli

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gridpatrol/cli/progress"
	"gridpatrol/store/history"
)

// TestProgress: a log gets a line every ten seconds, a terminal one line that
// changes and is gone in the end.
func TestProgress(t *testing.T) {
	for _, c := range []struct {
		terminal bool
		want     string
	}{
		{false, "backup: entries, 100 of 300 (33%)\nbackup: engine\n"},
		{true, "\r\x1b[Kbackup: entries, 25 of 300 (8%)\r\x1b[Kbackup: entries, 100 of 300 (33%)\r\x1b[Kbackup: engine\r\x1b[K"},
	} {
		var out bytes.Buffer
		at := time.Unix(0, 0)
		line := progress.New(&out, "backup", func() time.Time { return at })
		line.Terminal = c.terminal
		tell := tellStep(line)
		for _, step := range []struct {
			after time.Duration
			tell  history.Progress
		}{
			{100 * time.Millisecond, history.Progress{Step: "entries", Done: 1, Total: 300}},
			{time.Second, history.Progress{Step: "entries", Done: 25, Total: 300}},
			{10 * time.Second, history.Progress{Step: "entries", Done: 100, Total: 300}},
			{50 * time.Millisecond, history.Progress{Step: "entries", Done: 101, Total: 300}},
			{10 * time.Second, history.Progress{Step: "engine"}},
		} {
			at = at.Add(step.after)
			tell(step.tell)
		}
		line.End()
		if got := out.String(); got != c.want {
			t.Errorf("terminal %v: %q, want %q", c.terminal, got, c.want)
		}
	}
}

// TestWriteFile: what fails leaves the old file, and no other.
func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "heads.json")
	write := func(text string, failure error) error {
		return writeFile(filePath(file), func(w io.Writer) error {
			_, err := io.WriteString(w, text)
			return errors.Join(err, failure)
		})
	}
	broken := errors.New("broken")
	for _, c := range []struct {
		text string
		err  error
		want string
	}{{"one", nil, "one"}, {"half", broken, "one"}, {"two", nil, "two"}} {
		if err := write(c.text, c.err); !errors.Is(err, c.err) {
			t.Errorf("writing %q returned %v", c.text, err)
		}
		got, err := os.ReadFile(file)
		if err != nil || string(got) != c.want {
			t.Errorf("after %q the file holds %q, %v", c.text, got, err)
		}
		names, err := os.ReadDir(dir)
		if err != nil || len(names) != 1 {
			t.Errorf("after %q there are %v, %v", c.text, names, err)
		}
	}
	if err := writeFile(filePath(filepath.Join(dir, "no", "folder")), nil); err == nil {
		t.Error("a file in a folder that isn't there was written")
	}
}
