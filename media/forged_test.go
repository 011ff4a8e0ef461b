package media

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"strings"
)

// Files made by hand that ask for as much as their format lets them, for next to
// no bytes. Their pictures are black or empty.

// zeroTables are JPEG tables by which a bit 0 is a DC coefficient that doesn't
// change, and an AC code: of the end of a block, or of 2^14 blocks and more.
func zeroTables(endOfBand byte) string {
	table := "\xff\xc4\x00\x14%\x01" + strings.Repeat("\x00", 15)
	return "\xff\xdb\x00\x43\x00" + strings.Repeat("\x01", 64) +
		strings.Replace(table, "%", "\x00", 1) + "\x00" + strings.Replace(table, "%", "\x10", 1) + string([]byte{endOfBand})
}

func bigEndian16(v int) string { return string(binary.BigEndian.AppendUint16(nil, uint16(v))) }

// frameOf is a JPEG's frame header; sampling is h<<4|v of each component.
func frameOf(marker byte, width, height int, sampling ...byte) string {
	out := "\xff" + string([]byte{marker}) + bigEndian16(8+3*len(sampling)) + "\x08" + bigEndian16(height) + bigEndian16(width) + string([]byte{byte(len(sampling))})
	for i, s := range sampling {
		out += string([]byte{byte(i + 1), s, 0})
	}
	return out
}

// scanOf is the header of a scan of the first components.
func scanOf(components int, from, to byte) string {
	out := "\xff\xda" + bigEndian16(6+2*components) + string([]byte{byte(components)})
	for i := range components {
		out += string([]byte{byte(i + 1), 0})
	}
	return out + string([]byte{from, to, 0})
}

// blackJPEG is a picture of one scan; adobe is what its Adobe segment says of
// colours, -1 for none.
func blackJPEG(width, height, adobe int, sampling ...byte) []byte {
	out := "\xff\xd8"
	if adobe >= 0 {
		out += "\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + string([]byte{byte(adobe)})
	}
	out += zeroTables(0) + frameOf(0xc0, width, height, sampling...) + scanOf(len(sampling), 0, 63)
	blocks := (width + 31) / 8 * ((height + 31) / 8) * len(sampling)
	return append(append([]byte(out), make([]byte, blocks/4)...), "\xff\xd9"...)
}

// emptyScans is a progressive grey JPEG that makes a decoder walk over its
// picture once for each scan, for a few bytes each.
func emptyScans(width, height, scans int) []byte {
	blocks := (width + 7) / 8 * ((height + 7) / 8)
	out := []byte("\xff\xd8" + zeroTables(0xe0) + frameOf(0xc2, width, height, 0x11) + scanOf(1, 0, 0))
	out = append(out, make([]byte, blocks/8+1)...)
	for range scans - 1 {
		out = append(out, scanOf(1, 1, 63)...)
		out = append(out, make([]byte, blocks>>13+2)...)
	}
	return append(out, "\xff\xd9"...)
}

// zeroPNG is a picture of zeros. kind is the colour type; extra chunks stand
// before the picture's data.
func zeroPNG(width, height int, depth, kind, interlace byte, extra ...[]byte) []byte {
	channels := map[byte]int{0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	zeros := func(w, h int) {
		row := make([]byte, 1+(w*channels*int(depth)+7)/8)
		for range h {
			z.Write(row)
		}
	}
	if interlace == 0 {
		zeros(width, height)
	} else {
		for _, p := range [][4]int{{0, 8, 0, 8}, {4, 8, 0, 8}, {0, 4, 4, 8}, {2, 4, 0, 4}, {0, 2, 2, 4}, {1, 2, 0, 2}, {0, 1, 1, 2}} {
			zeros((width-p[0]+p[1]-1)/p[1], (height-p[2]+p[3]-1)/p[3])
		}
	}
	z.Close()
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(width)), uint32(height))
	out := append([]byte(pngSignature), chunk("IHDR", append(header, depth, kind, 0, 0, interlace))...)
	if kind == 3 {
		out = append(out, chunk("PLTE", []byte{0, 0, 0, 255, 255, 255})...)
	}
	out = append(append(out, bytes.Join(extra, nil)...), chunk("IDAT", packed.Bytes())...)
	return append(out, chunk("IEND", nil)...)
}

// webP is a file of chunks.
func webP(chunks ...[]byte) []byte {
	body := append([]byte("WEBP"), bytes.Join(chunks, nil)...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

func webPChunk(id string, data []byte) []byte {
	b := append(binary.LittleEndian.AppendUint32([]byte(id), uint32(len(data))), data...)
	return append(b, make([]byte, len(data)%2)...)
}

// canvas is the chunk that says what an extended WebP holds; alpha is 16 for
// transparency.
func canvas(width, height int, alpha byte) []byte {
	size := func(v int) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(v-1))[:3] }
	return webPChunk("VP8X", append(append([]byte{alpha, 0, 0, 0}, size(width)...), size(height)...))
}

