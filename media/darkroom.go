package media

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync/atomic"

	"golang.org/x/sync/singleflight"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// darkroom makes of files what people look at, a few at a time.
type darkroom struct {
	blobs  store.Blobs
	queue  *queue
	making singleflight.Group
	count  atomic.Int64 // pictures decoded
}

func newDarkroom(blobs store.Blobs, budget int64) *darkroom {
	return &darkroom{blobs: blobs, queue: newQueue(budget)}
}

// developed is what is made of a file.
type developed struct {
	Facts
	views
}

// develop decodes a file of so many bytes and makes what people look at.
// Returns CodeNotAPicture and CodeTooManyPixels.
func (d *darkroom) develop(ctx context.Context, open func() (io.ReadCloser, error), size int64) (*developed, error) {
	o, err := outlineOf(open)
	if err != nil {
		return nil, err
	}
	out := &developed{Facts: Facts{Type: o.mediaType, Bytes: size, Width: o.width, Height: o.height}}
	err = d.queue.do(ctx, o.memory+size+shrinking, func() error {
		data, err := readWhole(open, size)
		if err != nil {
			return err
		}
		out.EXIF = readEXIF(o.mediaType, data)
		m, err := decode(ctx, o.mediaType, data)
		if err != nil {
			return err
		}
		out.views, err = makeViews(m, out.EXIF.Orientation)
		return err
	})
	if err == nil {
		d.count.Add(1)
	}
	return out, err
}

// shrinking is about how many bytes making the derivatives takes beside the
// decoded picture.
const shrinking = 28 << 20

func readWhole(open func() (io.ReadCloser, error), size int64) ([]byte, error) {
	file, err := open()
	if err != nil {
		return nil, err
	}
	data := make([]byte, size)
	_, err = io.ReadFull(file, data)
	return data, errors.Join(err, file.Close())
}

func viewName(kind store.BlobKind, sha string) store.BlobName {
	return store.BlobName{Kind: kind, Key: sha}
}

func (d *darkroom) putViews(ctx context.Context, sha string, v views) error {
	err := d.blobs.Put(ctx, viewName(store.Large, sha), bytes.NewReader(v.large))
	if err != nil {
		return err
	}
	return d.blobs.Put(ctx, viewName(store.Small, sha), bytes.NewReader(v.small))
}

// view returns a derivative, and makes it if it is missing: once, however many
// ask. Returns CodeNotFound if the original isn't here.
func (d *darkroom) view(ctx context.Context, sha string, kind store.BlobKind) ([]byte, error) {
	data, err := d.readBlob(ctx, viewName(kind, sha))
	if !errors.Is(err, store.ErrNotFound) {
		return data, err
	}
	// Those who ask later share the work of the first, so it doesn't end with
	// the first one's patience.
	made, err, _ := d.making.Do(sha, func() (any, error) {
		return d.remake(context.WithoutCancel(ctx), sha)
	})
	if err != nil {
		return nil, err
	}
	v, _ := made.(views)
	if kind == store.Large {
		return v.large, nil
	}
	return v.small, nil
}

// remake makes a photo's derivatives from its original.
func (d *darkroom) remake(ctx context.Context, sha string) (views, error) {
	size, err := d.findOriginal(ctx, sha)
	if err != nil {
		return views{}, err
	}
	open := func() (io.ReadCloser, error) { return d.blobs.Open(ctx, original(sha), 0, size) }
	out, err := d.develop(ctx, open, size)
	if err != nil {
		return views{}, err
	}
	return out.views, d.putViews(ctx, sha, out.views)
}

// findOriginal returns the size of a photo's file. One that is in the trash
// although someone has sent it again comes back.
func (d *darkroom) findOriginal(ctx context.Context, sha string) (int64, error) {
	info, err := d.blobs.Stat(ctx, original(sha))
	if errors.Is(err, store.ErrNotFound) {
		if err = d.blobs.Move(ctx, store.BlobName{Kind: store.Trash, Key: sha}, original(sha)); err == nil {
			info, err = d.blobs.Stat(ctx, original(sha))
		}
	}
	if errors.Is(err, store.ErrNotFound) {
		return 0, notFound()
	}
	return info.Size, err
}

func notFound() error {
	return inspection.Errorf(inspection.CodeNotFound, "%s", inspection.Codes[inspection.CodeNotFound])
}

func (d *darkroom) readBlob(ctx context.Context, name store.BlobName) ([]byte, error) {
	r, err := d.blobs.Open(ctx, name, 0, MaxBytes)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}
