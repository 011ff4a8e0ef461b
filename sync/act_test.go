package sync_test

import (
	"errors"
	"log/slog"
	"strconv"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/sync"
	"gridpatrol/test/world"
)

// approve is an act on one document.
func approve(id string) sync.Act {
	return sync.Act{
		Area: street, IDs: []inspection.DocID{inspection.DocID(id)}, By: "boss", Kind: store.KindReview,
		Decide: func(at time.Time, drafts map[inspection.DocID]*sync.Draft) error {
			d := drafts[inspection.DocID(id)]
			if d.Record.Rev == 0 {
				return inspection.Errorf(inspection.CodeNotFound, "There is no such document.")
			}
			d.Server.Review = &inspection.Review{State: inspection.ReviewApproved, By: "boss", At: inspection.StampOf(at)}
			d.ServerChanged()
			return nil
		},
	}
}

func TestActs(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)

	t.Run("on the server's part", func(t *testing.T) {
		id := world.NewID()
		first := p.One(store.Applied, p.Put(id, 0, world.Burning(edit{"a": 1})))
		out, err := w.Sync.Act(w.Ctx, approve(id))
		if err != nil {
			t.Fatal(err)
		}
		r := out[inspection.DocID(id)]
		if r.Rev != 2 || r.Index.State != "approved" || world.At(t, r.Doc, "server", "verdict") != world.At(t, first.Doc, "server", "verdict") ||
			world.At(t, r.Doc, "server", "changed_by") != `"boss"` {
			t.Errorf("%d %s", r.Rev, r.Doc)
		}
		late := p.One(store.Conflicted, p.Put(id, 1, world.Burning(edit{"a": 2})))
		if world.At(t, late.Doc, "answers", "a") != "1" || world.At(t, late.Doc, "server", "conflicts", "0", "offered") != "2" {
			t.Errorf("an approved record took an edit: %s", late.Doc)
		}
	})
	t.Run("on the phone's part, judged anew", func(t *testing.T) {
		id := inspection.DocID(world.NewID())
		p.One(store.Applied, p.Put(string(id), 0, world.Burning(edit{"a": 1})))
		_, err := w.Sync.Act(w.Ctx, sync.Act{
			Area: street, IDs: []inspection.DocID{id}, Kind: store.KindReview,
			Decide: func(_ time.Time, drafts map[inspection.DocID]*sync.Draft) error {
				drafts[id].Client["started_at"] = "yesterday"
				drafts[id].ClientChanged()
				return nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := world.At(t, w.Record(string(id)).Doc, "server", "problems"); !strings.Contains(got, "/started_at") {
			t.Error(got)
		}
	})
	t.Run("that makes a document", func(t *testing.T) {
		id := inspection.DocID(world.NewID())
		out, err := w.Sync.Act(w.Ctx, sync.Act{
			Area: street, IDs: []inspection.DocID{id}, By: "boss", Kind: store.KindReview,
			Decide: func(_ time.Time, drafts map[inspection.DocID]*sync.Draft) error {
				drafts[id].Server.State = inspection.TaskAssigned
				drafts[id].Create(inspection.Tasks, inspection.Object{"id": string(id), "area": string(street), "title": "x"})
				return nil
			},
		})
		if err != nil || out[id].Collection != inspection.Tasks || !out[id].Pinned || out[id].Index.State != "assigned" {
			t.Fatalf("%+v, %v", out[id], err)
		}
		seen, _ := p.Pull(sync.PullRequest{})
		if _, ok := seen[string(id)]; !ok {
			t.Error("a phone doesn't get the task")
		}
	})
	t.Run("that fails stores nothing", func(t *testing.T) {
		before, _ := w.Store.Heads(w.Ctx)
		_, err := w.Sync.Act(w.Ctx, approve(world.NewID()))
		if inspection.CodeOf(err) != inspection.CodeNotFound {
			t.Errorf("got %v", err)
		}
		after, _ := w.Store.Heads(w.Ctx)
		if before[street] != after[street] {
			t.Error("the log has grown")
		}
	})
	t.Run("sees nothing of another area", func(t *testing.T) {
		q, id := w.phone("wang", "610102004"), world.NewID()
		doc := world.Burning(nil)
		doc["area"] = "610102004"
		q.One(store.Applied, q.Put(id, 0, doc))
		if _, err := w.Sync.Act(w.Ctx, approve(id)); inspection.CodeOf(err) != inspection.CodeNotFound {
			t.Errorf("got %v", err)
		}
	})
}

// A change of the server's part is no change for a phone: a delete based on
// the revision before it goes through.
func TestActsDoNotDisturbPhones(t *testing.T) {
	w := newDistrict(t)
	p, id := w.phone("li", street), inspection.DocID(world.NewID())
	p.One(store.Applied, p.Put(string(id), 0, world.Burning(nil)))
	evidence := sync.Act{
		Area: street, IDs: []inspection.DocID{id}, Kind: store.KindEvidence,
		Decide: func(_ time.Time, drafts map[inspection.DocID]*sync.Draft) error {
			drafts[id].Server.Evidence = inspection.NewEvidence(nil, nil, nil)
			drafts[id].ServerChanged()
			return nil
		},
	}
	if _, err := w.Sync.Act(w.Ctx, evidence); err != nil {
		t.Fatal(err)
	}
	if w.Record(string(id)).Index.Evidence != "complete" {
		t.Error("the index doesn't show the evidence")
	}
	other := w.phone("wang", street)
	other.One(store.Applied, other.Put(string(id), 1, edit{"note": "x"}))
	p.One(store.Conflicted, p.Delete(string(id), 1))
	other.One(store.Applied, other.Delete(string(id), 3))
}

// Acts of two processes on one document all count.
func TestActsContended(t *testing.T) {
	w := newDistrict(t)
	p, id := w.phone("li", street), inspection.DocID(world.NewID())
	p.One(store.Applied, p.Put(string(id), 0, world.Burning(nil)))
	second, err := sync.New(w.Ctx, sync.Config{Store: w.Store, Now: w.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	const each = 20
	var group gosync.WaitGroup
	for _, s := range []*sync.Service{w.Sync, second} {
		group.Go(func() {
			for range each {
				_, err := s.Act(w.Ctx, sync.Act{
					Area: street, IDs: []inspection.DocID{id}, Kind: store.KindReview,
					Decide: func(_ time.Time, drafts map[inspection.DocID]*sync.Draft) error {
						drafts[id].Server.ConflictsMore++
						drafts[id].ServerChanged()
						return nil
					},
				})
				if err != nil && !errors.Is(err, store.ErrStale) {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if got := world.At(t, w.Record(string(id)).Doc, "server", "conflicts_more"); got != strconv.Itoa(2*each) {
		t.Errorf("%s acts count", got)
	}
}

func TestPhotosAreToldOf(t *testing.T) {
	w := newDistrict(t)
	told := make(chan []inspection.DocID, 10)
	s, err := sync.New(w.Ctx, sync.Config{
		Store: w.Store, Now: w.Now, Log: slog.New(slog.DiscardHandler),
		OnPhotos: func(area inspection.Area, ids []inspection.DocID) {
			if area == street {
				told <- ids
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Sync.Close()
	w.Sync = s
	p, with, without := w.phone("li", street), world.NewID(), world.NewID()
	doc := world.Burning(nil)
	doc["photos"] = []any{edit{"field": "f", "sha256": strings.Repeat("ab", 32)}}
	p.Push(p.Put(with, 0, doc), p.Put(without, 0, world.Burning(nil)), p.Put(with, 0, edit{"note": "x"}))
	if ids := <-told; len(ids) != 1 || string(ids[0]) != with {
		t.Errorf("told of %v", ids)
	}
	if _, err := w.Sync.Act(w.Ctx, approve(with)); err != nil {
		t.Fatal(err)
	}
	select {
	case ids := <-told:
		t.Errorf("told of %v after an act", ids)
	default:
	}
	_, err = w.Sync.Act(w.Ctx, sync.Act{
		Area: street, IDs: []inspection.DocID{inspection.DocID(with)}, By: "boss", Kind: store.KindReview,
		Decide: func(_ time.Time, drafts map[inspection.DocID]*sync.Draft) error {
			d := drafts[inspection.DocID(with)]
			d.Client["note"] = "changed by an act"
			d.ClientChanged()
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if ids := <-told; len(ids) != 1 || string(ids[0]) != with {
		t.Errorf("told of %v after an act that changed fields", ids)
	}
}

// TestAnActThatPanicsFailsAlone: its error is told to whoever acted, and the
// area takes pushes as before.
func TestAnActThatPanicsFailsAlone(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	id := world.NewID()
	p.One(store.Applied, p.Put(id, 0, world.Burning(nil)))
	_, err := w.Sync.Act(w.Ctx, sync.Act{
		Area: street, IDs: []inspection.DocID{inspection.DocID(id)}, Kind: store.KindReview,
		Decide: func(time.Time, map[inspection.DocID]*sync.Draft) error { panic("a mistake") },
	})
	if inspection.CodeOf(err) != inspection.CodeInternal {
		t.Errorf("got %v", err)
	}
	p.One(store.Applied, p.Put(id, 1, edit{"note": "x"}))
	if n := len(w.History(id)); n != 2 {
		t.Errorf("%d revisions", n)
	}
}
