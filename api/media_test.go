package api_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image/jpeg"
	"path"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"gridpatrol/api"
	"gridpatrol/auth"
	"gridpatrol/inspection"
	"gridpatrol/media"
	"gridpatrol/store"
	"gridpatrol/test/world"
)

// partSize returns how much of an upload is on the disk; -1: nothing.
func (w *host) partSize(place string) int64 {
	info, err := w.Blobs.Stat(w.Ctx, store.BlobName{Kind: store.Parts, Key: path.Base(place)})
	if errors.Is(err, store.ErrNotFound) {
		return -1
	}
	w.Must(err)
	return info.Size
}

// record pushes an inspection that names photos and returns its id.
func (p *phone) record(area inspection.Area, photos ...string) string {
	p.T.Helper()
	id := newUUID()
	p.push(p.naming(id, area, photos...)).ok(200)
	return id
}

// naming is a put of an inspection whose template demands a photo.
func (p *phone) naming(id string, area inspection.Area, photos ...string) string {
	p.n++
	list := []any{}
	for _, sha := range photos {
		list = append(list, map[string]any{"field": "before_photo", "sha256": sha, "taken_at": "2026-10-12T09:32:01+08:00"})
	}
	b, _ := json.Marshal(map[string]any{"n": p.n, "collection": "inspections", "op": "put", "id": id, "base": 0,
		"doc": map[string]any{"id": id, "area": area, "template": "open_burning", "template_version": 1,
			"status": "submitted", "started_at": "2026-10-12T09:31:07+08:00", "finished_at": "2026-10-12T09:36:40+08:00",
			"location": map[string]any{"lat": 34.2712, "lon": 108.9651, "accuracy_m": 8, "crs": "wgs84"}, "photos": list}})
	return string(b)
}

type evidenceJSON struct {
	Complete bool
	Missing  []string
	Flags    []struct{ Flag, SHA256, Other, Detail string }
}

// evidence pulls everything and returns that of one record.
func (p *phone) evidence(id string) evidenceJSON {
	p.T.Helper()
	var page struct {
		Changes []struct {
			ID  string
			Doc struct {
				Server struct{ Evidence evidenceJSON }
			}
		}
	}
	p.get("/v1/sync/pull?limit=1000").ok(200).decode(&page)
	for _, c := range page.Changes {
		if c.ID == id {
			return c.Doc.Server.Evidence
		}
	}
	p.T.Fatalf("the record %s isn't pulled", id)
	return evidenceJSON{}
}

func (p *phone) eventuallyMissing(id string, want ...string) {
	p.T.Helper()
	world.Eventually(p.T, fmt.Sprintf("missing %d", len(want)), func() bool {
		return strings.Join(p.evidence(id).Missing, " ") == strings.Join(want, " ")
	})
}

// TestEvidenceInAnyOrder: the photo first, the record first.
func TestEvidenceInAnyOrder(t *testing.T) {
	w := newHost(t)
	p := w.login("inspector")
	early := p.upload(picture(20))
	first := p.record(ownArea, early)
	p.eventuallyMissing(first)
	late := picture(21)
	second := p.record(ownArea, sha256Hex(late))
	p.eventuallyMissing(second, sha256Hex(late))
	p.upload(late)
	if ev := p.evidence(second); len(ev.Missing) != 0 {
		t.Errorf("right after the upload %v are missing", ev.Missing)
	}
}

// TestNamingOpensNothing: a hash that someone names in a record of their own
// shows them nothing, and counts as missing.
func TestNamingOpensNothing(t *testing.T) {
	w := newHost(t)
	p, thief, boss := w.login("inspector"), w.login("other"), w.login("supervisor")
	data := picture(22)
	sha := p.upload(data)
	mine := p.record(ownArea, sha)
	p.eventuallyMissing(mine)
	stolen := thief.record(otherArea, sha)
	w.Must(w.Media.Sweep(w.Ctx))
	if ev := thief.evidence(stolen); len(ev.Missing) != 1 || len(ev.Flags) != 0 {
		t.Errorf("the thief's evidence: %+v", ev)
	}
	thief.get("/v1/media/"+sha).problem(404, inspection.CodeNotFound)
	thief.get("/v1/media/"+sha+"?w=320").problem(404, inspection.CodeNotFound)
	if got := thief.missing(sha); len(got) != 1 {
		t.Errorf("the thief hears that %v are missing", got)
	}
	boss.get("/v1/media/" + sha).ok(200)
	if got := boss.missing(sha); len(got) != 0 {
		t.Errorf("the supervisor hears that %v are missing", got)
	}
	a := thief.tus("POST", "/v1/uploads", nil, fmt.Sprint("Upload-Length: ", len(data)), metadataOf(data)).ok(201)
	if a.header.Get("Upload-Offset") != "0" {
		t.Fatalf("someone else's photo is done at its creation: %v", a.header)
	}
	thief.patch(a.header.Get("Location"), 0, data).ok(204)
	if ev := thief.evidence(stolen); len(ev.Missing) != 0 {
		t.Errorf("after an upload of their own: %+v", ev)
	}
	thief.get("/v1/media/" + sha).ok(200)
}

