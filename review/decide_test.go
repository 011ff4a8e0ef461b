package review_test

import (
	"strings"
	gosync "sync"
	"sync/atomic"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/review"
	"gridpatrol/store"
	"gridpatrol/sync"
	"gridpatrol/test/world"
)

// TestReviewFlow is the way of an inspection that is sent back.
func TestReviewFlow(t *testing.T) {
	w := newDesk(t)
	p, id := w.phone("li", street), world.NewID()
	p.applied(id, 0, world.Burning(edit{"note": "x"}))
	r := w.decide(id, inspection.ReviewSendBack, "  The photo shows another place. ")
	if r.Rev != 2 || r.Index.State != "has_issues" || !r.Pinned {
		t.Errorf("sent back: %+v", r)
	}
	got := p.pulled()[id]["server"].(inspection.Object)["review"].(inspection.Object)
	want := `{"at":"2026-10-12T10:00:00Z","by":"boss","comment":"The photo shows another place.","decision":"send_back","on":1,"state":"has_issues"}`
	if s := string(inspection.AppendJSON(nil, got)); s != want {
		t.Errorf("the phone sees %s, want %s", s, want)
	}
	if res := p.applied(id, 1, edit{"note": "y"}); world.At(t, res.Doc, "server", "review", "state") != `"edited"` {
		t.Errorf("after an edit: %s", res.Doc)
	}
	if r = w.decide(id, inspection.ReviewApprove, ""); world.At(t, r.Doc, "server", "review", "comment") != "null" || r.Pinned {
		t.Errorf("approved: %s", r.Doc)
	}
	parked := p.One(store.Conflicted, p.Put(id, 3, edit{"note": "z"}))
	if world.At(t, parked.Doc, "note") != `"y"` || world.At(t, parked.Doc, "server", "conflicts", "0", "offered") != `"z"` {
		t.Errorf("an approved record took an edit: %s", parked.Doc)
	}
	if r = w.decide(id, inspection.ReviewReopen, "once more"); r.Index.State != "received" {
		t.Errorf("reopened: %s", r.Doc)
	}
	if res := p.applied(id, r.Rev, edit{"note": "w"}); world.At(t, res.Doc, "server", "review", "state") != `"received"` {
		t.Errorf("after reopening: %s", res.Doc)
	}
	w.decide(id, inspection.ReviewReject, "not ours")
	if res := p.applied(id, w.Record(id).Rev, edit{"note": "v"}); world.At(t, res.Doc, "server", "review", "state") != `"edited"` {
		t.Errorf("an edit of what was rejected: %s", res.Doc)
	}
}

func TestDecisionsRefused(t *testing.T) {
	w := newDesk(t)
	p := w.phone("li", street)
	submitted, draft, gone := world.NewID(), world.NewID(), world.NewID()
	p.applied(submitted, 0, world.Burning(nil))
	d := world.Burning(nil)
	d["status"] = "draft"
	p.applied(draft, 0, d)
	p.applied(gone, 0, world.Burning(nil))
	p.One(store.Applied, p.Delete(gone, 1))
	site := world.NewID()
	p.One(store.Applied, p.Mutation("sites", "put", site, 0, edit{"area": street, "name": "x"}))
	for name, c := range map[string]struct {
		principal *inspection.Principal
		id        string
		in        review.Decision
		code      inspection.Code
	}{
		"no such decision":        {boss, submitted, review.Decision{Event: "submit", Rev: 1}, inspection.CodeBadRequest},
		"sent back, no comment":   {boss, submitted, review.Decision{Event: "send_back", Comment: " \n", Rev: 1}, inspection.CodeBadRequest},
		"rejected, no comment":    {boss, submitted, review.Decision{Event: "reject", Rev: 1}, inspection.CodeBadRequest},
		"a book of a comment":     {boss, submitted, review.Decision{Event: "approve", Comment: strings.Repeat("字", 2001), Rev: 1}, inspection.CodeBadRequest},
		"no revision":             {boss, submitted, review.Decision{Event: "approve"}, inspection.CodeBadRequest},
		"a revision to come":      {boss, submitted, review.Decision{Event: "approve", Rev: 2}, inspection.CodeStale},
		"reopened while received": {boss, submitted, review.Decision{Event: "reopen", Rev: 1}, inspection.CodeConflict},
		"a draft":                 {boss, draft, review.Decision{Event: "approve", Rev: 1}, inspection.CodeConflict},
		"deleted":                 {boss, gone, review.Decision{Event: "approve", Rev: 2}, inspection.CodeConflict},
		"deleted meanwhile":       {boss, gone, review.Decision{Event: "approve", Rev: 1}, inspection.CodeStale},
		"another's area":          {remote, submitted, review.Decision{Event: "approve", Rev: 1}, inspection.CodeNotFound},
		"nothing":                 {boss, world.NewID(), review.Decision{Event: "approve", Rev: 1}, inspection.CodeNotFound},
		"no inspection":           {boss, site, review.Decision{Event: "approve", Rev: 1}, inspection.CodeNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.Review.Decide(w.Ctx, c.principal, inspection.DocID(c.id), c.in)
			refused(t, err, c.code)
		})
	}
	if w.Record(submitted).Rev != 1 || w.Record(draft).Rev != 1 || w.Record(gone).Rev != 2 {
		t.Error("a refused decision left an entry")
	}
}

