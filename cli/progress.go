package cli

import (
	"fmt"
	"io"

	"gridpatrol/cli/progress"
	"gridpatrol/store/history"
)

// quietFlag is taken by all long work.
type quietFlag struct {
	Quiet bool `short:"q" help:"Print nothing unless something is wrong."`
}

func (f quietFlag) progress(r *run, work string) *progress.Line {
	to := r.Stderr
	if f.Quiet {
		to = io.Discard
	}
	return progress.New(to, work, now)
}

// tellStep returns what tells the steps of work on a history.
func tellStep(line *progress.Line) func(history.Progress) {
	return func(x history.Progress) { line.Tell(func() string { return describeStep(x) }) }
}

func describeStep(x history.Progress) string {
	text := x.Step
	if x.Done > 0 {
		text += fmt.Sprintf(", %d", x.Done)
	}
	if x.Total > 0 {
		text += fmt.Sprintf(" of %d (%d%%)", x.Total, 100*x.Done/x.Total)
	}
	return text
}
