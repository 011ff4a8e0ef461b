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
)

// TestReviewFlow is the way of an inspection that is sent back.
func TestReviewFlow(t *testing.T) {
	w := newWorld(t)
	p, id := w.phone("li", street), newID()
	p.applied(id, 0, burning(edit{"note": "x"}))
	r := w.decide(id, inspection.ReviewSendBack, "  The photo shows another place. ")
	if r.Rev != 2 || r.Index.State != "has_issues" || !r.Pinned {
		t.Errorf("sent back: %+v", r)
	}
	got := p.pulled()[id]["server"].(inspection.Object)["review"].(inspection.Object)
	want := `{"at":"2026-10-12T10:00:00Z","by":"boss","comment":"The photo shows another place.","decision":"send_back","on":1,"state":"has_issues"}`
	if s := string(inspection.AppendJSON(nil, got)); s != want {
		t.Errorf("the phone sees %s, want %s", s, want)
	}
	if res := p.applied(id, 1, edit{"note": "y"}); at(t, res.Doc, "server", "review", "state") != `"edited"` {
		t.Errorf("after an edit: %s", res.Doc)
	}
	if r = w.decide(id, inspection.ReviewApprove, ""); at(t, r.Doc, "server", "review", "comment") != "null" || r.Pinned {
		t.Errorf("approved: %s", r.Doc)
	}
	parked := p.want(store.Conflicted, p.mutation("inspections", "put", id, 3, edit{"note": "z"}))
	if at(t, parked.Doc, "note") != `"y"` || at(t, parked.Doc, "server", "conflicts", "0", "offered") != `"z"` {
		t.Errorf("an approved record took an edit: %s", parked.Doc)
	}
	if r = w.decide(id, inspection.ReviewReopen, "once more"); r.Index.State != "received" {
		t.Errorf("reopened: %s", r.Doc)
	}
	if res := p.applied(id, r.Rev, edit{"note": "w"}); at(t, res.Doc, "server", "review", "state") != `"received"` {
		t.Errorf("after reopening: %s", res.Doc)
	}
	w.decide(id, inspection.ReviewReject, "not ours")
	if res := p.applied(id, w.record(id).Rev, edit{"note": "v"}); at(t, res.Doc, "server", "review", "state") != `"edited"` {
		t.Errorf("an edit of what was rejected: %s", res.Doc)
	}
}

func TestDecisionsRefused(t *testing.T) {
	w := newWorld(t)
	p := w.phone("li", street)
	submitted, draft, gone := newID(), newID(), newID()
	p.applied(submitted, 0, burning(nil))
	d := burning(nil)
	d["status"] = "draft"
	p.applied(draft, 0, d)
	p.applied(gone, 0, burning(nil))
	p.want(store.Applied, p.mutation("inspections", "delete", gone, 1, nil))
	site := newID()
	p.want(store.Applied, p.mutation("sites", "put", site, 0, edit{"area": street, "name": "x"}))
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
		"nothing":                 {boss, newID(), review.Decision{Event: "approve", Rev: 1}, inspection.CodeNotFound},
		"no inspection":           {boss, site, review.Decision{Event: "approve", Rev: 1}, inspection.CodeNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.review.Decide(w.ctx, c.principal, inspection.DocID(c.id), c.in)
			refused(t, err, c.code)
		})
	}
	if w.record(submitted).Rev != 1 || w.record(draft).Rev != 1 || w.record(gone).Rev != 2 {
		t.Error("a refused decision left an entry")
	}
}

