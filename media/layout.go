package media

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
)

// This file walks through files by their structure, as their decoders do, to
// know what they will ask for. What it can't make sense of it leaves to the
// decoder, which refuses it.

// layouts read a file from its start and tell how many bytes its picture takes
// for each pixel, and what is taken beside it.
var layouts = map[string]func(r *bufio.Reader, c image.Config) (perPixel float64, aside int64, err error){
	TypeJPEG: jpegLayout, TypePNG: pngLayout, TypeWebP: webPLayout,
}

// maxScans is how many scans a JPEG may have. Each is a pass over all of its
// picture and may take next to no bytes. Cameras write one; libjpeg's script for
// progressive ones has 10 (6 for grey, 18 for four inks), mozjpeg's search ends
// at 6 to 9.
const maxScans = 64

// jpegLayout is one byte per sample, and for progressive ones four more, since
// all coefficients are kept until the last scan. RGB and inks are made into
// another picture at the end.
func jpegLayout(r *bufio.Reader, c image.Config) (perPixel float64, aside int64, err error) {
	j, err := walkJPEG(r)
	if err != nil {
		return 0, 0, err
	}
	if j.width != c.Width || j.height != c.Height {
		// It reads in two ways: it is taken for the worst.
		j.frame = frame{progressive: true, ids: "RGBK", sampling: []byte{0x11, 0x11, 0x11, 0x11}}
	}
	var largest, sum float64
	for _, s := range j.sampling {
		area := float64(s>>4) * float64(s&0xf)
		largest, sum = max(largest, area), sum+area
	}
	perPixel = sum / max(largest, 1)
	if j.progressive {
		perPixel *= 5
	}
	other := len(j.sampling) == 4 || len(j.sampling) == 3 && (j.rgb || j.ids == "RGB")
	if other {
		perPixel += 4
	}
	if other || len(j.sampling) == 1 {
		aside = narrowed(c)
	}
	return perPixel, aside, nil
}

// frame is what the frame header of a JPEG says.
type frame struct {
	progressive   bool
	width, height int
	ids           string // of the components
	sampling      []byte // h<<4|v of each component
}

// jpegParts are what of a JPEG decides how much work it is.
type jpegParts struct {
	frame
	rgb   bool // an Adobe segment says that its colours aren't those of JPEG
	scans int
}

// walkJPEG goes through the segments of a JPEG up to its end, and over the data
// between them. Returns CodeNotAPicture for more scans than may be.
func walkJPEG(r *bufio.Reader) (j jpegParts, err error) {
	if _, err := r.Discard(len(jpegSignature)); err != nil {
		return j, leftToDecoder(err)
	}
	for {
		marker, length, err := nextSegment(r)
		if err != nil || marker == markerEOI {
			return j, leftToDecoder(err)
		}
		content, err := r.Peek(min(length, maxHeader))
		if err != nil {
			return j, leftToDecoder(err)
		}
		switch {
		case marker >= 0xc0 && marker <= 0xc2 && j.sampling == nil:
			j.frame = readFrame(marker, content)
		case marker == markerAdobe && len(content) >= 12 && string(content[:5]) == "Adobe":
			j.rgb = j.rgb || content[11] == 0
		case marker == markerSOS:
			if j.scans++; j.scans > maxScans {
				return j, notAPicture(fmt.Sprintf("it has more than %d scans, each a pass over all of the picture, and no camera writes half as many", maxScans))
			}
		}
		if _, err := r.Discard(length); err != nil {
			return j, leftToDecoder(err)
		}
	}
}

const (
	markerSOS   = 0xda
	markerEOI   = 0xd9
	markerAPP1  = 0xe1
	markerAdobe = 0xee
	// maxHeader is more than the headers that are looked at have.
	maxHeader = 64
)

// leftToDecoder is nil for the end of a file and what makes no sense in it.
func leftToDecoder(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errNoSegment) {
		return nil
	}
	return err
}

// nextSegment goes to the next marker that isn't part of a scan's data, as
// liberally as decoders do, and reads the length of what follows it.
func nextSegment(r *bufio.Reader) (marker byte, length int, err error) {
	for marker == 0 || marker&0xf8 == 0xd0 { // an escaped 0xff, and marks to go on from
		for {
			if _, err = r.ReadSlice(0xff); !errors.Is(err, bufio.ErrBufferFull) {
				break
			}
		}
		for marker = 0xff; marker == 0xff && err == nil; { // fill bytes
			marker, err = r.ReadByte()
		}
		if err != nil {
			return 0, 0, err
		}
	}
	if marker == markerEOI {
		return marker, 0, nil
	}
	var size [2]byte
	if _, err = io.ReadFull(r, size[:]); err != nil {
		return marker, 0, err
	}
	if length = int(size[0])<<8 | int(size[1]); length < 2 {
		return marker, 0, errNoSegment
	}
	return marker, length - 2, nil
}

