package sync_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/rxdb"
	"gridpatrol/store"
	"gridpatrol/sync"
	"gridpatrol/test/world"
)

// pullRx follows the checkpoint as RxDB does, until a page isn't full.
func (p *phone) pullRx(c inspection.Collection, checkpoint string, limit int) (string, map[string]state) {
	p.W.T.Helper()
	seen := map[string]state{}
	for {
		page, err := p.W.Sync.Pull(p.W.Ctx, p.Asks(), sync.PullRequest{Checkpoint: checkpoint, Limit: limit, Only: c})
		p.W.Must(err)
		if n := len(page.Changes); page.More && n < limit || n > limit {
			p.W.T.Fatalf("%d documents of %d, more: %t", n, limit, page.More)
		}
		for _, d := range changed(p.W.T, c, &page.Page) {
			seen[d["id"].(string)] = d
		}
		checkpoint = page.Checkpoint
		if len(page.Changes) < limit {
			return checkpoint, seen
		}
	}
}

// changed returns a page's documents as a client with RxDB gets them.
func changed(t testing.TB, c inspection.Collection, page *sync.Page) []state {
	t.Helper()
	if len(page.Changes) == 0 {
		return nil
	}
	event, _ := strings.CutPrefix(string(rxdb.AppendEvent(nil, c, page)), "data: ")
	o, err := inspection.ParseObject([]byte(strings.TrimSuffix(event, "\n\n")))
	if err != nil {
		t.Fatalf("%v: %s", err, event)
	}
	return documents(t, inspection.AppendJSON(nil, o["documents"]))
}

func TestPullingACollection(t *testing.T) {
	w := newDistrict(t)
	p, stranger := w.phone("li", street), w.phone("zhao", "610102004")
	var ids []string
	for i := range 25 {
		s := newState(state{"i": fmt.Sprint(i)})
		p.answered(s, nil)
		ids = append(ids, s["id"].(string))
	}
	p.One(store.Applied, world.In("sites", p.Put(world.NewID(), 0, edit{"area": street, "name": "站"})))
	stranger.answered(with(newState(nil), state{"area": "610102004"}), nil)
	for _, limit := range []int{1, 5, 7, 25, 26, 500} {
		checkpoint, seen := p.pullRx(inspection.Inspections, "", limit)
		if len(seen) != 25 || seen[ids[24]] == nil {
			t.Errorf("limit %d: %d documents", limit, len(seen))
		}
		if _, more := p.pullRx(inspection.Inspections, checkpoint, limit); len(more) != 0 {
			t.Errorf("limit %d: %d documents after the last", limit, len(more))
		}
	}
	if _, sites := p.pullRx(inspection.Sites, "", 10); len(sites) != 1 {
		t.Errorf("%d sites", len(sites))
	}
	if _, areas := p.pullRx(inspection.Areas, "", 100); textAt(t, areas["610102003"], "name_zh") == "null" {
		t.Errorf("areas: %v", areas)
	}
}

// TestAnOpenTaskBringsItsInspection: also where the two are collections of
// their own, and the inspection lies before the horizon.
func TestAnOpenTaskBringsItsInspection(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	old := p.answered(newState(nil), nil)
	other := p.answered(newState(nil), nil)
	for _, s := range []state{old, other} {
		w.review(s["id"].(string), "received")
	}
	w.Advance(200 * 24 * time.Hour)
	w.task(edit{"title": "x", "inspection": old["id"]})
	for _, limit := range []int{1, 10} {
		_, seen := w.phone("wang", street).pullRx(inspection.Inspections, "", limit)
		if seen[old["id"].(string)] == nil || seen[other["id"].(string)] != nil {
			t.Errorf("limit %d: got %v", limit, seen)
		}
	}
}

func TestFollowing(t *testing.T) {
	w := newDistrict(t)
	p, q, stranger := w.phone("li", street), w.phone("wang", street), w.phone("zhao", "610102004")
	p.answered(newState(nil), nil)
	feed, err := w.Sync.Follow(w.Ctx, p.Asks(), inspection.Inspections)
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close()
	next := func() (docs []state, checkpoint string) {
		t.Helper()
		for len(docs) == 0 {
			select {
			case <-feed.Ready:
			case <-time.After(10 * time.Second):
				t.Fatal("the feed is silent")
			}
			page, err := feed.Next(w.Ctx)
			if err != nil {
				t.Fatal(err)
			}
			docs = append(docs, changed(w.T, inspection.Inspections, page)...)
			checkpoint = page.Checkpoint
		}
		return docs, checkpoint
	}
	mine := q.answered(newState(state{"a": "1"}), nil)
	docs, first := next()
	if len(docs) != 1 || !inspection.Equal(docs[0], mine) {
		t.Fatalf("%v", docs)
	}
	stranger.answered(with(newState(nil), state{"area": "610102004"}), nil)
	q.One(store.Applied, world.In("sites", q.Put(world.NewID(), 0, edit{"area": street, "name": "站"})))
	gone := with(mine, state{"_deleted": true})
	q.taken(gone, mine)
	docs, second := next()
	if len(docs) != 1 || textAt(t, docs[0], "_deleted") != "true" {
		t.Fatalf("%v", docs)
	}
	if _, seen := p.pullRx(inspection.Inspections, first, 10); len(seen) != 1 {
		t.Errorf("%d documents after the first event's checkpoint", len(seen))
	}
	if _, seen := p.pullRx(inspection.Inspections, second, 10); len(seen) != 0 {
		t.Errorf("%d documents after the second event's checkpoint", len(seen))
	}
}

func FuzzCheckpoint(f *testing.F) {
	w := newDistrict(f)
	p := w.phone("li", street)
	p.answered(newState(nil), nil)
	whole, _ := p.pullRx(inspection.Inspections, "", 10)
	f.Add(whole)
	f.Add("")
	f.Add(base64.RawURLEncoding.EncodeToString([]byte(`{"d":"x","u":"li","a":{"610102003":{"g":1,"s":{"inspections":9e18}}}}`)))
	f.Fuzz(func(t *testing.T, checkpoint string) {
		page, err := w.Sync.Pull(w.Ctx, p.Asks(), sync.PullRequest{Checkpoint: checkpoint, Limit: 10, Only: inspection.Inspections})
		switch code := inspection.CodeOf(err); {
		case err == nil && len(page.Changes) > 1:
			t.Fatalf("%d documents", len(page.Changes))
		case err != nil && code != inspection.CodeBadCheckpoint && code != inspection.CodeCheckpointReset:
			t.Fatal(err)
		}
	})
}
