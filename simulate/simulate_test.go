package simulate

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

func newTestSimulation(seed uint64) *simulation {
	return newSimulation(Config{
		Seed: seed, Phones: 2, Days: 2, Random: rand.NewChaCha8([32]byte{1}),
		Now: func() time.Time { return time.Date(2026, 10, 12, 10, 0, 0, 0, china) },
	})
}

// withoutIDs strips what is new in every run.
var withoutIDs = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|Yard [0-9a-f]{6}`)

// TestASeedReplays: what phones that know the same do is the seed's.
func TestASeedReplays(t *testing.T) {
	plan := func(seed uint64) (all []byte) {
		s := newTestSimulation(seed)
		p := s.newPhone(1, &account{})
		p.areas = []string{"610102001", "610102002"}
		for number := range 20 {
			p.edit(s.chance.of(forEdits, p.number, number), s.workTime(number/3, number%3))
		}
		for _, m := range p.queue {
			all = append(all, withoutIDs.ReplaceAll(m.raw, nil)...)
		}
		return all
	}
	if one, again := plan(7), plan(7); !bytes.Equal(one, again) || len(one) == 0 {
		t.Errorf("one seed makes two plans:\n%s\n%s", one, again)
	}
	if bytes.Equal(plan(7), plan(8)) {
		t.Error("two seeds make one plan")
	}
	n := &network{loss: 0.5}
	fates := func(seed uint64) (list []fate) {
		r := chance(seed).of(forFaults, 1, 1)
		for range 20 {
			list = append(list, n.decide(r, &request{stray: true}))
		}
		return list
	}
	if !slices.Equal(fates(7), fates(7)) || slices.Equal(fates(7), fates(8)) {
		t.Error("faults don't follow from the seed")
	}
}

// TestBrokenConnections: what is cut doesn't come through, what is doubled
// comes twice, what strays comes later.
func TestBrokenConnections(t *testing.T) {
	var arrived atomic.Int64
	body := bytes.Repeat([]byte("x"), 20_000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		if err != nil || !bytes.Equal(got, body) {
			return
		}
		arrived.Add(1)
		w.Write(body)
	}))
	defer server.Close()
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	n := newNetwork([]*url.URL{base}, 0, time.Now)
	q := &request{method: http.MethodPost, path: "/", body: body}
	for _, reset := range []bool{false, true} {
		for _, at := range []float64{0, 0.3, 0.9} {
			if a := n.broken(t.Context(), q, fate{kind: cutRequest, at: at, reset: reset}); a.status != 0 || arrived.Load() != 0 {
				t.Errorf("cut at %g: %d, %d arrived", at, a.status, arrived.Load())
			}
		}
	}
	if a := n.broken(t.Context(), q, fate{kind: cutReply, at: 0.9}); a.status != 0 || arrived.Swap(0) != 1 {
		t.Errorf("a cut reply: %d", a.status)
	}
	if a := n.broken(t.Context(), q, fate{kind: slow, at: 0.5, pause: time.Millisecond}); a.status != http.StatusOK || !bytes.Equal(a.body, body) || arrived.Swap(0) != 1 {
		t.Errorf("a slow request: %d", a.status)
	}
	n.loss = 1
	seen := map[fault]bool{}
	for seed := range uint64(60) {
		q.stray = true
		kind := n.decide(rand.New(rand.NewPCG(seed, 0)), q).kind
		want := map[fault]int64{twice: 2, strayed: 1}[kind]
		if seen[kind] || want == 0 {
			seen[kind] = true
			continue
		}
		seen[kind] = true
		var late atomic.Int64
		answers := n.send(t.Context(), rand.New(rand.NewPCG(seed, 0)), q, func(a reply) { late.Add(int64(a.status)) })
		n.strays.Wait()
		if kind == twice && len(answers) != 2 || kind == strayed && (answers[0].status != 0 || late.Load() != http.StatusOK) || arrived.Swap(0) != want {
			t.Errorf("%s: %d answers", faultNames[kind], len(answers))
		}
	}
	if len(seen) != int(faultKinds)-1 {
		t.Errorf("of the faults only %v come about", seen)
	}
}

func doc(raw string) object { return members(decode([]byte(raw))) }

// TestMergeByHand holds the oracle's own merge against the words of docs/contract.md.
func TestMergeByHand(t *testing.T) {
	tests := []struct {
		name, base, theirs, mine, want string
		locked                         bool
		clashes                        []string
	}{
		{name: "another field", base: `{"a":1,"b":1}`, theirs: `{"a":2,"b":1}`, mine: `{"a":1,"b":2}`, want: `{"a":2,"b":2}`},
		{name: "the same field", base: `{"a":1}`, theirs: `{"a":2}`, mine: `{"a":3}`, want: `{"a":2}`, clashes: []string{"/a"}},
		{name: "the same value", base: `{"a":1}`, theirs: `{"a":2}`, mine: `{"a":2}`, want: `{"a":2}`},
		{name: "answers by member", base: `{"answers":{"a":1,"b":1}}`, theirs: `{"answers":{"a":2,"b":1}}`, mine: `{"answers":{"a":1}}`, want: `{"answers":{"a":2}}`},
		{
			name: "items by id", base: `{"answers":{"l":[{"id":"x","v":1}]}}`, theirs: `{"answers":{"l":[{"id":"x","v":2}]}}`,
			mine: `{"answers":{"l":[{"id":"x","v":3},{"id":"y"}]}}`, want: `{"answers":{"l":[{"id":"x","v":2},{"id":"y"}]}}`, clashes: []string{"/answers/l/x"},
		},
		{
			name: "photos by field and hash", base: `{"photos":[]}`, theirs: `{"photos":[{"field":"f","sha256":"1"}]}`,
			mine: `{"photos":[{"field":"f","sha256":"2"}]}`, want: `{"photos":[{"field":"f","sha256":"1"},{"field":"f","sha256":"2"}]}`,
		},
		{name: "locked", base: `{"a":1}`, theirs: `{"a":1}`, mine: `{"a":2}`, want: `{"a":1}`, locked: true, clashes: []string{"/a"}},
		{name: "null and absent", base: `{"a":null}`, theirs: `{}`, mine: `{"a":null}`, want: `{}`},
		{name: "what the server owns", base: `{}`, theirs: `{"server":{"rev":1}}`, mine: `{"server":{"rev":2}}`, want: `{}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out, _, clashes := merge(flatten(doc(test.base)), flatten(doc(test.theirs)), flatten(doc(test.mine)), test.locked)
			var pointers []string
			for _, c := range clashes {
				pointers = append(pointers, c.pointer)
			}
			if diff := out.differs(flatten(doc(test.want))); diff != "" || !slices.Equal(pointers, test.clashes) {
				t.Errorf("%s; clashes %v, want %v", diff, pointers, test.clashes)
			}
		})
	}
}

