package sync_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	gosync "sync"
	"testing"

	"pgregory.net/rapid"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/sync"
	"gridpatrol/test/world"
)

// TestNothingOfferedIsLost lets three phones edit a few documents from stale
// bases, replay and delete, and then looks for every value that anyone ever
// offered in record, conflicts or history.
func TestNothingOfferedIsLost(t *testing.T) {
	w := newDistrict(t)
	rapid.Check(t, func(rt *rapid.T) {
		phones := []*phone{w.phone("a", street), w.phone("b", street), w.phone("c", street)}
		ids := []string{world.NewID(), world.NewID()}
		offered := map[string][]string{}
		var sent []func()
		for step := range rapid.IntRange(3, 15).Draw(rt, "steps") {
			p := phones[rapid.IntRange(0, 2).Draw(rt, "phone")]
			id := ids[rapid.IntRange(0, 1).Draw(rt, "id")]
			base := rapid.Int64Range(0, w.Record(id).Rev+1).Draw(rt, "base")
			m := p.Delete(id, base)
			if rapid.IntRange(0, 5).Draw(rt, "op") > 0 {
				value := fmt.Sprintf("value-%d-%s", step, id)
				field := rapid.SampledFrom([]string{"x", "y"}).Draw(rt, "field")
				p.N--
				m = p.Put(id, base, world.Burning(edit{field: value}))
				offered[id] = append(offered[id], value)
			}
			first := p.Push(m)[0]
			if first.Status == store.Rejected {
				rt.Fatalf("rejected: %v", deref(first.Detail))
			}
			sent = append(sent, func() {
				again := p.Push(m)[0]
				if !again.Replayed || again.Status != first.Status || *again.Rev != *first.Rev || *again.Seq != *first.Seq {
					rt.Fatalf("a replay answers %+v, at first %+v", again, first)
				}
			})
		}
		before := w.head()
		for _, replay := range sent {
			replay()
		}
		if after := w.head(); after != before {
			rt.Fatalf("replays moved the log from %d to %d", before.Seq, after.Seq)
		}
		for _, id := range ids {
			w.findAll(rt, id, offered[id])
		}
	})
}

func (w *district) head() store.Head {
	h, err := w.Store.Head(w.Ctx, street)
	w.Must(err)
	return h
}

func (w *district) findAll(rt *rapid.T, id string, values []string) {
	if len(values) == 0 {
		return
	}
	var all bytes.Buffer
	for _, e := range w.History(id) {
		all.Write(e.Doc)
		all.Write(e.Sent)
	}
	for _, v := range values {
		if !strings.Contains(all.String(), v) {
			rt.Fatalf("%s is gone from %s", v, id)
		}
	}
}

// TestEditsOfDifferentFieldsAllArrive: eight phones edit one document at the
// same moment, from the same base, each a field of its own.
func TestEditsOfDifferentFieldsAllArrive(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	id := world.NewID()
	p.One(store.Applied, p.Put(id, 0, world.Burning(edit{})))
	var wg gosync.WaitGroup
	for i := range 8 {
		q := w.phone(fmt.Sprint("phone", i), street)
		wg.Go(func() {
			for k := range 5 {
				q.Push(q.Put(id, 1, world.Burning(edit{fmt.Sprint("field", i): k})))
			}
		})
	}
	wg.Wait()
	answers := world.Parse(t, w.Record(id).Doc)["answers"].(inspection.Object)
	for i := range 8 {
		if got := answers[fmt.Sprint("field", i)]; got != json.Number("4") {
			t.Errorf("field%d is %v", i, got)
		}
	}
	if n := len(w.History(id)); n != 41 {
		t.Errorf("%d revisions, want 41", n)
	}
}

