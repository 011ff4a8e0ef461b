package simulate

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"gridpatrol/seeds/photo"
)

// upload is a photo that a phone still has to send.
type upload struct {
	sha   string
	data  []byte
	place string // "" until it was begun
	// offset is what the server acknowledged.
	offset int
	done   bool
}

// takePhoto takes a photo for a record, or uses one that the phone has sent
// before. Some photos never get sent: their phone fell into a river.
func (p *phone) takePhoto(r *rand.Rand, doc object, at time.Time) object {
	field := pick(r, "before_photo", "after_photo")
	if doc["template"] == diesel {
		field = "plate_photo"
	}
	shot := object{"field": field, "taken_at": p.stamp(at), "media_type": "image/jpeg"}
	if sent := len(p.uploads); sent > 0 && oneIn(r, 6) {
		u := p.uploads[r.IntN(sent)]
		shot["sha256"], shot["bytes"] = u.sha, len(u.data)
		return shot
	}
	data := photo.Draw(photo.Shot{Field: field, Seed: r.Uint64(), Width: 160 + 8*r.IntN(20), Text: plate(r)})
	sum := sha256.Sum256(data)
	shot["sha256"], shot["bytes"] = hex.EncodeToString(sum[:]), len(data)
	p.s.ledger.notePhoto(text(shot["sha256"]))
	if !oneIn(r, 7) {
		p.uploads = append(p.uploads, &upload{sha: text(shot["sha256"]), data: data})
	}
	return shot
}

const uploadTries = 6

// upload goes on with the photos that wait, two at most. What the network cuts
// is resumed, now or in a later round.
func (p *phone) upload(ctx context.Context, r, faults *rand.Rand) {
	for range min(2, len(p.uploads)) {
		u := p.uploads[0]
		for tries := 0; tries < uploadTries && !u.done && ctx.Err() == nil; tries++ {
			p.resumeUpload(ctx, u, r, faults)
			if !u.done {
				sleep(ctx, time.Duration(5+r.IntN(30))*time.Millisecond)
			}
		}
		if !u.done {
			return
		}
		p.s.ledger.noteUpload(u.sha, p)
		p.uploads = p.uploads[1:]
	}
}

// resumeUpload takes the next step of an upload: begin it, or ask how far it is and
// send the rest.
func (p *phone) resumeUpload(ctx context.Context, u *upload, r, faults *rand.Rand) {
	if u.place == "" {
		p.begin(ctx, u, faults)
		return
	}
	offset, known := p.uploadedBytes(ctx, u, faults)
	switch {
	case !known:
	case offset < u.offset:
		p.s.tally.violated(checkPhotos, "phone %d: of photo %s %d bytes were acknowledged, %d are there", p.number, u.sha, u.offset, offset)
		u.offset = offset
	case offset == len(u.data):
		u.offset, u.done = offset, true
	default:
		u.offset = offset
		p.send(ctx, u, u.offset+1+r.IntN(len(u.data)-u.offset), faults)
	}
}

func tus(method, path string, header map[string]string) *request {
	header["Tus-Resumable"] = "1.0.0"
	return &request{method: method, path: path, header: header}
}

func (p *phone) begin(ctx context.Context, u *upload, faults *rand.Rand) {
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	q := tus(http.MethodPost, "/v1/uploads", map[string]string{
		"Upload-Length":   strconv.Itoa(len(u.data)),
		"Upload-Metadata": "sha256 " + b64(u.sha) + ",filetype " + b64("image/jpeg"),
	})
	for _, a := range p.call(ctx, faults, q, nil) {
		if a.status == http.StatusCreated {
			u.place, u.offset = a.header.Get("Location"), 0
		} else {
			p.refusedUpload(u, q, a)
		}
	}
}

// uploadedBytes returns how much of the upload is there.
func (p *phone) uploadedBytes(ctx context.Context, u *upload, faults *rand.Rand) (offset int, known bool) {
	q := tus(http.MethodHead, u.place, map[string]string{})
	for _, a := range p.call(ctx, faults, q, nil) {
		n, err := strconv.Atoi(a.header.Get("Upload-Offset"))
		if a.status == http.StatusOK && err == nil {
			p.s.tally.checked(checkPhotos)
			offset, known = max(offset, n), true
		} else {
			p.refusedUpload(u, q, a)
		}
	}
	return offset, known
}

// send sends a part of the photo, up to an offset.
func (p *phone) send(ctx context.Context, u *upload, upto int, faults *rand.Rand) {
	q := tus(http.MethodPatch, u.place, map[string]string{
		"Upload-Offset": strconv.Itoa(u.offset), "Content-Type": "application/offset+octet-stream",
	})
	q.body = u.data[u.offset:upto]
	for _, a := range p.call(ctx, faults, q, nil) {
		if a.status != http.StatusNoContent {
			p.refusedUpload(u, q, a)
		} else if a.header.Get("Upload-Offset") == strconv.Itoa(upto) {
			u.offset, u.done = upto, upto == len(u.data)
		}
	}
}

// refusedUpload sorts refusals: some are part of resuming, the others break a
// promise.
func (p *phone) refusedUpload(u *upload, q *request, a reply) {
	switch {
	case a.later() && a.status != http.StatusInsufficientStorage:
	case a.status == http.StatusUnauthorized, a.status == http.StatusLocked, a.status == http.StatusConflict:
	default:
		p.s.tally.violated(checkPhotos, "phone %d: %s of photo %s at %d was answered %d %.200s", p.number, q.method, u.sha, u.offset, a.status, strings.TrimSpace(string(a.body)))
		u.place, u.offset = "", 0
	}
}
