package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	gosync "sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"gridpatrol/seeds"
)

// rounds is how often the server is killed.
const rounds = 30

// batch is what a phone sent and, if an answer came, what it said.
type batch struct {
	edits    []object
	answered []object
}

// TestKillDuringAPushStorm kills the server again and again while phones
// push. Phones do as docs/contract.md, section 3, says: after no answer they send the same
// batch again. No acknowledged write may be lost, none applied twice.
func TestKillDuringAPushStorm(t *testing.T) {
	s := startDemo(t)
	phones := make([]*account, 4)
	for i := range phones {
		phones[i] = s.signIn(fmt.Sprint("inspector", i+1))
	}
	sent := make([][]*batch, len(phones))
	acknowledged := 0
	for round := range rounds {
		var storm gosync.WaitGroup
		for i, p := range phones {
			storm.Go(func() { sent[i] = p.storm(sent[i], fmt.Sprintf("61010200%d", i+1)) })
		}
		time.Sleep(time.Duration(20+rand.IntN(130)) * time.Millisecond)
		s.kill()
		storm.Wait()
		s.start("demo")
		for i := range phones {
			acknowledged += confirm(t, phones[i], sent[i][len(sent[i])-3:], round)
		}
	}
	if acknowledged == 0 {
		t.Fatal("no push was ever acknowledged: the storm proves nothing")
	}
	total := 0
	for i, p := range phones {
		total += check(t, p, sent[i])
	}
	t.Logf("%d kills, %d edits, none lost, none doubled", rounds, total)
}

// storm pushes until the server is gone; the last batch got no answer.
func (a *account) storm(sent []*batch, area string) []*batch {
	for len(sent) < 3 || sent[len(sent)-1].answered != nil {
		sent = append(sent, a.next(area))
		last := sent[len(sent)-1]
		if status, out := a.push(last.edits...); status == http.StatusOK {
			last.answered = objects(out["results"])
		}
	}
	return sent
}

// next makes a batch: new inspections and an edit of each.
func (a *account) next(area string) *batch {
	b := &batch{}
	for range 5 {
		doc := seeds.Fixture("diesel_roadside_pass")
		id := uuid.Must(uuid.NewV7()).String()
		doc["id"], doc["area"] = id, area
		b.edits = append(b.edits, a.put(id, 0, doc), a.put(id, 0, object{"note": "edited"}))
	}
	return b
}

// confirm sends batches again after a restart: what was acknowledged must be
// answered as at first, what wasn't is completed now.
func confirm(t *testing.T, p *account, batches []*batch, round int) (acknowledged int) {
	t.Helper()
	for _, b := range batches {
		again := p.results(b.edits...)
		for k, first := range b.answered {
			r := again[k]
			if r["replayed"] != true || r["status"] != first["status"] || r["rev"] != first["rev"] || r["seq"] != first["seq"] {
				t.Fatalf("round %d: an acknowledged write is lost: first %v, now %v", round, first, r)
			}
			acknowledged++
		}
		b.answered = again
	}
	return acknowledged
}

// check compares everything that was ever sent with what a new phone pulls.
func check(t *testing.T, p *account, batches []*batch) (edits int) {
	t.Helper()
	stored := p.pullAll()
	for _, b := range batches {
		edits += len(b.edits)
		if b.answered == nil {
			b.answered = p.results(b.edits...)
		}
		for _, e := range b.edits {
			c := stored[e["id"].(string)]
			doc, _ := c["doc"].(object)
			server, _ := doc["server"].(object)
			if doc["note"] != "edited" || server["rev"] != float64(2) {
				t.Fatalf("document %v is stored as %v", e["id"], c)
			}
		}
	}
	return edits
}
