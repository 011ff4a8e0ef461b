package bench_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	gosync "sync"
	"testing"
	"time"

	"gridpatrol/test/localhost"
)

// racer is one side of the race: a server that holds inspections.
type racer interface {
	// batches encodes a client's pushes before the clock runs.
	batches(client int) [][]byte
	signIn(account string) *phone
	push(p *phone, body []byte)
	// next pulls the page after a checkpoint, "" for the first.
	next(p *phone, checkpoint string) (after string, documents int, more bool)
	residentMB() float64
}

// rounds is how often each side runs, in turn; the median counts.
const rounds = 3

// BenchmarkRace lets Gridpatrol and PocketBase do the same work, in turn on one
// machine. PocketBase flushes less: it writes with synchronous=NORMAL.
func BenchmarkRace(b *testing.B) {
	peer := peerBinary(b)
	sides := map[string]func() racer{
		"Gridpatrol": func() racer { return &own{start(b, filepath.Join(b.TempDir(), "data"))} },
		"PocketBase": func() racer { return startPeer(b, peer) },
	}
	measured := map[string][]float64{}
	for range b.N * rounds {
		for _, side := range []string{"PocketBase", "Gridpatrol"} {
			for what, value := range race(b, sides[side]()) {
				measured[side+", "+what] = append(measured[side+", "+what], value)
			}
		}
	}
	for _, what := range raced {
		ours, theirs := middle(measured["Gridpatrol, "+what.name]), middle(measured["PocketBase, "+what.name])
		results.record("PocketBase, "+what.name, what.unit, theirs)
		results.record("Gridpatrol, "+what.name, what.unit, ours)
		results.ratio(what.name+", Gridpatrol / PocketBase", "Gridpatrol, "+what.name, "PocketBase, "+what.name, what.aim)
	}
}

var raced = []struct{ name, unit, aim string }{
	{"push", "records/s", "at least 2"}, {"full pull", "records/s", "at least 5"},
	{"empty delta, p50", "ms", "at most 1.5"}, {"empty delta, p99", "ms", "none"}, {"memory", "MB", "none"},
}

func middle(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// race runs the whole workload on one side.
func race(b *testing.B, r racer) map[string]float64 {
	work, phones := make([][][]byte, clients), make([]*phone, clients)
	for i := range work {
		work[i], phones[i] = r.batches(i), r.signIn(fmt.Sprint("inspector", i+1))
	}
	began := time.Now()
	var group gosync.WaitGroup
	for i, p := range phones {
		group.Go(func() {
			for _, body := range work[i] {
				r.push(p, body)
			}
		})
	}
	group.Wait()
	const all = clients * batches * batchSize
	out := map[string]float64{"push": all / time.Since(began).Seconds()}

	boss := r.signIn("supervisor")
	began = time.Now()
	checkpoint, documents, more := "", 0, true
	for more {
		var n int
		checkpoint, n, more = r.next(boss, checkpoint)
		documents += n
	}
	out["full pull"] = float64(documents) / time.Since(began).Seconds()
	if documents < all {
		b.Fatalf("%d documents pulled of %d", documents, all)
	}
	took := make([]time.Duration, 0, 500)
	for range cap(took) {
		began = time.Now()
		if _, n, _ := r.next(boss, checkpoint); n != 0 {
			b.Fatalf("%d changes", n)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	out["empty delta, p50"] = took[len(took)/2].Seconds() * 1000
	out["empty delta, p99"] = took[len(took)*99/100].Seconds() * 1000
	out["memory"] = r.residentMB()
	phones[0].s.stop()
	return out
}

// own is Gridpatrol's side.
type own struct{ *server }

func (o *own) batches(client int) [][]byte {
	return bodies(o.tb, area(client), batches, 0)
}

func (o *own) push(p *phone, body []byte) { p.call(http.MethodPost, "/v1/sync/push", body) }

func (o *own) next(p *phone, checkpoint string) (string, int, bool) {
	page, n := p.pull(checkpoint)
	return page.Checkpoint, n, page.More
}

// peer is PocketBase's side.
type peer struct{ *server }

func peerBinary(b *testing.B) string {
	b.Helper()
	path, err := filepath.Abs("../../bin/pocketbase")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		b.Skip("run it as make race-pocketbase, which builds the peer")
	}
	return path
}

func startPeer(b *testing.B, binary string) *peer {
	s := &server{tb: b, addr: localhost.FreeAddress(b)}
	s.cmd = exec.Command(binary, "serve", "--http", s.addr, "--dir", filepath.Join(b.TempDir(), "data"))
	s.launch("/api/health")
	return &peer{s}
}

func (p *peer) signIn(account string) *phone {
	return p.identified("/api/collections/users/auth-with-password", map[string]any{
		"identity": account + "@example.com", "password": "gridpatrol-demo",
	}, "token")
}

// batches are upserts, which may be sent again after a lost answer as
// Gridpatrol's mutations may.
func (p *peer) batches(client int) [][]byte {
	list := make([][]byte, batches)
	for i := range list {
		requests := make([]any, batchSize)
		for k := range requests {
			_, doc := inspectionOf(area(client), i*batchSize+k)
			requests[k] = map[string]any{"method": http.MethodPut, "url": "/api/collections/inspections/records", "body": doc}
		}
		body, err := json.Marshal(map[string]any{"requests": requests})
		if err != nil {
			p.tb.Fatal(err)
		}
		list[i] = body
	}
	return list
}

func (p *peer) push(ph *phone, body []byte) { ph.call(http.MethodPost, "/api/batch", body) }

// next pages by the time of the update and the id, since pages by number get
// slower with each. The last document known is asked for once more: PocketBase
// delays, by up to half a second, who often gets nothing for a filter.
func (p *peer) next(ph *phone, checkpoint string) (string, int, bool) {
	query := url.Values{"perPage": {"500"}, "skipTotal": {"1"}, "sort": {"updated,id"}}
	if at, id, found := bytes.Cut([]byte(checkpoint), []byte("|")); found {
		query.Set("filter", fmt.Sprintf(`updated >= "%s" && (updated > "%s" || id >= "%s")`, at, at, id))
	}
	out := ph.call(http.MethodGet, "/api/collections/inspections/records?"+query.Encode(), nil)
	n := bytes.Count(out, []byte(`"collectionName":`))
	if n == 0 {
		return checkpoint, 0, false
	}
	last := out[bytes.LastIndex(out, []byte(`"id":"`)):]
	known := min(len(checkpoint), 1)
	return field(last, "updated") + "|" + field(last, "id"), n - known, n == 500
}

// field reads a member of a flat object's text without decoding the rest.
func field(text []byte, name string) string {
	_, rest, _ := bytes.Cut(text, []byte(`"`+name+`":"`))
	value, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(value)
}