// TestAStory plays a document's life: what is asked of a server's answers.
func TestAStory(t *testing.T) {
	one, two := &phone{number: 1, device: "1"}, &phone{number: 2, device: "2"}
	steps := []struct {
		m       *mutation
		status  string
		clashes int
		deleted bool
	}{
		{&mutation{phone: one, n: 1, op: opPut, doc: doc(`{"area":"610102001","note":"a"}`)}, applied, 0, false},
		{&mutation{phone: one, n: 2, op: opPut, doc: doc(`{"note":"b"}`)}, applied, 0, false}, // its own chain
		{&mutation{phone: two, n: 1, base: 1, op: opPut, doc: doc(`{"note":"c"}`)}, conflicted, 1, false},
		{&mutation{phone: two, n: 2, base: 1, op: opPut, doc: doc(`{"grid":"x"}`)}, merged, 0, false},
		{&mutation{phone: one, n: 3, base: 2, op: opDelete}, conflicted, 1, false}, // the grid was not seen
		{&mutation{phone: one, n: 4, base: 5, op: opDelete}, applied, 0, true},
		{&mutation{phone: two, n: 3, base: 5, op: opPut, doc: doc(`{"note":"d"}`)}, merged, 0, false}, // an edit revives
		{&mutation{phone: two, n: 1, base: 5, op: opPut, doc: doc(`{"note":"e"}`)}, merged, 0, false}, // late
	}
	st := &story{marks: map[string]mark{}}
	for i, step := range steps {
		status, clashes := st.next(step.m)
		if status != step.status || len(clashes) != step.clashes || st.now().deleted != step.deleted {
			t.Errorf("step %d: %s, %v, deleted %t; want %s", i+1, status, clashes, st.now().deleted, step.status)
		}
	}
	if got := st.now().fields; got["/note"] != "d" || got["/grid"] != "x" {
		t.Errorf("it ends as %v", got)
	}
}

