package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"gridpatrol/seeds"
	"gridpatrol/store/mongo/mongotest"
	"gridpatrol/test/localhost"
)

// startOn starts the demo on a Mongo database.
func startOn(t testing.TB, uri string) *server {
	t.Helper()
	s := &server{t: t, data: filepath.Join(t.TempDir(), "unused"), addr: localhost.FreeAddress(t)}
	s.start("demo", "--store", uri)
	t.Cleanup(s.kill)
	return s
}

// oneInspection is a batch of one new record of the street.
func (a *account) oneInspection(area string) (string, []object) {
	doc := seeds.Fixture("diesel_roadside_pass")
	id := uuid.Must(uuid.NewV7()).String()
	doc["id"], doc["area"] = id, area
	return id, []object{a.put(id, 0, doc)}
}

// TestOnMongo: what phones rely on holds on Mongo, too: receipts across
// restarts of the server, two servers on one database.
func TestOnMongo(t *testing.T) {
	uri := mongotest.Database(t)
	one := startOn(t, uri)
	p := one.signIn("inspector1")
	id, edits := p.oneInspection("610102001")
	first := p.results(edits...)[0]
	if first["status"] != "applied" || first["rev"] != float64(1) {
		t.Fatalf("%v", first)
	}
	one.kill()
	one.start("demo", "--store", uri)
	if again := p.results(edits...)[0]; again["replayed"] != true || again["seq"] != first["seq"] {
		t.Errorf("after a restart: %v", again)
	}

	two := startOn(t, uri)
	q := &account{s: two, username: "supervisor", device: uuid.NewString()}
	q.signIn("gridpatrol-demo")
	if r := q.results(q.put(id, 1, object{"note": "seen"}))[0]; r["status"] != "applied" || r["rev"] != float64(2) {
		t.Errorf("through the other server: %v", r)
	}
	if doc, _ := p.pullAll()[id]["doc"].(object); doc["note"] != "seen" {
		t.Errorf("the first server gives %v", doc)
	}
	if out, status := run(t, "", "verify", "--store", uri); status != 0 || !strings.Contains(out, "fine") {
		t.Errorf("verify: %d %s", status, out)
	}
}

// TestMongoAway: a database that goes away is told as such, nothing is lost,
// and the server recovers by itself.
func TestMongoAway(t *testing.T) {
	if mongotest.Real() {
		t.Skip("a real server is not this test's to stop")
	}
	database := mongotest.Start(t)
	s := startOn(t, mongotest.Named(t, database.URI, "away"))
	p := s.signIn("inspector1")
	_, before := p.oneInspection("610102001")
	stored := p.results(before...)[0]
	database.Kill()
	_, edits := p.oneInspection("610102001")
	status, answer := p.push(edits...)
	if status != http.StatusServiceUnavailable || answer["code"] != "unavailable" {
		t.Errorf("without a database: %d %v", status, answer)
	}
	if status, _ := s.call("GET", "/readyz", "", nil); status != http.StatusServiceUnavailable {
		t.Errorf("/readyz answers %d", status)
	}
	if status, _ := s.call("GET", "/healthz", "", nil); status != http.StatusOK {
		t.Errorf("/healthz answers %d", status)
	}
	database.Restart(t)
	deadline := time.Now().Add(time.Minute)
	for {
		if status, answer = p.push(edits...); status == http.StatusOK {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server doesn't recover: %d %v", status, answer)
		}
		time.Sleep(200 * time.Millisecond)
	}
	if r := objects(answer["results"])[0]; r["status"] != "applied" {
		t.Errorf("after the database came back: %v", r)
	}
	if again := p.results(before...)[0]; again["replayed"] != true || again["seq"] != stored["seq"] {
		t.Errorf("what was stored before: %v", again)
	}
}

