package media

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"testing"
	"time"

	draw "gridpatrol/seeds/photo"
)

func TestReadEXIF(t *testing.T) {
	at := time.Date(2026, 10, 12, 9, 32, 1, 0, time.FixedZone("", 8*3600))
	camera := draw.Camera(at, 34.2712, -108.9651)
	camera.Orientation = 6
	e := readEXIF(TypeJPEG, camera.Into(drawn("scene_photo", 64)))
	if e.Taken != "2026-10-12T09:32:01" || e.Zone != "+08:00" || !e.taken().Equal(at) || e.Make != "Xiaomi" ||
		e.Model != "Redmi Note 12" || e.Software == "" || e.Orientation != 6 {
		t.Errorf("%+v", e)
	}
	if e.Location == nil || math.Abs(e.Location.Lat-34.2712) > 1e-6 || math.Abs(e.Location.Lon+108.9651) > 1e-6 {
		t.Errorf("place %+v", e.Location)
	}
	// The same block in a WebP and a PNG.
	for name, mediaType := range map[string]string{"lossy.webp": TypeWebP, "progressive.jpg": TypeJPEG} {
		if e := readEXIF(mediaType, testdata(t, name)); e.Taken != "2026-10-12T09:32:01" || e.Location == nil {
			t.Errorf("%s: %+v", name, e)
		}
	}
	plain := zeroPNG(8, 8, 1, 0, 0)
	withEXIF := append(bytes.Clone(plain[:len(pngSignature)+25]), chunk("eXIf", tiffOf(camera.Into([]byte("\xff\xd8"))))...)
	withEXIF = append(withEXIF, plain[len(pngSignature)+25:]...)
	if e := readEXIF(TypePNG, withEXIF); e.Taken != "2026-10-12T09:32:01" || e.Location == nil {
		t.Errorf("PNG: %+v", e)
	}
}

// tiffOf returns the TIFF block of a JPEG whose first segment is EXIF.
func tiffOf(jpeg []byte) []byte { return jpeg[2+2+2+6:] }

func TestEXIFThatMakesNoSense(t *testing.T) {
	plain := drawn("scene_photo", 64)
	for name, e := range map[string]draw.EXIF{
		"nothing":       {},
		"no time":       {Taken: time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), Zoned: true},
		"before phones": {Taken: time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)},
		"off the globe": {Placed: true, Lat: 91, Lon: 10},
		"no fix":        {Placed: true},
		"turned wildly": {Orientation: 99},
	} {
		if got := readEXIF(TypeJPEG, e.Into(plain)); got != (EXIF{}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	odd := draw.EXIF{Software: "A\x00\x1b[31m" + strings.Repeat("字", 500)}
	if got := readEXIF(TypeJPEG, odd.Into(plain)); len([]rune(got.Software)) > exifText || strings.ContainsRune(got.Software, 0x1b) {
		t.Errorf("%q", got.Software)
	}
	if got := readEXIF(TypeJPEG, plain); got != (EXIF{}) {
		t.Errorf("without EXIF: %+v", got)
	}
}

// looped are TIFF blocks whose pointers lead back, or to too much.
func looped() map[string][]byte {
	le := binary.LittleEndian
	entry := func(id, kind uint16, count, value uint32) []byte {
		return le.AppendUint32(le.AppendUint32(le.AppendUint16(le.AppendUint16(nil, id), kind), count), value)
	}
	block := func(entries ...[]byte) []byte {
		b := append([]byte("II*\x00\x08\x00\x00\x00"), le.AppendUint16(nil, uint16(len(entries)))...)
		return append(append(b, bytes.Join(entries, nil)...), 8, 0, 0, 0) // the next directory is this one
	}
	var nested [][]byte
	for range 400 {
		nested = append(nested, entry(0x014a, 4, 16000, 8))
	}
	return map[string][]byte{
		"a directory that points at itself": block(entry(0x8769, 4, 1, 8), entry(0x8825, 4, 1, 8)),
		"directories within directories":    block(nested...),
		"a value of four gigabytes":         block(entry(0x0131, 2, math.MaxUint32, 8), entry(0x9003, 2, 20, 1<<31)),
		"values that overlap":               block(entry(0x8825, 4, 1, 8), entry(0x0002, 5, 3, 8), entry(0x0004, 5, 3, 9)),
		"an offset before the block":        append([]byte("MM\x00*\x00\x00\x00\x01"), make([]byte, 40)...),
	}
}

func intoJPEG(tiff []byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte("\xff\xd8\xff\xe1"), uint16(len(tiff)+8))
	return append(append(append(b, "Exif\x00\x00"...), tiff...), drawn("scene_photo", 64)[2:]...)
}

