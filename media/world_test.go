package media_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/media"
	"gridpatrol/seeds/photo"
	"gridpatrol/server"
	"gridpatrol/store"
	"gridpatrol/sync"
	"gridpatrol/test/world"
)

const (
	street = world.Street
	away   = world.Elsewhere
)

// morning is when tests begin; photos are taken a little later.
var (
	morning = time.Date(2026, 10, 12, 9, 30, 0, 0, inspection.China)
	here    = media.LatLon{Lat: 34.2712, Lon: 108.9651}
)

// album is a world that begins in the morning, with ways to break what
// happens to photos.
type album struct {
	*world.World
	// faults, if set, stands between the media room and what it changes.
	faults *faults
	// quota, if set, is how many bytes one user may upload in a day.
	quota int64
	// beforeAmend, if set, runs between the looking at photos and the writing
	// down of what was seen.
	beforeAmend func(inspection.DocID)
}

func newAlbum(t testing.TB) *album {
	t.Helper()
	w := &album{}
	amends := newAmender(w)
	w.World = world.New(t, world.Options{Start: morning, Configure: w.configure(amends)})
	amends.through(w.Sync)
	return w
}

func (w *album) configure(amends *amender) func(*server.Config) {
	return func(cfg *server.Config) {
		cfg.Media.Amender, cfg.Media.DailyQuota = amends, w.quota
		if w.faults != nil {
			cfg.Media.Store, cfg.Media.Blobs = faultyStore{cfg.Store, w.faults}, faultyBlobs{cfg.Blobs, w.faults}
			cfg.Media.Amender = faultyAmender{amends, w.faults}
		}
	}
}

// another makes another process's server.
func (w *album) another() *server.Server {
	w.T.Helper()
	amends := newAmender(w)
	w.Configure = w.configure(amends)
	s := w.Serve(w.Store)
	amends.through(s.Sync)
	return s
}

// restart ends the process and starts the next one, which has these faults.
func (w *album) restart(f *faults) {
	w.T.Helper()
	w.Server.Close()
	w.faults = f
	w.Server = w.another()
}

// amender is the program's, with a stop before it.
type amender struct {
	album *album
	serve chan struct{} // closed once there is the server that it amends through
	sync  *sync.Service
}

func newAmender(w *album) *amender { return &amender{album: w, serve: make(chan struct{})} }

func (a *amender) through(s *sync.Service) {
	a.sync = s
	close(a.serve)
}

func (a *amender) Amend(ctx context.Context, area inspection.Area, id inspection.DocID, decide media.Decide) error {
	if a.album.beforeAmend != nil {
		a.album.beforeAmend(id)
	}
	<-a.serve
	return server.Amender{Sync: a.sync}.Amend(ctx, area, id, decide)
}

// person is an inspector with a phone.
type person struct {
	*world.Phone
	w      *album
	photos *media.Service // nil for those of the album
}

func (w *album) person(user string, areas ...inspection.Area) *person {
	p := &person{Phone: w.Phone(user, areas...), w: w}
	p.Principal.FirstSeen = morning
	return p
}

func (p *person) media() *media.Service {
	if p.photos != nil {
		return p.photos
	}
	return p.w.Media
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
	return p.media().Receive(p.w.Ctx, p.Principal, id, media.Chunk{Offset: offset, Length: int64(len(part)), Body: bytes.NewReader(part)})
}

// upload sends a file and returns its hash.
func (p *person) upload(data []byte) string {
	p.w.T.Helper()
	up, err := p.media().Create(p.w.Ctx, p.Principal, newUpload(data))
	p.w.Must(err)
	if up.Offset < up.Length {
		_, err = p.send(up.ID, 0, data)
		p.w.Must(err)
	}
	return hashOf(data)
}

type object = world.Edit

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
	p.w.T.Helper()
	return p.Stored(p.Put(id, base, doc))
}

// newRecord pushes a record that names photos and returns its id.
func (p *person) newRecord(area inspection.Area, photos ...string) string {
	p.w.T.Helper()
	id := world.NewID()
	p.put(id, 0, record(area, photos...))
	return id
}

// evidence is that of a record, in the form of a text: what is missing by the
// beginning of its hash, then the flags.
func (w *album) evidence(id string) string {
	w.T.Helper()
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
	w.Must(json.Unmarshal(w.Record(id).Doc, &doc))
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
func (w *album) settled(id string, want ...string) {
	w.T.Helper()
	deadline := time.After(10 * time.Second)
	for {
		got := w.evidence(id)
		if got == strings.Join(want, " ") {
			return
		}
		select {
		case <-deadline:
			w.T.Fatalf("the evidence is %q, want %q", got, strings.Join(want, " "))
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// entries counts the evidence entries of a record's history.
func (w *album) entries(id string) (n int) {
	w.T.Helper()
	for _, e := range w.History(id) {
		if e.Kind == store.KindEvidence {
			n++
		}
	}
	return n
}

func (w *album) sees(p *person, sha string) bool {
	w.T.Helper()
	_, err := w.Media.Picture(w.Ctx, p.Principal, sha, 0)
	if code := inspection.CodeOf(err); code != "" && code != inspection.CodeNotFound {
		w.T.Fatal(err)
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