// TestPhotosOfALostArea: what a phone still holds for an area that was taken
// away counts there, photos as records, until the phone says that it has
// purged it.
func TestPhotosOfALostArea(t *testing.T) {
	w := newHost(t)
	_, err := w.Auth.AddUser(w.Ctx, "", auth.NewUser{
		Username: "colleague", Name: "王芳", Password: password, Role: inspection.RoleInspector, Areas: []inspection.Area{ownArea},
	})
	w.Must(err)
	p, q := w.login("inspector"), w.login("colleague")
	kept, purged := picture(70), picture(71)
	first, second := q.record(ownArea, sha256Hex(kept)), q.record(ownArea, sha256Hex(purged))
	q.eventuallyMissing(first, sha256Hex(kept))
	q.eventuallyMissing(second, sha256Hex(purged))
	w.patch("inspector", auth.UserPatch{Areas: &[]inspection.Area{"610102004"}})
	w.Advance(auth.CacheTTL)
	pushes := func(want string) {
		t.Helper()
		if got := p.push(p.mutation(ownArea, "x")).ok(200); !strings.Contains(string(got.body), `"status":"`+want+`"`) {
			t.Errorf("%s, want %s", got.body, want)
		}
	}

	pushes("applied")
	p.upload(kept)
	q.eventuallyMissing(first)

	p.get("/v1/sync/pull?confirm_revoked=" + string(ownArea)).ok(200)
	pushes("rejected")
	p.upload(purged)
	w.Must(w.Media.Sweep(w.Ctx))
	if got := q.evidence(second).Missing; len(got) != 1 {
		t.Errorf("a photo from behind a confirmed purge counts: %v are missing", got)
	}
	q.get("/v1/media/"+sha256Hex(purged)).problem(404, inspection.CodeNotFound)
	if got := q.missing(sha256Hex(purged)); len(got) != 1 {
		t.Error("the colleague hears that the photo is there")
	}
	p.get("/v1/media/" + sha256Hex(purged)).ok(200) // who sent it sees it
}

func (p *phone) missing(list ...string) []string {
	p.T.Helper()
	body, _ := json.Marshal(map[string]any{"sha256": list})
	var out api.MissingJSON
	p.post("/v1/media/missing", string(body), p.bearer()).ok(200).decode(&out)
	return out.Missing
}

func TestMissing(t *testing.T) {
	w := newHost(t)
	p := w.login("inspector")
	here, not := p.upload(picture(23)), sha256Hex([]byte("x"))
	if got := p.missing(not, here, not); len(got) != 1 || got[0] != not {
		t.Errorf("missing: %v", got)
	}
	if got := p.missing(); len(got) != 0 {
		t.Errorf("missing of nothing: %v", got)
	}
	for _, body := range []string{`{"sha256":["x"]}`, `{"sha256":7}`, `[]`, `{"sha256":[` + strings.Repeat(`"`+not+`",`, 1000) + `"` + not + `"]}`} {
		p.post("/v1/media/missing", body, p.bearer()).problem(400, inspection.CodeBadRequest)
	}
}

