package simulate

import (
	"context"
	"encoding/json"
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

// newPhone gives the phone its character.
func (s *simulation) newPhone(number int, a *account) *phone {
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

// pushAgain sends a batch that was answered long ago.
func (p *phone) pushAgain(ctx context.Context, faults *rand.Rand, batch []*mutation) {
	began := p.s.cfg.Now()
	q := &request{method: http.MethodPost, path: "/v1/sync/push", body: p.batch(batch), stray: true}
	heard := func(a reply) { p.results(batch, a, began) }
	for _, a := range p.call(ctx, faults, q, heard) {
		heard(a)
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
		p.s.tally.violated(checkSignIn, "phone %d: a token of %s was refused: %.200s", p.number, age.Round(time.Second), replies[0].body)
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

// tokenLife is how long an access token is surely good. docs/contract.md says 15
// minutes.
const tokenLife = 14 * time.Minute

// tokens is the answer to a sign-in.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	NextN   int64  `json:"next_n"`
}

func (p *phone) setTokens(t tokens) {
	p.access, p.refresh, p.signedIn = t.Access, t.Refresh, p.s.cfg.Now()
}

// signIn signs in with the password, over a good connection, and goes on from
// the number that the server tells, as a phone does that was reinstalled.
func (p *phone) signIn(ctx context.Context) bool {
	q := &request{method: http.MethodPost, path: "/v1/auth/login", body: mustJSON(object{
		"username": p.account.Username, "password": p.account.Password,
		"device": object{"id": p.device, "name": "simulated", "platform": "go", "app_version": "1"},
	})}
	answer := p.s.callUntilAnswered(ctx, q)
	var t tokens
	if answer.status != http.StatusOK || json.Unmarshal(answer.body, &t) != nil {
		if ctx.Err() == nil {
			p.s.tally.violated(checkSignIn, "phone %d can't sign in: %d %.200s", p.number, answer.status, answer.body)
		}
		return false
	}
	p.setTokens(t)
	p.s.tally.checked(checkSignIn)
	if t.NextN <= p.lastAnswered() {
		p.s.tally.violated(checkSignIn, "phone %d is told to go on with number %d, and %d was answered before", p.number, t.NextN, p.lastAnswered())
	}
	p.n = max(p.n, t.NextN-1)
	return true
}

// lastAnswered is the highest number that was answered.
func (p *phone) lastAnswered() int64 {
	var last int64
	for _, batch := range p.past {
		last = max(last, batch[len(batch)-1].n)
	}
	return last
}

// renew rotates the refresh token through the bad network. A phone that lost
// the reply keeps the old token and uses it again.
func (p *phone) renew(ctx context.Context, faults *rand.Rand) {
	q := &request{method: http.MethodPost, path: "/v1/auth/refresh", body: mustJSON(object{"refresh_token": p.refresh})}
	var got []tokens
	for _, a := range p.s.network.send(ctx, faults, q, nil) {
		var t tokens
		switch {
		case a.later():
		case a.status == http.StatusOK && json.Unmarshal(a.body, &t) == nil:
			got = append(got, t)
		default:
			p.s.tally.violated(checkSignIn, "phone %d: its refresh token was refused: %d %.200s", p.number, a.status, a.body)
			p.signIn(ctx)
			return
		}
	}
	for _, t := range got {
		p.s.tally.checked(checkSignIn)
		if t.Refresh != got[0].Refresh {
			p.s.tally.violated(checkSignIn, "phone %d: one refresh token has two successors", p.number)
		}
		p.setTokens(t)
	}
}
