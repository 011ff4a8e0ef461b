package media

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/image/webp"
	"golang.org/x/sync/singleflight"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// decoder makes of files what people look at, a few at a time.
type decoder struct {
	blobs  store.Blobs
	queue  *queue
	limit  processorLimit
	making singleflight.Group
	count  atomic.Int64 // pictures decoded
}

func newDecoder(blobs store.Blobs, queue *queue) *decoder {
	return &decoder{blobs: blobs, queue: queue, limit: processorLimit{threadTime, decodeLimit}}
}

// decoded is what is made of a file.
type decoded struct {
	Facts
	views
}

// decode decodes a file of so many bytes, in its user's turn, and makes what
// people look at.
// Returns CodeNotAPicture and CodeTooManyPixels.
func (d *decoder) decode(ctx context.Context, user inspection.UserID, open func() (io.ReadCloser, error), size int64) (*decoded, error) {
	o, err := outlineOf(open)
	if err != nil {
		return nil, err
	}
	out := &decoded{Facts: Facts{Type: o.mediaType, Bytes: size, Width: o.width, Height: o.height}}
	err = d.queue.do(ctx, user, o.memory+o.aside+2*size+shrinking, func() error {
		data, err := readAll(open, size)
		if err != nil {
			return err
		}
		out.EXIF = readEXIF(o.mediaType, data)
		m, err := decodePixels(ctx, d.limit, o.mediaType, data)
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
// ask, in the turn of the first. Returns CodeNotFound if the original isn't here.
func (d *decoder) view(ctx context.Context, user inspection.UserID, sha string, kind store.BlobKind) ([]byte, error) {
	data, err := d.readBlob(ctx, viewName(kind, sha))
	if !errors.Is(err, store.ErrNotFound) {
		return data, err
	}
	// Those who ask later share the work of the first, so it doesn't end with
	// the first one's patience.
	made, err, _ := d.making.Do(sha, func() (any, error) {
		return d.remake(context.WithoutCancel(ctx), user, sha)
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
func (d *decoder) remake(ctx context.Context, user inspection.UserID, sha string) (views, error) {
	size, err := d.findOriginal(ctx, sha)
	if err != nil {
		return views{}, err
	}
	open := func() (io.ReadCloser, error) { return d.blobs.Open(ctx, original(sha), 0, size) }
	out, err := d.decode(ctx, user, open, size)
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

// decoders are all that run on what strangers send.
var decoders = map[string]func(io.Reader) (image.Image, error){
	TypeJPEG: jpeg.Decode, TypePNG: png.Decode, TypeWebP: webp.Decode,
}

// processorLimit bounds the processor time of work; time is what the calling
// thread has had.
type processorLimit struct {
	time func() time.Duration
	most time.Duration
}

// decodeLimit is three times what the slowest honest picture takes of those that
// docs/reliability.md measures: a lossy WebP of 50 megapixels. It is time of the
// processor, not of the clock: a busy server refuses nobody's photo for it.
const decodeLimit = 8 * time.Second

// decodePixels returns the picture in data. Returns CodeNotAPicture for whatever
// the decoder doesn't like, a panic of its own included.
func decodePixels(ctx context.Context, limit processorLimit, mediaType string, data []byte) (image.Image, error) {
	return decodeWith(ctx, limit, decoders[mediaType], data)
}

func decodeWith(ctx context.Context, limit processorLimit, decoder func(io.Reader) (image.Image, error), data []byte) (m image.Image, err error) {
	defer recovered(&err)
	// Nothing else runs on the decoder's thread, so that its time is the decoder's.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	m, err = decoder(hurried(ctx, limit, bytes.NewReader(data)))
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return nil, err
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

// hurried ends a decoder's input when its time is over. It hides all but Read, so
// that decoders come by here for every few kilobytes. Between two reads none does
// more than go over its picture a few hundred times: the number of scans is
// bounded, as are the pixels.
func hurried(ctx context.Context, limit processorLimit, r io.Reader) io.Reader {
	began, left := limit.time(), 0
	return readFunc(func(p []byte) (int, error) {
		if left <= 0 {
			left = lookEvery
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			if limit.time()-began > limit.most {
				return 0, errTakesTooLong
			}
		}
		n, err := r.Read(p)
		left -= n + lookEvery/64 // reads of nothing count too
		return n, err
	})
}

// lookEvery is after how many bytes, or 64 reads, a decoder's time is looked at.
const lookEvery = 4096

var errTakesTooLong = errors.New("decoding it takes longer than any camera's picture does")

type readFunc func(p []byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }
