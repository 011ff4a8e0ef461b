package api_test

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"gridpatrol/api"
	"gridpatrol/inspection"
	"gridpatrol/seeds/photo"
	"gridpatrol/test/world"
)

// picture is a photo of its own for each seed.
func picture(seed uint64) []byte {
	return photo.Draw(photo.Shot{Field: "scene_photo", Seed: seed, Width: 640, EXIF: photo.Camera(time.Date(2026, 10, 12, 9, 32, 1, 0, time.FixedZone("", 8*3600)), 34.2712, 108.9651)})
}

func sha256Hex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func metadataOf(data []byte) string {
	return "Upload-Metadata: sha256 " + b64(sha256Hex(data)) + ",filetype " + b64("image/jpeg") + ",filename " + b64("a.jpg")
}

const tusHeader = "Tus-Resumable: 1.0.0"

// tus sends a request of the protocol.
func (p *phone) tus(method, path string, body []byte, headers ...string) *answer {
	p.T.Helper()
	var in io.Reader
	if body != nil {
		in = bytes.NewReader(body)
		headers = append(headers, "Content-Type: application/offset+octet-stream")
	}
	return p.request(method, path, in, append(headers, tusHeader, p.bearer())...)
}

// begin creates an upload and returns where its parts go.
func (p *phone) begin(data []byte) string {
	p.T.Helper()
	a := p.tus("POST", "/v1/uploads", nil, "Upload-Length: "+strconv.Itoa(len(data)), metadataOf(data)).ok(201)
	if a.header.Get("Upload-Offset") != "0" || a.header.Get("Upload-Expires") == "" || a.header.Get(api.HeaderTusResumable) != "1.0.0" {
		p.T.Errorf("created with %v", a.header)
	}
	return a.header.Get("Location")
}

func (p *phone) patch(place string, offset int, part []byte, headers ...string) *answer {
	p.T.Helper()
	return p.tus("PATCH", place, part, append(headers, "Upload-Offset: "+strconv.Itoa(offset))...)
}

// upload sends a whole file and returns its hash.
func (p *phone) upload(data []byte) string {
	p.T.Helper()
	p.patch(p.begin(data), 0, data).ok(204)
	return sha256Hex(data)
}

func (p *phone) offset(place string) string {
	p.T.Helper()
	return p.tus("HEAD", place, nil).ok(200).header.Get("Upload-Offset")
}

func TestUpload(t *testing.T) {
	w := newHost(t)
	p, data := w.login("inspector"), picture(1)
	place := p.begin(data)
	half := len(data) / 2
	sum := sha1.Sum(data[:half])
	a := p.patch(place, 0, data[:half], "Upload-Checksum: sha1 "+base64.StdEncoding.EncodeToString(sum[:])).ok(204)
	if a.header.Get("Upload-Offset") != strconv.Itoa(half) || a.header.Get("Upload-Expires") == "" {
		t.Errorf("half: %v", a.header)
	}
	head := p.tus("HEAD", place, nil).ok(200)
	if head.header.Get("Upload-Offset") != strconv.Itoa(half) || head.header.Get("Upload-Length") != strconv.Itoa(len(data)) ||
		"Upload-Metadata: "+head.header.Get("Upload-Metadata") != metadataOf(data) || head.header.Get("Cache-Control") != "no-store" {
		t.Errorf("HEAD: %v", head.header)
	}
	p.patch(place, half, data[half:]).ok(204)
	if got := p.offset(place); got != strconv.Itoa(len(data)) {
		t.Errorf("offset %s of %d", got, len(data))
	}
	got := p.get("/v1/media/" + sha256Hex(data)).ok(200)
	if !bytes.Equal(got.body, data) || got.header.Get("Content-Type") != "image/jpeg" {
		t.Errorf("got %d bytes as %s", len(got.body), got.header.Get("Content-Type"))
	}
	again := p.tus("POST", "/v1/uploads", nil, "Upload-Length: "+strconv.Itoa(len(data)), metadataOf(data)).ok(201)
	if again.header.Get("Upload-Offset") != strconv.Itoa(len(data)) {
		t.Errorf("a second upload of one's own photo: %v", again.header)
	}
	if got := p.offset(again.header.Get("Location")); got != strconv.Itoa(len(data)) {
		t.Errorf("offset %s of %d", got, len(data))
	}
}