// lossy is a VP8 frame of zeros.
func lossy(width, height int) []byte {
	n := width*height/8 + 100
	first := min(n/3, 1<<19-1)
	head := []byte{byte(first<<5) | 1<<4, byte(first >> 3), byte(first >> 11), 0x9d, 1, 0x2a, byte(width), byte(width >> 8), byte(height), byte(height >> 8)}
	return append(head, make([]byte, n)...)
}

// bitWriter writes the least significant bits first, as VP8L has them.
type bitWriter struct {
	bytes []byte
	bits  int
}

func (w *bitWriter) put(value uint32, bits int) {
	for i := range bits {
		if w.bits%8 == 0 {
			w.bytes = append(w.bytes, 0)
		}
		w.bytes[w.bits/8] |= byte(value>>i&1) << (w.bits % 8)
		w.bits++
	}
}

// one writes the code of an alphabet of which only symbol 0 is used: it takes no
// bits.
func (w *bitWriter) one() { w.put(0b001, 4) }

// equal writes the code of an alphabet whose first symbols, a power of two, have
// so many bits each.
func (w *bitWriter) equal(alphabet, bits int) {
	w.put(0, 1)
	w.put(19-4, 4)
	for _, symbol := range []int{17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} {
		used := uint32(0)
		if symbol == 0 || symbol == bits {
			used = 1
		}
		w.put(used, 3)
	}
	w.put(0, 1)
	for i := range alphabet {
		long := uint32(0)
		if i < 1<<bits {
			long = 1
		}
		w.put(long, 1)
	}
}

// lossless is a VP8L picture whose pixels take no bits at all. Without a header
// it is what an ALPH chunk has.
func lossless(width, height int, header bool) []byte {
	var w bitWriter
	if header {
		w.put(0x2f, 8)
		w.put(uint32(width-1), 14)
		w.put(uint32(height-1), 14)
		w.put(0, 4)
	}
	w.put(0, 3) // no transform, no cache of colours, one group of codes
	for range 5 {
		w.one()
	}
	return append(w.bytes, 0, 0)
}

// manyTrees is a small VP8L picture with so many groups of large codes.
func manyTrees(side, groups int) []byte {
	var w bitWriter
	w.put(0x2f, 8)
	w.put(uint32(side-1), 14)
	w.put(uint32(side-1), 14)
	w.put(0, 4)
	w.put(0, 1)     // no transform
	w.put(1, 1)     // a cache of
	w.put(11, 4)    // 2^11 colours
	w.put(1, 1)     // groups of codes
	w.put(0, 3)     // for squares of 4 pixels
	w.put(0, 1)     // of which a picture tells, without a cache
	w.equal(280, 8) // whose green and red are a group's number
	w.equal(256, 8)
	for range 3 {
		w.one()
	}
	reversed := func(v int) (r uint32) {
		for i := range 8 {
			r |= uint32(v) >> i & 1 << (7 - i)
		}
		return r
	}
	squares := (side + 3) / 4
	for i := range squares * squares {
		w.put(reversed(i%groups&0xff), 8)
		w.put(reversed(i%groups>>8), 8)
	}
	for range groups {
		w.equal(280+1<<11, 11)
		for range 3 {
			w.equal(256, 8)
		}
		w.one()
	}
	return append(w.bytes, make([]byte, side*side*5)...)
}

// namedRGB names a JPEG's three components R, G and B.
func namedRGB(data []byte) []byte {
	data = bytes.Clone(data)
	frame := bytes.Index(data, []byte("\xff\xc0")) + 10
	scan := bytes.Index(data, []byte("\xff\xda")) + 5
	for i, c := range []byte("RGB") {
		data[frame+3*i], data[scan+2*i] = c, c
	}
	return data
}

// floodedEXIF is a TIFF block whose first tag names one directory of thousands
// of tags, which are passed over one by one, 512 times. The maker comes after.
func floodedEXIF(tags int) []byte {
	le := binary.LittleEndian
	entry := func(b []byte, id, kind uint16, count, value uint32) []byte {
		return le.AppendUint32(le.AppendUint32(le.AppendUint16(le.AppendUint16(b, id), kind), count), value)
	}
	const directories = 512
	after := uint32(8 + 2 + 2*12 + 4)
	b := append([]byte("II*\x00\x08\x00\x00\x00"), 2, 0)
	b = entry(b, 0x014a, 4, directories, after)
	b = entry(b, 0x010f, 2, 4, uint32('X')) // "X" with zeros, in place of an offset
	b = append(b, 0, 0, 0, 0)
	for range directories {
		b = le.AppendUint32(b, after+4*directories)
	}
	b = le.AppendUint16(b, uint16(tags))
	return append(b, bytes.Repeat([]byte{0xff}, 12*tags)...)
}

// pngWithEXIF and webPWithEXIF are pictures with a TIFF block.
func pngWithEXIF(tiff []byte) []byte { return zeroPNG(8, 8, 1, 0, 0, chunk("eXIf", tiff)) }
func webPWithEXIF(tiff []byte) []byte {
	return webP(canvas(8, 8, 8), webPChunk("VP8 ", lossy(8, 8)), webPChunk("EXIF", tiff))
}