// TestOneIDInTwoAreas: whoever is first owns the id; the other is told that
// it may not write it, and nothing is lost.
func TestOneIDInTwoAreas(t *testing.T) {
	w := newDistrict(t)
	for range 20 {
		id := world.NewID()
		results := make([]sync.Result, 2)
		var wg gosync.WaitGroup
		for i, area := range []inspection.Area{street, "610102004"} {
			p := w.phone(fmt.Sprint("phone", i), area)
			d := world.Burning(nil)
			d["area"] = area
			wg.Go(func() { results[i] = p.Push(p.Put(id, 0, d))[0] })
		}
		wg.Wait()
		if (results[0].Status == store.Applied) == (results[1].Status == store.Applied) {
			t.Fatalf("got %s and %s", results[0].Status, results[1].Status)
		}
	}
}

func TestLargeBatchesBecomeSeveralCommits(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	var edits []edit
	for range 9 {
		edits = append(edits, p.Put(world.NewID(), 0, world.Burning(edit{"text": strings.Repeat("x", 900<<10)})))
	}
	for i, r := range p.Push(edits...) {
		if r.Status != store.Applied || *r.Seq != int64(i+1) {
			t.Fatalf("edit %d: %s, seq %d", i, r.Status, *r.Seq)
		}
	}
	commits, err := w.Store.Commits(w.Ctx, street, 0, 100)
	if err != nil || len(commits) < 2 {
		t.Errorf("%d commits, %v", len(commits), err)
	}
}

func TestDecodeBatch(t *testing.T) {
	bad := map[string]string{
		"empty": ``, "array": `[]`, "no mutations": `{}`, "null": `{"mutations":null}`, "object": `{"mutations":{}}`,
		"number in it": `{"mutations":[1]}`, "no n": `{"mutations":[{}]}`, "text n": `{"mutations":[{"n":"1"}]}`,
		"fraction n": `{"mutations":[{"n":1.5}]}`, "huge n": `{"mutations":[{"n":1e99}]}`, "truncated": `{"mutations":[{"n":1}`,
		"two values": `{"mutations":[]}{}`, "bad utf-8": "{\"mutations\":[{\"n\":1,\"id\":\"\xff\"}]}",
		"bottomless": `{"mutations":[{"n":1,"doc":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}]}`,
		"too many":   `{"mutations":[` + strings.Repeat(`{"n":1},`, 1000) + `{"n":1}]}`,
	}
	for name, body := range bad {
		if _, err := sync.DecodeBatch([]byte(body)); inspection.CodeOf(err) != inspection.CodeBadBatch {
			t.Errorf("%s: %v", name, err)
		}
	}
	good := map[string]string{
		"nothing queued": `{"mutations":[]}`, "odd time": `{"device_time":5,"backlog":[],"mutations":[]}`,
		"own faults": `{"mutations":[{"n":1.0},{"n":2,"op":5,"id":{},"doc":7,"base":"x","collection":null}]}`,
	}
	for name, body := range good {
		b, err := sync.DecodeBatch([]byte(body))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, m := range b.Mutations {
			if m.Fault == nil {
				t.Errorf("%s: %s has no fault", name, m.Raw)
			}
		}
	}
}

func FuzzDecodeBatch(f *testing.F) {
	f.Add([]byte(`{"device_time":"2026-10-12T18:00:03+08:00","backlog":{"mutations":1},"mutations":[{"n":17,"collection":"inspections","op":"put","id":"0192f3c1-7d1e-7a64-9f0a-3b1c2d4e5f60","base":0,"doc":{"area":"610102003","answers":{"a":1e400}}}]}`))
	f.Add([]byte(`{"mutations":[{"n":1,"op":"delete","collection":"tasks","id":"x"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		b, err := sync.DecodeBatch(body)
		if err != nil {
			return
		}
		again, err := sync.DecodeBatch(body)
		if err != nil || len(again.Mutations) != len(b.Mutations) {
			t.Fatalf("decoding again: %v", err)
		}
		for i := range b.Mutations {
			if b.Mutations[i].Content != again.Mutations[i].Content {
				t.Fatal("the digest is not stable")
			}
		}
	})
}
