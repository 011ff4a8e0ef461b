package simulate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// simulation is one run.
type simulation struct {
	cfg     Config
	chance  chance
	ids     ids
	network *network
	ledger  *ledger
	tally   *tally
	first   time.Time // the first day of work
	began   time.Time
	took    time.Duration

	streets []string
	phones  []*phone
	office  *office
	kills   atomic.Int64
	told    sync.Mutex
	verify  string // what verify said
}

// Run simulates and checks. The error tells that it couldn't be done; what
// was found is in the report.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	s := newSimulation(cfg)
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	s.live(ctx)
	s.end(ctx)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.report(), nil
}

func (c Config) complete() (Config, error) {
	if c.Phones == 0 {
		c.Phones = 20
	}
	if c.Days == 0 {
		c.Days = 5
	}
	if c.Patience == 0 {
		c.Patience = 90 * time.Second
	}
	switch {
	case c.Phones < 2:
		return c, errors.New("at least two phones are needed: one alone meets nobody")
	case c.Days < 1:
		return c, errors.New("at least one day is needed")
	case c.Loss < 0 || c.Loss > 0.9:
		return c, errors.New("the loss must be from 0 to 0.9")
	case c.KillEvery > 0 && len(c.Servers) == 0:
		return c, errors.New("only a server that the simulation started can be killed")
	case c.URL == "" && len(c.Servers) == 0, c.Now == nil, c.Random == nil:
		return c, errors.New("the simulation lacks a server, a clock or a source of ids")
	}
	return c, nil
}

func newSimulation(cfg Config) *simulation {
	return &simulation{
		cfg: cfg, chance: chance(cfg.Seed), ids: ids{cfg.Random}, ledger: newLedger(), tally: &tally{},
		first: firstDay(cfg.Now()), began: cfg.Now(),
	}
}

// firstDay is the first of the month before now, so that a month of work lies
// behind the server's clock.
func firstDay(now time.Time) time.Time {
	y, m, _ := now.In(china).Date()
	return time.Date(y, m-1, 1, 0, 0, 0, 0, china)
}

// workTime is when a round of a day begins.
func (s *simulation) workTime(day, round int) time.Time {
	return s.first.AddDate(0, 0, day).Add(time.Duration(8+3*round) * time.Hour)
}

func (s *simulation) tell(p Progress) {
	if s.cfg.Tell == nil {
		return
	}
	p.Days, p.Answered, p.Kills = s.cfg.Days, s.ledger.count(), s.kills.Load()
	if s.network != nil {
		for k := cutRequest; k < faultKinds; k++ {
			p.Faults += s.network.counts[k].Load()
		}
	}
	s.told.Lock()
	defer s.told.Unlock()
	s.cfg.Tell(p)
}

// begin starts the servers and makes the people.
func (s *simulation) begin(ctx context.Context) error {
	s.tell(Progress{Step: "starting"})
	addresses := []string{s.cfg.URL}
	if len(s.cfg.Servers) > 0 {
		addresses = nil
	}
	for _, p := range s.cfg.Servers {
		if err := p.Start(ctx); err != nil {
			return err
		}
		addresses = append(addresses, p.URL())
	}
	var bases []*url.URL
	for _, address := range addresses {
		base, err := url.Parse(strings.TrimSuffix(address, "/"))
		if err != nil || base.Scheme != "http" || base.Host == "" {
			return fmt.Errorf("the server's address must be like http://127.0.0.1:8080, not %q", address)
		}
		bases = append(bases, base)
	}
	s.network = newNetwork(bases, s.cfg.Loss, s.cfg.Now)
	if err := s.openOffice(ctx); err != nil {
		return err
	}
	return s.hire(ctx)
}

// callUntilAnswered sends a request over a good connection until an answer comes that is
// not for later, or patience ends.
func (s *simulation) callUntilAnswered(ctx context.Context, q *request) reply {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Patience)
	defer cancel()
	a := s.network.call(ctx, q)
	for a.later() && sleep(ctx, 50*time.Millisecond) {
		a = s.network.call(ctx, q)
	}
	return a
}

// openOffice signs the administrator in and learns the streets.
func (s *simulation) openOffice(ctx context.Context) error {
	p := s.newPhone(-1, &account{Credentials: s.cfg.Admin})
	if !p.signIn(ctx) {
		return fmt.Errorf("%s can't sign in to %s: name an administrator with --username and --password", s.cfg.Admin.Username, s.network.bases[0])
	}
	s.office = &office{s: s, phone: p}
	if !s.office.pull(ctx) {
		return errors.New("the administrator's first pull doesn't come to an end")
	}
	for _, area := range p.areas {
		if len(area) == len("610102001") {
			s.streets = append(s.streets, area)
		}
	}
	if len(s.streets) == 0 {
		return errors.New("the administrator has no streets")
	}
	slices.Sort(s.streets)
	s.streets = s.streets[:min(len(s.streets), max(2, s.cfg.Phones/5))]
	return nil
}

// hiredAtOnce bounds the sign-ins under way: an attempt counts as failed until
// it has succeeded, and so many failures of one address are throttled.
const hiredAtOnce = 8

