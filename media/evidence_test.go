package media_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"gridpatrol/inspection"
	"gridpatrol/media"
	"gridpatrol/seeds/photo"
	"gridpatrol/store"
	"gridpatrol/sync"
)

// TestEvidenceWhateverTheOrder: records and photos arrive in any order, some
// twice, some through a process that is stopped in between; the evidence ends
// the same.
func TestEvidenceWhateverTheOrder(t *testing.T) {
	photos := [][]byte{picture(1), picture(2), picture(3), takenAt(4, morning.Add(-48*time.Hour), here)}
	rapid.Check(t, func(rt *rapid.T) {
		w := newAlbum(t)
		defer w.Close()
		p := w.person("li", street)
		one, two := uuid.NewString(), uuid.NewString()
		steps := map[string]func(){
			"record one": func() { p.put(one, 0, record(street, hashOf(photos[0]), hashOf(photos[1]))) },
			"record two": func() { p.put(two, 0, record(street, hashOf(photos[1]), hashOf(photos[3]))) },
			"photo 0":    func() { p.upload(photos[0]) },
			"photo 1":    func() { p.upload(photos[1]) },
			"photo 3":    func() { p.upload(photos[3]) },
			"restart":    func() { w.restart(nil) },
			"sweep":      func() { w.Must(w.Media.Sweep(w.Ctx)) },
		}
		names := []string{"record one", "record two", "photo 0", "photo 1", "photo 3", "restart", "sweep", "photo 1"}
		for _, name := range rapid.Permutation(names).Draw(rt, "order") {
			steps[name]()
		}
		w.settled(one, "complete", "reused="+two)
		w.settled(two, "complete", "reused="+one, "time_mismatch")
	})
}

// TestJudgedTwiceAtOnce: while one judging writes down what it saw, another
// record with the same photo comes and both are judged. What was seen before
// doesn't undo what was seen after.
func TestJudgedTwiceAtOnce(t *testing.T) {
	w := newAlbum(t)
	p := w.person("li", street)
	data := picture(1)
	one, two := p.newRecord(street, hashOf(data)), uuid.NewString()
	w.settled(one, "incomplete", "-"+hashOf(data)[:6])
	var first atomic.Bool
	w.beforeAmend = func(id inspection.DocID) {
		if string(id) == one && !first.Swap(true) {
			p.put(two, 0, record(street, hashOf(data)))
			w.settled(one, "complete", "reused="+two)
		}
	}
	p.upload(data)
	w.settled(two, "complete", "reused="+one)
	w.settled(one, "complete", "reused="+two)
}

func TestPhotosAddedAndTakenAway(t *testing.T) {
	w := newAlbum(t)
	p := w.person("li", street)
	sha, later := p.upload(picture(1)), picture(2)
	id := p.newRecord(street, sha)
	w.settled(id, "complete")
	p.put(id, 1, record(street, sha, hashOf(later)))
	w.settled(id, "incomplete", "-"+hashOf(later)[:6])
	p.upload(later)
	w.settled(id, "complete")
	p.put(id, 1, record(street))
	w.Must(w.Media.Sweep(w.Ctx))
	w.settled(id, "incomplete", "-before_photo", "-after_photo")
	if n := w.entries(id); n != 2 {
		t.Errorf("%d evidence entries: one per change of what is known", n)
	}
}

// TestReused: what is on two records is flagged on both, also when it was
// made anew, until one of them lets go of it.
func TestReused(t *testing.T) {
	w := newAlbum(t)
	p, q := w.person("li", street), w.person("wang", away)
	data := picture(7)
	again := photo.Draw(photo.Shot{Field: "scene_photo", Seed: 7, Width: 300, Quality: 50, EXIF: photo.Camera(morning.Add(3*time.Minute), here.Lat, here.Lon)})
	first := p.newRecord(street, p.upload(data))
	w.settled(first, "complete")
	second := p.newRecord(street, p.upload(again))
	w.settled(second, "complete", "reused="+first)
	w.settled(first, "complete", "reused="+second)

	t.Run("a record of another area is not named", func(t *testing.T) {
		foreign := q.newRecord(away, q.upload(data))
		w.settled(foreign, "complete", "reused", "reused")
		w.settled(first, "complete", "reused", "reused="+second)
		q.Stored(q.Delete(foreign, 1))
		w.Must(w.Media.Sweep(w.Ctx))
		w.settled(first, "complete", "reused="+second)
	})
	t.Run("a record that only names it doesn't count", func(t *testing.T) {
		thief := w.person("zhao", "610102005").newRecord("610102005", hashOf(data))
		w.Must(w.Media.Sweep(w.Ctx))
		w.settled(thief, "incomplete", "-"+hashOf(data)[:6])
		w.settled(first, "complete", "reused="+second)
	})
	t.Run("until one is deleted", func(t *testing.T) {
		p.Stored(p.Delete(second, 1))
		w.Must(w.Media.Sweep(w.Ctx))
		w.settled(first, "complete")
	})
	t.Run("and again when it is revived", func(t *testing.T) {
		p.put(second, 1, object{"note": "x"})
		w.settled(first, "complete", "reused="+second)
		p.put(second, 1, record(street, p.upload(picture(8))))
		w.settled(second, "complete")
		w.settled(first, "complete")
	})
}

