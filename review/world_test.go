package review_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"gridpatrol/inspection"
	"gridpatrol/review"
	"gridpatrol/seeds"
	"gridpatrol/store"
	"gridpatrol/store/sqlite"
	"gridpatrol/store/storetest"
	"gridpatrol/sync"
)

const (
	street    = inspection.Area("610102003")
	elsewhere = inspection.Area("610102004")
)

// world is a store with the seeds' reference data, the services on it, and a
// clock that tests move.
type world struct {
	t      testing.TB
	ctx    context.Context
	store  *sqlite.Store
	sync   *sync.Service
	review *review.Service

	mu  gosync.Mutex
	now time.Time
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, ctx: context.Background(), now: time.Date(2026, 10, 12, 10, 0, 0, 0, time.UTC)}
	st, err := sqlite.Open(w.ctx, t.TempDir(), sqlite.Options{NewID: uuid.NewString})
	w.must(err)
	w.store = st
	w.sync, w.review = w.serve()
	docs, err := seeds.Reference()
	w.must(err)
	var list []sync.ReferenceDocument
	for _, d := range docs {
		list = append(list, sync.ReferenceDocument{Collection: d.Collection, ID: d.ID, Doc: d.Doc})
	}
	_, err = w.sync.SeedReference(w.ctx, list)
	w.must(err)
	t.Cleanup(func() {
		w.sync.Close()
		if !t.Failed() {
			storetest.Verify(t, w.store)
		}
		w.must(w.store.Close())
	})
	return w
}

// serve makes the services of one process.
func (w *world) serve() (*sync.Service, *review.Service) {
	w.t.Helper()
	s, err := sync.New(w.ctx, sync.Config{Store: w.store, Now: w.clock, Log: slog.New(slog.DiscardHandler)})
	w.must(err)
	return s, review.New(review.Config{Store: w.store, Acts: s, People: crew{}, Now: w.clock, NewID: newID})
}

// crew is who works where: "wang" in the street.
type crew struct{}

func (crew) WorksIn(_ context.Context, user inspection.UserID, area inspection.Area) (bool, error) {
	return user == "wang" && area == street, nil
}

func (crew) Manages(context.Context, *inspection.Principal) (func(inspection.UserID) bool, error) {
	return func(inspection.UserID) bool { return false }, nil
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// The people of the tests.
var (
	boss   = supervisor("boss", "610102")
	deputy = supervisor("deputy", street)
	remote = supervisor("remote", "610103")
)

func supervisor(user inspection.UserID, area inspection.Area) *inspection.Principal {
	return inspection.NewPrincipal(inspection.RoleSupervisor, inspection.Device{User: user}, area)
}

// phone is a signed-in device with a counter.
type phone struct {
	w         *world
	principal *inspection.Principal
	n         int64
}

func (w *world) phone(user string, areas ...inspection.Area) *phone {
	device := inspection.Device{User: inspection.UserID(user), ID: inspection.DeviceID(uuid.NewString())}
	return &phone{w: w, principal: inspection.NewPrincipal(inspection.RoleInspector, device, areas...)}
}

type edit = map[string]any

func (p *phone) mutation(c, op, id string, base int64, doc edit) edit {
	p.n++
	m := edit{"n": p.n, "collection": c, "op": op, "id": id, "base": base}
	if doc != nil {
		m["doc"] = doc
	}
	return m
}

// put pushes an edit and returns its result, whatever its status.
func (p *phone) put(id string, base int64, doc edit) sync.Result {
	return p.push(p.mutation("inspections", "put", id, base, doc))
}

func (p *phone) push(m edit) sync.Result {
	p.w.t.Helper()
	body, err := json.Marshal(edit{"device_time": p.w.clock().Format(time.RFC3339), "mutations": []edit{m}})
	p.w.must(err)
	batch, err := sync.DecodeBatch(body)
	p.w.must(err)
	answer, err := p.w.sync.Push(p.w.ctx, p.principal, batch)
	p.w.must(err)
	return answer.Results[0]
}

// applied pushes an edit that must be stored as sent.
func (p *phone) applied(id string, base int64, doc edit) sync.Result {
	p.w.t.Helper()
	return p.want(store.Applied, p.mutation("inspections", "put", id, base, doc))
}

func (p *phone) want(status store.Status, m edit) sync.Result {
	p.w.t.Helper()
	r := p.push(m)
	if r.Status != status {
		detail := ""
		if r.Detail != nil {
			detail = *r.Detail
		}
		p.w.t.Fatalf("%v: got %s (%s), want %s", m, r.Status, detail, status)
	}
	return r
}

// pulled returns what a first sync brings, by id.
func (p *phone) pulled() map[string]inspection.Object {
	p.w.t.Helper()
	page, err := p.w.sync.Pull(p.w.ctx, p.principal, sync.PullRequest{Limit: sync.MaxLimit})
	p.w.must(err)
	docs := map[string]inspection.Object{}
	for _, c := range page.Changes {
		docs[c.ID] = parse(p.w.t, c.Doc)
	}
	return docs
}

func parse(t testing.TB, doc []byte) inspection.Object {
	t.Helper()
	o, err := inspection.ParseObject(doc)
	if err != nil {
		t.Fatalf("not a document: %s", doc)
	}
	return o
}

// at returns the value at a path of a document, as JSON.
func at(t testing.TB, doc []byte, path ...string) string {
	t.Helper()
	var v any = parse(t, doc)
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

func (w *world) record(id string) store.Record {
	w.t.Helper()
	all, err := w.store.Records(w.ctx, []inspection.DocID{inspection.DocID(id)})
	w.must(err)
	return all[inspection.DocID(id)]
}

// decide carries a decision of the boss out on the newest revision.
func (w *world) decide(id string, e inspection.ReviewEvent, comment string) store.Record {
	w.t.Helper()
	r, err := w.review.Decide(w.ctx, boss, inspection.DocID(id), review.Decision{Event: e, Comment: comment, Rev: w.record(id).Rev})
	w.must(err)
	return r
}

// refused checks an error's code and that it says what to do.
func refused(t testing.TB, err error, code inspection.Code) {
	t.Helper()
	if inspection.CodeOf(err) != code || strings.TrimSpace(err.Error()) == "" {
		t.Errorf("got %v, want %s", err, code)
	}
}

// burning is a submitted open burning inspection of the street.
func burning(answers edit) edit {
	return edit{
		"template": "open_burning", "template_version": 1, "area": street, "status": "submitted",
		"started_at": "2026-10-12T17:31:07+08:00", "answers": answers,
	}
}

// fixture is an example record of the seeds in the street.
func fixture(name string) (string, edit) {
	doc := seeds.Fixture(name)
	id := newID()
	doc["id"], doc["area"] = id, string(street)
	delete(doc, "session")
	return id, doc
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }
