package sync_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/sync"
	"gridpatrol/test/world"
)

// gated is a store whose appends wait until they are let through, with what
// they return.
type gated struct {
	store.Store
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
func (w *district) gate() *gated {
	w.Server.Close()
	g := &gated{w.Store, make(chan inspection.Area), make(chan error)}
	w.Server = w.Serve(g)
	return g
}

// pushes sends a batch and tells when it is answered.
func (p *phone) pushes(edits ...edit) chan error {
	body, err := json.Marshal(edit{"mutations": edits})
	p.W.Must(err)
	batch, err := sync.DecodeBatch(body)
	p.W.Must(err)
	done := make(chan error, 1)
	principal := p.Asks()
	go func() {
		_, err := p.W.Sync.Push(p.W.Ctx, principal, batch)
		done <- err
	}()
	return done
}

// The records of one batch that take long to judge use up its time: the rest
// is kept undecided. Another batch has a time of its own.
func TestABatchHasItsTime(t *testing.T) {
	w := newDistrict(t)
	slow, other := w.phone("li", street), w.phone("wang", street)
	var ids []string
	var edits []edit
	for range 10 {
		ids = append(ids, world.NewID())
		edits = append(edits, slow.Put(ids[len(ids)-1], 0, world.Burning(edit{"place": "here"})))
	}
	w.SetStep(110 * time.Millisecond) // each judging takes so long
	slow.Push(edits...)
	after := world.NewID()
	other.Push(other.Put(after, 0, world.Burning(edit{"place": "here"})))
	w.SetStep(0)
	times := map[time.Time]bool{}
	for i, id := range append(ids, after) {
		late := strings.Contains(world.At(t, w.Record(id).Doc, "server", "problems"), `"overrun"`)
		if want := i >= 4 && id != after; late != want {
			t.Errorf("record %d: undecided %v", i, late)
		}
		times[w.History(id)[0].At] = true
	}
	if len(times) < 3 {
		t.Errorf("there were %d commits: one took all the time", len(times))
	}
}

// What was committed of those that wait together is answered, though a later
// commit fails.
func TestWhoIsCommittedIsAnswered(t *testing.T) {
	w := newDistrict(t)
	g := w.gate()
	first, second, third := w.phone("li", street), w.phone("wang", street), w.phone("zhao", street)
	one := first.pushes(first.Put(world.NewID(), 0, world.Burning(edit{})))
	<-g.asked // the others wait for it, and are the next batch together
	two := second.pushes(second.Put(world.NewID(), 0, world.Burning(edit{})))
	world.Eventually(t, "a push that waits", func() bool { return sync.Waiting(w.Sync, street) == 2 })
	three := third.pushes(third.Put(world.NewID(), 0, world.Burning(edit{})))
	world.Eventually(t, "a push that waits", func() bool { return sync.Waiting(w.Sync, street) == 3 })
	w.SetStep(3 * time.Second) // a commit has time for one
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

// A commit that takes too long makes the service unready. The detail is a plain word; the cause, for the log, names the area.
func TestReady(t *testing.T) {
	w := newDistrict(t)
	g := w.gate()
	phone := w.phone("li", street)
	if err := w.Sync.Ready(); err != nil {
		t.Error(err)
	}
	done := phone.pushes(phone.Put(world.NewID(), 0, world.Burning(edit{})))
	<-g.asked
	w.Advance(19 * time.Second)
	if err := w.Sync.Ready(); err != nil {
		t.Errorf("after 19 s: %v", err)
	}
	w.Advance(2 * time.Second)
	var told *inspection.Error
	if err := w.Sync.Ready(); !errors.As(err, &told) || told.Code != inspection.CodeUnavailable {
		t.Fatalf("after 21 s: %v", err)
	}
	if strings.Contains(told.Detail, string(street)) || !strings.Contains(told.Error(), string(street)) {
		t.Errorf("detail %q, %v", told.Detail, told)
	}
	g.let <- nil
	if err := errors.Join(<-done, w.Sync.Ready()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// Of those that wait, who has taken much time lately goes behind the others,
// however many pushes they send; each user's own come in order.
func TestWhoTakesMuchWaits(t *testing.T) {
	w := newDistrict(t)
	g := w.gate()
	greedy, honest := w.phone("li", street), w.phone("wang", street)
	w.SetStep(600 * time.Millisecond) // a commit has time for one edit
	var answers []chan error
	send := func(p *phone, name string) {
		answers = append(answers, p.pushes(p.Put(world.NewID(), 0, world.Burning(edit{"place": name}))))
		world.Eventually(t, "a push that waits", func() bool { return sync.Waiting(w.Sync, street) == len(answers) })
	}
	send(greedy, "greedy")
	<-g.asked
	send(greedy, "greedy")
	send(greedy, "greedy")
	send(honest, "honest")
	g.let <- nil
	for range 3 {
		<-g.asked
		g.let <- nil
	}
	for _, a := range answers {
		w.Must(<-a)
	}
	page, err := w.Store.Changes(w.Ctx, store.ChangesQuery{Area: street, Collections: []inspection.Collection{inspection.Inspections}, Limit: 10})
	w.Must(err)
	var order []string
	for _, r := range page.Records {
		order = append(order, world.Parse(t, r.Doc).Object("answers").Text("place"))
	}
	if want := []string{"greedy", "honest", "greedy", "greedy"}; !slices.Equal(order, want) {
		t.Errorf("committed in the order %v, want %v", order, want)
	}
}

// What is published does not make templates that did not change compile again:
// every street waits for that.
func TestTemplatesAreCompiledOnce(t *testing.T) {
	w := newDistrict(t)
	before, err := w.Sync.Reference(w.Ctx)
	w.Must(err)
	row := inspection.Object{"name": "x", "value": inspection.Integer(1), "comparison": "<=", "flag": "P", "source": "x", "enabled": true, "effective_from": "2026-01-01"}
	_, err = w.Sync.PublishLimit(w.Ctx, "root", "x", row)
	w.Must(err)
	after, err := w.Sync.Reference(w.Ctx)
	if w.Must(err); after == before {
		t.Fatal("the limit is not there")
	}
	for key, tp := range after.Templates {
		if tp != before.Templates[key] {
			t.Errorf("%s was compiled again", key)
		}
	}
}