// TestWhoSent: a photo counts where someone sent it who could write there, or
// who wrote that record.
func TestWhoSent(t *testing.T) {
	w := newAlbum(t)
	li, wang := w.person("li", street), w.person("wang", street, away)
	sha := li.upload(picture(1))
	of := func(p *person, area inspection.Area) string {
		id := p.newRecord(area, sha)
		w.Must(w.Media.Sweep(w.Ctx))
		return w.evidence(id)
	}
	lacks := "incomplete -" + sha[:6]
	if got := of(li, street); got != "complete" {
		t.Errorf("one's own: %s", got)
	}
	if got := of(wang, away); got != lacks {
		t.Errorf("in an area where its sender may not write: %s", got)
	}
	moved := w.person("li", away) // given another street after the upload
	if got := of(moved, away); got != "complete reused" {
		t.Errorf("by its sender, elsewhere by now: %s", got)
	}
	if w.sees(w.person("zhao", away), sha) != true || w.sees(w.person("sun", "610103"), sha) {
		t.Error("who reads the record sees the photo, and nobody else")
	}
}

// TestTasksHaveEvidence: photos of a rectification count like any.
func TestTasksHaveEvidence(t *testing.T) {
	w := newAlbum(t)
	p := w.person("li", street)
	data := picture(1)
	id := inspection.DocID(uuid.NewString())
	w.makeTask(id)
	p.Stored(p.Mutation(inspection.Tasks, "put", string(id), 1, object{"rectification": object{"photos": []any{object{"field": "after", "sha256": hashOf(data)}}}}))
	w.settled(string(id), "incomplete", "-"+hashOf(data)[:6])
	p.upload(data)
	w.settled(string(id), "complete")
}

// TestParkedPhotos: a photo that waits in a conflict is found and kept, but is
// no part of the record.
func TestParkedPhotos(t *testing.T) {
	w := newAlbum(t)
	p := w.person("li", street)
	sha, parked := p.upload(picture(1)), p.upload(picture(2))
	id := p.newRecord(street, sha)
	w.settled(id, "complete")
	w.approve(id)
	if r := p.put(id, 1, record(street, sha, parked)); r.Status != store.Conflicted {
		t.Fatal(r.Status)
	}
	w.Must(w.Media.Sweep(w.Ctx))
	w.settled(id, "complete")
	if !w.sees(w.person("boss", "610102"), parked) {
		t.Error("who decides the conflict doesn't see the photo")
	}
	w.Advance(100 * 24 * time.Hour)
	w.Must(w.Media.Sweep(w.Ctx))
	if !w.sees(p, parked) {
		t.Error("a parked photo was swept")
	}
}

// TestSweepPutsOut: what nobody named goes after a month; what someone named,
// ever, stays.
func TestSweepPutsOut(t *testing.T) {
	w := newAlbum(t)
	p := w.person("li", street)
	stray, named, once := p.upload(picture(1)), p.upload(picture(2)), p.upload(picture(3))
	w.settled(p.newRecord(street, named), "complete")
	dropped := p.newRecord(street, once)
	w.settled(dropped, "complete")
	p.put(dropped, 1, record(street))
	w.Advance(29 * 24 * time.Hour)
	w.Must(w.Media.Sweep(w.Ctx))
	if !w.sees(p, stray) {
		t.Fatal("swept too early")
	}
	w.Advance(2 * 24 * time.Hour)
	w.Must(w.Media.Sweep(w.Ctx))
	if w.sees(p, stray) || !w.sees(p, named) || !w.sees(p, once) {
		t.Errorf("stray %v, named %v, named once %v", w.sees(p, stray), w.sees(p, named), w.sees(p, once))
	}
	count := func(kind store.BlobKind) int {
		list, err := w.Blobs.List(w.Ctx, kind, "", 9)
		w.Must(err)
		return len(list)
	}
	if count(store.Originals) != 2 || count(store.Small) != 2 || count(store.Trash) != 1 {
		t.Errorf("%d originals, %d views, %d in the trash", count(store.Originals), count(store.Small), count(store.Trash))
	}
	w.Must(w.Media.Sweep(w.Ctx))
	w.Advance(2 * time.Hour)
	w.Must(w.Media.Sweep(w.Ctx))
	if count(store.Trash) != 0 {
		t.Error("the trash isn't emptied")
	}
	if p.upload(picture(1)); !w.sees(p, stray) {
		t.Error("it can't be sent again")
	}
}

