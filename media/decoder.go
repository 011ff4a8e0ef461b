package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/image/webp"
	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// decoder makes of files what people look at, a few at a time.
type decoder struct {
	blobs  store.Blobs
	queue  *queue
	making singleflight.Group
	count  atomic.Int64 // pictures decoded
}

func newDecoder(blobs store.Blobs, budget int64) *decoder {
	return &decoder{blobs: blobs, queue: newQueue(budget)}
}

// decoded is what is made of a file.
type decoded struct {
	Facts
	views
}

// decode decodes a file of so many bytes and makes what people look at.
// Returns CodeNotAPicture and CodeTooManyPixels.
func (d *decoder) decode(ctx context.Context, open func() (io.ReadCloser, error), size int64) (*decoded, error) {
	o, err := outlineOf(open)
	if err != nil {
		return nil, err
	}
	out := &decoded{Facts: Facts{Type: o.mediaType, Bytes: size, Width: o.width, Height: o.height}}
	err = d.queue.do(ctx, o.memory+o.aside+2*size+shrinking, func() error {
		data, err := readAll(open, size)
		if err != nil {
			return err
		}
		out.EXIF = readEXIF(o.mediaType, data)
		m, err := decodePixels(ctx, o.mediaType, data)
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

func readAll(open func() (io.ReadCloser, error), size int64) ([]byte, error) {
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

func (d *decoder) putViews(ctx context.Context, sha string, v views) error {
	err := d.blobs.Put(ctx, viewName(store.Large, sha), bytes.NewReader(v.large))
	if err != nil {
		return err
	}
	return d.blobs.Put(ctx, viewName(store.Small, sha), bytes.NewReader(v.small))
}

// view returns a derivative, and makes it if it is missing: once, however many
// ask. Returns CodeNotFound if the original isn't here.
func (d *decoder) view(ctx context.Context, sha string, kind store.BlobKind) ([]byte, error) {
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
func (d *decoder) remake(ctx context.Context, sha string) (views, error) {
	size, err := d.findOriginal(ctx, sha)
	if err != nil {
		return views{}, err
	}
	open := func() (io.ReadCloser, error) { return d.blobs.Open(ctx, original(sha), 0, size) }
	out, err := d.decode(ctx, open, size)
	if err != nil {
		return views{}, err
	}
	return out.views, d.putViews(ctx, sha, out.views)
}

// findOriginal returns the size of a photo's file. One that is in the trash
// although someone has sent it again comes back.
func (d *decoder) findOriginal(ctx context.Context, sha string) (int64, error) {
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

func (d *decoder) readBlob(ctx context.Context, name store.BlobName) ([]byte, error) {
	r, err := d.blobs.Open(ctx, name, 0, MaxBytes)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}

// decodeTimeout bounds what one file may cost: some kilobytes can ask for
// hundreds of thousands of passes over a picture. The slowest honest ones
// take two seconds.
const decodeTimeout = 30 * time.Second

// decoders are all that run on what strangers send.
var decoders = map[string]func(io.Reader) (image.Image, error){
	TypeJPEG: jpeg.Decode, TypePNG: png.Decode, TypeWebP: webp.Decode,
}

// decodePixels returns the picture in data. Returns CodeNotAPicture for whatever the
// decoder doesn't like, a panic of its own included.
func decodePixels(ctx context.Context, mediaType string, data []byte) (m image.Image, err error) {
	ctx, cancel := context.WithTimeout(ctx, decodeTimeout)
	defer cancel()
	return decodeWith(ctx, decoders[mediaType], data)
}

func decodeWith(ctx context.Context, decoder func(io.Reader) (image.Image, error), data []byte) (m image.Image, err error) {
	defer recovered(&err)
	m, err = decoder(hurried(ctx, bytes.NewReader(data)))
	switch {
	case errors.Is(err, context.Canceled):
		return nil, err
	case errors.Is(err, context.DeadlineExceeded):
		return nil, notAPicture("decoding it takes too long")
	case err != nil:
		return nil, notAPicture(err.Error())
	}
	return m, nil
}

// recovered turns the panic of a decoder into the refusal of its file.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = notAPicture("the decoder gave up on it")
	}
}

// hurried ends a decoder's input when its time is over. It hides all but Read,
// so that decoders come by here for every few kilobytes.
func hurried(ctx context.Context, r io.Reader) io.Reader {
	return readFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return r.Read(p)
	})
}

type readFunc func(p []byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// queue bounds the memory and the processors that pictures take at once.
type queue struct {
	budget, least int64
	room          *semaphore.Weighted
}

func newQueue(budget int64) *queue {
	// No more pictures at once than there are processors: more would only
	// share them.
	return &queue{budget: budget, least: budget / int64(runtime.GOMAXPROCS(0)), room: semaphore.NewWeighted(budget)}
}

// do runs work once there is room for so many bytes; first come, first served.
// What needs more than there is runs alone.
func (q *queue) do(ctx context.Context, bytes int64, work func() error) error {
	weight := min(max(bytes, q.least), q.budget)
	if err := q.room.Acquire(ctx, weight); err != nil {
		return fmt.Errorf("waiting for room to decode: %w", err)
	}
	defer q.room.Release(weight)
	return work()
}