// TestKillOnMongo kills the server in the middle of pushes, as
// TestKillDuringAPushStorm does on the embedded store.
func TestKillOnMongo(t *testing.T) {
	uri := mongotest.Database(t)
	s := startOn(t, uri)
	p := s.signIn("inspector1")
	var sent []*batch
	for round := range 5 {
		done := make(chan struct{})
		go func() {
			defer close(done)
			sent = p.storm(sent, "610102001")
		}()
		time.Sleep(time.Duration(150+100*round) * time.Millisecond)
		s.kill()
		<-done
		s.start("demo", "--store", uri)
		confirm(t, p, sent[len(sent)-3:], round)
	}
	t.Logf("%d edits, none lost, none doubled", check(t, p, sent))
}

// TestTwoServersOnOneMongo: what one server stores, consoles on the other hear
// of; both take edits of one street at the same time, and one of them killed
// in the middle of whatever it does neither stops the other nor loses anything.
func TestTwoServersOnOneMongo(t *testing.T) {
	uri := mongotest.Database(t)
	one, two := startOn(t, uri), startOn(t, uri)
	p, q := one.signIn("inspector1"), two.signIn("supervisor")
	const area = "610102001"
	hears := func(listener, pusher *account) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		opened, told := make(chan struct{}), make(chan error, 1)
		go func() {
			told <- listen(ctx, http.DefaultClient, listener.s.url("/v1/sync/stream"), listener.token, func() { close(opened) })
		}()
		<-opened
		pusher.results(pusher.next(area).edits...)
		if err := <-told; err != nil {
			t.Error(err)
		}
	}
	hears(q, p)
	hears(p, q)
	var mine, theirs []*batch
	for round := range 3 {
		var storm gosync.WaitGroup
		storm.Go(func() { mine = p.storm(mine, area) })
		storm.Go(func() {
			for range 8 {
				b := q.next(area)
				b.answered = q.results(b.edits...)
				theirs = append(theirs, b)
			}
		})
		time.Sleep(time.Duration(200+150*round) * time.Millisecond)
		one.kill()
		storm.Wait()
		confirm(t, q, theirs[len(theirs)-3:], round)
		one.start("demo", "--store", uri)
		confirm(t, p, mine[len(mine)-3:], round)
	}
	t.Logf("%d edits through both servers, none lost, none doubled", check(t, p, mine)+check(t, q, theirs))
	if out, status := run(t, "", "verify", "--store", uri); status != 0 || !strings.Contains(out, "fine") {
		t.Errorf("verify: %d %s", status, out)
	}
}

// TestMovedToMongoAndBack: the two commands of the README; a phone goes on
// with its checkpoint and its receipts.
func TestMovedToMongoAndBack(t *testing.T) {
	uri := mongotest.Database(t)
	s := startDemo(t)
	p := s.signIn("inspector1")
	_, edits := p.oneInspection("610102001")
	first := p.results(edits...)[0]
	_, page := s.call("GET", "/v1/sync/pull?limit=2000", p.token, nil)
	checkpoint := page["checkpoint"]
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	back := filepath.Join(t.TempDir(), "back")
	for _, c := range [][2]string{{s.data, uri}, {uri, back}} {
		if out, status := run(t, "", "migrate", "--from", c[0], "--to", c[1]); status != 0 || !strings.Contains(out, "equal heads") {
			t.Fatalf("migrate: %d %s", status, out)
		}
	}
	if out, status := run(t, "", "serve", "--data", s.data, "--listen", s.addr); status != 1 || !strings.Contains(out, "migrate") {
		t.Errorf("the source still serves: %d %s", status, out)
	}
	s.data = back
	s.start("demo")
	if again := p.results(edits...)[0]; again["replayed"] != true || again["seq"] != first["seq"] {
		t.Errorf("the receipt is %v", again)
	}
	status, page := s.call("GET", fmt.Sprint("/v1/sync/pull?limit=2000&checkpoint=", checkpoint), p.token, nil)
	if status != http.StatusOK || len(objects(page["changes"])) != 0 {
		t.Errorf("the checkpoint brings %d changes: %d", len(objects(page["changes"])), status)
	}
}
