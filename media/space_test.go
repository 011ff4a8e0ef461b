package media_test

import (
	"context"
	"io"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// slowBlobs takes 20 minutes to open a file, of which it is opened once in its
// turn to be decoded.
type slowBlobs struct {
	store.Blobs
	w *album
}

func (b slowBlobs) Open(ctx context.Context, name store.BlobName, offset, length int64) (io.ReadCloser, error) {
	b.w.Advance(20 * time.Minute)
	return b.Blobs.Open(ctx, name, offset, length)
}

// TestDecodingIsCharged: whose photos have taken an hour to be decoded begins no
// other upload on that day. Others do.
func TestDecodingIsCharged(t *testing.T) {
	w := newAlbum(t)
	w.Blobs = slowBlobs{w.Blobs, w}
	w.restart(nil)
	p := w.person("li", street)
	for i := range 3 {
		p.upload(picture(uint64(i)))
	}
	for range 2 { // what was refused isn't forgotten
		if _, err := w.Media.Create(w.Ctx, p.Principal, newUpload(picture(3))); inspection.CodeOf(err) != inspection.CodeQuotaExceeded {
			t.Fatalf("a fourth upload: %v", err)
		}
	}
	w.restart(nil)
	if _, err := w.Media.Create(w.Ctx, p.Principal, newUpload(picture(3))); inspection.CodeOf(err) != inspection.CodeQuotaExceeded {
		t.Fatalf("after a restart: %v", err)
	}
	w.person("wang", street).upload(picture(4))
	w.Advance(24 * time.Hour)
	p.upload(picture(3))
}
