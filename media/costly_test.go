package media

import (
	"bytes"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store/files"
)

// allocated returns how many bytes work allocates.
func allocated(work func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	work()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// TestMemoryIsKnownBefore: what a picture takes to be decoded is known from its
// file's structure, whatever its header says in one place and means in another.
func TestMemoryIsKnownBefore(t *testing.T) {
	const w, h = 1600, 1200
	transparent := chunk("tRNS", []byte{0, 7})
	for name, data := range map[string][]byte{
		"JPEG, grey":                                blackJPEG(w, h, -1, 0x11),
		"JPEG, 4:2:0":                               blackJPEG(w, h, -1, 0x22, 0x11, 0x11),
		"JPEG, full colour":                         blackJPEG(w, h, 1, 0x11, 0x11, 0x11),
		"JPEG, RGB by its Adobe segment":            blackJPEG(w, h, 0, 0x11, 0x11, 0x11),
		"JPEG, RGB by its components":               namedRGB(blackJPEG(w, h, -1, 0x11, 0x11, 0x11)),
		"JPEG, CMYK":                                blackJPEG(w, h, 0, 0x11, 0x11, 0x11, 0x11),
		"JPEG, YCCK":                                blackJPEG(w, h, 2, 0x22, 0x11, 0x11, 0x22),
		"JPEG, progressive":                         emptyScans(w, h, 3),
		"PNG, one bit":                              zeroPNG(w, h, 1, 0, 0),
		"PNG, grey":                                 zeroPNG(w, h, 8, 0, 0),
		"PNG, grey, interlaced":                     zeroPNG(w, h, 8, 0, 1),
		"PNG, grey, one level transparent":          zeroPNG(w, h, 8, 0, 0, transparent),
		"PNG, 16 bits, one transparent, interlaced": zeroPNG(w, h, 16, 0, 1, transparent),
		"PNG, grey and alpha":                       zeroPNG(w, h, 8, 4, 0),
		"PNG, colour, one transparent":              zeroPNG(w, h, 8, 2, 0, chunk("tRNS", []byte{0, 1, 0, 2, 0, 3})),
		"PNG, 16 bits and alpha, interlaced":        zeroPNG(w, h, 16, 6, 1),
		"PNG, palette":                              zeroPNG(w, h, 8, 3, 0),
		"WebP, lossy":                               webP(webPChunk("VP8 ", lossy(w, h))),
		"WebP, lossless":                            webP(webPChunk("VP8L", lossless(w, h, true))),
		"WebP, extended, lossy":                     webP(canvas(w, h, 0), webPChunk("VP8 ", lossy(w, h))),
		"WebP, extended, lossless":                  webP(canvas(w, h, 0), webPChunk("VP8L", lossless(w, h, true))),
		"WebP, extended, transparent":               webP(canvas(w, h, 16), webPChunk("ALPH", append([]byte{1}, lossless(w, h, false)...)), webPChunk("VP8 ", lossy(w, h))),
		"WebP with 2,600 groups of codes":           webP(webPChunk("VP8L", manyTrees(224, 2600))),
	} {
		t.Run(name, func(t *testing.T) {
			o, err := outlineOf(opener(data))
			if err != nil {
				t.Fatal(err)
			}
			var failed error
			took := allocated(func() { _, failed = decodePixels(t.Context(), unhurried, o.mediaType, data) })
			if failed != nil {
				t.Fatal(failed)
			}
			// The file's own bytes and the decoder's tables come on top.
			if known := o.memory + o.aside + int64(len(data)) + 1<<20; took > known {
				t.Errorf("it took %d KiB, and %d were known", took>>10, known>>10)
			}
		})
	}
}

// TestScansAreCounted: before anything is decoded. What only looks like scans,
// within metadata or behind the picture's end, counts for nothing.
func TestScansAreCounted(t *testing.T) {
	plain := testdata(t, "progressive.jpg")
	fake := strings.Repeat(scanOf(1, 1, 63), 2000)
	for _, tc := range []struct {
		name string
		data []byte
		want inspection.Code
	}{
		{"as libjpeg writes it", plain, ""},
		{"as many as may be", emptyScans(400, 400, maxScans), ""},
		{"one more", emptyScans(400, 400, maxScans+1), inspection.CodeNotAPicture},
		{"1,000 scans of 50 megapixels", emptyScans(7071, 7071, 1000), inspection.CodeNotAPicture},
		{"with garbage and fill bytes between", bytes.ReplaceAll(emptyScans(400, 400, 200), []byte("\xff\xda"), []byte("\x00\xff\x00\xff\xd0\xff\xff\xda")), inspection.CodeNotAPicture},
		{"in metadata", slices.Concat(plain[:2], []byte("\xff\xe1"+bigEndian16(2+len(fake))+fake), plain[2:]), ""},
		{"behind the end", append(bytes.Clone(plain), fake...), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := decodeFile(t, tc.data)
			if inspection.CodeOf(err) != tc.want {
				t.Fatalf("got %v, want %q", err, tc.want)
			}
			if err != nil && !strings.Contains(err.Error(), "64 scans") {
				t.Errorf("the refusal doesn't say why: %v", err)
			}
		})
	}
}

// TestLongPictures: what shrinking takes grows with the longer side.
func TestLongPictures(t *testing.T) {
	for _, size := range [][2]int{{5_000_000, 1}, {1, 5_000_000}} {
		data := zeroPNG(size[0], size[1], 1, 0, 0)
		var err error
		took := allocated(func() { _, err = decodeFile(t, data) })
		if inspection.CodeOf(err) != inspection.CodeTooManyPixels || took > 2*shrinking {
			t.Errorf("%d×%d in %d bytes took %d MiB: %v", size[0], size[1], len(data), took>>20, err)
		}
	}
	if _, err := decodeFile(t, zeroPNG(maxSide, 20, 1, 0, 0)); err != nil {
		t.Error(err)
	}
}

// unhurried is no limit.
var unhurried = processorLimit{threadTime, math.MaxInt64}

// TestDecodeLimit: a picture that takes too long is refused, and its worker and
// memory are free for the next.
func TestDecodeLimit(t *testing.T) {
	blobs, err := files.Open(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	charged := map[inspection.UserID]int{}
	q := newQueue(defaultBudget, time.Now, func(user inspection.UserID, _ time.Duration) { charged[user]++ })
	d := newDecoder(blobs, q)
	had := time.Duration(0)
	d.limit.time = func() time.Duration { had += time.Second; return had } // at each look
	plain := drawn("scene_photo", 800)
	_, err = d.decode(t.Context(), "li", opener(plain), int64(len(plain)))
	if inspection.CodeOf(err) != inspection.CodeNotAPicture || !strings.Contains(err.Error(), "takes longer") {
		t.Errorf("got %v", err)
	}
	if had < decodeLimit || had > decodeLimit+3*time.Second {
		t.Errorf("it was given up on after %v", had)
	}
	if q.free != q.budget || len(q.users) != 0 {
		t.Errorf("it still has %d bytes", q.budget-q.free)
	}
	d.limit.time = threadTime
	if _, err := d.decode(t.Context(), "li", opener(plain), int64(len(plain))); err != nil {
		t.Error(err)
	}
	if charged["li"] != 2 {
		t.Errorf("charged %d times", charged["li"])
	}
}
