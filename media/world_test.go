package media_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"gridpatrol/inspection"
	"gridpatrol/media"
	"gridpatrol/seeds"
	"gridpatrol/seeds/photo"
	"gridpatrol/store"
	"gridpatrol/store/files"
	"gridpatrol/store/sqlite"
	"gridpatrol/store/storetest"
	"gridpatrol/sync"
)

const (
	street = inspection.Area("610102003")
	away   = inspection.Area("610102004")
)

// morning is when tests begin; photos are taken a little later.
var (
	morning = time.Date(2026, 10, 12, 9, 30, 0, 0, time.FixedZone("", 8*3600))
	here    = media.LatLon{Lat: 34.2712, Lon: 108.9651}
)

// world is a store, a folder of photos and the services on them.
type world struct {
	t     testing.TB
	ctx   context.Context
	dir   string
	store store.Store
	blobs store.Blobs
	sync  *sync.Service
	media *media.Service
	// faults, if set, stands between the media room and its store and blobs.
	faults *faults
	// quota, if set, is how many bytes one user may upload in a day.
	quota int64
	// beforeAmend, if set, runs between the looking at photos and the writing
	// down of what was seen.
	beforeAmend func(inspection.DocID)
	// close ends it all; a test's end does, too.
	close func()

	mu  gosync.Mutex
	now time.Time
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, ctx: context.Background(), dir: t.TempDir(), now: morning}
	st, err := sqlite.Open(w.ctx, w.dir, sqlite.Options{NewID: uuid.NewString})
	w.must(err)
	w.store = st
	w.blobs, err = files.Open(w.dir+"/media", w.now)
	w.must(err)
	w.serve()
	docs, err := seeds.Reference()
	w.must(err)
	var list []sync.ReferenceDocument
	for _, d := range docs {
		list = append(list, sync.ReferenceDocument{Collection: d.Collection, ID: d.ID, Doc: d.Doc})
	}
	_, err = w.sync.SeedReference(w.ctx, list)
	w.must(err)
	w.close = gosync.OnceFunc(func() {
		w.stop()
		if !t.Failed() {
			storetest.Verify(t, st)
		}
		w.must(st.Close())
	})
	t.Cleanup(w.close)
	return w
}

// serve starts the services, as a process does.
func (w *world) serve() {
	w.t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	var err error
	w.sync, err = sync.New(w.ctx, sync.Config{Store: w.store, Now: w.clock, Log: quiet, OnPhotos: func(a inspection.Area, ids []inspection.DocID) {
		if w.media != nil {
			w.media.Put(a, ids)
		}
	}})
	w.must(err)
	cfg := media.Config{
		Store: w.store, Blobs: w.blobs, Amender: amender{w}, Now: w.clock, Log: quiet,
		NewID: func() string { return strings.ReplaceAll(uuid.NewString(), "-", "") }, Floor: 1, Sweep: time.Hour, DailyQuota: w.quota,
	}
	if w.faults != nil {
		cfg.Store, cfg.Blobs = faultyStore{w.store, w.faults}, faultyBlobs{w.blobs, w.faults}
		cfg.Amender = faultyAmender{cfg.Amender, w.faults}
	}
	w.media, err = media.New(cfg)
	w.must(err)
}

func (w *world) stop() {
	w.media.Close()
	w.sync.Close()
}

