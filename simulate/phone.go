package simulate

import (
	"context"
	"math/rand/v2"
	"net/http"
	"time"
)

// account is a user of the simulation.
type account struct {
	id string
	Credentials
}

// phone is one phone and its user. All of it but the ledger's part of a
// mutation belongs to one goroutine.
type phone struct {
	s       *simulation
	number  int
	account *account
	device  string
	// clock is how far the phone's clock is ahead of the true time.
	clock time.Duration

	access, refresh string
	signedIn        time.Time

	n     int64
	queue []*mutation
	// sending is the batch that is sent again unchanged until it is answered.
	sending []*mutation
	body    []byte
	// past are batches that were answered.
	past [][]*mutation

	drafts     map[string]*draft
	replica    replica
	known      []string // keys of the documents that it ever saw
	checkpoint string
	areas      []string // as the server told
	confirm    []string // revoked areas that it has purged
	whole      bool     // it pulls all history
	uploads    []*upload

	away int // rounds until it is back in coverage
}

// draft is a document with edits that wait. While there are any, what comes
// from the server is kept aside in the replica.
type draft struct {
	base    int64
	doc     object
	deleted bool
	waiting int
}

// Rounds of a day, and how long a phone stays out of coverage at most.
const (
	roundsPerDay = 3
	longestAway  = 12
)

// wakes gives the phone its character.
func (s *simulation) wakes(number int, a *account) *phone {
	r := s.chance.of(forCharacter, number, 0)
	p := &phone{
		s: s, number: number, account: a, device: s.ids.document(),
		drafts: map[string]*draft{}, replica: replica{},
	}
	p.setClock(r)
	return p
}

// setClock makes the clock right, or off by minutes, or by days.
func (p *phone) setClock(r *rand.Rand) {
	span := pick(r, 2*time.Second, 2*time.Second, 40*time.Minute, 96*time.Hour)
	p.clock = time.Duration((2*r.Float64() - 1) * float64(span))
}

// round lives through one of the phone's rounds: it edits, and if it is in
// coverage, it syncs.
func (p *phone) round(ctx context.Context, day, round int) {
	number := day*roundsPerDay + round
	p.edit(p.s.chance.of(forEdits, p.number, number), p.s.workTime(day, round))
	r := p.s.chance.of(forRound, p.number, number)
	if oneIn(r, 40) {
		p.setClock(r)
	}
	switch {
	case p.away > 0:
		p.away--
		return
	case oneIn(r, 5):
		p.away = r.IntN(longestAway)
		return
	}
	faults := p.s.chance.of(forFaults, p.number, number)
	p.sync(ctx, r, faults)
}

// sync does what a phone in coverage does. Whatever fails waits for the next
// time.
func (p *phone) sync(ctx context.Context, r, faults *rand.Rand) {
	if oneIn(r, 4) {
		p.renew(ctx, faults)
	}
	pushed := p.push(ctx, r, faults)
	if len(p.past) > 0 && oneIn(r, 6) {
		p.pushAgain(ctx, faults, p.past[r.IntN(len(p.past))])
	}
	p.upload(ctx, r, faults)
	p.pull(ctx, pushed, 1+r.IntN(200), faults)
	if pushed && len(p.queue) == 0 && len(p.uploads) == 0 && oneIn(r, 50) {
		p.reinstall(ctx)
	}
}

// reinstall loses all but the device's id.
func (p *phone) reinstall(ctx context.Context) {
	p.replica, p.checkpoint, p.confirm, p.known = replica{}, "", nil, nil
	p.signIn(ctx)
}

// call sends a request as the phone and returns the whole answers. A token that
// ran out is renewed and the request sent once more.
func (p *phone) call(ctx context.Context, faults *rand.Rand, q *request, heard func(reply)) []reply {
	q.token = p.access
	replies := p.s.network.send(ctx, faults, q, heard)
	if !refused(replies, http.StatusUnauthorized) {
		return replies
	}
	if age := p.s.cfg.Now().Sub(p.signedIn); age < tokenLife {
		p.s.tally.broke(checkSignIn, "phone %d: a token of %s was refused: %.200s", p.number, age.Round(time.Second), replies[0].body)
	}
	p.signIn(ctx)
	q.token = p.access
	return p.s.network.send(ctx, faults, q, heard)
}

func refused(replies []reply, status int) bool {
	for _, a := range replies {
		if a.status == status {
			return true
		}
	}
	return false
}

// later reports whether an answer means that the same request should be sent
// again later: none, or one that isn't the phone's fault.
func (a reply) later() bool {
	return a.status == 0 || a.status >= http.StatusInternalServerError || a.status == http.StatusTooManyRequests
}
