package mongo

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	gosync "sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/event"

	"gridpatrol/inspection"
	"gridpatrol/seeds"
	"gridpatrol/store/mongo/mongotest"
	"gridpatrol/sync"
)

// counter counts the commands that a store sends. Those to the plain tables
// are not an area's: phones' reports are written behind, on their own time.
type counter struct {
	mu       gosync.Mutex
	commands []string
}

func (c *counter) monitor() *event.CommandMonitor {
	return &event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
		collection, _ := e.Command.Index(0).Value().StringValueOK()
		if collection != "log" && collection != "views" && e.CommandName != "getMore" {
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.commands = append(c.commands, e.CommandName+" "+collection)
	}}
}

// since returns the commands since the last call.
func (c *counter) since() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.commands
	c.commands = nil
	return out
}

// district is a sync service on a Mongo whose commands are counted.
type district struct {
	*testing.T
	sync    *sync.Service
	counter *counter
}

func newDistrict(t *testing.T) *district {
	d := &district{T: t, counter: &counter{}}
	st := openIn(t, mongotest.Database(t), func(_ *Options, tw *tweaks) { tw.monitor = d.counter.monitor() })
	st.quirks.points = false // what a real server is sent
	clock := func() time.Time { return time.Date(2026, 10, 12, 10, 0, 0, 0, time.UTC) }
	var err error
	d.sync, err = sync.New(t.Context(), sync.Config{Store: st, Now: clock, Log: slog.New(slog.DiscardHandler), Poll: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.sync.Close)
	docs, err := seeds.Reference()
	if err != nil {
		t.Fatal(err)
	}
	var areas []sync.ReferenceDocument
	for _, doc := range docs {
		if doc.Collection == inspection.Areas {
			areas = append(areas, sync.ReferenceDocument{Collection: doc.Collection, ID: doc.ID, Doc: doc.Doc})
		}
	}
	if _, err := d.sync.SeedReference(t.Context(), areas); err != nil {
		t.Fatal(err)
	}
	// Reference data is read once a second, a street's mark once in a process.
	if _, err := d.sync.Reference(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d
}

func principal(user inspection.UserID, areas ...inspection.Area) *inspection.Principal {
	device := inspection.Device{User: user, ID: "0192f3b0-0000-7000-8000-000000000001"}
	return inspection.NewPrincipal(inspection.RoleInspector, device, areas...)
}

// mutation is one edit: of document id, from revision base.
type mutation struct {
	id, n, base int
	area        inspection.Area
}

func mutations(first, count, base int, area inspection.Area) []mutation {
	list := make([]mutation, count)
	for i := range list {
		list[i] = mutation{id: first + i, n: first + i + 1, base: base, area: area}
	}
	return list
}

// push pushes and returns the commands that it took, those of finding out
// where each document lies, once per push, left out.
func (d *district) push(from *inspection.Principal, round int, list []mutation) []string {
	d.Helper()
	batch := map[string]any{"device_time": "2026-10-12T18:00:00+08:00"}
	edits := make([]any, len(list))
	for i, m := range list {
		edits[i] = map[string]any{
			"n": 1000*round + m.n, "collection": "inspections", "op": "put", "id": document(m.id), "base": m.base,
			"doc": map[string]any{"id": document(m.id), "area": m.area, "answers": map[string]any{fmt.Sprintf("round_%d", round): round}},
		}
	}
	batch["mutations"] = edits
	body, err := json.Marshal(batch)
	if err != nil {
		d.Fatal(err)
	}
	parsed, err := sync.DecodeBatch(body)
	if err != nil {
		d.Fatal(err)
	}
	d.counter.since()
	answer, err := d.sync.Push(d.Context(), from, parsed)
	if err != nil || len(answer.Results) != len(list) {
		d.Fatalf("push: %v", err)
	}
	for _, r := range answer.Results {
		if r.Status != "applied" && r.Status != "merged" {
			d.Fatalf("mutation %d is %s: %v", r.N, r.Status, r.Detail)
		}
	}
	commands := d.counter.since()
	if commands[0] != "find views" {
		d.Errorf("a push begins with %v", commands)
	}
	return commands[1:]
}

const (
	pushBudget = 5
	pullBudget = 2
)

// TestRoundTripsOfPush counts the commands of pushes of fifty mutations of all
// kinds to one street.
func TestRoundTripsOfPush(t *testing.T) {
	d := newDistrict(t)
	one, other := principal("one", street), principal("other", street)
	check := func(what string, commands []string) {
		t.Logf("%-46s %d: %v", what, len(commands), commands)
		if len(commands) > pushBudget {
			t.Errorf("%s took %d commands: %v", what, len(commands), commands)
		}
	}
	d.push(one, 0, mutations(900, 1, 0, street))
	check("50 new documents", d.push(one, 1, mutations(0, 50, 0, street)))
	check("the same again", d.push(one, 1, mutations(0, 50, 0, street)))
	check("50 edits of the newest revision", d.push(one, 2, mutations(0, 50, 1, street)))
	check("50 edits of an old revision, by another phone", d.push(other, 3, mutations(0, 50, 1, street)))
	check("25 new, 25 edits of an old revision", d.push(other, 4, append(mutations(200, 25, 0, street), mutations(0, 25, 1, street)...)))
	if mongotest.Real() {
		check("1000 new documents", d.push(one, 5, mutations(1000, 1000, 0, street)))
	}
}

// TestRoundTripsOfPull counts the commands of pulls that bring all, some and
// nothing.
func TestRoundTripsOfPull(t *testing.T) {
	d := newDistrict(t)
	areas := []inspection.Area{"610102001", "610102002", "610102003"}
	one := principal("one", areas...)
	for i, area := range areas {
		d.push(one, i+1, mutations(100*i, 30, 0, area))
	}
	// The heads of all areas are one command; an area that has news takes two.
	check := func(what, checkpoint string, news int) string {
		t.Helper()
		d.counter.since()
		page, err := d.sync.Pull(t.Context(), one, sync.PullRequest{Checkpoint: checkpoint, Limit: 500, Collections: inspection.FieldCollections})
		if err != nil {
			t.Fatal(err)
		}
		commands := d.counter.since()
		t.Logf("%-46s %d: %v", what, len(commands), commands)
		if len(page.Changes) == 0 && news > 0 || len(commands) > 1+pullBudget*news {
			t.Errorf("%s brought %d changes with %d commands: %v", what, len(page.Changes), len(commands), commands)
		}
		return page.Checkpoint
	}
	first, err := d.sync.Pull(t.Context(), one, sync.PullRequest{Limit: 500})
	if err != nil || len(first.Changes) < 90 {
		t.Fatalf("the first sync brings %d changes: %v", len(first.Changes), err)
	}
	checkpoint := check("everything, three areas", "", 3)
	checkpoint = check("nothing", checkpoint, 0)
	d.push(one, 4, mutations(0, 30, 1, areas[0]))
	checkpoint = check("30 changes in one area", checkpoint, 1)
	check("nothing again", checkpoint, 0)
}