// TestTrashComesBack: a file that someone sends again while it is thrown away
// is not lost.
func TestTrashComesBack(t *testing.T) {
	w := newAlbum(t)
	p := w.person("li", street)
	sha := p.upload(picture(1))
	kept, trash := store.BlobName{Kind: store.Originals, Key: sha}, store.BlobName{Kind: store.Trash, Key: sha}
	w.Must(w.Blobs.Move(w.Ctx, kept, trash))
	w.Must(w.Media.Sweep(w.Ctx))
	if _, err := w.Blobs.Stat(w.Ctx, kept); err != nil {
		t.Error(err)
	}
	w.Must(w.Blobs.Move(w.Ctx, kept, trash))
	if !w.sees(p, sha) {
		t.Error("who looks for it doesn't find it")
	}
}

// TestLostFileIsSentAgain: a row whose file is gone doesn't keep its owner
// from sending it.
func TestLostFileIsSentAgain(t *testing.T) {
	w := newAlbum(t)
	p := w.person("li", street)
	sha := p.upload(picture(1))
	w.Must(w.Blobs.Delete(w.Ctx, store.BlobName{Kind: store.Originals, Key: sha}))
	if w.sees(p, sha) {
		t.Fatal("a file that isn't there is shown")
	}
	if p.upload(picture(1)); !w.sees(p, sha) {
		t.Error("it can't be sent again")
	}
}

func TestRebuild(t *testing.T) {
	w := newAlbum(t)
	p := w.person("li", street)
	var all []string
	for seed := range uint64(3) {
		all = append(all, p.upload(picture(seed)))
	}
	name := store.BlobName{Kind: store.Small, Key: all[0]}
	before, err := w.Blobs.Stat(w.Ctx, name)
	w.Must(err)
	w.Must(w.Blobs.Delete(w.Ctx, name))
	w.Must(w.Blobs.Truncate(w.Ctx, store.BlobName{Kind: store.Originals, Key: all[1]}, 1000))
	failed := map[string]bool{}
	seen := 0
	w.Must(media.Rebuild(w.Ctx, w.Blobs, func(sha string, err error) {
		seen++
		failed[sha] = err != nil
	}))
	if seen != 3 || failed[all[0]] || !failed[all[1]] || failed[all[2]] {
		t.Errorf("%d rebuilt, failed: %v", seen, failed)
	}
	if after, err := w.Blobs.Stat(w.Ctx, name); err != nil || after.Size != before.Size {
		t.Errorf("%+v, %v", after, err)
	}
}

// TestSecondProcess: a photo that comes in through one process completes a
// record that came in through another, and is like one that a third knows.
func TestSecondProcess(t *testing.T) {
	w := newAlbum(t)
	p := w.person("li", street)
	first := p.newRecord(street, p.upload(picture(5)))
	w.settled(first, "complete")
	other := w.another()
	defer other.Close()
	q := &person{Phone: p.Phone, w: w, photos: other.Media}
	copied := photo.Draw(photo.Shot{Field: "scene_photo", Seed: 5, Width: 400, Quality: 60, EXIF: photo.Camera(morning.Add(2*time.Minute), here.Lat, here.Lon)})
	second := p.newRecord(street, hashOf(copied))
	q.upload(copied)
	w.settled(second, "complete", "reused="+first)
	w.settled(first, "complete", "reused="+second)
}

// approve locks a record as the review room does.
func (w *album) approve(id string) {
	w.T.Helper()
	w.Act(store.KindReview, street, id, func(d *sync.Draft) {
		d.Server.Review = &inspection.Review{State: inspection.ReviewApproved, By: "boss"}
		d.ServerChanged()
	})
}

// makeTask makes a task as the review room does.
func (w *album) makeTask(id inspection.DocID) {
	w.T.Helper()
	w.Act(store.KindReview, street, string(id), func(d *sync.Draft) {
		d.Server.State = inspection.TaskAssigned
		d.Create(inspection.Tasks, inspection.Object{"id": string(id), "area": string(street), "title": fmt.Sprint("task ", id)})
	})
}
