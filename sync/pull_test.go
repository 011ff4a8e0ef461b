package sync_test

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/sync"
	"gridpatrol/test/world"
)

func TestAFirstSyncBringsWhatIsNeeded(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	put := func(c inspection.Collection, d edit) string {
		id := world.NewID()
		d["area"] = street
		p.One(store.Applied, world.In(c, p.Put(id, 0, d)))
		return id
	}
	old := put("inspections", world.Burning(edit{"old": true}))
	named := put("inspections", world.Burning(edit{"named": true}))
	draft := world.Burning(nil)
	draft["status"] = "draft"
	oldDraft := put("inspections", draft)
	sentBack := put("inspections", world.Burning(nil))
	w.review(sentBack, "has_issues")
	site := put("sites", edit{"name": "x"})
	openSession := put("sessions", edit{"topic": "x"})
	oldSession := put("sessions", edit{"topic": "x", "ended_at": "2026-10-12T09:00:00+08:00"})
	task := w.task(edit{"inspection": named})
	w.Advance(100 * 24 * time.Hour)
	recent := put("inspections", world.Burning(edit{"recent": true}))
	gone := put("inspections", world.Burning(nil))
	p.One(store.Applied, p.Delete(gone, 1))

	for _, limit := range []int{1, 2, 3, 500} {
		t.Run(fmt.Sprint("limit ", limit), func(t *testing.T) {
			seen, page := p.Pull(sync.PullRequest{Limit: limit})
			for what, id := range map[string]string{
				"named by a task": named, "draft": oldDraft, "sent back": sentBack, "site": site,
				"open session": openSession, "task": task, "recent": recent, "tombstone": gone, "area": "610102003", "unit": "ecology",
			} {
				if _, ok := seen[id]; !ok {
					t.Errorf("%s is missing", what)
				}
			}
			for what, id := range map[string]string{"old inspection": old, "ended session": oldSession} {
				if _, ok := seen[id]; ok {
					t.Errorf("%s came along", what)
				}
			}
			if !seen[gone].Deleted || page.Horizon.IsZero() {
				t.Errorf("tombstone %v, horizon %v", seen[gone].Deleted, page.Horizon)
			}
		})
	}
	seen, page := p.Pull(sync.PullRequest{WholeHistory: true})
	if _, ok := seen[old]; !ok || !page.Horizon.IsZero() {
		t.Error("history=all leaves something out")
	}
}

func TestReferenceDataComesFirst(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	p.One(store.Applied, p.Put(world.NewID(), 0, world.Burning(nil)))
	page, err := w.Sync.Pull(w.Ctx, p.Asks(), sync.PullRequest{Limit: 2000})
	if err != nil {
		t.Fatal(err)
	}
	last := len(page.Changes) - 1
	if page.Changes[last].Collection != inspection.Inspections || !page.Changes[0].Collection.Reference() {
		t.Errorf("order: %s … %s", page.Changes[0].Collection, page.Changes[last].Collection)
	}
	if page.More {
		t.Error("more, with everything sent")
	}
}

func TestAnEmptyPullAndDeltas(t *testing.T) {
	w := newDistrict(t)
	p, q := w.phone("li", street), w.phone("wang", street)
	_, page := p.Pull(sync.PullRequest{})
	seen, again := p.Pull(sync.PullRequest{Checkpoint: page.Checkpoint})
	if len(seen) != 0 || again.Checkpoint != page.Checkpoint {
		t.Errorf("an empty pull brought %v", seen)
	}
	id := world.NewID()
	q.One(store.Applied, q.Put(id, 0, world.Burning(nil)))
	q.One(store.Applied, q.Put(id, 1, world.Burning(edit{"x": 1})))
	seen, _ = p.Pull(sync.PullRequest{Checkpoint: again.Checkpoint})
	if len(seen) != 1 || !strings.Contains(string(seen[id].Doc), `"rev":2`) {
		t.Errorf("got %v", seen)
	}
}

func TestCollectionsAreFollowedOneByOne(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	inspected, site := world.NewID(), world.NewID()
	p.One(store.Applied, p.Put(inspected, 0, world.Burning(nil)))
	p.One(store.Applied, world.In("sites", p.Put(site, 0, edit{"area": street, "name": "x"})))
	only := []inspection.Collection{inspection.Inspections}
	seen, page := p.Pull(sync.PullRequest{Collections: only})
	if len(seen) != 1 || seen[inspected].ID == "" {
		t.Fatalf("got %v", seen)
	}
	both := []inspection.Collection{inspection.Inspections, inspection.Sites}
	for _, limit := range []int{1, 100} {
		seen, _ = p.Pull(sync.PullRequest{Checkpoint: page.Checkpoint, Collections: both, Limit: limit})
		if len(seen) != 1 || seen[site].ID == "" {
			t.Errorf("limit %d: got %v", limit, seen)
		}
	}
}

func TestANewGrantStartsFromNothing(t *testing.T) {
	w := newDistrict(t)
	p, q := w.phone("li", street), w.phone("boss", "610102")
	here, there := world.NewID(), world.NewID()
	p.One(store.Applied, p.Put(here, 0, world.Burning(nil)))
	d := world.Burning(nil)
	d["area"] = "610102004"
	q.One(store.Applied, q.Put(there, 0, d))
	seen, page := p.Pull(sync.PullRequest{})
	if _, ok := seen[there]; ok {
		t.Fatal("a document of another area")
	}
	p.Principal.Rights.Grants = []inspection.Grant{{Area: street, Number: 7}, {Area: "610102004", Number: 8}}
	seen, page = p.Pull(sync.PullRequest{Checkpoint: page.Checkpoint})
	if len(seen) != 2 || len(page.Areas) != 2 {
		t.Errorf("areas %v, changes %v", page.Areas, seen)
	}
	p.Principal.Rights.Grants = p.Principal.Rights.Grants[:1]
	seen, page = p.Pull(sync.PullRequest{Checkpoint: page.Checkpoint})
	if len(seen) != 0 || len(page.Areas) != 1 {
		t.Errorf("areas %v, changes %v", page.Areas, seen)
	}
}

