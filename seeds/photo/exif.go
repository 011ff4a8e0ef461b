package photo

import (
	"bytes"
	"encoding/binary"
	"math"
	"time"
)

// EXIF is what a camera writes beside the picture. Zero members are left out.
type EXIF struct {
	Make, Model, Software string
	// Taken is written as local time, with its offset if Zoned.
	Taken time.Time
	Zoned bool
	// Lat and Lon are written if Placed, in decimal degrees.
	Placed      bool
	Lat, Lon    float64
	Orientation uint16
}

// Into returns the JPEG with the EXIF as its first segment.
func (e *EXIF) Into(jpeg []byte) []byte {
	tiff := e.tiff()
	out := append([]byte{}, jpeg[:2]...)
	out = append(out, 0xff, 0xe1)
	out = binary.BigEndian.AppendUint16(out, uint16(len(tiff)+8))
	out = append(out, "Exif\x00\x00"...)
	out = append(out, tiff...)
	return append(out, jpeg[2:]...)
}

// Types of tags.
const (
	asciiTag    = 2
	shortTag    = 3
	longTag     = 4
	rationalTag = 5
)

// tag is one entry of a directory; value holds count items of the type.
type tag struct {
	id, kind uint16
	count    uint32
	value    []byte
}

var order = binary.LittleEndian

func ascii(id uint16, s string) tag {
	return tag{id, asciiTag, uint32(len(s) + 1), append([]byte(s), 0)}
}

func long(id uint16, v int) tag {
	return tag{id, longTag, 1, order.AppendUint32(nil, uint32(v))}
}

// degrees is an angle as three fractions: degrees, minutes, seconds.
func degrees(id uint16, v float64) tag {
	v = math.Abs(v)
	minutes := math.Mod(v, 1) * 60
	var b []byte
	for _, part := range [][2]float64{{math.Floor(v), 1}, {math.Floor(minutes), 1}, {math.Round(math.Mod(minutes, 1) * 60 * 10000), 10000}} {
		b = order.AppendUint32(order.AppendUint32(b, uint32(part[0])), uint32(part[1]))
	}
	return tag{id, rationalTag, 3, b}
}

// tiff is the block that EXIF keeps its directories in: header, IFD0, the
// directory of the exposure, that of the place.
func (e *EXIF) tiff() []byte {
	exposure, place := e.exposure(), e.gps()
	first := e.first()
	// The pointers' values don't change their size, so one pass with zeros
	// tells where the directories begin.
	first = append(first, long(0x8769, 0))
	if len(place) > 0 {
		first = append(first, long(0x8825, 0))
	}
	const begin = 8
	second := begin + len(directory(first, begin))
	third := second + len(directory(exposure, second))
	for i := range first {
		switch first[i].id {
		case 0x8769:
			first[i] = long(0x8769, second)
		case 0x8825:
			first[i] = long(0x8825, third)
		}
	}
	out := append([]byte("II*\x00"), order.AppendUint32(nil, begin)...)
	out = append(out, directory(first, begin)...)
	out = append(out, directory(exposure, second)...)
	if len(place) > 0 {
		out = append(out, directory(place, third)...)
	}
	return out
}

func (e *EXIF) first() []tag {
	var tags []tag
	for id, text := range map[uint16]string{0x010f: e.Make, 0x0110: e.Model, 0x0131: e.Software} {
		if text != "" {
			tags = append(tags, ascii(id, text))
		}
	}
	if e.Orientation != 0 {
		tags = append(tags, tag{0x0112, shortTag, 1, order.AppendUint16(nil, e.Orientation)})
	}
	return tags
}

func (e *EXIF) exposure() []tag {
	if e.Taken.IsZero() {
		return nil
	}
	tags := []tag{ascii(0x9003, e.Taken.Format("2006:01:02 15:04:05"))}
	if e.Zoned {
		tags = append(tags, ascii(0x9011, e.Taken.Format("-07:00")))
	}
	return tags
}

func (e *EXIF) gps() []tag {
	if !e.Placed {
		return nil
	}
	north, east := "N", "E"
	if e.Lat < 0 {
		north = "S"
	}
	if e.Lon < 0 {
		east = "W"
	}
	return []tag{ascii(1, north), degrees(2, e.Lat), ascii(3, east), degrees(4, e.Lon)}
}

// directory encodes an IFD that lies at offset: the entries, in order of id,
// and behind them the values that don't fit into four bytes.
func directory(tags []tag, offset int) []byte {
	sorted := make([]tag, 0, len(tags))
	for _, t := range tags {
		i := len(sorted)
		for i > 0 && sorted[i-1].id > t.id {
			i--
		}
		sorted = append(sorted[:i], append([]tag{t}, sorted[i:]...)...)
	}
	head := order.AppendUint16(nil, uint16(len(sorted)))
	var rest bytes.Buffer
	behind := offset + 2 + 12*len(sorted) + 4
	for _, t := range sorted {
		head = order.AppendUint16(order.AppendUint16(head, t.id), t.kind)
		head = order.AppendUint32(head, t.count)
		if len(t.value) <= 4 {
			head = append(head, append(t.value, make([]byte, 4-len(t.value))...)...)
			continue
		}
		head = order.AppendUint32(head, uint32(behind+rest.Len()))
		rest.Write(t.value)
		if rest.Len()%2 == 1 {
			rest.WriteByte(0)
		}
	}
	head = order.AppendUint32(head, 0) // no further directory
	return append(head, rest.Bytes()...)
}
