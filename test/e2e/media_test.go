package e2e_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"image/jpeg"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"gridpatrol/seeds"
	"gridpatrol/seeds/photo"
	"gridpatrol/test/localhost"
)

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// bigPhoto is a photo of about a megabyte.
func bigPhoto(seed uint64) []byte {
	return photo.Draw(photo.Shot{Field: "scene_photo", Seed: seed, Width: 2400, Quality: 95, EXIF: photo.Camera(time.Now(), 34.27, 108.96)})
}

// tus sends one request of the protocol; status 0 means that no answer came.
func (a *account) tus(method, path string, body io.Reader, headers map[string]string) (int, http.Header) {
	a.s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, a.s.url(path), body)
	if err != nil {
		a.s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	req.Header.Set("Tus-Resumable", "1.0.0")
	if body != nil {
		req.Header.Set("Content-Type", "application/offset+octet-stream")
	}
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil
	}
	defer res.Body.Close()
	io.Copy(io.Discard, res.Body)
	return res.StatusCode, res.Header
}

// begin creates an upload and returns its path.
func (a *account) begin(data []byte) string {
	a.s.t.Helper()
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	status, header := a.tus("POST", "/v1/uploads", nil, map[string]string{
		"Upload-Length": strconv.Itoa(len(data)), "Upload-Metadata": "sha256 " + b64(hashOf(data)) + ",filetype " + b64("image/jpeg"),
	})
	if status != http.StatusCreated {
		a.s.t.Fatalf("creation: %d", status)
	}
	return header.Get("Location")
}

func (a *account) patch(place string, offset int, part []byte) int {
	a.s.t.Helper()
	status, _ := a.tus("PATCH", place, bytes.NewReader(part), map[string]string{"Upload-Offset": strconv.Itoa(offset)})
	return status
}

// offset asks how much of an upload is here.
func (a *account) offset(place string) int {
	a.s.t.Helper()
	status, header := a.tus("HEAD", place, nil, nil)
	n, err := strconv.Atoi(header.Get("Upload-Offset"))
	if status != http.StatusOK || err != nil {
		a.s.t.Fatalf("HEAD: %d %v", status, header)
	}
	return n
}

func (a *account) upload(data []byte) string {
	a.s.t.Helper()
	if status := a.patch(a.begin(data), 0, data); status != http.StatusNoContent {
		a.s.t.Fatalf("PATCH: %d", status)
	}
	return hashOf(data)
}

func (a *account) download(path string) (int, []byte) {
	a.s.t.Helper()
	req, err := http.NewRequest("GET", a.s.url(path), nil)
	if err != nil {
		a.s.t.Fatal(err)
	}
	res, body := a.do(req)
	return res.StatusCode, body
}

// photographed is an inspection that names a photo in each field that its
// checklist demands.
func photographed(id, area string, photos ...string) object {
	doc := seeds.Fixture("open_burning_pass")
	doc["id"], doc["area"] = id, area
	list := []any{}
	for _, sha := range photos {
		for _, field := range []string{"before_photo", "after_photo"} {
			list = append(list, object{"field": field, "sha256": sha})
		}
	}
	doc["photos"] = list
	return doc
}

func (a *account) evidence(id string) object {
	a.s.t.Helper()
	doc, _ := a.pullAll()[id]["doc"].(object)
	server, _ := doc["server"].(object)
	evidence, _ := server["evidence"].(object)
	return evidence
}

func (a *account) eventuallyComplete(id string) {
	a.s.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for a.evidence(id)["complete"] != true {
		if time.Now().After(deadline) {
			a.s.t.Fatalf("the evidence is %v", a.evidence(id))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestKillDuringUploads kills the server in the middle of parts, again and
// again. What HEAD acknowledged is never lost, and the photo comes out bit for
// bit.
func TestKillDuringUploads(t *testing.T) {
	s := startDemo(t)
	a := s.signIn("inspector3")
	data := bigPhoto(7)
	id := uuid.Must(uuid.NewV7()).String()
	a.results(a.put(id, 0, photographed(id, "610102003", hashOf(data))))
	place := a.begin(data)
	acknowledged, kills := 0, 0
	for acknowledged < len(data) {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "PATCH %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: %d\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: %d\r\n\r\n",
			place, a.token, acknowledged, len(data)-acknowledged)
		step := min(len(data)/6+rand.IntN(len(data)/6), len(data)-acknowledged)
		for sent := 0; sent < step; sent += 16 << 10 {
			if _, err := conn.Write(data[acknowledged+sent : acknowledged+min(sent+16<<10, step)]); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
		s.kill()
		kills++
		conn.Close()
		s.start("demo")
		now := a.offset(place)
		if now < acknowledged {
			t.Fatalf("%d bytes were acknowledged, %d are here", acknowledged, now)
		}
		acknowledged = now
	}
	t.Logf("%d kills", kills)
	a.holds(t, data)
	a.eventuallyComplete(id)
}

// TestBackupCarriesPhotos: what a restored server shows is bit for bit what
// was uploaded, views are made anew, and evidence stands.
func TestBackupCarriesPhotos(t *testing.T) {
	s := startDemo(t)
	a := s.signIn("inspector3")
	data := bigPhoto(8)
	id := uuid.Must(uuid.NewV7()).String()
	a.results(a.put(id, 0, photographed(id, "610102003", a.upload(data))))
	a.eventuallyComplete(id)
	file := filepath.Join(t.TempDir(), "backup")
	command(t, 0, " photos of database", "backup", "--data", s.data, "-o", file)
	restored := &server{t: t, data: filepath.Join(t.TempDir(), "restored"), addr: localhost.FreeAddress(t)}
	command(t, 0, "restored", "restore", "--data", restored.data, file)
	restored.start("demo")
	t.Cleanup(restored.kill)
	a.s = restored
	a.signIn("gridpatrol-demo")
	a.holds(t, data)
	a.eventuallyComplete(id)
	status, small := a.download("/v1/media/" + hashOf(data) + "?w=320")
	config, err := jpeg.DecodeConfig(bytes.NewReader(small))
	if status != http.StatusOK || err != nil || config.Width != 320 {
		t.Errorf("the small view: %d, %+v, %v", status, config, err)
	}
	command(t, 0, "made the derivatives of", "media", "rebuild", "--data", restored.data)
}
