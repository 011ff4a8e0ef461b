package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"gridpatrol/store"
	"gridpatrol/store/history"
)

type verifyCommand struct {
	dataFlags  `embed:""`
	quietFlag  `embed:""`
	Heads      filePath `placeholder:"FILE" help:"Heads that were noted before: the history must still lead through them."`
	WriteHeads filePath `placeholder:"FILE" help:"Note the heads here if all is fine; may be the file of --heads. Keep it on another machine."`
	JSON       bool     `help:"Print the report as JSON."`
}

// Run verifies the history beside a server that may be running on it.
func (c *verifyCommand) Run(r *run) error {
	noted, err := readNote(c.Heads)
	if err != nil {
		return err
	}
	return withStore(r, c.location(), existing, func(st store.Store) error {
		p := c.progress(r, "verify")
		report, err := history.Verify(r.ctx, st, history.VerifyOptions{
			Noted: noted, Options: history.Options{Progress: tellStep(p)},
		})
		p.End()
		if err != nil {
			return err
		}
		if noted != nil && noted.Database != report.Database {
			fmt.Fprintf(r.Stderr, "gridpatrol: the heads were noted of database %s, this one is %s: it was restored since, or is another one\n", noted.Database, report.Database)
		}
		return c.conclude(r, report)
	})
}

func readNote(file filePath) (*history.Note, error) {
	if file == "" {
		return nil, nil
	}
	f, err := os.Open(string(file))
	if err != nil {
		return nil, fmt.Errorf("--heads: %w", err)
	}
	defer f.Close()
	n, err := history.ReadNote(f)
	if err != nil {
		return nil, fmt.Errorf("--heads %s: %w", file, err)
	}
	return n, nil
}

// conclude prints the report and notes the heads if they may be trusted.
func (c *verifyCommand) conclude(r *run, report *history.Report) error {
	at := now()
	if err := c.print(r.Stdout, report, at); err != nil {
		return err
	}
	if !report.Fine() {
		return fmt.Errorf("%w: %d things are not as they were written", store.ErrDamaged, int64(len(report.Damage))+report.More)
	}
	if c.WriteHeads == "" {
		return nil
	}
	return writeFile(c.WriteHeads, func(w io.Writer) error {
		return history.WriteNote(w, &history.Note{Database: report.Database, At: at.UTC(), Heads: report.Heads})
	})
}

func (c *verifyCommand) print(w io.Writer, report *history.Report, at time.Time) error {
	if c.JSON {
		return json.NewEncoder(w).Encode(struct {
			Fine bool      `json:"fine"`
			At   time.Time `json:"checked_at"`
			*history.Report
		}{report.Fine(), at.UTC(), report})
	}
	for _, d := range report.Damage {
		fmt.Fprintln(w, d)
	}
	if report.More > 0 {
		fmt.Fprintf(w, "and %d more\n", report.More)
	}
	if report.Fine() && !c.Quiet {
		fmt.Fprintf(w, "fine: %d entries in %d commits of %d areas; %d records and %d receipts agree with them\n",
			report.Entries, report.Commits, len(report.Heads), report.Records, report.Receipts)
	}
	return nil
}
