package simulate

import (
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// office is the administrator, who moves people between streets and decides on
// what they hand in. Its requests go over a good connection; kills it meets
// like everyone else.
type office struct {
	s     *simulation
	phone *phone

	moves, acts int64

	mu    sync.Mutex
	areas map[string][]string // by account
}

func (o *office) granted(user string, areas []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.areas == nil {
		o.areas = map[string][]string{}
	}
	o.areas[user] = areas
}

// noFaults stands for the source of faults where there are none.
func (s *simulation) noFaults() *rand.Rand { return nil }

func (o *office) pull(ctx context.Context) bool {
	return o.phone.pull(ctx, true, 2000, o.s.noFaults())
}

// day does a day's office work, beside the phones.
func (o *office) day(ctx context.Context, day int) {
	for round := range roundsPerDay {
		r := o.s.chance.of(forOffice, round, day)
		o.pull(ctx)
		for range 1 + len(o.s.phones)/20 {
			if oneIn(r, 2) {
				o.move(ctx, r)
			}
		}
		for range 2 + len(o.s.phones)/8 {
			o.review(ctx, r)
		}
		o.settle(ctx, r)
		sleep(ctx, time.Duration(r.IntN(200))*time.Millisecond)
	}
}

// move takes an area away from someone, or gives one.
func (o *office) move(ctx context.Context, r *rand.Rand) {
	user := o.s.phones[r.IntN(len(o.s.phones))].account.id
	area := pick(r, o.s.streets...)
	o.mu.Lock()
	before := o.areas[user]
	o.mu.Unlock()
	loses := slices.Contains(before, area)
	after := append([]string{}, before...)
	if loses {
		after = slices.DeleteFunc(after, func(a string) bool { return a == area })
	} else {
		after = append(after, area)
		o.s.ledger.noteGrant(user, area)
	}
	q := &request{method: http.MethodPatch, path: "/v1/users/" + user, body: mustJSON(object{"areas": after})}
	if a := o.act(ctx, q); a.status != http.StatusOK {
		o.s.tally.violated(checkAnswered, "the office can't change areas: %d %.200s", a.status, a.body)
		return
	}
	o.granted(user, after)
	o.moves++
	if loses {
		o.s.ledger.noteLoss(user, area, o.s.cfg.Now())
	}
}

// act sends a request of the office until it is answered.
func (o *office) act(ctx context.Context, q *request) reply {
	q.token = o.token(ctx, "")
	a := o.s.callUntilAnswered(ctx, q)
	if a.status == http.StatusUnauthorized {
		q.token = o.token(ctx, q.token)
		a = o.s.callUntilAnswered(ctx, q)
	}
	return a
}

// token returns the office's access token, a new one if it is still the one
// that was refused.
func (o *office) token(ctx context.Context, refused string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.phone.access == refused {
		o.phone.signIn(ctx)
	}
	return o.phone.access
}

// review decides on some inspection. That someone edited it meanwhile is no
// failure.
func (o *office) review(ctx context.Context, r *rand.Rand) {
	h, ok := o.randomDocument(r, inspections)
	if !ok {
		return
	}
	decision := pick(r, "approve", "approve", "reject", "send_back")
	if state := text(members(members(h.decode()["server"])["review"])["state"]); state == "approved" || state == "rejected" {
		decision = "reopen"
	}
	q := &request{method: http.MethodPost, path: "/v1/inspections/" + h.id + "/review", body: mustJSON(object{
		"decision": decision, "comment": "simulated " + decision, "rev": h.rev,
	})}
	o.noteAct(h, o.act(ctx, q))
}

// noteAct takes the document that an act was answered with.
func (o *office) noteAct(h held, a reply) {
	switch a.status {
	case http.StatusOK:
		o.acts++
		o.phone.offer(change{Collection: h.collection, ID: h.id, Deleted: deletedIn(a.body), Doc: a.body})
	case 0, http.StatusConflict, http.StatusNotFound:
	default:
		o.s.tally.violated(checkAnswered, "an act on %s was answered %d %.200s", h.id, a.status, a.body)
	}
}

// randomDocument returns one of the documents that the office knows.
func (o *office) randomDocument(r *rand.Rand, collection string) (held, bool) {
	for range 10 {
		if len(o.phone.known) == 0 {
			break
		}
		h, ok := o.phone.replica[o.phone.known[r.IntN(len(o.phone.known))]]
		if ok && h.collection == collection && !h.deleted {
			return h, true
		}
	}
	return held{}, false
}

// settle puts an end to some of the conflicts, one way or the other.
func (o *office) settle(ctx context.Context, r *rand.Rand) {
	for _, k := range slices.Clone(o.phone.known) {
		h := o.phone.replica[k]
		conflicts := list(members(h.decode()["server"])["conflicts"])
		if len(conflicts) == 0 || !oneIn(r, 4) {
			continue
		}
		c := members(conflicts[r.IntN(len(conflicts))])
		// Whatever comes of it: from here on the conflict may be gone.
		o.s.ledger.noteSettlement(h.id, c)
		q := &request{
			method: http.MethodPost, path: "/v1/" + h.collection + "/" + h.id + "/conflicts/" + text(c["k"]),
			body: mustJSON(object{"take": pick(r, "kept", "offered"), "rev": h.rev}),
		}
		o.noteAct(h, o.act(ctx, q))
	}
}
