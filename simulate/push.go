package simulate

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"time"
)

// Bounds of a batch, and how often a phone tries before it gives up until its
// next round.
const (
	largestBatch = 12
	pushTries    = 3
	pastBatches  = 30
)

// push sends what waits, batch by batch. It reports whether nothing is left.
func (p *phone) push(ctx context.Context, r, faults *rand.Rand) bool {
	tries := 0
	for len(p.queue) > 0 && tries < pushTries && ctx.Err() == nil {
		if p.sending == nil {
			p.sending = p.queue[:min(len(p.queue), 1+r.IntN(largestBatch))]
			p.body = p.batch(p.sending)
		}
		if !p.pushOne(ctx, faults) {
			tries++
			sleep(ctx, time.Duration(10+r.IntN(60))*time.Millisecond)
		}
	}
	return len(p.queue) == 0
}

// batch makes the body of a push.
func (p *phone) batch(list []*mutation) []byte {
	raw := make([]json.RawMessage, len(list))
	for i, m := range list {
		raw[i] = m.raw
	}
	return mustJSON(object{
		"device_time": p.s.cfg.Now().Add(p.clock).Format(time.RFC3339),
		"backlog":     object{"mutations": len(p.queue) - len(list), "photos": len(p.uploads), "photo_bytes": p.photoBytes()},
		"mutations":   raw,
	})
}

func (p *phone) photoBytes() (n int) {
	for _, u := range p.uploads {
		n += len(u.data) - u.offset
	}
	return n
}

// pushOne sends the batch once and reports whether it was answered.
func (p *phone) pushOne(ctx context.Context, faults *rand.Rand) bool {
	began, batch := p.s.cfg.Now(), p.sending
	q := &request{method: http.MethodPost, path: "/v1/sync/push", body: p.body, stray: true}
	heard := func(a reply) { p.results(batch, a, began) }
	answered := false
	for _, a := range p.call(ctx, faults, q, heard) {
		results, ok := p.results(batch, a, began)
		if !ok {
			continue
		}
		p.apply(batch, results, !answered)
		answered = true
	}
	if answered {
		p.queue, p.sending, p.body = p.queue[len(batch):], nil, nil
		p.past = append(p.past, batch)
		if len(p.past) > pastBatches {
			p.past = p.past[1:]
		}
	}
	return answered
}

// results reads an answer and writes it into the ledger. It may be called from
// any goroutine.
func (p *phone) results(batch []*mutation, a reply, began time.Time) ([]result, bool) {
	var body struct {
		Results []result `json:"results"`
	}
	switch {
	case a.later() || a.status == http.StatusUnauthorized:
		return nil, false
	case a.status != http.StatusOK || json.Unmarshal(a.body, &body) != nil || len(body.Results) != len(batch):
		p.s.tally.violated(checkAnswered, "phone %d: a push of %d was answered %d %.300s", p.number, len(batch), a.status, a.body)
		return nil, false
	}
	p.s.ledger.noteAnswers(p.s.tally, batch, body.Results)
	for i := range body.Results {
		r := &body.Results[i]
		if string(r.Doc) == "null" {
			r.Doc = nil
		}
		p.mayHave(r.Doc, began)
	}
	return body.Results, true
}

// mayHave checks that a document which a push was answered with is one that
// the phone may read.
func (p *phone) mayHave(doc json.RawMessage, began time.Time) {
	var head struct {
		ID   string `json:"id"`
		Area string `json:"area"`
	}
	if doc == nil || json.Unmarshal(doc, &head) != nil {
		return
	}
	p.s.tally.checked(checkRights)
	if !p.s.ledger.mayRead(p.account.id, head.Area, began) {
		p.s.tally.violated(checkRights, "phone %d was shown %s of area %s, which it had lost", p.number, head.ID, head.Area)
	}
}

// apply does what docs/contract.md, section 3, asks of a phone: take the documents, drop what
// was answered. The same answer again only brings documents.
func (p *phone) apply(batch []*mutation, results []result, first bool) {
	for i, m := range batch {
		if doc := results[i].Doc; doc != nil {
			p.offer(change{Collection: m.collection, ID: m.id, Deleted: deletedIn(doc), Doc: doc})
		}
		if !first {
			continue
		}
		k := key(m.collection, m.id)
		if d := p.drafts[k]; d != nil {
			if d.waiting--; d.waiting == 0 {
				delete(p.drafts, k)
			}
		}
	}
}

// deletedIn tells a tombstone in the answer to a push.
func deletedIn(doc json.RawMessage) bool {
	var d struct {
		Server struct {
			Deleted bool `json:"deleted"`
		} `json:"server"`
	}
	return json.Unmarshal(doc, &d) == nil && d.Server.Deleted
}
