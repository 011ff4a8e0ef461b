package simulate

import (
	"context"
	"sync"
	"time"
)

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
	for rest(ctx, time.Duration((0.5+r.Float64())*float64(s.cfg.KillEvery))) {
		p := s.cfg.Servers[r.IntN(len(s.cfg.Servers))]
		p.Kill()
		s.kills.Add(1)
		// Whoever stops the killing gets a server that runs.
		if err := p.Start(context.WithoutCancel(ctx)); err != nil {
			s.tally.broke(checkAnswered, "after a kill: %v", err)
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
			for !p.drained(ctx) && rest(ctx, 50*time.Millisecond) {
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
	seen, since := s.ledger.came(), s.cfg.Now()
	for rest(ctx, 200*time.Millisecond) {
		if now := s.ledger.came(); now != seen {
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
	calm := p.s.calm()
	r := p.s.chance.of(forRound, p.number, -1)
	pushed := p.push(ctx, r, calm)
	for n := len(p.uploads); n > 0; n-- {
		p.upload(ctx, r, calm)
	}
	return p.pull(ctx, pushed, 2000, calm) && pushed && len(p.uploads) == 0
}
