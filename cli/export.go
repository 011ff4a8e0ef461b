package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/report"
)

type exportCommands struct {
	Joint    exportJoint    `cmd:"" help:"The joint counts of a window: .xlsx, .csv, .geojson or .json."`
	Dispatch exportDispatch `cmd:"" help:"What each lead unit did in half a month: .xlsx, .csv or .json."`
}

// exportFlags say what is exported.
type exportFlags struct {
	dataFlags `embed:""`
	Month     string            `required:"" help:"Month that the window is named after, like 2026-10."`
	Area      []inspection.Area `help:"Code of an area; all that there are by default. May be repeated."`
	AsOf      string            `help:"Token of an earlier report, or a time: what was known then."`
	Output    string            `short:"o" required:"" type:"path" help:"File to write. Its ending says in which format."`
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

type exporter func(s *report.Service, ctx context.Context, q report.JointQuery, format report.Format) (*report.File, error)

func (f exportFlags) export(r *run, window string, make exporter) error {
	format := report.Format(strings.TrimPrefix(strings.ToLower(filepath.Ext(f.Output)), "."))
	if !format.Valid() {
		return fmt.Errorf("the file must end in .xlsx, .csv, .geojson or .json, not as %s", filepath.Base(f.Output))
	}
	w, err := report.ParseWindow(f.Month, window)
	if err != nil {
		return err
	}
	if err := noDatabase(f.Data); err != nil {
		return err
	}
	st, err := f.open(r.ctx)
	if err != nil {
		return err
	}
	defer closing(r, "store", st.Close)
	reports, err := newReports(st, nil, f.Data, now)
	if err != nil {
		return err
	}
	file, err := make(reports, r.ctx, report.JointQuery{Window: w, Scope: f.Area, AsOf: f.AsOf, Progress: tellProgress(r.Stderr)}, format)
	if err != nil {
		return err
	}
	defer closing(r, "report", file.Close)
	if err := writeWhole(f.Output, file); err != nil {
		return err
	}
	_, err = fmt.Fprintf(r.Stdout, "wrote %s\nas of %s\n", f.Output, file.AsOf.Token())
	return err
}

// tellProgress tells a person once a second how far a long export is.
func tellProgress(to io.Writer) report.Progress {
	next := now().Add(time.Second)
	return func(done, of int) {
		if at := now(); at.After(next) {
			next = at.Add(time.Second)
			fmt.Fprintf(to, "%d of %d sessions\n", done, of)
		}
	}
}

// writeWhole writes a file whole or not at all.
func writeWhole(name string, from io.Reader) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".gridpatrol-*")
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
