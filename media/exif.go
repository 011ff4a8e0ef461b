package media

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/bep/imagemeta"
)

// Bounds of what is read of a file's EXIF. A phone writes some 60 tags.
const (
	exifTags     = 1000
	exifTagBytes = 2 << 10
	// exifReads bounds the work on blocks whose tags point in circles, or to the
	// same thousands of tags again and again. A phone's takes some 200.
	exifReads = 5000
	exifText  = 120
)

// EXIF is what evidence needs of a file's EXIF. Times are as the camera wrote
// them; Zone is empty where it wrote none. Location is in WGS-84, as EXIF says.
type EXIF struct {
	Taken       string  `json:"taken,omitempty"` // "2006-01-02T15:04:05"
	Zone        string  `json:"zone,omitempty"`  // "+08:00"
	Location    *LatLon `json:"place,omitempty"`
	AccuracyM   float64 `json:"accuracy_m,omitempty"`
	Make        string  `json:"make,omitempty"`
	Model       string  `json:"model,omitempty"`
	Software    string  `json:"software,omitempty"`
	Orientation int     `json:"orientation,omitempty"`
}

// exifReader collects tags.
type exifReader struct {
	EXIF
	latRef, lonRef string
	lat, lon       float64
	hasLat, hasLon bool
	created        string
}

// readEXIF reads a picture's EXIF. A file whose EXIF is broken, or that has
// none, gives what could be read: evidence says that it is missing, and no
// photo is refused for it.
func readEXIF(mediaType string, data []byte) (e EXIF) {
	var r exifReader
	defer func() {
		_ = recover() // what was read before the reader broke counts
		e = r.result()
	}()
	// A broken block gives an error after the tags that could be read. It is taken
	// out of its file first: the library would copy it, and read past the meter.
	_, _ = imagemeta.Decode(imagemeta.Options{
		R: &metered{Reader: bytes.NewReader(exifBlock(mediaType, data)), left: exifReads}, ImageFormat: imagemeta.TIFF,
		Sources: imagemeta.EXIF, LimitNumTags: exifTags, LimitTagSize: exifTagBytes,
		ShouldHandleTag: func(t imagemeta.TagInfo) bool { return strings.HasPrefix(t.Namespace, "IFD0") },
		HandleTag:       func(t imagemeta.TagInfo) error { r.setTag(t.Tag, t.Value); return nil },
	})
	return e
}

// exifBlock returns the first EXIF in a file, nil if there is none. Many writers
// of WebP put the header of a JPEG's segment before it, against the specification.
func exifBlock(mediaType string, data []byte) []byte {
	var block []byte
	switch mediaType {
	case TypeJPEG:
		block = exifInJPEG(data)
	case TypePNG:
		block = chunkOf(data[min(len(pngSignature), len(data)):], "eXIf", func(head []byte) (string, int64, int64) {
			n := int64(binary.BigEndian.Uint32(head))
			return string(head[4:]), n, n + 4
		})
	case TypeWebP:
		block = chunkOf(data[min(sniffed, len(data)):], "EXIF", func(head []byte) (string, int64, int64) {
			n := int64(binary.LittleEndian.Uint32(head[4:]))
			return string(head[:4]), n, n + n%2
		})
	}
	if bytes.HasPrefix(block, []byte("Exif")) {
		block = block[min(len("Exif\x00\x00"), len(block)):]
	}
	return block
}

func exifInJPEG(data []byte) []byte {
	file := bytes.NewReader(data)
	r := bufio.NewReader(file)
	if _, err := r.Discard(len(jpegSignature)); err != nil {
		return nil
	}
	for {
		marker, length, err := nextSegment(r)
		if err != nil || marker == markerSOS || marker == markerEOI {
			return nil
		}
		at := len(data) - file.Len() - r.Buffered()
		content := data[at:min(at+length, len(data))]
		if marker == markerAPP1 && bytes.HasPrefix(content, []byte("Exif")) {
			return content
		}
		if _, err := r.Discard(length); err != nil {
			return nil
		}
	}
}

// chunkOf returns the first chunk of a kind, as far as the data goes. Each has a
// head of 8 bytes, of which head tells its kind, its length and how far it is to
// the next.
func chunkOf(data []byte, kind string, head func([]byte) (kind string, length, next int64)) []byte {
	for len(data) >= 8 {
		k, length, next := head(data[:8])
		data = data[8:]
		if k == kind {
			return data[:min(length, int64(len(data)))]
		}
		data = data[min(next, int64(len(data))):]
	}
	return nil
}

