package media

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"gridpatrol/inspection"
	draw "gridpatrol/seeds/photo"
	"gridpatrol/store/files"
)

// opener opens data as a file.
func opener(data []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
}

// decodeFile runs a file through all that an upload runs it through.
func decodeFile(t testing.TB, data []byte) (*decoded, error) {
	t.Helper()
	blobs, err := files.Open(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return newDecoder(blobs, newQueue(defaultBudget, time.Now, func(inspection.UserID, time.Duration) {})).decode(t.Context(), "li", opener(data), int64(len(data)))
}

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func drawn(field string, width int) []byte {
	return draw.Draw(draw.Shot{Field: field, Seed: 1, Text: "陕A12345", Width: width})
}

// chunk is a chunk of a PNG.
func chunk(kind string, data []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	b = append(append(b, kind...), data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// rgbHeader is the header of a PNG in colour.
func rgbHeader(width, height uint32, interlace byte) []byte {
	b := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	return append([]byte(pngSignature), chunk("IHDR", append(b, 8, 2, 0, 0, interlace))...)
}

// TestColourPNGs: one of nearly 50 megapixels is taken, if a camera could have
// written it.
func TestColourPNGs(t *testing.T) {
	header := append(rgbHeader(7000, 7000, 0), chunk("IDAT", nil)...)
	if o, err := outlineOf(opener(header)); err != nil || o.memory != 4*49e6 {
		t.Errorf("%+v, %v", o, err)
	}
}

// bombedPNG has a colour profile of a few kilobytes that unpacks to many
// megabytes.
func bombedPNG(t testing.TB) []byte {
	t.Helper()
	var plain, packed bytes.Buffer
	if err := png.Encode(&plain, image.NewGray(image.Rect(0, 0, 40, 30))); err != nil {
		t.Fatal(err)
	}
	z := zlib.NewWriter(&packed)
	z.Write(make([]byte, 64<<20))
	z.Close()
	head := len(pngSignature) + 25 // behind IHDR
	out := append(bytes.Clone(plain.Bytes()[:head]), chunk("iCCP", append([]byte("icc\x00\x00"), packed.Bytes()...))...)
	return append(out, plain.Bytes()[head:]...)
}

// bombedJPEG says 255 times that a colour profile goes on.
func bombedJPEG() []byte {
	plain := drawn("scene_photo", 64)
	out := bytes.Clone(plain[:2])
	for i := range 255 {
		out = append(out, 0xff, 0xe2, 0xff, 0xff)
		out = append(out, append([]byte("ICC_PROFILE\x00"), byte(i+1), 255)...)
		out = append(out, make([]byte, 0xffff-2-14)...)
	}
	return append(out, plain[2:]...)
}

func TestHostileFiles(t *testing.T) {
	var moving bytes.Buffer
	if err := gif.Encode(&moving, image.NewPaletted(image.Rect(0, 0, 9, 9), color.Palette{color.Black, color.White}), nil); err != nil {
		t.Fatal(err)
	}
	good, progressive := drawn("scene_photo", 200), testdata(t, "progressive.jpg")
	garbage := bytes.Clone(progressive)
	for i := len(garbage) / 2; i < len(garbage); i++ {
		garbage[i] = byte(i * 31)
	}
	declared := func(marker byte, w, h uint16, sampling string) []byte { // a header that promises much
		b := []byte{0xff, 0xd8, 0xff, marker, 0, 17, 8}
		b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, h), w)
		return append(append(b, 3), sampling+"\xff\xda\x00\x0c\x03\x01\x00\x02\x00\x03\x00\x00\x3f\x00"...)
	}
	fourTwoZero, full := "\x01\x22\x00\x02\x11\x01\x03\x11\x01", "\x01\x11\x00\x02\x11\x01\x03\x11\x01"
	for _, tc := range []struct {
		name string
		data []byte
		want inspection.Code
	}{
		{"PNG of 30000×30000", zeroPNG(30000, 30000, 1, 0, 0), inspection.CodeTooManyPixels},
		{"PNG of 2×4000000000", append([]byte(pngSignature), chunk("IHDR", []byte("\x00\x00\x00\x02\xee\x6b\x28\x00\x08\x00\x00\x00\x00"))...), inspection.CodeNotAPicture},
		{"JPEG of 65535×65535", declared(0xc0, 65535, 65535, fourTwoZero), inspection.CodeTooManyPixels},
		{"progressive JPEG of 49 megapixels", declared(0xc2, 7000, 7000, fourTwoZero), inspection.CodeTooManyPixels},
		{"progressive JPEG of 20 megapixels in full colour", declared(0xc2, 5000, 4000, full), inspection.CodeTooManyPixels},
		{"interlaced PNG of 49 megapixels in colour", rgbHeader(7000, 7000, 1), inspection.CodeTooManyPixels},
		{"GIF posing as JPEG", moving.Bytes(), inspection.CodeNotAPicture},
		{"GIF behind the first bytes of a JPEG", append([]byte("\xff\xd8\xff"), moving.Bytes()...), inspection.CodeNotAPicture},
		{"empty", nil, inspection.CodeNotAPicture},
		{"one byte", []byte{0xff}, inspection.CodeNotAPicture},
		{"text", []byte("<svg xmlns='http://www.w3.org/2000/svg'/>"), inspection.CodeNotAPicture},
		{"half a JPEG", good[:len(good)/2], inspection.CodeNotAPicture},
		{"JPEG without its last bytes", good[:len(good)-3], inspection.CodeNotAPicture},
		{"half a progressive JPEG", progressive[:len(progressive)/2], inspection.CodeNotAPicture},
		{"half a PNG", zeroPNG(500, 500, 1, 0, 0)[:70], inspection.CodeNotAPicture},
		{"half a WebP", testdata(t, "lossy.webp")[:700], inspection.CodeNotAPicture},
		{"half a lossless WebP", testdata(t, "lossless.webp")[:4000], inspection.CodeNotAPicture},
		{"progressive garbage", garbage, inspection.CodeNotAPicture},
		{"baseline data that says it is progressive", bytes.Replace(good, []byte("\xff\xc0"), []byte("\xff\xc2"), 1), inspection.CodeNotAPicture},
		{"PNG with a profile that unpacks to 64 MB", bombedPNG(t), ""},
		{"JPEG with 16 MB of profile", bombedJPEG(), ""},
		{"JPEG with a ZIP and a page behind it", append(bytes.Clone(good), "PK\x03\x04<html><script>alert(1)</script>"...), ""},
		{"PNG of one row", zeroPNG(50_000, 1, 1, 0, 0), ""},
		{"PNG of one column", zeroPNG(1, 50_000, 1, 0, 0), ""},
		{"PNG of 49 megapixels", zeroPNG(7000, 7000, 1, 0, 0), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, err := decodeFile(t, tc.data)
			if inspection.CodeOf(err) != tc.want {
				t.Fatalf("got %v, want %q", err, tc.want)
			}
			if err != nil {
				return
			}
			for _, view := range [][]byte{d.large, d.small} {
				if bytes.Contains(view, []byte("<html>")) || bytes.Contains(view, []byte("ICC_PROFILE")) {
					t.Error("the view carries what isn't picture")
				}
				if _, err := jpeg.Decode(bytes.NewReader(view)); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestCostlyFile: a file that asks for hours of work is given up on.
func TestCostlyFile(t *testing.T) {
	if _, err := decodeWith(t.Context(), unhurried, jpeg.Decode, emptyScans(4000, 4000, 3)); err != nil {
		t.Fatalf("the decoder doesn't even like three scans, so this proves nothing: %v", err)
	}
	_, err := decodeWith(t.Context(), processorLimit{threadTime, 50 * time.Millisecond}, jpeg.Decode, emptyScans(4000, 4000, 20_000))
	if inspection.CodeOf(err) != inspection.CodeNotAPicture {
		t.Errorf("got %v", err)
	}
}

func TestDecoderPanics(t *testing.T) {
	_, err := decodeWith(t.Context(), unhurried, func(io.Reader) (image.Image, error) { panic("index out of range") }, nil)
	if inspection.CodeOf(err) != inspection.CodeNotAPicture || strings.Contains(err.Error(), "index") {
		t.Errorf("got %v", err)
	}
}

// TestCancelledDecode: a server that stops refuses no file for it.
func TestCancelledDecode(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := decodePixels(ctx, unhurried, TypeJPEG, drawn("scene_photo", 64)); inspection.CodeOf(err) != inspection.CodeInternal {
		t.Errorf("got %v", err)
	}
}

func TestFormats(t *testing.T) {
	var plain bytes.Buffer
	if err := png.Encode(&plain, image.NewNRGBA(image.Rect(0, 0, 50, 40))); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		data      []byte
		mediaType string
		w, h      int
	}{
		"progressive": {testdata(t, "progressive.jpg"), TypeJPEG, 96, 72}, "lossy": {testdata(t, "lossy.webp"), TypeWebP, 96, 72},
		"lossless": {testdata(t, "lossless.webp"), TypeWebP, 96, 72}, "interlaced": {testdata(t, "interlaced.png"), TypePNG, 96, 72},
		"transparent": {plain.Bytes(), TypePNG, 50, 40}, "drawn": {drawn("plate_photo", 2000), TypeJPEG, 2000, 1500},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := decodeFile(t, tc.data)
			if err != nil {
				t.Fatal(err)
			}
			if d.Type != tc.mediaType || d.Width != tc.w || d.Height != tc.h || d.Bytes != int64(len(tc.data)) {
				t.Errorf("%+v", d.Facts)
			}
			for _, v := range []struct {
				data []byte
				edge int
			}{{d.large, largeEdge}, {d.small, smallEdge}} {
				c, err := jpeg.DecodeConfig(bytes.NewReader(v.data))
				if err != nil || c.Width != min(tc.w, v.edge) || c.Height != min(tc.w, v.edge)*tc.h/tc.w {
					t.Errorf("a view of %d×%d, %v", c.Width, c.Height, err)
				}
			}
		})
	}
	d, err := decodeFile(t, plain.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if r, g, b, _ := d.thumb.At(9, 9).RGBA(); r < 0xf000 || g < 0xf000 || b < 0xf000 {
		t.Errorf("what is transparent isn't white but %x %x %x", r, g, b)
	}
}

// corners is a picture with a colour of its own in each corner.
func corners(w, h int) []byte {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.Set(x, y, cornerColors[x*2/w+y*2/h*2])
		}
	}
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, m, &jpeg.Options{Quality: 95}); err != nil {
		panic(err)
	}
	return buf.Bytes()
}

