package e2e_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"gridpatrol/inspection"
	"gridpatrol/store/sqlite"
	"gridpatrol/sync"
	"gridpatrol/template"
)

// costlyChecklists are definitions as they could be published before there were
// bounds, by name: each takes minutes or gigabytes for one record.
func costlyChecklists() map[string]string {
	head := func(name string) string {
		return "name: " + name + "\nversion: 1\ntitle: {zh: 贵, en: Costly}\nfields:\n" +
			"  - {type: text, name: a, label: {zh: 甲, en: A}}\n" +
			"  - {type: numbers, name: readings, label: {zh: 读数, en: Readings}}\n"
	}
	doubling := head("doubling") + "calculations:\n  - {name: c0, label: {zh: 算, en: Made}, calculation: a + a}\n"
	for i := 1; i < 26; i++ {
		doubling += fmt.Sprintf("  - {name: c%d, label: {zh: 算, en: Made}, calculation: c%d + c%d}\n", i, i-1, i-1)
	}
	doubling += "rules:\n  - {name: end, label: {zh: 尾, en: End}, check: size(c25) > 3}\n"
	trying, adding := head("trying")+"rules:\n", head("adding")+"rules:\n"
	for i := range 200 {
		rule := "  - {name: r%d, label: {zh: 规, en: Rule}, check: '%s'}\n"
		trying += fmt.Sprintf(rule, i, `a.matches("(?:.*a){40}c")`)
		adding += fmt.Sprintf(rule, i, strings.Repeat("mean(readings, limit.n) > limit.n || ", 40)+"answered(a)")
	}
	return map[string]string{"doubling": doubling, "trying": trying, "adding": adding}
}

// haveCostlyChecklists puts them, and the limit that one of them names, into the
// stopped server's database.
func (s *server) haveCostlyChecklists() {
	s.t.Helper()
	ctx := context.Background()
	st, err := sqlite.Open(ctx, s.data, sqlite.Options{NewID: uuid.NewString})
	if err != nil {
		s.t.Fatal(err)
	}
	defer st.Close()
	service, err := sync.New(ctx, sync.Config{Store: st, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		s.t.Fatal(err)
	}
	defer service.Close()
	docs := []sync.ReferenceDocument{{Collection: inspection.Limits, ID: "n", Doc: inspection.Object{
		"id": "n", "name": "n", "value": inspection.Integer(1000), "comparison": "<=", "flag": "S", "enabled": true,
	}}}
	for name, yaml := range costlyChecklists() {
		def, err := template.DecodeYAML([]byte(yaml))
		if err != nil {
			s.t.Fatal(err)
		}
		def["id"] = name + "@1"
		docs = append(docs, sync.ReferenceDocument{Collection: inspection.Templates, ID: name + "@1", Doc: def})
	}
	if _, err := service.SeedReference(ctx, docs); err != nil {
		s.t.Fatal(err)
	}
}

// latencies pushes honest records one after another and returns how long each
// took, the shortest first.
func (a *account) latencies(n int, area string) []time.Duration {
	a.s.t.Helper()
	var took []time.Duration
	for range n {
		doc := object{
			"template": "open_burning", "template_version": 1, "area": area, "status": "submitted",
			"started_at": time.Now().Format(time.RFC3339), "answers": object{"place": "here"},
		}
		start := time.Now()
		r := a.results(a.put(uuid.Must(uuid.NewV7()).String(), 0, doc))[0]
		took = append(took, time.Since(start))
		server := r["doc"].(object)["server"].(object)
		if r["status"] != "applied" || strings.Contains(fmt.Sprint(server["problems"]), "overrun") {
			a.s.t.Errorf("an honest record: %v", r)
		}
		time.Sleep(20 * time.Millisecond)
	}
	slices.Sort(took)
	return took
}

// TestCostlyChecklists: an old database has checklists that take minutes for
// one record. An account's phones push such records as fast as they can; they
// are stored, undecided, and an honest phone of the same street goes on.
func TestCostlyChecklists(t *testing.T) {
	const area, attackers, pushes = "610102001", 8, 30
	s := startDemo(t)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.haveCostlyChecklists()
	s.start("demo")
	honest := s.signIn("inspector1")
	honest.latencies(5, area)
	calm := honest.latencies(pushes, area)

	stop := make(chan struct{})
	var phones gosync.WaitGroup
	var answered, undecided [attackers]int
	for i := range attackers {
		attacker := s.signIn("supervisor")
		phones.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				answered[i]++
				undecided[i] += attacker.pushCostly(area)
			}
		})
	}
	time.Sleep(300 * time.Millisecond)
	under := honest.latencies(pushes, area)
	close(stop)
	phones.Wait()
	if status, out := s.call("GET", "/readyz", "", nil); status != http.StatusOK {
		t.Errorf("readyz: %d %v", status, out)
	}
	batches, records := 0, 0
	for i := range attackers {
		batches, records = batches+answered[i], records+undecided[i]
	}
	if records != 9*batches || batches < attackers {
		t.Errorf("of %d batches %d records are undecided", batches, records)
	}
	if peak := s.peakMemory(); peak > 1<<30 {
		t.Errorf("the process held %d MiB", peak>>20)
	}
	t.Logf("honest push, median and slowest: calm %s, %s; under attack %s, %s; %d batches of 9 meanwhile; peak %d MiB",
		calm[pushes/2], calm[pushes-1], under[pushes/2], under[pushes-1], batches, s.peakMemory()>>20)
}

// pushCostly pushes three records of each costly checklist and returns how many
// are undecided.
func (a *account) pushCostly(area string) (undecided int) {
	readings := make([]float64, 1000)
	for i := range readings {
		readings[i] = 0.123456789 + float64(i)
	}
	var edits []object
	for i := range 9 {
		name := []string{"doubling", "trying", "adding"}[i%3]
		answers := object{"a": strings.Repeat("a", 4000)}
		if name == "adding" {
			answers["readings"] = readings
		}
		edits = append(edits, a.put(uuid.Must(uuid.NewV7()).String(), 0, object{
			"template": name, "template_version": 1, "area": area, "status": "submitted",
			"started_at": time.Now().Format(time.RFC3339), "answers": answers,
		}))
	}
	for _, r := range a.results(edits...) {
		server := r["doc"].(object)["server"].(object)
		if server["verdict"] == "indeterminate" && strings.Contains(fmt.Sprint(server["problems"]), "overrun") {
			undecided++
		}
	}
	return undecided
}