var errNoSegment = errors.New("media: a JPEG segment shorter than its own length")

// readFrame reads a frame header; one that is too short has no size.
func readFrame(marker byte, b []byte) (f frame) {
	if len(b) < 6 || len(b) < 6+3*int(b[5]) {
		return f
	}
	f.progressive = marker == 0xc2
	f.height, f.width = int(b[1])<<8|int(b[2]), int(b[3])<<8|int(b[4])
	for i := range int(b[5]) {
		f.ids += string(rune(b[6+3*i]))
		f.sampling = append(f.sampling, b[6+3*i+1])
	}
	return f
}

// pngLayout is the picture, and as much again for the passes of an interlaced
// one. One with a transparent colour gets a channel for it that its header
// doesn't tell of.
func pngLayout(r *bufio.Reader, c image.Config) (perPixel float64, aside int64, err error) {
	interlaced, transparent, err := walkPNG(r)
	if err != nil {
		return 0, 0, err
	}
	_, palette := c.ColorModel.(color.Palette)
	switch {
	case palette:
		perPixel = 1
	case c.ColorModel == color.GrayModel:
		perPixel = 1
		if transparent {
			perPixel = 4
		}
	case c.ColorModel == color.Gray16Model:
		perPixel = 2
		if transparent {
			perPixel = 8
		}
	case c.ColorModel == color.RGBA64Model, c.ColorModel == color.NRGBA64Model:
		perPixel = 8
	default:
		perPixel = 4
	}
	if interlaced {
		perPixel *= 2
	}
	return perPixel, narrowed(c), nil
}

// walkPNG goes through the chunks before the picture's data.
func walkPNG(r *bufio.Reader) (interlaced, transparent bool, err error) {
	if _, err := r.Discard(len(pngSignature)); err != nil {
		return false, false, leftToDecoder(err)
	}
	for {
		head, err := r.Peek(8)
		if err != nil {
			return interlaced, transparent, leftToDecoder(err)
		}
		length, kind := int64(binary.BigEndian.Uint32(head)), string(head[4:8])
		switch kind {
		case "IHDR":
			if all, err := r.Peek(8 + 13); err == nil {
				interlaced = all[20] != 0
			}
		case "tRNS":
			transparent = true
		case "IDAT", "IEND":
			return interlaced, transparent, nil
		}
		if _, err := io.CopyN(io.Discard, r, 8+length+4); err != nil {
			return interlaced, transparent, leftToDecoder(err)
		}
	}
}

// What the files begin with.
const (
	jpegSignature = "\xff\xd8"
	pngSignature  = "\x89PNG\r\n\x1a\n"
)

// webPLayout is, of a lossless picture, the pixels before and after a transform,
// and the codes by which they are written; of a lossy one the samples and what
// filters them. Transparency of a lossy one is a lossless picture of its own.
func webPLayout(r *bufio.Reader, c image.Config) (perPixel float64, aside int64, err error) {
	if _, err := r.Discard(sniffed); err != nil {
		return 0, 0, leftToDecoder(err)
	}
	perPixel = 3
	for {
		head, err := r.Peek(8)
		if err != nil {
			return perPixel, aside, leftToDecoder(err)
		}
		length := int64(binary.LittleEndian.Uint32(head[4:8]))
		switch string(head[:4]) {
		case "VP8L":
			return 8, webPCodes + narrowed(c), nil
		case "ALPH":
			perPixel, aside = 11, webPCodes+narrowed(c)
		case "VP8 ":
			return perPixel, aside, nil
		}
		if _, err := io.CopyN(io.Discard, r, 8+length+length%2); err != nil {
			return perPixel, aside, leftToDecoder(err)
		}
	}
}

// narrowed is what a picture takes that has its view's width and its own height,
// which is the way there for all that isn't averaged first (preshrink).
func narrowed(c image.Config) int64 {
	return 4 * largeEdge * int64(min(c.Width, c.Height))
}

// webPCodes is what the codes of a lossless picture take at most, however small
// it is: 2,600 groups, with 2,328 symbols and three times 256.
const webPCodes = 190 << 20