// TestTheLedgerRemembers: an answer that differs, or that says of a second time
// that it was the first, is a broken promise.
func TestTheLedgerRemembers(t *testing.T) {
	tests := []struct {
		name   string
		second result
		want   check
		broken int64
	}{
		{"a replay", result{N: 1, ID: "x", Status: applied, Replayed: true, Rev: 1, Seq: 5}, checkReceipts, 0},
		{"carried out again", result{N: 1, ID: "x", Status: applied, Rev: 1, Seq: 5}, checkOnce, 1},
		{"another revision", result{N: 1, ID: "x", Status: applied, Replayed: true, Rev: 2, Seq: 5}, checkReceipts, 1},
		{"another's answer", result{N: 2, ID: "x", Status: applied, Replayed: true, Rev: 1, Seq: 5}, checkReceipts, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l, ta := newLedger(), &tally{}
			m := &mutation{phone: &phone{device: "d"}, n: 1, id: "x"}
			l.noteMutation(m)
			l.noteAnswers(ta, []*mutation{m}, []result{{N: 1, ID: "x", Status: applied, Rev: 1, Seq: 5}})
			l.noteAnswers(ta, []*mutation{m}, []result{test.second})
			if ta.broken[test.want] != test.broken {
				t.Errorf("broken: %v", ta.broken)
			}
		})
	}
}

func TestAReplicaKeepsWhatIsNewer(t *testing.T) {
	r := replica{}
	offer := func(raw string) outcome {
		h, err := heldOf(change{Collection: sites, ID: "x", Doc: []byte(raw)})
		if err != nil {
			t.Fatal(err)
		}
		return r.offer(h)
	}
	for i, step := range []struct {
		raw  string
		want outcome
	}{
		{`{"area":"610102001","server":{"rev":2}}`, taken},
		{`{"area":"610102001","server":{"rev":1}}`, older},
		{`{"server":{"rev":2}, "area":"610102001"}`, same},
		{`{"area":"610102001","note":"x","server":{"rev":2}}`, different},
		{`{"area":"610102001","server":{"rev":3}}`, taken},
	} {
		if got := offer(step.raw); got != step.want {
			t.Errorf("step %d: %d, want %d", i, got, step.want)
		}
	}
	r.purge("610102001")
	if len(r) != 0 {
		t.Error("a purged area is still held")
	}
}

func TestNotJoint(t *testing.T) {
	tests := []struct{ session, want string }{
		{`{"lead_unit":"ecology","participants":["transport"],"kind":"parking"}`, ""},
		{`{"lead_unit":"ecology","participants":["ecology","ecology"],"kind":"parking"}`, "single_unit"},
		{`{"lead_unit":"ecology","participants":[],"kind":"site"}`, "single_unit"},
		{`{"lead_unit":"ecology","participants":["transport"],"kind":"roadside"}`, "no_traffic_police"},
		{`{"lead_unit":"traffic_police","participants":["transport"],"kind":"roadside"}`, ""},
	}
	for _, test := range tests {
		if got := notJoint(flatten(doc(test.session))); got != test.want {
			t.Errorf("%s: %q, want %q", test.session, got, test.want)
		}
	}
}

func TestWindows(t *testing.T) {
	march := time.Date(2026, 3, 1, 0, 0, 0, 0, china)
	for kind, want := range map[string][2]string{
		"month": {"2026-03-01", "2026-04-01"}, "26-25": {"2026-02-26", "2026-03-26"},
		"first_half": {"2026-03-01", "2026-03-16"}, "second_half": {"2026-03-16", "2026-04-01"},
	} {
		from, to := window(march, kind)
		if from.Format(time.DateOnly) != want[0] || to.Format(time.DateOnly) != want[1] {
			t.Errorf("%s: %s to %s", kind, from, to)
		}
	}
}
