package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	gosync "sync"
	"time"

	"github.com/alexedwards/argon2id"

	"gridpatrol/auth"
	"gridpatrol/inspection"
	"gridpatrol/report"
	"gridpatrol/review"
	"gridpatrol/seeds"
	"gridpatrol/seeds/photo"
	"gridpatrol/server"
	"gridpatrol/store"
	"gridpatrol/sync"
)

// DemoPassword is that of every demo account. It stands in docs/contract.md and
// the README, so a database that has such accounts never leaves loopback.
const DemoPassword = "gridpatrol-demo"

// demoMark is the row that marks a database as the demo's.
const demoMark = "demo"

// guardDemo refuses to serve accounts whose password everyone knows beyond
// loopback, and to mix them into a real database.
func guardDemo(ctx context.Context, st store.Store, listen string, demo bool) error {
	_, err := st.Get(ctx, store.TableMeta, demoMark)
	marked := err == nil
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	switch {
	case demo && !loopback(listen):
		return fmt.Errorf("the demo district serves on loopback only: take --listen 127.0.0.1:8080, or leave out --demo")
	case marked && !loopback(listen):
		return fmt.Errorf("this database was made by the demo and everyone knows its passwords: choose another folder with --data, or listen on loopback")
	case !demo || marked:
		return nil
	}
	return markDemo(ctx, st)
}

// markDemo marks a database that nobody uses yet.
func markDemo(ctx context.Context, st store.Store) error {
	users, err := st.Changes(ctx, store.ChangesQuery{
		Area: inspection.ReferenceArea, Collections: []inspection.Collection{inspection.Users}, Limit: 1,
	})
	if err != nil {
		return err
	}
	if len(users.Records) > 0 {
		return errors.New("this database has accounts already: choose another folder for the demo with --data")
	}
	_, err = st.Put(ctx, store.TableMeta, store.Row{Key: demoMark, Value: []byte("true")})
	if errors.Is(err, store.ErrStale) {
		return nil // another process has just marked it
	}
	return err
}

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