func TestPictures(t *testing.T) {
	w := newHost(t)
	p, data := w.login("inspector"), picture(24)
	place := "/v1/media/" + p.upload(data)
	a := p.get(place).ok(200)
	for name, want := range map[string]string{
		"Content-Type": "image/jpeg", "X-Content-Type-Options": "nosniff", "Accept-Ranges": "bytes",
		"Cache-Control":       "private, max-age=31536000, immutable",
		"Content-Disposition": `inline; filename="` + sha256Hex(data)[:16] + `.jpg"`,
	} {
		if a.header.Get(name) != want {
			t.Errorf("%s: %q", name, a.header.Get(name))
		}
	}
	etag := a.header.Get("ETag")
	for _, header := range []string{etag, "W/" + etag, "*", `"x", ` + etag} {
		if b := p.get(place, "If-None-Match: "+header).ok(304); len(b.body) != 0 || b.header.Get("ETag") != etag {
			t.Errorf("304 with %d bytes, %v", len(b.body), b.header)
		}
	}
	p.get(place, `If-None-Match: "x"`).ok(200)
	small := p.get(place + "?w=320").ok(200)
	if small.header.Get("ETag") == etag || bytes.Contains(small.body, []byte("Exif")) || bytes.Contains(small.body, []byte("Xiaomi")) {
		t.Error("the small view carries metadata, or the original's ETag")
	}
	config, err := jpeg.DecodeConfig(bytes.NewReader(small.body))
	if err != nil || config.Width != 320 || config.Height != 240 {
		t.Errorf("small: %+v, %v", config, err)
	}
	p.get(place + "?w=1600").ok(200)
	for _, query := range []string{"?w=", "?w=1", "?w=x", "?w=320&w=320"} {
		p.get(place+query).problem(400, inspection.CodeBadParameter)
	}
	p.get("/v1/media/"+strings.ToUpper(sha256Hex(data))).problem(404, inspection.CodeNotFound)
	p.get("/v1/media/..%2f..%2fetc").problem(404, inspection.CodeNotFound)
	head := p.request("HEAD", place, nil, p.bearer()).ok(200)
	if head.header.Get("Content-Length") != fmt.Sprint(len(data)) || len(head.body) != 0 {
		t.Errorf("HEAD: %v", head.header)
	}
}

func TestRanges(t *testing.T) {
	w := newHost(t)
	p, data := w.login("inspector"), picture(25)
	sha := p.upload(data)
	for _, suffix := range []string{"", "?w=320"} {
		place := "/v1/media/" + sha + suffix
		whole := p.get(place).ok(200)
		n := len(whole.body)
		for _, tc := range []struct {
			header     string
			status     int
			from, upto int
		}{
			{"bytes=0-0", 206, 0, 1}, {"bytes=10-19", 206, 10, 20}, {fmt.Sprintf("bytes=%d-", n-7), 206, n - 7, n},
			{"bytes=-5", 206, n - 5, n}, {fmt.Sprintf("bytes=-%d", n+9), 206, 0, n}, {fmt.Sprintf("bytes=5-%d", n+9), 206, 5, n},
			{"bytes=0-1,4-5", 200, 0, n}, {"lines=1-2", 200, 0, n}, {"bytes=9-3", 200, 0, n}, {"bytes=x-", 200, 0, n},
			{fmt.Sprintf("bytes=%d-", n), 416, 0, 0}, {"bytes=-0", 416, 0, 0},
		} {
			a := p.get(place, "Range: "+tc.header)
			if a.status != tc.status {
				t.Errorf("%s %s: %d", suffix, tc.header, a.status)
				continue
			}
			switch tc.status {
			case 416:
				if a.problem(416, inspection.CodeRange); a.header.Get("Content-Range") != fmt.Sprintf("bytes */%d", n) {
					t.Errorf("%s: %v", tc.header, a.header)
				}
			case 206:
				if want := fmt.Sprintf("bytes %d-%d/%d", tc.from, tc.upto-1, n); a.header.Get("Content-Range") != want {
					t.Errorf("%s: %s", tc.header, a.header.Get("Content-Range"))
				}
				fallthrough
			default:
				if !bytes.Equal(a.body, whole.body[tc.from:tc.upto]) {
					t.Errorf("%s: %d bytes, or other ones", tc.header, len(a.body))
				}
			}
		}
		p.get(place, "Range: bytes=0-0", "If-Range: "+whole.header.Get("ETag")).ok(206)
		p.get(place, "Range: bytes=0-0", `If-Range: "x"`).ok(200)
	}
}