func (r *exifReader) setTag(tag string, value any) {
	if text := r.text(tag); text != nil {
		*text = plain(value)
		return
	}
	switch tag {
	case "GPSLatitude":
		r.lat, r.hasLat = float(value)
	case "GPSLongitude":
		r.lon, r.hasLon = float(value)
	case "GPSHPositioningError":
		r.AccuracyM, _ = float(value)
	case "Orientation":
		f, _ := float(value)
		r.Orientation = int(f)
	}
}

// text is where a tag that is text belongs; nil for others.
func (r *exifReader) text(tag string) *string {
	return map[string]*string{
		"DateTimeOriginal": &r.Taken, "DateTimeDigitized": &r.created, "CreateDate": &r.created,
		"OffsetTimeOriginal": &r.Zone, "GPSLatitudeRef": &r.latRef, "GPSLongitudeRef": &r.lonRef,
		"Make": &r.Make, "Model": &r.Model, "Software": &r.Software,
	}[tag]
}

// result makes sense of the tags and drops what makes none.
func (r *exifReader) result() EXIF {
	e := r.EXIF
	e.Taken = cameraTime(r.Taken)
	if e.Taken == "" {
		e.Taken = cameraTime(r.created)
	}
	if _, err := time.Parse("-07:00", e.Zone); err != nil {
		e.Zone = ""
	}
	if !(e.AccuracyM > 0 && e.AccuracyM < 1e6) {
		e.AccuracyM = 0
	}
	if e.Orientation < 1 || e.Orientation > 8 {
		e.Orientation = 0
	}
	e.Location = r.location()
	return e
}

func (r *exifReader) location() *LatLon {
	p := LatLon{Lat: r.lat, Lon: r.lon}
	if strings.HasPrefix(strings.ToUpper(r.latRef), "S") {
		p.Lat = -p.Lat
	}
	if strings.HasPrefix(strings.ToUpper(r.lonRef), "W") {
		p.Lon = -p.Lon
	}
	// Cameras without a fix write 0, 0.
	if !r.hasLat || !r.hasLon || !p.valid() || p == (LatLon{}) {
		return nil
	}
	return &p
}

// cameraTime returns "2026:10:12 09:31:07" as RFC 3339 without a zone, "" if it
// is no time. Cameras whose clock was never set write zeros.
func cameraTime(s string) string {
	if len(s) > len(exifTime) {
		s = s[:len(exifTime)]
	}
	t, err := time.Parse(exifTime, s)
	if err != nil || t.Year() < 1980 {
		return ""
	}
	return t.Format(localTime)
}

const (
	exifTime  = "2006:01:02 15:04:05"
	localTime = "2006-01-02T15:04:05"
)

// plain returns a tag's text without what can't be printed, and not too much
// of it.
func plain(value any) string {
	s, ok := value.(string)
	if !ok {
		s = fmt.Sprint(value)
	}
	runes := make([]rune, 0, exifText)
	for _, c := range strings.TrimSpace(strings.ToValidUTF8(s, "")) {
		if unicode.IsPrint(c) && len(runes) < exifText {
			runes = append(runes, c)
		}
	}
	return string(runes)
}

// float returns the number that a tag holds.
func float(value any) (float64, bool) {
	var f float64
	switch v := value.(type) {
	case interface{ Float64() float64 }:
		f = v.Float64()
	case float64:
		f = v
	case uint16:
		f = float64(v)
	case uint32:
		f = float64(v)
	default:
		return 0, false
	}
	return f, !math.IsNaN(f) && !math.IsInf(f, 0)
}

// metered lets a parser read and seek only so often.
type metered struct {
	*bytes.Reader
	left int
}

var errTooMuch = errors.New("media: the file's metadata asks for too much")

func (m *metered) Read(p []byte) (int, error) {
	if m.left--; m.left < 0 {
		return 0, errTooMuch
	}
	return m.Reader.Read(p)
}

func (m *metered) Seek(offset int64, whence int) (int64, error) {
	if m.left--; m.left < 0 {
		return 0, errTooMuch
	}
	return m.Reader.Seek(offset, whence)
}

// WriteTo is hidden: it would read past the meter.
func (m *metered) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{m})
}