// makeDemo makes the demo district: its people and sites and, on the first
// start that wants it, the month before this one, pushed through sync as phones
// would have, by a clock of its own. A start that was cut off is completed by
// the next one: what was pushed is a replay then. The album it returns holds
// the month's pictures that the phones have still to send.
func makeDemo(r *run, st store.Store, data string, month bool) (*album, error) {
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
		return nil, d.furnish(now(), seeds.DemoPeople(), 1, func([]*player) error { return nil })
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
	if err := d.furnish(begin, people, demoAtOnce, func(players []*player) error { return playAll(players, steps) }); err != nil {
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
	store store.Store
	data  string

	accounts *auth.Service
	people   map[string]auth.User
}

// demoAtOnce is how many streets are filled at the same time: they share the
// waits for the disk.
const demoAtOnce = 3

// furnish makes the people and the sites as of a time, and lets the rest be
// done in so many players.
func (d *demo) furnish(at time.Time, people []seeds.Person, n int, rest func([]*player) error) error {
	cfg := serverConfig(d.run, d.store)
	cfg.Now, cfg.Auth.Params = func() time.Time { return at }, demoHash
	base, err := server.NewBase(d.ctx, cfg)
	if err != nil {
		return err
	}
	defer base.Close()
	d.accounts = base.Auth
	if err := d.hire(people); err != nil {
		return err
	}
	players := make([]*player, n)
	for i := range players {
		if players[i], err = d.newPlayer(at); err != nil {
			return err
		}
		defer players[i].phones.Close()
	}
	if err := players[0].sites(); err != nil {
		return err
	}
	return rest(players)
}

// playAll carries the month's steps out. The closing waits for all that happened
// before it, and all that comes later for the closing.
func playAll(players []*player, steps []seeds.DemoStep) error {
	var part []seeds.DemoStep
	for _, s := range steps {
		if s.CloseFirstHalf {
			if err := errors.Join(playApart(players, part), players[0].close(s.At)); err != nil {
				return err
			}
			part = nil
			continue
		}
		part = append(part, s)
	}
	return playApart(players, part)
}

// hire makes the accounts, a few at a time.
func (d *demo) hire(people []seeds.Person) error {
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

func addPerson(ctx context.Context, accounts *auth.Service, p seeds.Person) error {
	_, err := accounts.UserByName(ctx, p.Username)
	if inspection.CodeOf(err) != inspection.CodeNotFound {
		return err
	}
	_, err = accounts.AddUser(ctx, "", auth.NewUser{
		Username: p.Username, Name: p.Name, Password: DemoPassword,
		Role: inspection.Role(p.Role), Areas: p.Areas,
	})
	return err
}

// playApart carries the steps out, those of one street in their order.
func playApart(players []*player, steps []seeds.DemoStep) error {
	parts := make([][]seeds.DemoStep, len(players))
	for _, s := range steps {
		i := int(s.Area[len(s.Area)-1]) % len(players) // always the same for a street
		parts[i] = append(parts[i], s)
	}
	errs := make([]error, len(players))
	var work gosync.WaitGroup
	for i, pl := range players {
		work.Go(func() { errs[i] = pl.play(parts[i]) })
	}
	work.Wait()
	return errors.Join(errs...)
}

// player is a server that lives in the demo's month.
type player struct {
	*demo
	at      time.Time
	phones  *sync.Service
	reviews *review.Service
	n       map[inspection.Device]int64
}

func (d *demo) newPlayer(begin time.Time) (*player, error) {
	pl := &player{demo: d, at: begin, n: map[inspection.Device]int64{}}
	var err error
	pl.phones, err = sync.New(d.ctx, sync.Config{Store: d.store, Now: pl.now, Log: d.log})
	pl.reviews = review.New(review.Config{Store: d.store, Acts: pl.phones, People: d.accounts, Now: pl.now, NewID: newID})
	return pl, err
}

func (pl *player) now() time.Time { return pl.at }

func (pl *player) play(steps []seeds.DemoStep) error {
	for _, s := range steps {
		pl.at = s.At
		var err error
		switch {
		case s.Push != nil:
			err = pl.push(s.Area, s.Push)
		case s.Review != nil:
			err = pl.review(s.Review)
		case s.Task != nil:
			err = pl.task(s.Task)
		}
		if err != nil {
			return fmt.Errorf("%s at %s: %w", s.Area, s.At.Format(time.DateTime), err)
		}
	}
	return nil
}

// close closes the first half of the month.
func (pl *player) close(at time.Time) error {
	pl.at = at
	reports, err := server.NewReports(pl.store, pl.phones, scratchIn(pl.data), pl.now)
	if err != nil {
		return err
	}
	w, err := report.ParseWindow(at.Format("2006-01"), string(report.FirstHalf))
	if err != nil {
		return err
	}
	_, err = reports.Close(pl.ctx, pl.people["supervisor"].ID, w, demoDistrict)
	if inspection.CodeOf(err) == inspection.CodeWindowClosed {
		return nil // by an earlier start
	}
	return err
}

// sites pushes the sites as the supervisor's phone would.
func (pl *player) sites() error {
	sites, err := seeds.DemoSites()
	if err != nil {
		return err
	}
	p := &seeds.DemoPush{Username: "supervisor"}
	for _, s := range sites {
		p.Edits = append(p.Edits, seeds.DemoEdit{Document: s})
	}
	return pl.push(demoDistrict, p)
}

// push hands a batch in as the person's phone would. Each person has a phone
// for each area, whose id is made from both.
func (pl *player) push(area inspection.Area, p *seeds.DemoPush) error {
	user := pl.people[p.Username]
	device := inspection.Device{User: user.ID, ID: demoDevice(p.Username + "/" + string(area))}
	batch := &sync.Batch{DeviceTime: pl.at.Add(-p.Slow)}
	for _, e := range p.Edits {
		op := sync.OpPut
		if e.Delete {
			op = sync.OpDelete
		}
		pl.n[device]++
		batch.Mutations = append(batch.Mutations, sync.NewMutation(pl.n[device], op, e.Collection, e.ID, e.Base, e.Doc))
	}
	answer, err := pl.phones.Push(pl.ctx, inspection.NewPrincipal(user.Role, device, user.Areas...), batch)
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
func (pl *player) supervisor() *inspection.Principal {
	u := pl.people["supervisor"]
	return inspection.NewPrincipal(u.Role, inspection.Device{User: u.ID}, u.Areas...)
}

// review carries out a decision of the supervisor, unless an earlier start did.
func (pl *player) review(v *seeds.DemoReview) error {
	for _, id := range v.IDs {
		r, err := pl.record(id)
		if err != nil {
			return err
		}
		doc, err := inspection.ParseObject(r.Doc)
		if err != nil {
			return err
		}
		if server := inspection.ServerOf(doc); server.ReviewedBy() != "" {
			continue
		}
		_, err = pl.reviews.Decide(pl.ctx, pl.supervisor(), r.ID, review.Decision{Event: v.Decision, Comment: v.Comment, Rev: r.Rev})
		if err != nil {
			return fmt.Errorf("inspection %s: %w", id, err)
		}
	}
	return nil
}

func (pl *player) record(id string) (store.Record, error) {
	records, err := pl.store.Records(pl.ctx, []inspection.DocID{inspection.DocID(id)})
	return records[inspection.DocID(id)], err
}

// task carries out an act of the supervisor on a task. One that has no place
// any more was carried out by an earlier start.
func (pl *player) task(t *seeds.DemoTask) error {
	if t.Event == inspection.TaskCreate {
		_, err := pl.reviews.CreateTask(pl.ctx, pl.supervisor(), review.NewTask{ID: t.ID, Inspection: t.Inspection, Due: t.Due})
		return err
	}
	r, err := pl.record(t.ID)
	if err != nil {
		return err
	}
	_, err = pl.reviews.MoveTask(pl.ctx, pl.supervisor(), r.ID, review.TaskMove{Event: t.Event, Rev: r.Rev})
	if inspection.CodeOf(err) == inspection.CodeConflict {
		return nil
	}
	return err
}

// picture is a drawn photo on its owner's phone.
type picture struct {
	owner string
	hash  string
	jpeg  []byte
}

// draw draws what the steps' photos show, names it in their entries and
// returns it.
func draw(steps []seeds.DemoStep) []picture {
	var pictures []picture
	var entries []seeds.DemoPicture
	for _, s := range steps {
		if s.Push == nil {
			continue
		}
		for _, e := range s.Push.Edits {
			for _, p := range e.Pictures {
				pictures, entries = append(pictures, picture{owner: s.Push.Username}), append(entries, p)
			}
		}
	}
	var work gosync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		work.Go(func() {
			for i := range next {
				pictures[i].draw(entries[i])
			}
		})
	}
	for i := range pictures {
		next <- i
	}
	close(next)
	work.Wait()
	return pictures
}

func (p *picture) draw(from seeds.DemoPicture) {
	p.jpeg = photo.Draw(from.Shot)
	sum := sha256.Sum256(p.jpeg)
	p.hash = hex.EncodeToString(sum[:])
	from.Entry["sha256"], from.Entry["bytes"] = p.hash, json.Number(strconv.Itoa(len(p.jpeg)))
}
