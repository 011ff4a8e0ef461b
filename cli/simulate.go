package cli

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gridpatrol/simulate"
)

type simulateCommand struct {
	quietFlag `embed:""`
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
	Server  string `type:"existingfile" placeholder:"FILE" help:"The program that serves; by default this one."`
}

// Run simulates and prints what was found.
func (c *simulateCommand) Run(r *run) error {
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
		Patience: c.Patience, Now: now, Random: rand.Reader,
	}
	if c.URL == "" {
		place, err := os.MkdirTemp("", "gridpatrol-simulate-")
		if err != nil {
			return err
		}
		if cfg.Servers, err = c.processes(place); err != nil {
			return err
		}
		cfg.KillEvery = c.KillEvery
		defer killAll(cfg.Servers)
		return c.conclude(r, cfg, place)
	}
	return c.conclude(r, cfg, "")
}

func (c *simulateCommand) check() error {
	if c.URL != "" && (c.Store != "" || c.Server != "") {
		return fmt.Errorf("--store and --server are for a server of the simulation's own: leave them out, or --url")
	}
	if c.Servers < 1 || c.Servers > 1 && c.Store == "" {
		return fmt.Errorf("several servers need a database that they share: name a Mongo database with --store, or leave out --servers")
	}
	return nil
}

func (c *simulateCommand) seed() (uint64, error) {
	if c.Seed != 0 {
		return c.Seed, nil
	}
	var b [4]byte
	_, err := rand.Read(b[:])
	return uint64(binary.BigEndian.Uint32(b[:])) + 1, err
}

// processes are the simulation's own servers, with their data in a folder.
func (c *simulateCommand) processes(folder string) ([]*simulate.Process, error) {
	binary := c.Server
	if binary == "" {
		var err error
		if binary, err = os.Executable(); err != nil {
			return nil, err
		}
	}
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
		list = append(list, &simulate.Process{Binary: binary, Place: place, Log: filepath.Join(folder, name+".log")})
	}
	return list, nil
}

func killAll(servers []*simulate.Process) {
	for _, p := range servers {
		p.Kill()
	}
}

// conclude runs the simulation. The server's data stay if something is wrong.
func (c *simulateCommand) conclude(r *run, cfg simulate.Config, folder string) error {
	p := c.progress(r, "simulate")
	cfg.Tell = p.simulated
	report, err := simulate.Run(r.ctx, cfg)
	p.end()
	if err != nil {
		return err
	}
	if !c.Quiet || report.Violated() {
		if err := report.Write(r.Stdout); err != nil {
			return err
		}
		fmt.Fprintf(r.Stdout, "\nreplay: %s\n", c.replay(report.Seed))
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

// replay is the command line that simulates the same again.
func (c *simulateCommand) replay(seed uint64) string {
	line := fmt.Sprintf("gridpatrol simulate --phones %d --days %d --loss %g --seed %d", c.Phones, c.Days, c.Loss, seed)
	if c.URL != "" {
		return line + " --url " + c.URL
	}
	line += fmt.Sprintf(" --kill-every %s", c.KillEvery)
	if c.Store != "" {
		line += " --store " + shown(c.Store)
	}
	if c.Servers > 1 {
		line += fmt.Sprint(" --servers ", c.Servers)
	}
	return line
}

// simulated shows how far a simulation is: as a bar on a terminal.
func (p *progress) simulated(x simulate.Progress) {
	if p.now().Before(p.next) {
		return
	}
	p.next = p.now().Add(p.pause())
	told := fmt.Sprintf("%s, day %d of %d, %d mutations answered, %d faults, %d kills", x.Step, min(x.Day+1, x.Days), x.Days, x.Answered, x.Faults, x.Kills)
	if p.terminal {
		told = bar(x.Day, x.Days) + " " + told
	}
	p.write(p.work + ": " + told)
}

// bar draws how much of the whole is done.
func bar(done, of int) string {
	const width = 20
	full := width * min(done, of) / max(of, 1)
	return "[" + strings.Repeat("=", full) + strings.Repeat(" ", width-full) + "]"
}
