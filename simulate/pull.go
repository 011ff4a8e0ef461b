package simulate

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unique"
)

// page is the answer to a pull.
type page struct {
	Changes    []change `json:"changes"`
	Checkpoint string   `json:"checkpoint"`
	More       bool     `json:"more"`
	Areas      []string `json:"areas"`
	Revoked    []string `json:"revoked"`
}

const pullTries = 3

// pull brings the replica up to date and reports whether it got there. Areas
// that were taken away are purged once all is pushed.
func (p *phone) pull(ctx context.Context, pushed bool, limit int, faults *rand.Rand) bool {
	for tries := 0; tries < pullTries && ctx.Err() == nil; {
		got := p.pullPage(ctx, limit, faults)
		switch {
		case got == nil:
			tries++
		case got.More:
			limit = min(2*limit, 2000) // or a first sync never ends
		case len(got.Revoked) > 0 && pushed:
			for _, area := range got.Revoked {
				p.replica.purge(area)
			}
			p.confirm = got.Revoked
		default:
			return true
		}
	}
	return false
}

// pullPage takes one page, nil if none came.
func (p *phone) pullPage(ctx context.Context, limit int, faults *rand.Rand) *page {
	began, from := p.s.cfg.Now(), p.checkpoint
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if from != "" {
		query.Set("checkpoint", from)
	}
	if p.whole {
		query.Set("history", "all")
	}
	if len(p.confirm) > 0 {
		query.Set("confirm_revoked", strings.Join(p.confirm, ","))
	}
	q := &request{method: http.MethodGet, path: "/v1/sync/pull?" + query.Encode()}
	var last *page
	for _, a := range p.call(ctx, faults, q, nil) {
		got := &page{}
		switch {
		case a.later() || a.status == http.StatusUnauthorized:
			continue
		case a.status != http.StatusOK || json.Unmarshal(a.body, got) != nil:
			p.s.tally.violated(checkAnswered, "phone %d: a pull was answered %d %.300s", p.number, a.status, a.body)
			continue
		}
		p.takePage(got, began)
		last = got
	}
	if last != nil {
		p.checkpoint, p.areas, p.confirm = last.Checkpoint, last.Areas, nil
	}
	return last
}

func (p *phone) takePage(got *page, began time.Time) {
	for _, area := range got.Areas {
		p.s.tally.checked(checkRights)
		if !p.s.ledger.mayRead(p.account.id, area, began) {
			p.s.tally.violated(checkRights, "phone %d still reads area %s, which it had lost", p.number, area)
		}
	}
	for _, c := range got.Changes {
		h := p.offer(c)
		if slices.Contains(fieldCollections, c.Collection) && !slices.Contains(got.Areas, h.area) {
			p.s.tally.violated(checkRights, "phone %d got %s/%s of area %s, which is not among its own", p.number, c.Collection, c.ID, h.area)
		}
	}
}

// offer takes a document from the server, unless what is held is newer.
func (p *phone) offer(c change) held {
	h, err := heldOf(c)
	if err != nil {
		p.s.tally.violated(checkEqual, "phone %d: %s/%s can't be read: %v", p.number, c.Collection, c.ID, err)
		return h
	}
	k := key(c.Collection, c.ID)
	_, before := p.replica[k]
	if p.replica.offer(h) == different {
		p.s.tally.violated(checkEqual, "phone %d: %s at revision %d is one thing here and another there", p.number, k, h.rev)
	}
	if !before && slices.Contains(fieldCollections, c.Collection) {
		p.known = append(p.known, k)
	}
	return h
}

// change is one line of a pull.
type change struct {
	Collection string          `json:"collection"`
	ID         string          `json:"id"`
	Deleted    bool            `json:"deleted"`
	Doc        json.RawMessage `json:"doc"`
}

// heldOf reads what the phone files a document by.
func heldOf(c change) (held, error) {
	var head struct {
		Area   string `json:"area"`
		Server struct {
			Rev int64 `json:"rev"`
		} `json:"server"`
	}
	err := json.Unmarshal(c.Doc, &head)
	return held{
		collection: c.Collection, id: c.ID, area: head.Area, rev: head.Server.Rev, deleted: c.Deleted,
		doc: unique.Make(string(c.Doc)),
	}, err
}

// purge drops everything of an area.
func (r replica) purge(area string) {
	for k, h := range r {
		if h.area == area {
			delete(r, k)
		}
	}
}
