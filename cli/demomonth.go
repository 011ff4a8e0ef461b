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
	"gridpatrol/seeds"
	"gridpatrol/store"
	"gridpatrol/sync"
)

// Rows of the table of meta data: which month the demo holds, and that all of
// it is there.
const (
	demoMonthMark = "demo_month"
	demoDoneMark  = "demo_done"
)

// demoClock stands where the demo's month is.
type demoClock struct {
	mu gosync.Mutex
	at time.Time
}

func (c *demoClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *demoClock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = t
}

// demoHash is the cost of the demo's passwords: everyone knows them.
var demoHash = argon2id.Params{Memory: 8 << 10, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// makeDemo fills the demo district on its first start with the month before
// this one, pushed through sync as phones would have, by a clock of its own. A
// start that was cut off is completed by the next one: what was pushed is a
// replay then.
func makeDemo(r *run, st demoStore, data string) error {
	if _, err := st.Get(r.ctx, store.TableMeta, demoDoneMark); err == nil {
		return nil
	} else if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	first, again, err := demoMonth(r.ctx, st, now())
	if err != nil {
		return err
	}
	clock := &demoClock{at: first.AddDate(0, -1, -1).Add(8 * time.Hour)}
	accounts, err := auth.New(r.ctx, st, auth.Config{Now: clock.now, Random: rand.Reader, Params: demoHash})
	if err != nil {
		return err
	}
	phones, err := sync.New(r.ctx, sync.Config{Store: st, Now: clock.now, Log: r.log})
	if err != nil {
		return err
	}
	defer phones.Close()
	reports, err := newReports(st, closings{phones}, data, clock.now)
	if err != nil {
		return err
	}
	if err := seedReference(r, phones); err != nil {
		return err
	}
	d := &demo{ctx: r.ctx, store: st, clock: clock, accounts: accounts, phones: phones, reports: reports, again: again}
	if err := d.fill(first); err != nil {
		return err
	}
	r.log.Info("the demo holds a month", "month", first.Format("2006-01"))
	_, err = st.Put(r.ctx, store.TableMeta, store.Row{Key: demoDoneMark, Value: []byte("true")})
	return err
}

// demoStore is what the demo is made in.
type demoStore interface {
	sync.Store
	report.Store
}

// demoMonth returns the first of the demo's month: the one before now's, or the
// one that an earlier start began with.
func demoMonth(ctx context.Context, st demoStore, at time.Time) (first time.Time, again bool, err error) {
	y, m, _ := at.In(report.China).Date()
	first = time.Date(y, m-1, 1, 0, 0, 0, 0, report.China)
	_, err = st.Put(ctx, store.TableMeta, store.Row{Key: demoMonthMark, Value: []byte(first.Format("2006-01"))})
	if !errors.Is(err, store.ErrStale) {
		return first, false, err
	}
	row, err := st.Get(ctx, store.TableMeta, demoMonthMark)
	if err != nil {
		return first, true, err
	}
	first, err = time.ParseInLocation("2006-01", string(row.Value), report.China)
	return first, true, err
}

// demo makes the demo district.
type demo struct {
	ctx      context.Context
	store    demoStore
	clock    *demoClock
	accounts *auth.Service
	phones   *sync.Service
	reports  *report.Service
	// again: an earlier start may have done some of it.
	again bool

	people map[string]auth.User
	n      map[inspection.DeviceID]int64
}

func (d *demo) fill(first time.Time) error {
	d.people, d.n = map[string]auth.User{}, map[inspection.DeviceID]int64{}
	for _, p := range append(seeds.DemoPeople(), seeds.DemoCrew()...) {
		if err := addPerson(d.ctx, d.accounts, p); err != nil {
			return fmt.Errorf("account %s: %w", p.Username, err)
		}
	}
	users, err := d.accounts.Users(d.ctx)
	if err != nil {
		return err
	}
	for _, u := range users {
		d.people[u.Username] = u
	}
	if err := d.sites(); err != nil {
		return err
	}
	steps, err := seeds.DemoMonth(first, nil)
	if err != nil {
		return err
	}
	for _, s := range steps {
		d.clock.set(s.At)
		if err := d.step(&s); err != nil {
			return fmt.Errorf("%s: %w", s.At.Format(time.DateTime), err)
		}
	}
	return nil
}

func (d *demo) step(s *seeds.DemoStep) error {
	switch {
	case s.Push != nil:
		return d.push(s.Push)
	case s.Review != nil:
		return d.review(s.Review)
	case s.CloseFirstHalf:
		w, err := report.ParseWindow(s.At.Format("2006-01"), string(report.FirstHalf))
		if err != nil {
			return err
		}
		_, err = d.reports.Close(d.ctx, d.people["supervisor"].ID, w, "610102")
		if d.again && inspection.CodeOf(err) == inspection.CodeWindowClosed {
			return nil
		}
		return err
	}
	return nil
}

// sites pushes the sites as the supervisor's phone would.
func (d *demo) sites() error {
	sites, err := seeds.DemoSites()
	if err != nil {
		return err
	}
	p := &seeds.DemoPush{Username: "supervisor"}
	for _, s := range sites {
		p.Edits = append(p.Edits, seeds.DemoEdit{Document: s})
	}
	return d.push(p)
}

// push hands a batch in as the person's phone would. Each has one phone, whose
// id is made from the name.
func (d *demo) push(p *seeds.DemoPush) error {
	user := d.people[p.Username]
	device := demoDevice(p.Username)
	batch := &sync.Batch{DeviceTime: d.clock.now().Add(-p.Slow)}
	for _, e := range p.Edits {
		d.n[device]++
		op := sync.OpPut
		if e.Delete {
			op = sync.OpDelete
		}
		batch.Mutations = append(batch.Mutations, sync.NewMutation(d.n[device], op, e.Collection, e.ID, e.Base, e.Doc))
	}
	grants := make([]inspection.Grant, len(user.Areas))
	for i, a := range user.Areas {
		grants[i] = inspection.Grant{Area: a}
	}
	answer, err := d.phones.Push(d.ctx, &sync.Asker{
		Device: inspection.Device{User: user.ID, ID: device}, Rights: inspection.Rights{Grants: grants},
	}, batch)
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

func demoDevice(username string) inspection.DeviceID {
	sum := sha256.Sum256([]byte("demo/" + username))
	s := hex.EncodeToString(sum[:16])
	return inspection.DeviceID(s[:8] + "-" + s[8:12] + "-8" + s[13:16] + "-8" + s[17:20] + "-" + s[20:])
}

// review carries out a decision of the supervisor.
func (d *demo) review(v *seeds.DemoReview) error {
	state := map[string]string{"approve": "approved", "reject": "rejected", "send_back": "has_issues"}[v.Decision]
	by := d.people["supervisor"].ID
	ids := make([]inspection.DocID, len(v.IDs))
	for i, id := range v.IDs {
		ids[i] = inspection.DocID(id)
	}
	_, err := d.phones.Act(d.ctx, sync.Act{
		Area: v.Area, IDs: ids, By: by, Kind: store.KindReview,
		Decide: func(at time.Time, drafts map[inspection.DocID]*sync.Draft) error {
			for _, id := range ids {
				draft := drafts[id]
				if decided, _ := draft.Server["review"].(inspection.Object); decided["by"] != nil {
					continue // by an earlier start
				}
				draft.Server["review"] = inspection.Object{
					"state": state, "by": string(by), "at": at.Format(time.RFC3339Nano), "comment": orNull(v.Comment),
				}
				draft.ServerChanged()
			}
			return nil
		},
	})
	return err
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
