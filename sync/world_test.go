package sync_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	gosync "sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"gridpatrol/inspection"
	"gridpatrol/seeds"
	"gridpatrol/store"
	"gridpatrol/store/sqlite"
	"gridpatrol/store/storetest"
	"gridpatrol/sync"
)

const street = inspection.Area("610102003")

// world is a store with the seeds' reference data, a service on it and a
// clock that tests move.
type world struct {
	t     testing.TB
	ctx   context.Context
	dir   string
	store *sqlite.Store
	sync  *sync.Service

	mu   gosync.Mutex
	now  time.Time
	step time.Duration // by which the clock goes on whenever it is asked
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, ctx: context.Background(), dir: t.TempDir(), now: time.Date(2026, 10, 12, 10, 0, 0, 0, time.UTC)}
	w.store = w.open()
	w.sync = w.serve(w.store)
	w.seed(w.sync)
	t.Cleanup(func() {
		w.sync.Close()
		if !t.Failed() {
			storetest.Verify(t, w.store)
		}
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) open() *sqlite.Store {
	w.t.Helper()
	st, err := sqlite.Open(w.ctx, w.dir, sqlite.Options{NewID: uuid.NewString})
	if err != nil {
		w.t.Fatal(err)
	}
	return st
}

func (w *world) serve(st sync.Store) *sync.Service {
	w.t.Helper()
	s, err := sync.New(w.ctx, sync.Config{
		Store: st, Now: w.clock, Log: slog.New(slog.DiscardHandler), Poll: 5 * time.Millisecond,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) seed(s *sync.Service) {
	w.t.Helper()
	docs, err := seeds.Reference()
	if err != nil {
		w.t.Fatal(err)
	}
	var list []sync.ReferenceDocument
	for _, d := range docs {
		list = append(list, sync.ReferenceDocument{Collection: d.Collection, ID: d.ID, Doc: d.Doc})
	}
	if _, err := s.SeedReference(w.ctx, list); err != nil {
		w.t.Fatal(err)
	}
}

// restart ends the service and opens the same data again.
func (w *world) restart() {
	w.t.Helper()
	w.sync.Close()
	if err := w.store.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.store = w.open()
	w.sync = w.serve(w.store)
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(w.step)
	return w.now
}

func (w *world) setStep(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.step = d
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// phone is a signed-in device with a counter.
type phone struct {
	w         *world
	principal *inspection.Principal
	n         int64
}

func (w *world) phone(user string, areas ...inspection.Area) *phone {
	device := inspection.Device{User: inspection.UserID(user), ID: inspection.DeviceID(uuid.NewString())}
	p := &phone{w: w, principal: inspection.NewPrincipal(inspection.RoleInspector, device, areas...)}
	p.principal.FirstSeen = w.clock().Add(-time.Hour)
	return p
}

// asks makes the principal of a request, as the transport does.
func (p *phone) asks() *inspection.Principal {
	confirmed, err := p.w.sync.Confirmed(p.w.ctx, p.principal.Device)
	if err != nil {
		p.w.t.Fatal(err)
	}
	now := *p.principal
	now.Confirmed = confirmed
	return &now
}

type edit = map[string]any

// put and del make mutations with the phone's next number.
func (p *phone) put(id string, base int64, doc any) edit {
	p.n++
	return edit{"n": p.n, "collection": "inspections", "op": "put", "id": id, "base": base, "doc": doc}
}

func (p *phone) del(id string, base int64) edit {
	p.n++
	return edit{"n": p.n, "collection": "inspections", "op": "delete", "id": id, "base": base}
}

func in(c string, m edit) edit {
	m["collection"] = c
	return m
}

func (p *phone) push(edits ...edit) []sync.Result {
	p.w.t.Helper()
	return p.pushAt(p.w.clock(), edits...)
}

func (p *phone) pushAt(deviceTime time.Time, edits ...edit) []sync.Result {
	p.w.t.Helper()
	body, err := json.Marshal(edit{"device_time": deviceTime.Format(time.RFC3339), "mutations": edits})
	if err != nil {
		p.w.t.Fatal(err)
	}
	return p.pushBody(body)
}

func (p *phone) pushBody(body []byte) []sync.Result {
	p.w.t.Helper()
	batch, err := sync.DecodeBatch(body)
	if err != nil {
		p.w.t.Fatal(err)
	}
	answer, err := p.w.sync.Push(p.w.ctx, p.asks(), batch)
	if err != nil {
		p.w.t.Fatal(err)
	}
	return answer.Results
}

// one pushes a single edit and checks its status.
func (p *phone) one(want store.Status, m edit) sync.Result {
	p.w.t.Helper()
	r := p.push(m)[0]
	if r.Status != want {
		p.w.t.Fatalf("%v: got %s (%s), want %s", m, r.Status, deref(r.Detail), want)
	}
	return r
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// pull follows the checkpoint until it is up to date and returns what came,
// newest state by id, and the last page.
func (p *phone) pull(req sync.PullRequest) (map[string]sync.Change, *sync.PullAnswer) {
	p.w.t.Helper()
	seen := map[string]sync.Change{}
	if req.Limit == 0 {
		req.Limit = sync.DefaultLimit
	}
	for {
		page, err := p.w.sync.Pull(p.w.ctx, p.asks(), req)
		if err != nil {
			p.w.t.Fatal(err)
		}
		if len(page.Changes) > req.Limit {
			p.w.t.Fatalf("%d changes on a page of at most %d", len(page.Changes), req.Limit)
		}
		for _, c := range page.Changes {
			seen[c.ID] = c
		}
		req.Checkpoint, req.ConfirmRevoked = page.Checkpoint, nil
		if !page.More {
			return seen, page
		}
	}
}

// doc decodes a result's document.
func doc(t testing.TB, raw []byte) inspection.Object {
	t.Helper()
	o, err := inspection.ParseObject(raw)
	if err != nil {
		t.Fatalf("not a document: %s", raw)
	}
	return o
}

// at returns the value at a pointer of a result's document, as JSON.
func at(t testing.TB, raw []byte, path ...string) string {
	t.Helper()
	var v any = doc(t, raw)
	for _, name := range path {
		switch x := v.(type) {
		case inspection.Object:
			v = x[name]
		case []any:
			var i int
			if _, err := fmt.Sscan(name, &i); err != nil || i >= len(x) {
				return "nothing"
			}
			v = x[i]
		default:
			return "nothing"
		}
	}
	return string(inspection.AppendJSON(nil, v))
}

// record returns a document as it is stored.
func (w *world) record(id string) store.Record {
	w.t.Helper()
	all, err := w.store.Records(w.ctx, []inspection.DocID{inspection.DocID(id)})
	if err != nil {
		w.t.Fatal(err)
	}
	return all[inspection.DocID(id)]
}

// history returns all entries of a document.
func (w *world) history(id string) []store.Entry {
	w.t.Helper()
	r := w.record(id)
	entries, err := w.store.Entries(w.ctx, r.Area, r.Revisions)
	if err != nil {
		w.t.Fatal(err)
	}
	return entries
}

// review appends a supervisor's act, as the review room does.
func (w *world) review(id, state string) {
	w.t.Helper()
	r := w.record(id)
	head, err := w.store.Head(w.ctx, r.Area)
	if err != nil {
		w.t.Fatal(err)
	}
	d := doc(w.t, r.Doc)
	server := d["server"].(inspection.Object)
	server["review"] = inspection.Object{"state": state, "by": "boss", "at": nil, "comment": "look again"}
	server["rev"] = json.Number(fmt.Sprint(r.Rev + 1))
	commit, err := store.Seal(r.Area, head, []store.Entry{{
		Seq: head.Seq + 1, Collection: r.Collection, ID: r.ID, Rev: r.Rev + 1, Kind: store.KindReview,
		Actor: "boss", At: head.At, Pinned: state == "has_issues", Doc: inspection.AppendJSON(nil, d),
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.Append(w.ctx, commit); err != nil {
		w.t.Fatal(err)
	}
}

// newInspection is a small submitted inspection of the street.
func newInspection(answers edit) edit {
	return edit{
		"template": "open_burning", "template_version": 1, "area": street, "status": "submitted",
		"started_at": "2026-10-12T17:31:07+08:00", "answers": answers,
	}
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }
