// Package progress tells people how far long work is.
package progress

import (
	"fmt"
	"io"
	"os"
	"time"
)

// How often progress is told: a terminal shows one line that changes, a log
// gets a new line now and then.
const (
	pauseTerminal = 200 * time.Millisecond
	pauseLog      = 10 * time.Second
)

// Line tells how far one work is. It is for one goroutine at a time.
type Line struct {
	// Terminal: what was told is overwritten by what comes next.
	Terminal bool

	to    io.Writer
	now   func() time.Time
	work  string
	last  time.Time
	shown bool
}

// New returns the line of the work that begins now. Whether there is a terminal
// at the other end it finds out by itself.
func New(to io.Writer, work string, now func() time.Time) *Line {
	return &Line{Terminal: isTerminal(to), to: to, now: now, work: work, last: now()}
}

func isTerminal(to io.Writer) bool {
	file, ok := to.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Tell writes how far the work is, unless it has done so just now.
func (l *Line) Tell(howFar func() string) {
	pause := pauseLog
	if l.Terminal {
		pause = pauseTerminal
	}
	now := l.now()
	if now.Sub(l.last) < pause {
		return
	}
	l.last = now
	if l.Terminal {
		fmt.Fprintf(l.to, "\r\x1b[K%s: %s", l.work, howFar())
		l.shown = true
		return
	}
	fmt.Fprintf(l.to, "%s: %s\n", l.work, howFar())
}

// End clears the line of a terminal.
func (l *Line) End() {
	if l.shown {
		fmt.Fprint(l.to, "\r\x1b[K")
	}
}
