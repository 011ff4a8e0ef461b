// Package cli is the command line: it reads flags and variables, wires the
// services and runs them. Every flag has a GRIDPATROL_… variable.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/uuid"

	"gridpatrol/inspection"
	"gridpatrol/report"
	"gridpatrol/report/render"
	"gridpatrol/store"
	"gridpatrol/store/history"
)

// Process is what the command line runs in.
type Process struct {
	Args           []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Version        string
	// Now is the clock; nil is the machine's.
	Now func() time.Time
}

// Exit statuses.
const (
	exitOK     = 0
	exitError  = 1
	exitUsage  = 2
	exitDamage = 3
)

// commands is the grammar.
type commands struct {
	Version kong.VersionFlag `help:"Print the version and stop." env:"-"`
	Log     logFlags         `embed:"" prefix:"log-"`

	Serve serveCommand `cmd:"" help:"Serve phones and supervisors."`
	Demo  demoCommand  `cmd:"" help:"Serve the demo district on loopback, made on first start."`
	User  userCommands `cmd:"" help:"Add, import, disable or reset accounts."`

	Export  exportCommands `cmd:"" help:"Write a report to a file, beside a server that may be running."`
	Verify  verifyCommand  `cmd:"" help:"Prove that the history is whole and unchanged. Exit status 3 means that it isn't."`
	Backup  backupCommand  `cmd:"" help:"Write everything into one file, while the server runs."`
	Restore restoreCommand `cmd:"" help:"Fill an empty database from a backup."`
	Migrate migrateCommand `cmd:"" help:"Move a database to another store; phones go on where they were."`

	Media mediaCommands `cmd:"" help:"Look after the photos' derivatives."`

	Health healthCommand `cmd:"" help:"Ask the server on this machine whether it is alive."`
}

type logFlags struct {
	Level  slog.Level `default:"info" help:"Least level that is logged: debug, info, warn, error." env:"GRIDPATROL_LOG_LEVEL"`
	Format string     `default:"text" enum:"text,json" help:"Form of a log line: text or json." env:"GRIDPATROL_LOG_FORMAT"`
}

// run is what every command gets.
type run struct {
	Process
	ctx context.Context
	log *slog.Logger
}

// Run executes the command line and returns the exit status: 0 done, 1 failed,
// 2 the command line is wrong, 3 a database or a backup is damaged.
func Run(ctx context.Context, p Process) int {
	var c commands
	exit := -1
	parser, err := newParser(&c, p, func(status int) { exit = status })
	if err != nil {
		fmt.Fprintln(p.Stderr, "gridpatrol:", err)
		return exitError
	}
	args := p.Args
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if exit >= 0 {
		return exit
	}
	if err != nil {
		fmt.Fprintf(p.Stderr, "gridpatrol: %v\nRun gridpatrol --help to see what there is.\n", err)
		return exitUsage
	}
	if p.Now == nil {
		p.Now = now
	}
	r := &run{Process: p, ctx: ctx, log: newLogger(p.Stderr, c.Log)}
	if err := command.Run(r); err != nil {
		fmt.Fprintln(p.Stderr, "gridpatrol:", explain(err))
		return statusOf(err)
	}
	return exitOK
}

func newParser(c *commands, p Process, exit func(int)) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("gridpatrol"),
		kong.Description("The backend of a district's air inspections: checklists, photos and counts, synced from phones that are often offline."),
		kong.Writers(p.Stdout, p.Stderr),
		kong.Exit(exit),
		kong.Vars{
			"version":        "gridpatrol " + p.Version,
			"joint_files":    report.Names(render.Formats(""), "."),
			"dispatch_files": report.Names(report.DispatchFormats(render.Formats("")), "."),
		},
		kong.DefaultEnvars("GRIDPATROL"),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.UsageOnError(),
	)
}

func newLogger(w io.Writer, f logFlags) *slog.Logger {
	opts := &slog.HandlerOptions{Level: f.Level}
	if f.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

// statusOf tells damage from all that may go better another time.
func statusOf(err error) int {
	if errors.Is(err, store.ErrDamaged) || errors.Is(err, history.ErrBackup) {
		return exitDamage
	}
	return exitError
}

// explain says what to do, with the cause for whoever runs the server.
func explain(err error) string {
	if errors.Is(err, store.ErrReadOnly) {
		return "This database was moved elsewhere by gridpatrol migrate and takes no writes. Use the one that it was moved to."
	}
	var e *inspection.Error
	var placed *placedError
	if errors.As(err, &placed) || !errors.As(err, &e) {
		return err.Error()
	}
	if e.Err != nil {
		return fmt.Sprintf("%s (%v)", e.Detail, e.Err)
	}
	return e.Detail
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

func now() time.Time { return time.Now() }
