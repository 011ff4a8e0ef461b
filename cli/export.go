package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"gridpatrol/inspection"
	"gridpatrol/report"
	"gridpatrol/report/render"
	"gridpatrol/server"
	"gridpatrol/store"
	"gridpatrol/store/history"
)

type exportCommands struct {
	Joint    exportJoint    `cmd:"" help:"The joint counts of a window: ${joint_files}."`
	Dispatch exportDispatch `cmd:"" help:"What each lead unit did in half a month: ${dispatch_files}."`
}

// exportFlags say what is exported.
type exportFlags struct {
	dataFlags `embed:""`
	quietFlag `embed:""`
	Month     string            `required:"" help:"Month that the window is named after, like 2026-10."`
	Area      []inspection.Area `help:"Code of an area; all that there are by default. May be repeated."`
	AsOf      string            `help:"Token of an earlier report, or a time: what was known then."`
	Output    filePath          `short:"o" required:"" help:"File to write. Its ending says in which format."`
}

type exportJoint struct {
	exportFlags `embed:""`
	Window      string `default:"month" enum:"month,26-25,first_half,second_half" help:"month, 26-25, first_half or second_half."`
}

type exportDispatch struct {
	exportFlags `embed:""`
	Window      string `required:"" enum:"first_half,second_half" help:"first_half or second_half."`
}

// Run writes the joint report.
func (c *exportJoint) Run(r *run) error {
	return c.export(r, c.Window, (*report.Service).Export)
}

// Run writes the half-monthly report.
func (c *exportDispatch) Run(r *run) error {
	return c.export(r, c.Window, (*report.Service).ExportDispatch)
}

type exporter func(s *report.Service, ctx context.Context, q report.JointQuery, format string) (*report.File, error)

func (f exportFlags) export(r *run, window string, do exporter) error {
	formats := render.Formats(scratchIn(f.Data))
	format := strings.TrimPrefix(strings.ToLower(filepath.Ext(string(f.Output))), ".")
	if !slices.ContainsFunc(formats, func(known report.Format) bool { return known.Name() == format }) {
		return fmt.Errorf("the file must end in %s, not as %s", report.Names(formats, "."), filepath.Base(string(f.Output)))
	}
	w, err := report.ParseWindow(f.Month, window)
	if err != nil {
		return err
	}
	return withStore(r, f.location(), existing, func(st store.Store) error {
		reports, err := server.NewReports(st, nil, scratchIn(f.Data), now)
		if err != nil {
			return err
		}
		p := f.progress(r, "export")
		tell := tellStep(p)
		file, err := do(reports, r.ctx, report.JointQuery{
			Window: w, Scope: f.Area, AsOf: f.AsOf,
			Progress: func(done, of int) { tell(history.Progress{Step: "sessions", Done: int64(done), Total: int64(of)}) },
		}, format)
		p.End()
		if err != nil {
			return err
		}
		defer closing(r, "report", file.Close)
		err = writeFile(f.Output, func(to io.Writer) error {
			_, err := io.Copy(to, file)
			return err
		})
		if err == nil && file.Afresh {
			_, err = fmt.Fprintf(r.Stdout, "the window was closed without a %s file: this one is made as of its closing\n", format)
		}
		if err == nil {
			_, err = fmt.Fprintf(r.Stdout, "wrote %s\nas of %s\n", f.Output, file.AsOf.Token())
		}
		return err
	})
}
