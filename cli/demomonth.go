package cli

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	gosync "sync"
	"time"

	"github.com/alexedwards/argon2id"

	"gridpatrol/auth"
	"gridpatrol/inspection"
	"gridpatrol/report"
	"gridpatrol/review"
	"gridpatrol/seeds"
	"gridpatrol/store"
	"gridpatrol/sync"
)

// Rows of the table of meta data: which month the demo holds, that all of it is
// there, and that all its pictures are.
const (
	demoMonthMark  = "demo_month"
	demoDoneMark   = "demo_done"
	demoPhotosMark = "demo_photos"
)

// demoDistrict is the district of the demo.
const demoDistrict inspection.Area = "610102"

// demoHash is the cost of the demo's passwords: everyone knows them.
var demoHash = argon2id.Params{Memory: 8 << 10, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// demoStore is what the demo is made in.
type demoStore interface {
	sync.Store
	report.Store
}

// makeDemo makes the demo district: its people and sites and, on the first
// start that wants it, the month before this one, pushed through sync as phones
// would have, by a clock of its own. A start that was cut off is completed by
// the next one: what was pushed is a replay then. The album it returns holds
// the month's pictures that the phones have still to send.
func makeDemo(r *run, st demoStore, data string, month bool) (*album, error) {
	done, err := has(r.ctx, st, demoDoneMark)
	if err != nil {
		return nil, err
	}
	sent, err := has(r.ctx, st, demoPhotosMark)
	if err != nil || done && sent {
		return nil, err
	}
	d := &demo{run: r, store: st, data: data, people: map[string]auth.User{}}
	if !month {
		return nil, d.furnish(now(), seeds.DemoPeople(), 1, func([]*demoLane) error { return nil })
	}
	first, err := demoMonth(r.ctx, st, now())
	if err != nil {
		return nil, err
	}
	steps, err := seeds.DemoMonth(first)
	if err != nil {
		return nil, err
	}
	r.log.Info("drawing the demo's photos")
	pictures := draw(steps)
	people := append(seeds.DemoPeople(), seeds.DemoCrew()...)
	begin := first.AddDate(0, -1, -1).Add(8 * time.Hour)
	if err := d.furnish(begin, people, demoAtOnce, func(lanes []*demoLane) error { return live(lanes, steps) }); err != nil {
		return nil, err
	}
	r.log.Info("the demo holds a month", "month", first.Format("2006-01"))
	_, err = st.Put(r.ctx, store.TableMeta, store.Row{Key: demoDoneMark, Value: []byte("true")})
	if errors.Is(err, store.ErrStale) {
		err = nil // an earlier start was cut off among the photos
	}
	return &album{run: r, store: st, people: d.people, pictures: pictures}, err
}

func has(ctx context.Context, st store.Tables, mark string) (bool, error) {
	_, err := st.Get(ctx, store.TableMeta, mark)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// demoMonth returns the first of the demo's month: the one before now's, or the
// one that an earlier start began with.
func demoMonth(ctx context.Context, st store.Tables, at time.Time) (time.Time, error) {
	y, m, _ := at.In(inspection.China).Date()
	first := time.Date(y, m-1, 1, 0, 0, 0, 0, inspection.China)
	_, err := st.Put(ctx, store.TableMeta, store.Row{Key: demoMonthMark, Value: []byte(first.Format("2006-01"))})
	if !errors.Is(err, store.ErrStale) {
		return first, err
	}
	row, err := st.Get(ctx, store.TableMeta, demoMonthMark)
	if err != nil {
		return first, err
	}
	return time.ParseInLocation("2006-01", string(row.Value), inspection.China)
}

// demo makes the demo district.
type demo struct {
	*run
	store demoStore
	data  string

	accounts *auth.Service
	people   map[string]auth.User
}

// demoAtOnce is how many streets are filled at the same time: they share the
// waits for the disk.
const demoAtOnce = 3

// furnish makes the people and the sites as of a time, and lets the rest be
// done in so many lanes.
func (d *demo) furnish(at time.Time, people []seeds.Person, n int, rest func([]*demoLane) error) error {
	phones, err := sync.New(d.ctx, sync.Config{Store: d.store, Now: func() time.Time { return at }, Log: d.log})
	if err != nil {
		return err
	}
	defer phones.Close()
	if err := seedReference(d.run, phones); err != nil {
		return err
	}
	if err := d.hire(at, people, phones); err != nil {
		return err
	}
	lanes := make([]*demoLane, n)
	for i := range lanes {
		if lanes[i], err = d.lane(at); err != nil {
			return err
		}
		defer lanes[i].phones.Close()
	}
	if err := lanes[0].sites(); err != nil {
		return err
	}
	return rest(lanes)
}

// live carries the month's steps out. The closing waits for all that happened
// before it, and all that comes later for the closing.
func live(lanes []*demoLane, steps []seeds.DemoStep) error {
	var part []seeds.DemoStep
	for _, s := range steps {
		if s.CloseFirstHalf {
			if err := errors.Join(inLanes(lanes, part), lanes[0].close(s.At)); err != nil {
				return err
			}
			part = nil
			continue
		}
		part = append(part, s)
	}
	return inLanes(lanes, part)
}

// hire makes the accounts, a few at a time.
func (d *demo) hire(at time.Time, people []seeds.Person, areas auth.AreaBook) error {
	var err error
	d.accounts, err = auth.New(d.ctx, d.store, auth.Config{Now: func() time.Time { return at }, Random: rand.Reader, Params: demoHash, Areas: areas})
	if err != nil {
		return err
	}
	errs := make([]error, len(people))
	slots := make(chan struct{}, demoAtOnce)
	var work gosync.WaitGroup
	for i, p := range people {
		slots <- struct{}{}
		work.Go(func() {
			errs[i] = addPerson(d.ctx, d.accounts, p)
			<-slots
		})
	}
	work.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	users, err := d.accounts.Users(d.ctx)
	for _, u := range users {
		d.people[u.Username] = u
	}
	return err
}

// inLanes carries the steps out, those of one street in their order.
func inLanes(lanes []*demoLane, steps []seeds.DemoStep) error {
	parts := make([][]seeds.DemoStep, len(lanes))
	for _, s := range steps {
		i := int(s.Area[len(s.Area)-1]) % len(lanes) // always the same for a street
		parts[i] = append(parts[i], s)
	}
	errs := make([]error, len(lanes))
	var work gosync.WaitGroup
	for i, l := range lanes {
		work.Go(func() { errs[i] = l.carryOut(parts[i]) })
	}
	work.Wait()
	return errors.Join(errs...)
}

// demoLane is a server that lives in the demo's month.
type demoLane struct {
	*demo
	at      time.Time
	phones  *sync.Service
	reviews *review.Service
	n       map[inspection.Device]int64
}

func (d *demo) lane(begin time.Time) (*demoLane, error) {
	l := &demoLane{demo: d, at: begin, n: map[inspection.Device]int64{}}
	var err error
	l.phones, err = sync.New(d.ctx, sync.Config{Store: d.store, Now: l.now, Log: d.log})
	l.reviews = review.New(review.Config{Store: d.store, Acts: l.phones, People: d.accounts, Now: l.now, NewID: newID})
	return l, err
}

func (l *demoLane) now() time.Time { return l.at }

func (l *demoLane) carryOut(steps []seeds.DemoStep) error {
	for _, s := range steps {
		l.at = s.At
		var err error
		switch {
		case s.Push != nil:
			err = l.push(s.Area, s.Push)
		case s.Review != nil:
			err = l.review(s.Review)
		case s.Task != nil:
			err = l.task(s.Task)
		}
		if err != nil {
			return fmt.Errorf("%s at %s: %w", s.Area, s.At.Format(time.DateTime), err)
		}
	}
	return nil
}

// close closes the first half of the month.
func (l *demoLane) close(at time.Time) error {
	l.at = at
	reports, err := newReports(l.store, closings{l.phones}, l.data, l.now)
	if err != nil {
		return err
	}
	w, err := report.ParseWindow(at.Format("2006-01"), string(report.FirstHalf))
	if err != nil {
		return err
	}
	_, err = reports.Close(l.ctx, l.people["supervisor"].ID, w, demoDistrict)
	if inspection.CodeOf(err) == inspection.CodeWindowClosed {
		return nil // by an earlier start
	}
	return err
}

// sites pushes the sites as the supervisor's phone would.
func (l *demoLane) sites() error {
	sites, err := seeds.DemoSites()
	if err != nil {
		return err
	}
	p := &seeds.DemoPush{Username: "supervisor"}
	for _, s := range sites {
		p.Edits = append(p.Edits, seeds.DemoEdit{Document: s})
	}
	return l.push(demoDistrict, p)
}

// push hands a batch in as the person's phone would. Each person has a phone
// for each area, whose id is made from both.
func (l *demoLane) push(area inspection.Area, p *seeds.DemoPush) error {
	user := l.people[p.Username]
	device := inspection.Device{User: user.ID, ID: demoDevice(p.Username + "/" + string(area))}
	batch := &sync.Batch{DeviceTime: l.at.Add(-p.Slow)}
	for _, e := range p.Edits {
		op := sync.OpPut
		if e.Delete {
			op = sync.OpDelete
		}
		l.n[device]++
		batch.Mutations = append(batch.Mutations, sync.NewMutation(l.n[device], op, e.Collection, e.ID, e.Base, e.Doc))
	}
	answer, err := l.phones.Push(l.ctx, inspection.NewPrincipal(user.Role, device, user.Areas...), batch)
	if err != nil {
		return err
	}
	for _, r := range answer.Results {
		if r.Status == store.Rejected {
			return fmt.Errorf("document %s of %s: %s", r.ID, p.Username, *r.Detail)
		}
	}
	return nil
}

// demoDevice makes a UUID from a name.
func demoDevice(name string) inspection.DeviceID {
	sum := sha256.Sum256([]byte("demo/" + name))
	s := hex.EncodeToString(sum[:16])
	return inspection.DeviceID(s[:8] + "-" + s[8:12] + "-8" + s[13:16] + "-8" + s[17:20] + "-" + s[20:])
}

// supervisor is who decides.
func (l *demoLane) supervisor() *inspection.Principal {
	u := l.people["supervisor"]
	return inspection.NewPrincipal(u.Role, inspection.Device{User: u.ID}, u.Areas...)
}

// review carries out a decision of the supervisor, unless an earlier start did.
func (l *demoLane) review(v *seeds.DemoReview) error {
	for _, id := range v.IDs {
		r, err := l.record(id)
		if err != nil {
			return err
		}
		doc, err := inspection.ParseObject(r.Doc)
		if err != nil {
			return err
		}
		if doc.Object("server").Object("review").Has("by") {
			continue // decided
		}
		_, err = l.reviews.Decide(l.ctx, l.supervisor(), r.ID, review.Decision{Event: v.Decision, Comment: v.Comment, Rev: r.Rev})
		if err != nil {
			return fmt.Errorf("inspection %s: %w", id, err)
		}
	}
	return nil
}

func (l *demoLane) record(id string) (store.Record, error) {
	records, err := l.store.Records(l.ctx, []inspection.DocID{inspection.DocID(id)})
	return records[inspection.DocID(id)], err
}

// task carries out an act of the supervisor on a task. One that has no place
// any more was carried out by an earlier start.
func (l *demoLane) task(t *seeds.DemoTask) error {
	if t.Event == inspection.TaskCreate {
		_, err := l.reviews.CreateTask(l.ctx, l.supervisor(), review.NewTask{ID: t.ID, Inspection: t.Inspection, Due: t.Due})
		return err
	}
	r, err := l.record(t.ID)
	if err != nil {
		return err
	}
	_, err = l.reviews.MoveTask(l.ctx, l.supervisor(), r.ID, review.TaskMove{Event: t.Event, Rev: r.Rev})
	if inspection.CodeOf(err) == inspection.CodeConflict {
		return nil
	}
	return err
}
