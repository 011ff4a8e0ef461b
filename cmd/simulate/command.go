package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gridpatrol/cli/progress"
	"gridpatrol/simulate"
)

// command is the command line.
type command struct {
	Quiet     bool          `short:"q" help:"Print nothing unless something is wrong."`
	Phones    int           `default:"20" help:"How many phones. Every fourth is its user's second one."`
	Days      int           `default:"5" help:"Days of work, three rounds each."`
	Loss      float64       `default:"0.2" help:"Part of all requests that are cut, delayed, doubled or put out of order: 0 to 0.9."`
	KillEvery time.Duration `default:"5s" help:"About how long the server lives until it is killed; 0 for never."`
	Seed      uint64        `help:"Replays the plan and the faults of this seed. Without it, a new one."`
	Patience  time.Duration `default:"90s" help:"How long the end waits for what doesn't get done."`

	URL      string `name:"url" placeholder:"URL" help:"Drive this server, which is not killed, in place of one of its own."`
	Username string `default:"admin" help:"An administrator, who makes the phones' accounts."`
	Password string `default:"gridpatrol-demo" env:"GRIDPATROL_PASSWORD" help:"The administrator's password."`

	Store   string `env:"-" help:"A Mongo database that nobody uses yet, for the simulation's own server; without it a temporary folder."`
	Servers int    `default:"1" help:"How many servers there are on that database. Each request goes to another one."`
	Server  string `type:"existingfile" placeholder:"FILE" help:"The program that serves; by default the gridpatrol that lies beside this one."`

	stdout, stderr io.Writer
}

// run simulates and prints what was found.
func (c *command) run(ctx context.Context) error {
	if err := c.check(); err != nil {
		return err
	}
	seed, err := c.seed()
	if err != nil {
		return err
	}
	cfg := simulate.Config{
		Phones: c.Phones, Days: c.Days, Loss: c.Loss, Seed: seed, URL: c.URL,
		Admin:    simulate.Credentials{Username: c.Username, Password: c.Password},
		Patience: c.Patience, Now: time.Now, Random: rand.Reader,
	}
	if c.URL != "" {
		return c.conclude(ctx, cfg, "")
	}
	program, err := c.server()
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "gridpatrol-simulate-")
	if err != nil {
		return err
	}
	cfg.KillEvery, cfg.Servers = c.KillEvery, c.processes(program, folder)
	defer killAll(cfg.Servers)
	return c.conclude(ctx, cfg, folder)
}

func (c *command) check() error {
	if c.URL != "" && (c.Store != "" || c.Server != "") {
		return errors.New("--store and --server are for a server of the simulation's own: leave them out, or --url")
	}
	if c.Servers < 1 || c.Servers > 1 && c.Store == "" {
		return errors.New("several servers need a database that they share: name a Mongo database with --store, or leave out --servers")
	}
	return nil
}

func (c *command) seed() (uint64, error) {
	if c.Seed != 0 {
		return c.Seed, nil
	}
	var b [4]byte
	_, err := rand.Read(b[:])
	return uint64(binary.BigEndian.Uint32(b[:])) + 1, err
}

// server finds the program that serves.
func (c *command) server() (string, error) {
	if c.Server != "" {
		return c.Server, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	beside := filepath.Join(filepath.Dir(self), "gridpatrol")
	if _, err := os.Stat(beside); err != nil {
		return "", fmt.Errorf("there is no server to simulate on at %s: build it (make build), or name one with --server: %w", beside, err)
	}
	return beside, nil
}

// processes are the simulation's own servers, with their data in a folder.
func (c *command) processes(program, folder string) []*simulate.Process {
	var list []*simulate.Process
	for n := range c.Servers {
		name := "server"
		if n > 0 {
			name = fmt.Sprint("server", n+1)
		}
		place := []string{"--data", filepath.Join(folder, "data", name)}
		if c.Store != "" {
			place = append(place, "--store", c.Store)
		}
		list = append(list, &simulate.Process{Binary: program, Place: place, Log: filepath.Join(folder, name+".log")})
	}
	return list
}

func killAll(servers []*simulate.Process) {
	for _, p := range servers {
		p.Kill()
	}
}

// conclude runs the simulation. The server's data stay if something is wrong.
func (c *command) conclude(ctx context.Context, cfg simulate.Config, folder string) error {
	report, err := c.simulate(ctx, cfg)
	if err != nil {
		return err
	}
	if !c.Quiet || report.Violated() {
		if err := report.Write(c.stdout); err != nil {
			return err
		}
		fmt.Fprintf(c.stdout, "\nreplay: %s\n", c.replay(report.Seed))
	}
	if report.Violated() {
		return fmt.Errorf("%w; the server's data and log are in %s", simulate.ErrViolated, cmp.Or(folder, c.URL))
	}
	if folder == "" {
		return nil
	}
	killAll(cfg.Servers)
	return os.RemoveAll(folder)
}

func (c *command) simulate(ctx context.Context, cfg simulate.Config) (*simulate.Report, error) {
	to := c.stderr
	if c.Quiet {
		to = io.Discard
	}
	line := progress.New(to, "simulate", cfg.Now)
	defer line.End()
	cfg.Tell = func(x simulate.Progress) {
		line.Tell(func() string { return describe(x, line.Terminal) })
	}
	return simulate.Run(ctx, cfg)
}

// describe says how far a simulation is, with a bar on a terminal.
func describe(x simulate.Progress, terminal bool) string {
	text := fmt.Sprintf("%s, day %d of %d, %d mutations answered, %d faults, %d kills", x.Step, min(x.Day+1, x.Days), x.Days, x.Answered, x.Faults, x.Kills)
	if terminal {
		text = bar(x.Day, x.Days) + " " + text
	}
	return text
}

// bar draws how much of the whole is done.
func bar(done, of int) string {
	const width = 20
	full := width * min(done, of) / max(of, 1)
	return "[" + strings.Repeat("=", full) + strings.Repeat(" ", width-full) + "]"
}

// replay is the command line that simulates the same again.
func (c *command) replay(seed uint64) string {
	line := fmt.Sprintf("simulate --phones %d --days %d --loss %g --seed %d", c.Phones, c.Days, c.Loss, seed)
	if c.URL != "" {
		return line + " --url " + c.URL
	}
	line += fmt.Sprintf(" --kill-every %s", c.KillEvery)
	if c.Store != "" {
		line += " --store " + withoutPassword(c.Store)
	}
	if c.Servers > 1 {
		line += fmt.Sprint(" --servers ", c.Servers)
	}
	return line
}

// withoutPassword is a database's URI as it may be printed.
func withoutPassword(uri string) string {
	if u, err := url.Parse(uri); err == nil {
		return u.Redacted()
	}
	return "…"
}