// TestStale: what makes a decision stale, and what doesn't.
func TestStale(t *testing.T) {
	evidence := func(w *desk, id string) {
		_, err := w.Sync.Act(w.Ctx, sync.Act{
			Area: street, IDs: []inspection.DocID{inspection.DocID(id)}, Kind: store.KindEvidence,
			Decide: func(_ time.Time, drafts map[inspection.DocID]*sync.Draft) error {
				d := drafts[inspection.DocID(id)]
				d.Server.Evidence = inspection.NewEvidence(nil, nil, nil)
				d.ServerChanged()
				return nil
			},
		})
		w.Must(err)
	}
	for name, c := range map[string]struct {
		meanwhile func(w *desk, p *phone, id string)
		stale     bool
	}{
		"evidence":           {func(w *desk, _ *phone, id string) { evidence(w, id) }, false},
		"evidence, twice":    {func(w *desk, _ *phone, id string) { evidence(w, id); evidence(w, id) }, false},
		"an edit of nothing": {func(_ *desk, p *phone, id string) { p.applied(id, 1, edit{"note": "x"}) }, false},
		"an edit":            {func(_ *desk, p *phone, id string) { p.applied(id, 1, edit{"note": "y"}) }, true},
		"an edit and back": {func(_ *desk, p *phone, id string) {
			p.put(id, 1, edit{"note": "y"})
			p.put(id, 1, edit{"note": "x"})
		}, false},
		"a delete": {func(_ *desk, p *phone, id string) {
			p.One(store.Applied, p.Delete(id, 1))
		}, true},
		"another's decision":    {func(w *desk, _ *phone, id string) { w.decide(id, inspection.ReviewSendBack, "no") }, true},
		"decided, and reopened": {func(w *desk, _ *phone, id string) { w.decide(id, "approve", ""); w.decide(id, "reopen", "") }, true},
		"a parked value": {func(w *desk, p *phone, id string) {
			q := w.phone("wang", street)
			p.applied(id, 1, edit{"note": "y"})
			q.One(store.Conflicted, q.Put(id, 1, edit{"note": "z"}))
			p.applied(id, 1, edit{"note": "x"})
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newDesk(t)
			p, id := w.phone("li", street), world.NewID()
			doc := world.Burning(nil)
			doc["note"] = "x"
			p.applied(id, 0, doc)
			c.meanwhile(w, p, id)
			r, err := w.Review.Decide(w.Ctx, deputy, inspection.DocID(id), review.Decision{Event: "approve", Rev: 1})
			switch {
			case c.stale:
				refused(t, err, inspection.CodeStale)
			case err != nil || r.Index.State != "approved":
				t.Errorf("%v, %s", err, r.Doc)
			}
		})
	}
}

// TestRepeatedDecision: a decision whose answer was lost is sent again.
func TestRepeatedDecision(t *testing.T) {
	w := newDesk(t)
	p, id := w.phone("li", street), world.NewID()
	p.applied(id, 0, world.Burning(nil))
	in := review.Decision{Event: "send_back", Comment: "blurred", Rev: 1}
	first, err := w.Review.Decide(w.Ctx, boss, inspection.DocID(id), in)
	w.Must(err)
	again, err := w.Review.Decide(w.Ctx, boss, inspection.DocID(id), in)
	if err != nil || again.Rev != first.Rev || string(again.Doc) != string(first.Doc) {
		t.Errorf("%v, revision %d", err, again.Rev)
	}
	other := in
	other.Comment = "dark"
	_, err = w.Review.Decide(w.Ctx, boss, inspection.DocID(id), other)
	refused(t, err, inspection.CodeStale)
	_, err = w.Review.Decide(w.Ctx, deputy, inspection.DocID(id), in)
	refused(t, err, inspection.CodeStale)
}

// TestTwoSupervisorsAtOnce: of two who decide on the same revision, through
// two processes, while a phone pushes, one decision at most goes in, and none
// is lost.
func TestTwoSupervisorsAtOnce(t *testing.T) {
	w := newDesk(t)
	other := w.Serve(w.Store)
	defer other.Close()
	for range 15 {
		p, id := w.phone("li", street), world.NewID()
		p.applied(id, 0, world.Burning(nil))
		var group gosync.WaitGroup
		var done atomic.Int32
		for _, c := range []struct {
			service   *review.Service
			principal *inspection.Principal
			event     inspection.ReviewEvent
		}{{w.Review, boss, "approve"}, {other.Review, deputy, "reject"}} {
			group.Go(func() {
				_, err := c.service.Decide(w.Ctx, c.principal, inspection.DocID(id), review.Decision{Event: c.event, Comment: "so", Rev: 1})
				switch {
				case err == nil:
					done.Add(1)
				case inspection.CodeOf(err) != inspection.CodeStale:
					t.Errorf("%s: %v", c.event, err)
				}
			})
		}
		group.Go(func() { p.put(id, 1, world.Burning(edit{"note": "edited"})) })
		group.Wait()
		acts := 0
		h, err := w.Review.History(w.Ctx, boss, inspection.Inspections, inspection.DocID(id), 0, 50)
		w.Must(err)
		for _, r := range h.Revisions {
			if r.Kind == store.KindReview {
				acts++
			}
		}
		if int(done.Load()) != acts || acts > 1 {
			t.Fatalf("%d decisions were told done, history has %d", done.Load(), acts)
		}
	}
}
