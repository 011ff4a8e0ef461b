package media

import (
	"bufio"
	"bytes"
	"errors"
	"image"
	"image/color"
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
	// maxDecoded is the most memory that decoding one picture may take. What
	// cameras write stays below at 50 megapixels. Progressive JPEGs don't from
	// 35 megapixels on, nor do PNGs of 16 bits per channel and lossless WebPs
	// from 33, and interlaced PNGs in colour from 41.
	maxDecoded = 256 << 20
)

// outline is what a picture's header says. Memory is how many bytes decoding
// it takes.
type outline struct {
	mediaType     string
	width, height int
	memory        int64
	interlaced    bool // of a PNG
}

// sniffed is how much of a file tells its type.
const sniffed = 12

// sniff returns the media type that the first bytes of a file show, whatever
// its name or sender says; "" for what is not taken.
func sniff(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xd8\xff")):
		return TypeJPEG
	case bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n")):
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

// outlineOf reads the header of a file that open opens from its start,
// several times. Returns CodeNotAPicture and CodeTooManyPixels.
func outlineOf(open func() (io.ReadCloser, error)) (o outline, err error) {
	config, err := configOf(open, &o)
	if err != nil {
		return o, err
	}
	o.width, o.height = config.Width, config.Height
	if o.width <= 0 || o.height <= 0 {
		return o, notAPicture("its header names no size")
	}
	if int64(o.width)*int64(o.height) > maxPixels {
		return o, tooManyPixels()
	}
	perPixel := o.bytesPerPixel(config.ColorModel)
	if o.mediaType == TypeJPEG {
		if perPixel, err = jpegBytesPerPixel(open, config); err != nil {
			return o, err
		}
	}
	o.memory = int64(float64(o.width) * float64(o.height) * perPixel)
	if o.memory > maxDecoded {
		return o, tooManyPixels()
	}
	return o, nil
}

// configOf sniffs the type and reads the header with its decoder.
func configOf(open func() (io.ReadCloser, error), o *outline) (config image.Config, err error) {
	file, err := open()
	if err != nil {
		return config, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	defer recovered(&err)
	r := bufio.NewReader(file)
	head, err := r.Peek(interlaceByte + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return config, err
	}
	if o.mediaType = sniff(head); o.mediaType == "" {
		return config, notAPicture("its first bytes are those of another kind of file")
	}
	o.interlaced = o.mediaType == TypePNG && len(head) > interlaceByte && head[interlaceByte] != 0
	if config, err = configs[o.mediaType](r); err != nil {
		return config, notAPicture(err.Error())
	}
	return config, nil
}

// interlaceByte is where a PNG says whether it is interlaced.
const interlaceByte = 28

// bytesPerPixel is what decoding a PNG or a WebP takes: the picture, and a
// second one that interlaced and lossless ones need meanwhile.
func (o *outline) bytesPerPixel(m color.Model) float64 {
	n := 4.0
	_, palette := m.(color.Palette)
	switch {
	case m == color.GrayModel, palette:
		n = 1
	case m == color.Gray16Model:
		n = 2
	case m == color.YCbCrModel, m == color.NYCbCrAModel:
		return 3
	case m == color.RGBA64Model, m == color.NRGBA64Model:
		n = 8
	}
	switch {
	case o.mediaType == TypeWebP:
		n *= 2
	case o.interlaced: // the largest pass holds half of the pixels
		n *= 1.6
	}
	return n
}

// frame is what the frame header of a JPEG says.
type frame struct {
	progressive   bool
	width, height int
	sampling      []byte // h<<4|v of each component
}

// jpegBytesPerPixel is what decoding takes: one byte per sample, and for
// progressive ones four more, since all coefficients are kept until the last
// scan. A header that reads in two ways is taken for the worst.
func jpegBytesPerPixel(open func() (io.ReadCloser, error), config image.Config) (n float64, err error) {
	file, err := open()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	f, ok := readFrame(bufio.NewReader(file))
	if !ok || f.width != config.Width || f.height != config.Height {
		f = frame{progressive: true, sampling: []byte{0x11, 0x11, 0x11, 0x11}}
	}
	var largest, sum float64
	for _, s := range f.sampling {
		area := float64(s>>4) * float64(s&0xf)
		largest, sum = max(largest, area), sum+area
	}
	n = sum / max(largest, 1)
	if f.progressive {
		n *= 5
	}
	return n, nil
}

// readFrame walks the segments of a JPEG up to its frame header.
func readFrame(r *bufio.Reader) (f frame, ok bool) {
	if _, err := r.Discard(2); err != nil { // SOI
		return f, false
	}
	for {
		marker, length, err := nextSegment(r)
		if err != nil || marker == 0xda || marker == 0xd9 {
			return f, false
		}
		if marker < 0xc0 || marker > 0xc2 {
			if _, err := r.Discard(length); err != nil {
				return f, false
			}
			continue
		}
		b := make([]byte, length)
		if _, err := io.ReadFull(r, b); err != nil || len(b) < 6 || len(b) < 6+3*int(b[5]) {
			return f, false
		}
		f.progressive = marker == 0xc2
		f.height, f.width = int(b[1])<<8|int(b[2]), int(b[3])<<8|int(b[4])
		for i := range int(b[5]) {
			f.sampling = append(f.sampling, b[6+3*i+1])
		}
		return f, true
	}
}

// nextSegment reads a marker and the length of what follows it.
func nextSegment(r *bufio.Reader) (marker byte, length int, err error) {
	if b, err := r.ReadByte(); err != nil || b != 0xff {
		return 0, 0, errors.Join(err, errNoMarker)
	}
	for marker = 0xff; marker == 0xff && err == nil; { // fill bytes
		marker, err = r.ReadByte()
	}
	if err != nil || marker == 0xd9 || marker == 0x01 || marker&0xf8 == 0xd0 {
		return marker, 0, err
	}
	var size [2]byte
	if _, err = io.ReadFull(r, size[:]); err != nil {
		return marker, 0, err
	}
	if length = int(size[0])<<8 | int(size[1]); length < 2 {
		return marker, 0, errNoMarker
	}
	return marker, length - 2, nil
}

var errNoMarker = errors.New("media: no JPEG marker where one must be")

// notAPicture refuses a file, with the reason in a decoder's words.
func notAPicture(why string) error {
	return inspection.Errorf(inspection.CodeNotAPicture, "The file is no JPEG, PNG or WebP picture that can be read to its end: %s. Nothing of it was kept.", why)
}

func tooManyPixels() error {
	return inspection.Errorf(inspection.CodeTooManyPixels,
		"The picture has more than 50 megapixels, or would take more memory than is given to one. Nothing of it was kept. Take it with fewer pixels.")
}