func TestCheckpointsThatDontFit(t *testing.T) {
	w := newDistrict(t)
	p, q := w.phone("li", street), w.phone("wang", street)
	p.One(store.Applied, p.Put(world.NewID(), 0, world.Burning(nil)))
	_, page := p.Pull(sync.PullRequest{})
	elsewhere := newDistrict(t)
	_, foreign := elsewhere.phone("li", street).Pull(sync.PullRequest{})
	raw, _ := base64.RawURLEncoding.DecodeString(page.Checkpoint)
	ahead := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(raw), `"inspections":1`, `"inspections":99`, 1)))
	negative := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(raw), `"inspections":1`, `"inspections":-1`, 1)))
	cases := []struct {
		name, checkpoint string
		by               *phone
		want             inspection.Code
	}{
		{"garbage", "%%%", p, inspection.CodeBadCheckpoint},
		{"not ours", base64.RawURLEncoding.EncodeToString([]byte(`{"x":1}`)), p, inspection.CodeBadCheckpoint},
		{"cut", page.Checkpoint[:10], p, inspection.CodeBadCheckpoint},
		{"negative", negative, p, inspection.CodeBadCheckpoint},
		{"another user's", page.Checkpoint, q, inspection.CodeCheckpointReset},
		{"another database's", foreign.Checkpoint, p, inspection.CodeCheckpointReset},
		{"beyond the head", ahead, p, inspection.CodeCheckpointReset},
	}
	for _, c := range cases {
		_, err := w.Sync.Pull(w.Ctx, c.by.Asks(), sync.PullRequest{Checkpoint: c.checkpoint, Limit: 10})
		if inspection.CodeOf(err) != c.want {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

// A puller that races eight phones on one street misses nothing.
func TestAPullRacesPushes(t *testing.T) {
	w := newDistrict(t)
	const writers, each = 8, 15
	var wg gosync.WaitGroup
	stop := make(chan struct{})
	for i := range writers {
		p := w.phone(fmt.Sprint("writer", i), street)
		wg.Go(func() {
			for k := range each {
				id := world.NewID()
				p.Push(p.Put(id, 0, world.Burning(edit{"k": k})), p.Put(id, 0, world.Burning(edit{"k": -k})))
			}
		})
	}
	go func() { wg.Wait(); close(stop) }()
	reader := w.phone("reader", street)
	seen := map[string]string{}
	checkpoint := ""
	for last := false; ; {
		page, err := w.Sync.Pull(w.Ctx, reader.Asks(), sync.PullRequest{Checkpoint: checkpoint, Limit: 1 + rand.IntN(9), Collections: []inspection.Collection{inspection.Inspections}})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page.Changes {
			seen[c.ID] = string(c.Doc)
		}
		checkpoint = page.Checkpoint
		if page.More {
			continue
		}
		if last {
			break
		}
		select {
		case <-stop:
			last = true
		default:
		}
	}
	if len(seen) != writers*each {
		t.Fatalf("saw %d of %d documents", len(seen), writers*each)
	}
	for id, d := range seen {
		if d != string(w.Record(id).Doc) {
			t.Errorf("%s is out of date", id)
		}
	}
}

func TestStreamsArePoked(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	mine, other := w.listen(p), w.listen(w.phone("zhao", "610102004"))
	p.One(store.Applied, p.Put(world.NewID(), 0, world.Burning(nil)))
	if got := mine.wait(t); got[street] != 1 {
		t.Errorf("got %v", got)
	}
	// Another process on the same database is noticed by its heads.
	second := w.Open()
	process := w.Serve(second)
	q := w.phone("wang", street)
	batch, _ := sync.DecodeBatch([]byte(`{"mutations":[{"n":1,"collection":"inspections","op":"put","id":"` + world.NewID() + `","base":0,"doc":{"area":"610102003"}}]}`))
	if _, err := process.Sync.Push(w.Ctx, q.Asks(), batch); err != nil {
		t.Fatal(err)
	}
	if got := mine.wait(t); got[street] != 2 {
		t.Errorf("got %v", got)
	}
	// Quarantine is no news for phones.
	p.One(store.Rejected, p.Put("nope", 0, world.Burning(nil)))
	process.Sync.SeedReference(w.Ctx, []sync.ReferenceDocument{{Collection: inspection.Units, ID: "new", Doc: inspection.Object{"name_zh": "新"}}})
	if got := mine.wait(t); len(got) != 1 || got[inspection.ReferenceArea] == 0 {
		t.Errorf("got %v", got)
	}
	if got := other.wait(t); got[street] != 0 {
		t.Errorf("a stream heard of another's street: %v", got)
	}
	process.Close()
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

type listener struct{ *sync.Stream }

func (w *district) listen(p *phone) listener {
	w.T.Helper()
	st, err := w.Sync.Listen(w.Ctx, p.Asks())
	w.Must(err)
	w.T.Cleanup(st.Close)
	return listener{st}
}

func (l listener) wait(t *testing.T) map[inspection.Area]int64 {
	t.Helper()
	select {
	case <-l.Ready:
		return l.TakeGrown()
	case <-time.After(10 * time.Second):
		t.Fatal("no poke")
		return nil
	}
}
