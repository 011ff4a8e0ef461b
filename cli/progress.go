package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"gridpatrol/store/history"
)

// How often progress is told: a terminal shows one line that changes, a log
// gets a new line now and then.
const (
	tellTerminal = 200 * time.Millisecond
	tellLog      = 10 * time.Second
)

// progress tells a person how far long work is.
type progress struct {
	to       io.Writer
	now      func() time.Time
	work     string
	terminal bool
	next     time.Time
	shown    bool
}

// quietFlag is taken by all long work.
type quietFlag struct {
	Quiet bool `short:"q" help:"Print nothing unless something is wrong."`
}

func (f quietFlag) progress(r *run, work string) *progress {
	p := &progress{to: r.Stderr, now: now, work: work}
	if f.Quiet {
		p.to = io.Discard
	} else if file, ok := r.Stderr.(*os.File); ok {
		info, err := file.Stat()
		p.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	p.next = p.now().Add(p.pause())
	return p
}

func (p *progress) pause() time.Duration {
	if p.terminal {
		return tellTerminal
	}
	return tellLog
}

func (p *progress) tell(x history.Progress) {
	if p.now().Before(p.next) {
		return
	}
	p.next = p.now().Add(p.pause())
	line := fmt.Sprintf("%s: %s", p.work, x.Step)
	if x.Done > 0 {
		line += fmt.Sprintf(", %d", x.Done)
	}
	if x.Total > 0 {
		line += fmt.Sprintf(" of %d (%d%%)", x.Total, 100*x.Done/x.Total)
	}
	p.write(line)
}

func (p *progress) write(line string) {
	if p.terminal {
		fmt.Fprintf(p.to, "\r\x1b[K%s", line)
		p.shown = true
		return
	}
	fmt.Fprintln(p.to, line)
}

// end clears the line of a terminal.
func (p *progress) end() {
	if p.shown {
		fmt.Fprint(p.to, "\r\x1b[K")
	}
}
