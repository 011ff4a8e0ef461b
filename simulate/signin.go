package simulate

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"time"
)

// tokenLife is how long an access token is surely good. docs/contract.md says 15
// minutes.
const tokenLife = 14 * time.Minute

// tokens is the answer to a sign-in.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	NextN   int64  `json:"next_n"`
}

func (p *phone) take(t tokens) {
	p.access, p.refresh, p.signedIn = t.Access, t.Refresh, p.s.cfg.Now()
}

// signIn signs in with the password, over a good connection, and goes on from
// the number that the server tells, as a phone does that was reinstalled.
func (p *phone) signIn(ctx context.Context) bool {
	q := &request{method: http.MethodPost, path: "/v1/auth/login", body: mustJSON(object{
		"username": p.account.Username, "password": p.account.Password,
		"device": object{"id": p.device, "name": "simulated", "platform": "go", "app_version": "1"},
	})}
	answer := p.s.insist(ctx, q)
	var t tokens
	if answer.status != http.StatusOK || json.Unmarshal(answer.body, &t) != nil {
		if ctx.Err() == nil {
			p.s.tally.broke(checkSignIn, "phone %d can't sign in: %d %.200s", p.number, answer.status, answer.body)
		}
		return false
	}
	p.take(t)
	p.s.tally.look(checkSignIn)
	if t.NextN <= p.lastAnswered() {
		p.s.tally.broke(checkSignIn, "phone %d is told to go on with number %d, and %d was answered before", p.number, t.NextN, p.lastAnswered())
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
			p.s.tally.broke(checkSignIn, "phone %d: its refresh token was refused: %d %.200s", p.number, a.status, a.body)
			p.signIn(ctx)
			return
		}
	}
	for _, t := range got {
		p.s.tally.look(checkSignIn)
		if t.Refresh != got[0].Refresh {
			p.s.tally.broke(checkSignIn, "phone %d: one refresh token has two successors", p.number)
		}
		p.take(t)
	}
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // what the simulation makes is JSON
	}
	return b
}