var cornerColors = []color.RGBA{{250, 0, 0, 255}, {0, 250, 0, 255}, {0, 0, 250, 255}, {250, 250, 0, 255}}

// cornersOf tells which colours a picture has top left, top right, bottom left
// and bottom right.
func cornersOf(t *testing.T, data []byte) (order [4]int, size image.Point) {
	t.Helper()
	m, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	b := m.Bounds()
	for i := range order {
		p := m.At(b.Dx()/4+i%2*b.Dx()/2, b.Dy()/4+i/2*b.Dy()/2)
		best := 1 << 30
		for k, c := range cornerColors {
			r, g, bl, _ := p.RGBA()
			d := sq(int(r>>8)-int(c.R)) + sq(int(g>>8)-int(c.G)) + sq(int(bl>>8)-int(c.B))
			if d < best {
				best, order[i] = d, k
			}
		}
	}
	return order, b.Size()
}

func sq(x int) int { return x * x }

// TestOrientation: views stand upright, whichever way the camera was held.
// Large ones are shrunk in blocks first, small ones aren't.
func TestOrientation(t *testing.T) {
	want := map[uint16][4]int{
		0: {0, 1, 2, 3}, 1: {0, 1, 2, 3}, 2: {1, 0, 3, 2}, 3: {3, 2, 1, 0}, 4: {2, 3, 0, 1},
		5: {0, 2, 1, 3}, 6: {2, 0, 3, 1}, 7: {3, 1, 2, 0}, 8: {1, 3, 0, 2}, 9: {0, 1, 2, 3},
	}
	for _, size := range []image.Point{{400, 300}, {4001, 3003}} {
		plain := corners(size.X, size.Y)
		for orientation, order := range want {
			d, err := decodeFile(t, (&draw.EXIF{Orientation: orientation, Make: "Xiaomi"}).Into(plain))
			if err != nil {
				t.Fatal(err)
			}
			for _, view := range [][]byte{d.large, d.small} {
				got, shape := cornersOf(t, view)
				if got != order || (shape.X < shape.Y) != (orientation >= 5 && orientation <= 8) {
					t.Errorf("%v, orientation %d: %v %v, want %v", size, orientation, got, shape, order)
				}
				if bytes.Contains(view, []byte("Exif")) {
					t.Error("the view has EXIF")
				}
			}
		}
	}
}

// FuzzOutline: whatever the bytes, a header is read without a panic, and never
// lets through what would take more memory than it may.
func FuzzOutline(f *testing.F) {
	for _, name := range []string{"progressive.jpg", "lossy.webp", "lossless.webp", "interlaced.png"} {
		f.Add(testdata(f, name))
	}
	f.Add(drawn("plate_photo", 64))
	f.Add(emptyScans(4000, 4000, 1)[:300])
	f.Add(append([]byte(pngSignature), chunk("IHDR", []byte("\x00\x00\x75\x30\x00\x00\x75\x30\x01\x00\x00\x00\x00"))...))
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := outlineOf(opener(data))
		if err != nil {
			return
		}
		if o.mediaType == "" || o.width <= 0 || o.height <= 0 || o.width*o.height > maxPixels || o.memory > maxDecoded || o.memory < int64(o.width)*int64(o.height) {
			t.Errorf("%+v", o)
		}
	})
}
