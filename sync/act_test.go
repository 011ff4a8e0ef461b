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
	w := newWorld(t)
	p := w.phone("li", street)

	t.Run("on the server's part", func(t *testing.T) {
		id := newID()
		first := p.one(store.Applied, p.put(id, 0, newInspection(edit{"a": 1})))
		out, err := w.sync.Act(w.ctx, approve(id))
		if err != nil {
			t.Fatal(err)
		}
		r := out[inspection.DocID(id)]
		if r.Rev != 2 || r.Index.State != "approved" || at(t, r.Doc, "server", "verdict") != at(t, first.Doc, "server", "verdict") ||
			at(t, r.Doc, "server", "changed_by") != `"boss"` {
			t.Errorf("%d %s", r.Rev, r.Doc)
		}
		late := p.one(store.Conflicted, p.put(id, 1, newInspection(edit{"a": 2})))
		if at(t, late.Doc, "answers", "a") != "1" || at(t, late.Doc, "server", "conflicts", "0", "offered") != "2" {
			t.Errorf("an approved record took an edit: %s", late.Doc)
		}
	})
	t.Run("on the phone's part, judged anew", func(t *testing.T) {
		id := inspection.DocID(newID())
		p.one(store.Applied, p.put(string(id), 0, newInspection(edit{"a": 1})))
		_, err := w.sync.Act(w.ctx, sync.Act{
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
		if got := at(t, w.record(string(id)).Doc, "server", "problems"); !strings.Contains(got, "/started_at") {
			t.Error(got)
		}
	})
	t.Run("that makes a document", func(t *testing.T) {
		id := inspection.DocID(newID())
		out, err := w.sync.Act(w.ctx, sync.Act{
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
		seen, _ := p.pull(sync.PullRequest{})
		if _, ok := seen[string(id)]; !ok {
			t.Error("a phone doesn't get the task")
		}
	})
	t.Run("that fails stores nothing", func(t *testing.T) {
		before, _ := w.store.Heads(w.ctx)
		_, err := w.sync.Act(w.ctx, approve(newID()))
		if inspection.CodeOf(err) != inspection.CodeNotFound {
			t.Errorf("got %v", err)
		}
		after, _ := w.store.Heads(w.ctx)
		if before[street] != after[street] {
			t.Error("the log has grown")
		}
	})
	t.Run("sees nothing of another area", func(t *testing.T) {
		q, id := w.phone("wang", "610102004"), newID()
		doc := newInspection(nil)
		doc["area"] = "610102004"
		q.one(store.Applied, q.put(id, 0, doc))
		if _, err := w.sync.Act(w.ctx, approve(id)); inspection.CodeOf(err) != inspection.CodeNotFound {
			t.Errorf("got %v", err)
		}
	})
}

// A change of the server's part is no change for a phone: a delete based on
// the revision before it goes through.
func TestActsDoNotDisturbPhones(t *testing.T) {
	w := newWorld(t)
	p, id := w.phone("li", street), inspection.DocID(newID())
	p.one(store.Applied, p.put(string(id), 0, newInspection(nil)))
	evidence := sync.Act{
		Area: street, IDs: []inspection.DocID{id}, Kind: store.KindEvidence,
		Decide: func(_ time.Time, drafts map[inspection.DocID]*sync.Draft) error {
			drafts[id].Server.Evidence = inspection.NewEvidence(nil, nil, nil)
			drafts[id].ServerChanged()
			return nil
		},
	}
	if _, err := w.sync.Act(w.ctx, evidence); err != nil {
		t.Fatal(err)
	}
	if w.record(string(id)).Index.Evidence != "complete" {
		t.Error("the index doesn't show the evidence")
	}
	other := w.phone("wang", street)
	other.one(store.Applied, other.put(string(id), 1, edit{"note": "x"}))
	p.one(store.Conflicted, p.del(string(id), 1))
	other.one(store.Applied, other.del(string(id), 3))
}

// Acts of two processes on one document all count.
func TestActsContended(t *testing.T) {
	w := newWorld(t)
	p, id := w.phone("li", street), inspection.DocID(newID())
	p.one(store.Applied, p.put(string(id), 0, newInspection(nil)))
	second, err := sync.New(w.ctx, sync.Config{Store: w.store, Now: w.clock, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	const each = 20
	var group gosync.WaitGroup
	for _, s := range []*sync.Service{w.sync, second} {
		group.Go(func() {
			for range each {
				_, err := s.Act(w.ctx, sync.Act{
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
	if got := at(t, w.record(string(id)).Doc, "server", "conflicts_more"); got != strconv.Itoa(2*each) {
		t.Errorf("%s acts count", got)
	}
}

func TestPhotosAreToldOf(t *testing.T) {
	w := newWorld(t)
	told := make(chan []inspection.DocID, 10)
	s, err := sync.New(w.ctx, sync.Config{
		Store: w.store, Now: w.clock, Log: slog.New(slog.DiscardHandler),
		OnPhotos: func(area inspection.Area, ids []inspection.DocID) {
			if area == street {
				told <- ids
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.sync.Close()
	w.sync = s
	p, with, without := w.phone("li", street), newID(), newID()
	doc := newInspection(nil)
	doc["photos"] = []any{edit{"field": "f", "sha256": strings.Repeat("ab", 32)}}
	p.push(p.put(with, 0, doc), p.put(without, 0, newInspection(nil)), p.put(with, 0, edit{"note": "x"}))
	if ids := <-told; len(ids) != 1 || string(ids[0]) != with {
		t.Errorf("told of %v", ids)
	}
	if _, err := w.sync.Act(w.ctx, approve(with)); err != nil {
		t.Fatal(err)
	}
	select {
	case ids := <-told:
		t.Errorf("told of %v after an act", ids)
	default:
	}
	_, err = w.sync.Act(w.ctx, sync.Act{
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
	w := newWorld(t)
	p := w.phone("li", street)
	id := newID()
	p.one(store.Applied, p.put(id, 0, newInspection(nil)))
	_, err := w.sync.Act(w.ctx, sync.Act{
		Area: street, IDs: []inspection.DocID{inspection.DocID(id)}, Kind: store.KindReview,
		Decide: func(time.Time, map[inspection.DocID]*sync.Draft) error { panic("a mistake") },
	})
	if inspection.CodeOf(err) != inspection.CodeInternal {
		t.Errorf("got %v", err)
	}
	p.one(store.Applied, p.put(id, 1, edit{"note": "x"}))
	if n := len(w.history(id)); n != 2 {
		t.Errorf("%d revisions", n)
	}
}
