package report_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	gosync "sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"gridpatrol/inspection"
	"gridpatrol/report"
	"gridpatrol/report/render"
	"gridpatrol/seeds"
	"gridpatrol/store"
	"gridpatrol/store/sqlite"
	"gridpatrol/sync"
)

const (
	district = inspection.Area("610102")
	street   = inspection.Area("610102003")
	next     = inspection.Area("610102004")
)

// world is a store with the seeds' reference data, a sync service, the reports
// of both, and a clock that tests move.
type world struct {
	t      testing.TB
	ctx    context.Context
	store  store.Store
	sync   *sync.Service
	report *report.Service

	mu  gosync.Mutex
	now time.Time
}

// ledger lets reports close windows through sync, as the server wires it.
type ledger struct{ sync *sync.Service }

func (l ledger) AddClosing(ctx context.Context, by inspection.UserID, id string, doc inspection.Object) error {
	return l.sync.Establish(ctx, by, store.KindClosing, sync.ReferenceDocument{Collection: inspection.Closings, ID: id, Doc: doc})
}

func newWorld(t testing.TB) *world {
	t.Helper()
	st, err := sqlite.Open(context.Background(), t.TempDir(), sqlite.Options{NewID: uuid.NewString})
	if err != nil {
		t.Fatal(err)
	}
	return newWorldIn(t, st)
}

// newWorldIn makes a world in an empty store, which it closes at the end.
func newWorldIn(t testing.TB, st store.Store) *world {
	t.Helper()
	w := &world{t: t, ctx: context.Background(), now: local("2026-09-01 08:00:00"), store: st}
	var err error
	w.sync, err = sync.New(w.ctx, sync.Config{Store: st, Now: w.clock, Log: slog.New(slog.DiscardHandler)})
	w.must(err)
	w.report = w.reports(st)
	docs, err := seeds.Reference()
	w.must(err)
	list := make([]sync.ReferenceDocument, len(docs))
	for i, d := range docs {
		list[i] = sync.ReferenceDocument{Collection: d.Collection, ID: d.ID, Doc: d.Doc}
	}
	_, err = w.sync.SeedReference(w.ctx, list)
	w.must(err)
	t.Cleanup(func() {
		w.sync.Close()
		w.must(st.Close())
	})
	return w
}