// TestUploadVariants: creation-with-upload, chunked, by way of an override.
func TestUploadVariants(t *testing.T) {
	w := newHost(t)
	p := w.login("inspector")
	t.Run("with its creation", func(t *testing.T) {
		data := picture(2)
		a := p.tus("POST", "/v1/uploads", data, "Upload-Length: "+strconv.Itoa(len(data)), metadataOf(data)).ok(201)
		if a.header.Get("Upload-Offset") != strconv.Itoa(len(data)) {
			t.Errorf("%v", a.header)
		}
		p.get("/v1/media/" + sha256Hex(data)).ok(200)
	})
	t.Run("chunked", func(t *testing.T) {
		data := picture(3)
		place := p.begin(data)
		req, err := http.NewRequestWithContext(t.Context(), "PATCH", w.url+place, io.MultiReader(bytes.NewReader(data[:1000]), bytes.NewReader(data[1000:])))
		w.Must(err)
		for _, h := range []string{tusHeader, p.bearer(), "Upload-Offset: 0", "Content-Type: application/offset+octet-stream"} {
			name, value, _ := strings.Cut(h, ": ")
			req.Header.Set(name, value)
		}
		resp, err := w.client.Do(req)
		w.Must(err)
		resp.Body.Close()
		if resp.StatusCode != 204 || resp.Header.Get("Upload-Offset") != strconv.Itoa(len(data)) {
			t.Errorf("%d %v", resp.StatusCode, resp.Header)
		}
	})
	t.Run("by way of POST", func(t *testing.T) {
		data := picture(4)
		place := p.begin(data)
		p.tus("POST", place, data, "Upload-Offset: 0", "X-HTTP-Method-Override: PATCH").ok(204)
		p.get("/v1/media/" + sha256Hex(data)).ok(200)
		p.tus("POST", place, nil).problem(405, inspection.CodeMethodNotAllowed)
	})
	t.Run("ended", func(t *testing.T) {
		data := picture(5)
		place := p.begin(data)
		p.patch(place, 0, data[:100]).ok(204)
		p.tus("DELETE", place, nil).ok(204)
		if a := p.tus("HEAD", place, nil); a.status != 404 {
			t.Errorf("HEAD gives %d", a.status)
		}
	})
}

func TestTusOptions(t *testing.T) {
	w := newHost(t)
	for _, path := range []string{"/v1/uploads", "/v1/uploads/abc"} {
		a := w.request("OPTIONS", path, nil).ok(204)
		for name, want := range map[string]string{
			"Tus-Resumable": "1.0.0", "Tus-Version": "1.0.0", "Tus-Max-Size": "31457280", "Tus-Checksum-Algorithm": "sha1,sha256",
			"Tus-Extension": "creation,creation-with-upload,checksum,expiration,termination",
		} {
			if a.header.Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, a.header.Get(name))
			}
		}
	}
}