// TestMadeOnce: ten supervisors who ask for a view at the same moment have it
// made once.
func TestMadeOnce(t *testing.T) {
	w := newHost(t)
	p, boss := w.login("inspector"), w.login("supervisor")
	sha := p.upload(picture(26))
	p.eventuallyMissing(p.record(ownArea, sha))
	for _, kind := range []store.BlobKind{store.Large, store.Small} {
		w.Must(w.Blobs.Delete(w.Ctx, store.BlobName{Kind: kind, Key: sha}))
	}
	before := w.Media.Counts().PicturesDecoded
	var group gosync.WaitGroup
	for range 10 {
		group.Go(func() { boss.get("/v1/media/" + sha + "?w=320").ok(200) })
	}
	group.Wait()
	if made := w.Media.Counts().PicturesDecoded - before; made != 1 {
		t.Errorf("made %d times", made)
	}
	boss.get("/v1/media/" + sha + "?w=1600").ok(200)
}

// TestDevicesOwePhotos: a phone is empty when its photos are here, too.
func TestDevicesOwePhotos(t *testing.T) {
	w := newHost(t)
	p, boss := w.login("inspector"), w.login("supervisor")
	late := picture(27)
	id := p.record(ownArea, sha256Hex(late), p.upload(picture(28)))
	p.eventuallyMissing(id, sha256Hex(late))
	device := func() (d api.DeviceJSON) {
		var list struct{ Devices []api.DeviceJSON }
		boss.get("/v1/devices").ok(200).decode(&list)
		for _, d := range list.Devices {
			if string(d.ID) == p.device {
				return d
			}
		}
		t.Fatal("the device isn't listed")
		return d
	}
	world.Eventually(t, "one photo is owed", func() bool { d := device(); return d.MissingPhotos == 1 && !d.Empty })
	// Someone else's edit of the record doesn't make them owe it.
	boss.n++
	boss.push(fmt.Sprintf(`{"n":%d,"collection":"inspections","op":"put","id":%q,"base":1,"doc":{"note":"x"}}`, boss.n, id)).ok(200)
	w.Must(w.Media.Sweep(w.Ctx))
	if n, err := w.Media.MissingPhotos(w.Ctx, inspection.Device{User: boss.signIn.User.ID, ID: inspection.DeviceID(boss.device)}); n != 0 || err != nil {
		t.Errorf("the supervisor owes %d, %v", n, err)
	}
	p.upload(late)
	if d := device(); d.MissingPhotos != 0 || !d.Empty {
		t.Errorf("after the upload: %+v", d)
	}
}

// TestPhotoMetrics: what is counted shows, without anyone's data.
func TestPhotoMetrics(t *testing.T) {
	w := newHost(t)
	p := w.login("inspector")
	sha := p.upload(picture(29))
	page := string(w.request("GET", "/metrics", nil).ok(200).body)
	for _, want := range []string{"gridpatrol_uploads_finished_total 1", "gridpatrol_pictures_decoded_total 1", `gridpatrol_uploads_refused_total{code="not_a_picture"} 0`} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(page, sha) {
		t.Error("a hash is in the metrics")
	}
}

var _ api.Media = (*media.Service)(nil)

func TestUploadAnswersAreAsDescribed(t *testing.T) {
	w, s := newHost(t), newSchemas(t)
	p := w.login("inspector")
	sha := p.upload(picture(30))
	s.check("POST", "/v1/media/missing", p.post("/v1/media/missing", `{"sha256":["`+sha+`"]}`, p.bearer()))
	s.check("POST", "/v1/media/missing", p.post("/v1/media/missing", `{"sha256":["x"]}`, p.bearer()))
	s.check("GET", "/v1/media/{sha256}", p.get("/v1/media/"+strings.Repeat("0", 64)))
	s.check("POST", "/v1/uploads", p.tus("POST", "/v1/uploads", nil))
	s.check("POST", "/v1/uploads", w.request("POST", "/v1/uploads", nil, tusHeader))
	place := p.begin(picture(31))
	s.check("PATCH", "/v1/uploads/{id}", p.patch(place, 5, []byte("x")))
	s.check("PATCH", "/v1/uploads/{id}", p.patch(place, 0, []byte("x"), "Upload-Checksum: sha1 "+b64("x")))
	s.check("DELETE", "/v1/uploads/{id}", p.tus("DELETE", place, nil))
	s.check("DELETE", "/v1/uploads/{id}", p.tus("DELETE", place, nil))
	w.Advance(time.Hour)
	s.check("DELETE", "/v1/uploads/{id}", p.tus("DELETE", place, nil))
}
