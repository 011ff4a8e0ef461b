package media

import (
	"bufio"
	"bytes"
	"errors"
	"image"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/webp"

	"gridpatrol/inspection"
)

// The media types that are taken.
const (
	TypeJPEG = "image/jpeg"
	TypePNG  = "image/png"
	TypeWebP = "image/webp"
)

// Caps of a photo. Source of the first two: docs/contract.md, section 5.
const (
	MaxBytes  = 30 << 20
	maxPixels = 50_000_000
	// maxSide is the longest side that a JPEG can have. Shrinking takes memory
	// for each pixel of a side: a PNG of some kilobytes and one row took gigabytes.
	maxSide = 65_535
	// maxDecoded is the most memory that decoding one picture may take. What
	// cameras write stays below at 50 megapixels. Progressive JPEGs don't from
	// 35 megapixels on, nor do PNGs of 16 bits per channel or interlaced in colour,
	// lossless WebPs and JPEGs of inks from 33, and transparent WebPs from 24.
	maxDecoded = 256 << 20
)

// outline is what a picture's file says of it before it is decoded.
type outline struct {
	mediaType     string
	width, height int
	// memory is how many bytes the decoded picture takes, aside what its decoding
	// and shrinking take beside it.
	memory, aside int64
}

// sniffed is how much of a file tells its type.
const sniffed = 12

// sniff returns the media type that the first bytes of a file show, whatever
// its name or sender says; "" for what is not taken.
func sniff(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xd8\xff")):
		return TypeJPEG
	case bytes.HasPrefix(head, []byte(pngSignature)):
		return TypePNG
	case len(head) >= sniffed && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP":
		return TypeWebP
	}
	return ""
}

// configs read a picture's size without decoding it.
var configs = map[string]func(io.Reader) (image.Config, error){
	TypeJPEG: jpeg.DecodeConfig, TypePNG: png.DecodeConfig, TypeWebP: webp.DecodeConfig,
}

// outlineOf reads the structure of a file that open opens from its start, twice.
// Returns CodeNotAPicture and CodeTooManyPixels.
func outlineOf(open func() (io.ReadCloser, error)) (o outline, err error) {
	var config image.Config
	err = reading(open, func(r *bufio.Reader) (err error) {
		o.mediaType, config, err = configOf(r)
		return err
	})
	if err != nil {
		return o, err
	}
	o.width, o.height = config.Width, config.Height
	if o.width <= 0 || o.height <= 0 {
		return o, notAPicture("its header names no size")
	}
	if int64(o.width)*int64(o.height) > maxPixels || max(o.width, o.height) > maxSide {
		return o, tooManyPixels()
	}
	var perPixel float64
	err = reading(open, func(r *bufio.Reader) (err error) {
		perPixel, o.aside, err = layouts[o.mediaType](r, config)
		return err
	})
	o.memory = int64(float64(o.width) * float64(o.height) * perPixel)
	if err == nil && o.memory > maxDecoded {
		err = tooManyPixels()
	}
	return o, err
}

// reading opens a file for one look at it.
func reading(open func() (io.ReadCloser, error), look func(*bufio.Reader) error) (err error) {
	file, err := open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	defer recovered(&err)
	return look(bufio.NewReaderSize(file, 32<<10))
}

// configOf sniffs the type and reads the header with its decoder.
func configOf(r *bufio.Reader) (mediaType string, config image.Config, err error) {
	head, err := r.Peek(sniffed)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", config, err
	}
	if mediaType = sniff(head); mediaType == "" {
		return "", config, notAPicture("its first bytes are those of another kind of file")
	}
	if config, err = configs[mediaType](r); err != nil {
		return "", config, notAPicture(err.Error())
	}
	return mediaType, config, nil
}

// notAPicture refuses a file, with the reason in a decoder's words.
func notAPicture(why string) error {
	return inspection.Errorf(inspection.CodeNotAPicture, "The file is no JPEG, PNG or WebP picture that can be read to its end: %s. Nothing of it was kept.", why)
}

func tooManyPixels() error {
	return inspection.Errorf(inspection.CodeTooManyPixels,
		"The picture has more than 50 megapixels or a side of more than 65,535, or would take more memory than is given to one. Nothing of it was kept. Take it with fewer pixels.")
}