func TestUploadsThatAreRefused(t *testing.T) {
	w := newHost(t)
	p, q, data := w.login("inspector"), w.login("other"), picture(6)
	length, meta := "Upload-Length: "+strconv.Itoa(len(data)), metadataOf(data)
	place := p.begin(data)
	p.patch(place, 0, data[:1000]).ok(204)
	typed := "Content-Type: application/offset+octet-stream"
	for _, tc := range []struct {
		name         string
		method, path string
		headers      []string
		body         string
		status       int
		code         inspection.Code
	}{
		{"no version", "POST", "/v1/uploads", []string{length, meta}, "", 412, inspection.CodeTusVersion},
		{"another version", "POST", "/v1/uploads", []string{length, meta, "Tus-Resumable: 0.2.2"}, "", 412, inspection.CodeTusVersion},
		{"no length", "POST", "/v1/uploads", []string{tusHeader, meta}, "", 400, inspection.CodeBadRequest},
		{"odd length", "POST", "/v1/uploads", []string{tusHeader, meta, "Upload-Length: -1"}, "", 400, inspection.CodeBadRequest},
		{"deferred length", "POST", "/v1/uploads", []string{tusHeader, meta, "Upload-Defer-Length: 1"}, "", 400, inspection.CodeBadRequest},
		{"empty", "POST", "/v1/uploads", []string{tusHeader, meta, "Upload-Length: 0"}, "", 415, inspection.CodeNotAPicture},
		{"too large", "POST", "/v1/uploads", []string{tusHeader, meta, "Upload-Length: 31457281"}, "", 413, inspection.CodeTooLarge},
		{"no metadata", "POST", "/v1/uploads", []string{tusHeader, length}, "", 400, inspection.CodeBadRequest},
		{"no base64", "POST", "/v1/uploads", []string{tusHeader, length, "Upload-Metadata: sha256 !!"}, "", 400, inspection.CodeBadRequest},
		{"no hash", "POST", "/v1/uploads", []string{tusHeader, length, "Upload-Metadata: sha256 " + b64("abc") + ",filetype " + b64("image/png")}, "", 400, inspection.CodeBadRequest},
		{"no type", "POST", "/v1/uploads", []string{tusHeader, length, "Upload-Metadata: sha256 " + b64(sha256Hex(data))}, "", 415, inspection.CodeMediaType},
		{"a type that isn't taken", "POST", "/v1/uploads", []string{tusHeader, length, "Upload-Metadata: sha256 " + b64(sha256Hex(data)) + ",filetype " + b64("image/heic")}, "", 415, inspection.CodeMediaType},
		{"gzip", "PATCH", place, []string{tusHeader, typed, "Upload-Offset: 1000", "Content-Encoding: gzip"}, "x", 415, inspection.CodeMediaType},
		{"another content type", "PATCH", place, []string{tusHeader, "Content-Type: image/jpeg", "Upload-Offset: 1000"}, "x", 415, inspection.CodeMediaType},
		{"no offset", "PATCH", place, []string{tusHeader, typed}, "x", 400, inspection.CodeBadRequest},
		{"wrong offset", "PATCH", place, []string{tusHeader, typed, "Upload-Offset: 999"}, "x", 409, inspection.CodeWrongOffset},
		{"offset beyond", "PATCH", place, []string{tusHeader, typed, "Upload-Offset: 1001"}, "x", 409, inspection.CodeWrongOffset},
		{"unknown algorithm", "PATCH", place, []string{tusHeader, typed, "Upload-Offset: 1000", "Upload-Checksum: md5 " + b64("x")}, "x", 400, inspection.CodeBadRequest},
		{"wrong checksum", "PATCH", place, []string{tusHeader, typed, "Upload-Offset: 1000", "Upload-Checksum: sha256 " + b64("x")}, "x", 460, inspection.CodeChecksumMismatch},
		{"beyond the end", "PATCH", place, []string{tusHeader, typed, "Upload-Offset: 1000"}, strings.Repeat("x", len(data)), 413, inspection.CodeTooLarge},
		{"unknown upload", "PATCH", "/v1/uploads/0123456789abcdef", []string{tusHeader, typed, "Upload-Offset: 0"}, "x", 404, inspection.CodeNotFound},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := w.request(tc.method, tc.path, strings.NewReader(tc.body), append(tc.headers, p.bearer())...)
			a.t = t
			a.problem(tc.status, tc.code)
			if a.header.Get(api.HeaderTusResumable) != "1.0.0" {
				t.Error("the answer doesn't name the protocol's version")
			}
		})
	}
	if got := p.offset(place); got != "1000" {
		t.Errorf("after all that the offset is %s", got)
	}
	if a := q.tus("HEAD", place, nil); a.status != 404 {
		t.Errorf("someone else's HEAD: %d", a.status)
	}
	q.patch(place, 1000, data[1000:]).problem(404, inspection.CodeNotFound)
	q.tus("DELETE", place, nil).problem(404, inspection.CodeNotFound)
	p.patch(place, 1000, data[1000:]).ok(204)
}

// TestWrongFile: at the end the whole is checked, and nothing of it stays.
func TestWrongFile(t *testing.T) {
	w := newHost(t)
	p, data := w.login("inspector"), picture(7)
	broken := bytes.Clone(data)
	broken[len(broken)/2] ^= 1
	place := p.begin(data)
	p.patch(place, 0, broken).problem(460, inspection.CodeChecksumMismatch)
	p.tus("GET", "/v1/media/"+sha256Hex(data), nil).problem(404, inspection.CodeNotFound)
	if a := p.tus("HEAD", place, nil); a.status != 404 {
		t.Errorf("HEAD gives %d", a.status)
	}
	text := []byte("<html><script>alert(1)</script>")
	p.patch(p.begin(text), 0, text).problem(415, inspection.CodeNotAPicture)
	p.upload(data)
}

// raw is a connection on which a test can stop in the middle.
func (p *phone) raw(method, path string, length int, headers ...string) net.Conn {
	p.T.Helper()
	conn, err := net.Dial("tcp", p.addr)
	p.Must(err)
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n%s\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: %d\r\n%s\r\n\r\n",
		method, path, tusHeader, p.bearer(), length, strings.Join(headers, "\r\n"))
	return conn
}