// hire makes the accounts and gives each its phone; every fourth phone is the
// second one of its user.
func (s *simulation) hire(ctx context.Context) error {
	run := s.ids.document()
	var group errgroup.Group
	group.SetLimit(hiredAtOnce)
	s.phones = make([]*phone, s.cfg.Phones)
	accounts := make([]*account, s.cfg.Phones)
	for i := range s.phones {
		if i%4 == 3 {
			continue
		}
		group.Go(func() (err error) {
			accounts[i], err = s.addAccount(ctx, fmt.Sprintf("sim-%s-%d", run[len(run)-8:], i), i)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i := range s.phones {
		a := accounts[i]
		if a == nil {
			a = accounts[i-1]
		}
		s.phones[i] = s.newPhone(i, a)
		group.Go(func() error {
			if !s.phones[i].signIn(ctx) || !s.phones[i].pull(ctx, true, 500, s.noFaults()) {
				return fmt.Errorf("phone %d can't begin", i)
			}
			return nil
		})
	}
	return group.Wait()
}

// addAccount makes an inspector of one to three streets.
func (s *simulation) addAccount(ctx context.Context, username string, number int) (*account, error) {
	a := &account{Credentials: Credentials{username, "simulated " + s.ids.document()}}
	r := s.chance.of(forCharacter, number, 1)
	areas := map[string]bool{}
	for range 1 + r.IntN(3) {
		areas[pick(r, s.streets...)] = true
	}
	granted := sorted(areas)
	q := &request{method: http.MethodPost, path: "/v1/users", token: s.office.phone.access, body: mustJSON(object{
		"username": username, "name": "Simulated " + username, "password": a.Password, "role": "inspector", "areas": granted,
	})}
	answer := s.callUntilAnswered(ctx, q)
	var made struct {
		ID string `json:"id"`
	}
	if answer.status != http.StatusCreated || json.Unmarshal(answer.body, &made) != nil {
		return nil, fmt.Errorf("the account %s can't be made: %d %.300s", username, answer.status, answer.body)
	}
	a.id = made.ID
	s.office.granted(a.id, granted)
	return a, nil
}

func sorted(set map[string]bool) []string {
	list := []string{}
	for name := range set {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// live lets the days pass, while a server is killed now and then.
func (s *simulation) live(ctx context.Context) {
	killing, stop := context.WithCancel(ctx)
	var killer sync.WaitGroup
	if s.cfg.KillEvery > 0 {
		killer.Go(func() { s.kill(killing) })
	}
	for day := range s.cfg.Days {
		s.tell(Progress{Step: "living", Day: day})
		var phones sync.WaitGroup
		for _, p := range s.phones {
			phones.Go(func() {
				for round := range roundsPerDay {
					p.round(ctx, day, round)
					s.tell(Progress{Step: "living", Day: day})
				}
			})
		}
		phones.Go(func() { s.office.day(ctx, day) })
		phones.Wait()
	}
	stop()
	killer.Wait()
	s.network.strays.Wait()
}

// kill kills one of the servers again and again and starts it each time.
func (s *simulation) kill(ctx context.Context) {
	r := s.chance.of(forKills, 0, 0)
	for sleep(ctx, time.Duration((0.5+r.Float64())*float64(s.cfg.KillEvery))) {
		p := s.cfg.Servers[r.IntN(len(s.cfg.Servers))]
		p.Kill()
		s.kills.Add(1)
		// Whoever stops the killing gets a server that runs.
		if err := p.Start(context.WithoutCancel(ctx)); err != nil {
			s.tally.violated(checkAnswered, "after a kill: %v", err)
			return
		}
	}
}

// end drains the phones over a good network, lets evidence settle, and checks.
func (s *simulation) end(ctx context.Context) {
	s.drain(ctx)
	s.tell(Progress{Step: "checking", Day: s.cfg.Days})
	s.checkAll(ctx)
	s.took = s.cfg.Now().Sub(s.began)
}

// drain lets every phone sync until nothing is left on it, or nothing has come
// off any of them for as long as patience lasts.
func (s *simulation) drain(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var watch, phones sync.WaitGroup
	for _, p := range s.phones {
		phones.Go(func() {
			for !p.drained(ctx) && sleep(ctx, 50*time.Millisecond) {
				s.tell(Progress{Step: "draining", Day: s.cfg.Days})
			}
		})
	}
	watch.Go(func() { s.standstill(ctx, cancel) })
	phones.Wait()
	cancel()
	watch.Wait()
}

// standstill calls give up when nothing was taken for too long.
func (s *simulation) standstill(ctx context.Context, giveUp func()) {
	seen, since := s.ledger.acknowledged(), s.cfg.Now()
	for sleep(ctx, 200*time.Millisecond) {
		if now := s.ledger.acknowledged(); now != seen {
			seen, since = now, s.cfg.Now()
		}
		if s.cfg.Now().Sub(since) > s.cfg.Patience {
			giveUp()
			return
		}
	}
}

// drained syncs once and reports whether nothing is left.
func (p *phone) drained(ctx context.Context) bool {
	calm := p.s.noFaults()
	r := p.s.chance.of(forRound, p.number, -1)
	pushed := p.push(ctx, r, calm)
	for n := len(p.uploads); n > 0; n-- {
		p.upload(ctx, r, calm)
	}
	return p.pull(ctx, pushed, 2000, calm) && pushed && len(p.uploads) == 0
}
