package media

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"time"

	"golang.org/x/image/webp"
)

// decodeTimeout bounds what one file may cost: some kilobytes can ask for
// hundreds of thousands of passes over a picture. The slowest honest ones
// take two seconds.
const decodeTimeout = 30 * time.Second

// decoders are all that run on what strangers send.
var decoders = map[string]func(io.Reader) (image.Image, error){
	TypeJPEG: jpeg.Decode, TypePNG: png.Decode, TypeWebP: webp.Decode,
}

// decode returns the picture in data. Returns CodeNotAPicture for whatever the
// decoder doesn't like, a panic of its own included.
func decode(ctx context.Context, mediaType string, data []byte) (m image.Image, err error) {
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