// TestStale: what makes a decision stale, and what doesn't.
func TestStale(t *testing.T) {
	evidence := func(w *world, id string) {
		_, err := w.sync.Act(w.ctx, sync.Act{
			Area: street, IDs: []inspection.DocID{inspection.DocID(id)}, Kind: store.KindEvidence,
			Decide: func(_ time.Time, drafts map[inspection.DocID]*sync.Draft) error {
				d := drafts[inspection.DocID(id)]
				d.Server.Evidence = inspection.NewEvidence(nil, nil, nil)
				d.ServerChanged()
				return nil
			},
		})
		w.must(err)
	}
	for name, c := range map[string]struct {
		meanwhile func(w *world, p *phone, id string)
		stale     bool
	}{
		"evidence":           {func(w *world, _ *phone, id string) { evidence(w, id) }, false},
		"evidence, twice":    {func(w *world, _ *phone, id string) { evidence(w, id); evidence(w, id) }, false},
		"an edit of nothing": {func(_ *world, p *phone, id string) { p.applied(id, 1, edit{"note": "x"}) }, false},
		"an edit":            {func(_ *world, p *phone, id string) { p.applied(id, 1, edit{"note": "y"}) }, true},
		"an edit and back":   {func(_ *world, p *phone, id string) { p.put(id, 1, edit{"note": "y"}); p.put(id, 1, edit{"note": "x"}) }, false},
		"a delete": {func(_ *world, p *phone, id string) {
			p.want(store.Applied, p.mutation("inspections", "delete", id, 1, nil))
		}, true},
		"another's decision":    {func(w *world, _ *phone, id string) { w.decide(id, inspection.ReviewSendBack, "no") }, true},
		"decided, and reopened": {func(w *world, _ *phone, id string) { w.decide(id, "approve", ""); w.decide(id, "reopen", "") }, true},
		"a parked value": {func(w *world, p *phone, id string) {
			q := w.phone("wang", street)
			p.applied(id, 1, edit{"note": "y"})
			q.want(store.Conflicted, q.mutation("inspections", "put", id, 1, edit{"note": "z"}))
			p.applied(id, 1, edit{"note": "x"})
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p, id := w.phone("li", street), newID()
			doc := burning(nil)
			doc["note"] = "x"
			p.applied(id, 0, doc)
			c.meanwhile(w, p, id)
			r, err := w.review.Decide(w.ctx, deputy, inspection.DocID(id), review.Decision{Event: "approve", Rev: 1})
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
	w := newWorld(t)
	p, id := w.phone("li", street), newID()
	p.applied(id, 0, burning(nil))
	in := review.Decision{Event: "send_back", Comment: "blurred", Rev: 1}
	first, err := w.review.Decide(w.ctx, boss, inspection.DocID(id), in)
	w.must(err)
	again, err := w.review.Decide(w.ctx, boss, inspection.DocID(id), in)
	if err != nil || again.Rev != first.Rev || string(again.Doc) != string(first.Doc) {
		t.Errorf("%v, revision %d", err, again.Rev)
	}
	other := in
	other.Comment = "dark"
	_, err = w.review.Decide(w.ctx, boss, inspection.DocID(id), other)
	refused(t, err, inspection.CodeStale)
	_, err = w.review.Decide(w.ctx, deputy, inspection.DocID(id), in)
	refused(t, err, inspection.CodeStale)
}

// TestTwoSupervisorsAtOnce: of two who decide on the same revision, through
// two processes, while a phone pushes, one decision at most goes in, and none
// is lost.
func TestTwoSupervisorsAtOnce(t *testing.T) {
	w := newWorld(t)
	second, other := w.serve()
	defer second.Close()
	for range 15 {
		p, id := w.phone("li", street), newID()
		p.applied(id, 0, burning(nil))
		var group gosync.WaitGroup
		var done atomic.Int32
		for _, c := range []struct {
			service   *review.Service
			principal *inspection.Principal
			event     inspection.ReviewEvent
		}{{w.review, boss, "approve"}, {other, deputy, "reject"}} {
			group.Go(func() {
				_, err := c.service.Decide(w.ctx, c.principal, inspection.DocID(id), review.Decision{Event: c.event, Comment: "so", Rev: 1})
				switch {
				case err == nil:
					done.Add(1)
				case inspection.CodeOf(err) != inspection.CodeStale:
					t.Errorf("%s: %v", c.event, err)
				}
			})
		}
		group.Go(func() { p.put(id, 1, burning(edit{"note": "edited"})) })
		group.Wait()
		acts := 0
		h, err := w.review.History(w.ctx, boss, inspection.Inspections, inspection.DocID(id), 0, 50)
		w.must(err)
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
