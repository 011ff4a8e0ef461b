package sync_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/store/sqlite"
	"gridpatrol/sync"
)

// gated is a store whose appends wait until they are let through, with what
// they return.
type gated struct {
	*sqlite.Store
	asked chan inspection.Area
	let   chan error
}

func (g *gated) Append(ctx context.Context, commit *store.Commit) error {
	g.asked <- commit.Area
	if err := <-g.let; err != nil {
		return err
	}
	return g.Store.Append(ctx, commit)
}

// gate makes the world's service one whose appends wait.
func (w *world) gate() *gated {
	w.sync.Close()
	g := &gated{w.store, make(chan inspection.Area), make(chan error)}
	w.sync = w.serve(g)
	return g
}

// pushes sends a batch and tells when it is answered.
func (p *phone) pushes(edits ...edit) chan error {
	body, err := json.Marshal(edit{"mutations": edits})
	if err != nil {
		p.w.t.Fatal(err)
	}
	batch, err := sync.DecodeBatch(body)
	if err != nil {
		p.w.t.Fatal(err)
	}
	done := make(chan error, 1)
	principal := p.asks()
	go func() {
		_, err := p.w.sync.Push(p.w.ctx, principal, batch)
		done <- err
	}()
	return done
}

// The records of one batch that take long to judge use up its time: the rest
// is kept undecided. Another batch has a time of its own.
func TestABatchHasItsTime(t *testing.T) {
	w := newWorld(t)
	slow, other := w.phone("li", street), w.phone("wang", street)
	var ids []string
	var edits []edit
	for range 10 {
		ids = append(ids, newID())
		edits = append(edits, slow.put(ids[len(ids)-1], 0, newInspection(edit{"place": "here"})))
	}
	w.setStep(110 * time.Millisecond) // each judging takes so long
	slow.push(edits...)
	after := newID()
	other.push(other.put(after, 0, newInspection(edit{"place": "here"})))
	w.setStep(0)
	times := map[time.Time]bool{}
	for i, id := range append(ids, after) {
		late := strings.Contains(at(t, w.record(id).Doc, "server", "problems"), `"overrun"`)
		if want := i >= 4 && id != after; late != want {
			t.Errorf("record %d: undecided %v", i, late)
		}
		times[w.history(id)[0].At] = true
	}
	if len(times) < 3 {
		t.Errorf("there were %d commits: one took all the time", len(times))
	}
}

// What was committed of those that wait together is answered, though a later
// commit fails.
func TestWhoIsCommittedIsAnswered(t *testing.T) {
	w := newWorld(t)
	g := w.gate()
	first, second, third := w.phone("li", street), w.phone("wang", street), w.phone("zhao", street)
	one := first.pushes(first.put(newID(), 0, newInspection(edit{})))
	<-g.asked // the others wait for it, and are the next batch together
	two := second.pushes(second.put(newID(), 0, newInspection(edit{})))
	eventually(t, func() bool { return sync.Waiting(w.sync, street) == 1 })
	three := third.pushes(third.put(newID(), 0, newInspection(edit{})))
	eventually(t, func() bool { return sync.Waiting(w.sync, street) == 2 })
	w.setStep(3 * time.Second) // a commit has time for one
	g.let <- nil
	<-g.asked
	g.let <- nil
	<-g.asked
	if err := errors.Join(<-one, <-two); err != nil {
		t.Error(err)
	}
	g.let <- errors.New("disk on fire")
	if err := <-three; err == nil {
		t.Error("the third was answered as if it were stored")
	}
}

func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	for range 2000 {
		if holds() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("it never came")
}

// A queue in which somebody waits for too long makes the service unready. The
// detail is a plain word; the cause, for the log, names the area.
func TestReady(t *testing.T) {
	w := newWorld(t)
	g := w.gate()
	phone := w.phone("li", street)
	if err := w.sync.Ready(); err != nil {
		t.Error(err)
	}
	done := phone.pushes(phone.put(newID(), 0, newInspection(edit{})))
	<-g.asked
	w.advance(19 * time.Second)
	if err := w.sync.Ready(); err != nil {
		t.Errorf("after 19 s: %v", err)
	}
	w.advance(2 * time.Second)
	var told *inspection.Error
	if err := w.sync.Ready(); !errors.As(err, &told) || told.Code != inspection.CodeUnavailable {
		t.Fatalf("after 21 s: %v", err)
	}
	if strings.Contains(told.Detail, string(street)) || !strings.Contains(told.Error(), string(street)) {
		t.Errorf("detail %q, %v", told.Detail, told)
	}
	g.let <- nil
	if err := errors.Join(<-done, w.sync.Ready()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