func (w *world) reports(st report.Store) *report.Service {
	w.t.Helper()
	s, err := report.New(report.Config{Store: st, Ledger: ledger{w.sync}, Now: w.clock, Scratch: w.t.TempDir(), Calendar: seedCalendar(w.t), Formats: render.Formats(w.t.TempDir())})
	w.must(err)
	return s
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

// at moves the clock.
func (w *world) at(t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = t
}

// local reads a time in China.
func local(s string) time.Time {
	t, err := time.ParseInLocation(time.DateTime, s, inspection.China)
	if err != nil {
		panic(err)
	}
	return t
}

// phone is a device with a counter, for all of the district.
type phone struct {
	w      *world
	device inspection.Device
	n      int64
	// slow is how far the phone's clock is behind.
	slow time.Duration
}

func (w *world) phone(user string) *phone {
	return &phone{w: w, device: inspection.Device{User: inspection.UserID(user), ID: inspection.DeviceID(uuid.NewString())}}
}

type object = map[string]any

func (p *phone) push(collection, op, id string, base int64, doc object) sync.Result {
	p.w.t.Helper()
	p.n++
	body, err := json.Marshal(object{
		"device_time": p.w.clock().Add(-p.slow).Format(time.RFC3339),
		"mutations":   []any{object{"n": p.n, "collection": collection, "op": op, "id": id, "base": base, "doc": doc}},
	})
	p.w.must(err)
	batch, err := sync.DecodeBatch(body)
	p.w.must(err)
	answer, err := p.w.sync.Push(p.w.ctx, inspection.NewPrincipal(inspection.RoleInspector, p.device, "61"), batch)
	p.w.must(err)
	r := answer.Results[0]
	if r.Status == store.Rejected {
		p.w.t.Fatalf("%s %s: %s", collection, id, *r.Detail)
	}
	return r
}

func (p *phone) put(collection, id string, doc object) {
	p.w.t.Helper()
	p.push(collection, "put", id, 0, doc)
}

// edit puts members over the document as it is.
func (p *phone) edit(collection, id string, doc object) {
	p.w.t.Helper()
	p.push(collection, "put", id, p.w.rev(id), doc)
}

func (p *phone) remove(collection, id string) {
	p.w.t.Helper()
	p.push(collection, "delete", id, p.w.rev(id), nil)
}

func (w *world) rev(id string) int64 {
	w.t.Helper()
	records, err := w.store.Records(w.ctx, []inspection.DocID{inspection.DocID(id)})
	w.must(err)
	return records[inspection.DocID(id)].Rev
}

// review sets a review's state, as the supervisors' room does.
func (w *world) review(id string, state inspection.ReviewState) {
	w.t.Helper()
	doc := inspection.DocID(id)
	records, err := w.store.Records(w.ctx, []inspection.DocID{doc})
	w.must(err)
	_, err = w.sync.Act(w.ctx, sync.Act{
		Area: records[doc].Area, IDs: []inspection.DocID{doc}, By: "boss", Kind: store.KindReview,
		Decide: func(_ time.Time, drafts map[inspection.DocID]*sync.Draft) error {
			drafts[doc].Server.Review = &inspection.Review{State: state, By: "boss"}
			drafts[doc].ServerChanged()
			return nil
		},
	})
	w.must(err)
}

// newSession is the seeds' joint session, changed.
func newSession(area inspection.Area, started string, changes object) object {
	doc := seeds.Fixture("session_joint")
	doc["area"], doc["started_at"] = string(area), started
	return changed(doc, changes)
}

// newVehicle is the seeds' diesel vehicle, changed.
func newVehicle(area inspection.Area, session, plate string, changes object) object {
	doc := seeds.Fixture("diesel_roadside_pass")
	doc["area"], doc["session"] = string(area), session
	answers := doc["answers"].(inspection.Object)
	answers["plate"] = plate
	return changed(doc, changes)
}

func changed(doc inspection.Object, changes object) object {
	delete(doc, "id")
	for name, v := range changes {
		doc[name] = v
	}
	return doc
}

// id makes readable ids that sort by their number.
func id(n int) string { return fmt.Sprintf("0192f3c1-0000-7000-8000-%012d", n) }

func october(kind report.Kind) report.Window {
	w, err := report.ParseWindow("2026-10", string(kind))
	if err != nil {
		panic(err)
	}
	return w
}

// joint reports on October.
func (w *world) joint(kind report.Kind, asOf string, scope ...inspection.Area) *report.Joint {
	w.t.Helper()
	if len(scope) == 0 {
		scope = []inspection.Area{district}
	}
	j, err := w.report.Joint(w.ctx, report.JointQuery{Window: october(kind), Scope: scope, AsOf: asOf})
	w.must(err)
	return j
}

// file exports October.
func (w *world) file(format string, asOf string, scope ...inspection.Area) []byte {
	w.t.Helper()
	if len(scope) == 0 {
		scope = []inspection.Area{district}
	}
	f, err := w.report.Export(w.ctx, report.JointQuery{Window: october(report.WholeMonth), Scope: scope, AsOf: asOf}, format)
	w.must(err)
	defer f.Close()
	b, err := io.ReadAll(f)
	w.must(err)
	return b
}

// formats are the names of what reports can be had in.
var formats = []string{"json", "xlsx", "csv", "geojson"}

func topic(list []report.Topic, name string) report.Topic {
	for _, t := range list {
		if t.Topic == name {
			return t
		}
	}
	return report.Topic{}
}

func fixtureAnswers(name string) object {
	answers, _ := seeds.Fixture(name)["answers"].(inspection.Object)
	return answers
}

func copyAll(to io.Writer, from io.Reader) (int64, error) { return io.Copy(to, from) }