// TestCutPatchKeepsEveryByte: a connection breaks in the middle of a part.
func TestCutPatchKeepsEveryByte(t *testing.T) {
	for name, cut := range map[string]func(net.Conn){
		"closed": func(c net.Conn) { c.Close() },
		"reset":  func(c net.Conn) { c.(*net.TCPConn).SetLinger(0); c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			w := newHost(t)
			p, data := w.login("inspector"), picture(8)
			place, sent := p.begin(data), len(data)*2/3
			conn := p.raw("PATCH", place, len(data), "Upload-Offset: 0")
			if _, err := conn.Write(data[:sent]); err != nil {
				t.Fatal(err)
			}
			// A reset may destroy what the server hasn't read: wait until it has.
			world.Eventually(t, "the server has the bytes", func() bool { return w.partSize(place) == int64(sent) })
			cut(conn)
			world.Eventually(t, "the offset is what was sent", func() bool {
				a := p.tus("HEAD", place, nil)
				return a.status == 200 && a.header.Get("Upload-Offset") == strconv.Itoa(sent)
			})
			p.patch(place, sent, data[sent:]).ok(204)
			if got := p.get("/v1/media/" + sha256Hex(data)).ok(200); !bytes.Equal(got.body, data) {
				t.Error("the file came out different")
			}
		})
	}
}

// TestTakeOver: a phone that changed networks comes back while the server
// still waits on the dead connection.
func TestTakeOver(t *testing.T) {
	w := newHost(t)
	p, data := w.login("inspector"), picture(9)
	place, sent := p.begin(data), len(data)/3
	dead := p.raw("PATCH", place, len(data), "Upload-Offset: 0")
	defer dead.Close()
	if _, err := dead.Write(data[:sent]); err != nil {
		t.Fatal(err)
	}
	world.Eventually(t, "the server has the bytes", func() bool { return w.partSize(place) == int64(sent) })
	if got := p.offset(place); got != strconv.Itoa(sent) {
		t.Errorf("offset %s of %d", got, sent)
	}
	line, err := bufio.NewReader(dead).ReadString('\n')
	if err != nil || !strings.Contains(line, "423") {
		t.Errorf("the old request is answered %q, %v", line, err)
	}
	p.patch(place, sent, data[sent:]).ok(204)
}

// TestSlowPart: a part that stops coming is put away, and what came is kept.
func TestSlowPart(t *testing.T) {
	w := newHost(t, func(c *api.Config) { c.ReadTimeout = 50 * time.Millisecond })
	p, data := w.login("inspector"), picture(10)
	place, sent := p.begin(data), len(data)/4
	conn := p.raw("PATCH", place, len(data), "Upload-Offset: 0")
	defer conn.Close()
	if _, err := conn.Write(data[:sent]); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(line, "408") {
		t.Errorf("answered %q, %v", line, err)
	}
	if got := p.offset(place); got != strconv.Itoa(sent) {
		t.Errorf("offset %s of %d", got, sent)
	}
}

func TestQuota(t *testing.T) {
	w := newHost(t)
	p := w.login("inspector")
	begin := func(seed int) *answer {
		meta := "Upload-Metadata: sha256 " + b64(sha256Hex([]byte{byte(seed)})) + ",filetype " + b64("image/jpeg")
		return p.tus("POST", "/v1/uploads", nil, "Upload-Length: 31457280", meta)
	}
	begin(1).ok(201)
	begin(2).ok(201)
	begin(3).problem(507, inspection.CodeQuotaExceeded)
	w.login("other").begin(picture(11))
	w.Advance(24 * time.Hour)
	p = w.login("inspector")
	begin(4).ok(201)
}

func TestUploadExpires(t *testing.T) {
	w := newHost(t)
	p, data := w.login("inspector"), picture(12)
	place := p.begin(data)
	p.patch(place, 0, data[:500]).ok(204)
	w.Advance(23 * time.Hour)
	p = w.login("inspector")
	p.patch(place, 500, data[500:1000]).ok(204)
	w.Advance(23 * time.Hour) // the last part prolonged it
	p = w.login("inspector")
	if got := p.offset(place); got != "1000" {
		t.Errorf("offset %s", got)
	}
	w.Advance(2 * time.Hour)
	p = w.login("inspector")
	p.patch(place, 1000, data[1000:]).problem(404, inspection.CodeNotFound)
	w.Must(w.Media.Sweep(w.Ctx))
	if size := w.partSize(place); size != -1 {
		t.Errorf("%d bytes are still there", size)
	}
}

// newUUID is a document's id.
func newUUID() string { return uuid.NewString() }