// TestEXIFLoops: such a file is a picture all the same; what its EXIF asks for
// has an end.
func TestEXIFLoops(t *testing.T) {
	for name, tiff := range looped() {
		t.Run(name, func(t *testing.T) {
			data := intoJPEG(tiff)
			d, err := decodeFile(t, data)
			if err != nil {
				t.Fatal(err)
			}
			if d.EXIF.Location != nil && !d.EXIF.Location.valid() {
				t.Errorf("%+v", d.EXIF)
			}
		})
	}
}

// FuzzEXIF: whatever a file's metadata, what is read of it makes sense.
func FuzzEXIF(f *testing.F) {
	for _, tiff := range looped() {
		f.Add(byte(0), tiff)
	}
	f.Add(byte(0), draw.Camera(time.Unix(1e9, 0), 34, 108).Into([]byte("\xff\xd8"))[12:])
	f.Add(byte(1), zeroPNG(8, 8, 1, 0, 0))
	f.Add(byte(2), testdata(f, "lossy.webp"))
	f.Fuzz(func(t *testing.T, kind byte, data []byte) {
		mediaType := []string{TypeJPEG, TypePNG, TypeWebP}[kind%3]
		if mediaType == TypeJPEG && len(data) < 0xfff0 {
			b := binary.BigEndian.AppendUint16([]byte("\xff\xd8\xff\xe1"), uint16(len(data)+8))
			data = append(append(b, "Exif\x00\x00"...), data...)
		}
		e := readEXIF(mediaType, data)
		if e.Location != nil && !e.Location.valid() || e.Orientation < 0 || e.Orientation > 8 || e.AccuracyM < 0 || math.IsNaN(e.AccuracyM) {
			t.Errorf("%+v", e)
		}
		if e.Taken != "" && e.taken().IsZero() {
			t.Errorf("%q %q is no time", e.Taken, e.Zone)
		}
		for _, s := range []string{e.Make, e.Model, e.Software} {
			if len([]rune(s)) > exifText || strings.ContainsAny(s, "\x00\n\x1b") {
				t.Errorf("%q", s)
			}
		}
	})
}

// TestEXIFThatAsksForMuch: such a block is given up on after as many looks as
// hundreds of phones' take, wherever a file has it. What was read before counts.
func TestEXIFThatAsksForMuch(t *testing.T) {
	for name, tc := range map[string]struct {
		mediaType string
		data      []byte
	}{
		"JPEG": {TypeJPEG, intoJPEG(floodedEXIF(5000))},
		"PNG":  {TypePNG, pngWithEXIF(floodedEXIF(65_000))},
		"WebP": {TypeWebP, webPWithEXIF(floodedEXIF(65_000))},
	} {
		if e := readEXIF(tc.mediaType, tc.data); e.Make != "" {
			t.Errorf("%s: read to its end, to the maker %q", name, e.Make)
		}
	}
	// The same without the flood.
	for name, e := range map[string]EXIF{
		"JPEG": readEXIF(TypeJPEG, intoJPEG(floodedEXIF(1))),
		"PNG":  readEXIF(TypePNG, pngWithEXIF(floodedEXIF(1))),
		"WebP": readEXIF(TypeWebP, webPWithEXIF(floodedEXIF(1))),
	} {
		if e.Make != "X" {
			t.Errorf("%s: %+v", name, e)
		}
	}
}