// restart ends the services and starts them again, without faults.
func (w *world) restart() {
	w.t.Helper()
	w.stop()
	w.faults = nil
	w.serve()
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

// amender appends evidence as the command line wires it.
type amender struct{ w *world }

func (a amender) Amend(ctx context.Context, area inspection.Area, id inspection.DocID, decide media.Decide) error {
	if a.w.beforeAmend != nil {
		a.w.beforeAmend(id)
	}
	_, err := a.w.sync.Act(ctx, sync.Act{
		Area: area, IDs: []inspection.DocID{id}, Kind: store.KindEvidence,
		Decide: func(_ time.Time, drafts map[inspection.DocID]*sync.Draft) error {
			if d := drafts[id]; d.Record.Rev > 0 && decide(&d.Record, d.Client, &d.Server) {
				d.ServerChanged()
			}
			return nil
		},
	})
	return err
}

// person is an inspector with a phone.
type person struct {
	w         *world
	principal *inspection.Principal
	n         int64
}

func (w *world) person(user string, areas ...inspection.Area) *person {
	device := inspection.Device{User: inspection.UserID(user), ID: inspection.DeviceID(uuid.NewString())}
	p := &person{w: w, principal: inspection.NewPrincipal(inspection.RoleInspector, device, areas...)}
	p.principal.FirstSeen = morning
	return p
}

// picture is what a phone takes, another one for each seed.
func picture(seed uint64) []byte { return takenAt(seed, morning.Add(2*time.Minute), here) }

func takenAt(seed uint64, at time.Time, place media.LatLon) []byte {
	return photo.Draw(photo.Shot{Field: "scene_photo", Seed: seed, Width: 480, EXIF: photo.Camera(at, place.Lat, place.Lon)})
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func claim(data []byte) media.Claim {
	return media.Claim{Length: int64(len(data)), SHA256: hashOf(data), Type: media.TypeJPEG}
}

func newUpload(data []byte) media.NewUpload {
	return media.NewUpload{Claim: claim(data)}
}

func (p *person) send(id string, offset int64, part []byte) (media.Upload, error) {
	return p.w.media.Receive(p.w.ctx, p.principal, id, media.Chunk{Offset: offset, Length: int64(len(part)), Body: bytes.NewReader(part)})
}

// upload sends a file and returns its hash.
func (p *person) upload(data []byte) string {
	p.w.t.Helper()
	up, err := p.w.media.Create(p.w.ctx, p.principal, newUpload(data))
	p.w.must(err)
	if up.Offset < up.Length {
		_, err = p.send(up.ID, 0, data)
		p.w.must(err)
	}
	return hashOf(data)
}

type object = map[string]any

// record is a checklist that demands two photos; each of those given is both.
func record(area inspection.Area, photos ...string) object {
	list := []any{}
	for _, sha := range photos {
		for _, field := range []string{"before_photo", "after_photo"} {
			list = append(list, object{"field": field, "sha256": sha, "taken_at": morning.Add(2 * time.Minute).Format(time.RFC3339)})
		}
	}
	return object{
		"template": "open_burning", "template_version": 1, "area": area, "status": "submitted",
		"started_at": morning.Format(time.RFC3339), "finished_at": morning.Add(10 * time.Minute).Format(time.RFC3339),
		"location": object{"lat": here.Lat, "lon": here.Lon, "accuracy_m": 8, "crs": "wgs84"}, "photos": list,
	}
}

// put pushes a document; base 0 is a new one.
func (p *person) put(id string, base int64, doc object) sync.Result {
	return p.push(object{"op": "put", "id": id, "base": base, "doc": doc})
}

func (p *person) push(m object) sync.Result {
	p.w.t.Helper()
	p.n++
	m["n"] = p.n
	if m["collection"] == nil {
		m["collection"] = "inspections"
	}
	body, err := json.Marshal(object{"mutations": []any{m}})
	p.w.must(err)
	batch, err := sync.DecodeBatch(body)
	p.w.must(err)
	answer, err := p.w.sync.Push(p.w.ctx, p.principal, batch)
	p.w.must(err)
	r := answer.Results[0]
	if r.Status == store.Rejected {
		p.w.t.Fatalf("rejected: %s", *r.Detail)
	}
	return r
}

// newRecord pushes a record that names photos and returns its id.
func (p *person) newRecord(area inspection.Area, photos ...string) string {
	p.w.t.Helper()
	id := uuid.Must(uuid.NewV7()).String()
	p.put(id, 0, record(area, photos...))
	return id
}

// evidence is that of a record, in the form of a text: what is missing by the
// beginning of its hash, then the flags.
func (w *world) evidence(id string) string {
	w.t.Helper()
	all, err := w.store.Records(w.ctx, []inspection.DocID{inspection.DocID(id)})
	w.must(err)
	var doc struct {
		Server struct {
			Evidence struct {
				Complete bool
				Missing  []string
				Fields   []string `json:"missing_fields"`
				Flags    []struct {
					Flag, SHA256, Other, Detail string
				}
			}
		}
	}
	w.must(json.Unmarshal(all[inspection.DocID(id)].Doc, &doc))
	ev := doc.Server.Evidence
	out := []string{"incomplete"}
	if ev.Complete {
		out[0] = "complete"
	}
	for _, sha := range ev.Missing {
		out = append(out, "-"+sha[:6])
	}
	for _, f := range ev.Fields {
		out = append(out, "-"+f)
	}
	for _, f := range ev.Flags {
		text := f.Flag
		if f.Other != "" {
			text += "=" + f.Other
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

// settled waits until a record's evidence is as it should be.
func (w *world) settled(id string, want ...string) {
	w.t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		got := w.evidence(id)
		if got == strings.Join(want, " ") {
			return
		}
		select {
		case <-deadline:
			w.t.Fatalf("the evidence is %q, want %q", got, strings.Join(want, " "))
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// entries counts the evidence entries of a record's history.
func (w *world) entries(id string) (n int) {
	w.t.Helper()
	all, err := w.store.Records(w.ctx, []inspection.DocID{inspection.DocID(id)})
	w.must(err)
	r := all[inspection.DocID(id)]
	list, err := w.store.Entries(w.ctx, r.Area, r.Revisions)
	w.must(err)
	for _, e := range list {
		if e.Kind == store.KindEvidence {
			n++
		}
	}
	return n
}

func (w *world) sees(p *person, sha string) bool {
	w.t.Helper()
	_, err := w.media.Picture(w.ctx, p.principal, sha, 0)
	if code := inspection.CodeOf(err); code != "" && code != inspection.CodeNotFound {
		w.t.Fatal(err)
	}
	return err == nil
}

// faults breaks the nth call and all after it, as a process that dies does.
type faults struct {
	mu   gosync.Mutex
	left int
}

func (f *faults) check() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left--; f.left < 0 {
		return fmt.Errorf("the process has died")
	}
	return nil
}

// tripped reports whether anything was broken.
func (f *faults) tripped() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.left < 0
}

type draft = sync.Draft

// act changes a document as a supervisor's room does.
func (w *world) act(id inspection.DocID, change func(*draft)) {
	w.t.Helper()
	_, err := w.sync.Act(w.ctx, sync.Act{
		Area: street, IDs: []inspection.DocID{id}, By: "boss", Kind: store.KindReview,
		Decide: func(_ time.Time, drafts map[inspection.DocID]*sync.Draft) error {
			change(drafts[id])
			return nil
		},
	})
	w.must(err)
}
