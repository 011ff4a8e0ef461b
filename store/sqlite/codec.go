package sqlite

import (
	"encoding/binary"
	"errors"
	"math"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

var errTime = errors.New("a time is outside the years 1678 to 2261")

// zeroTime stands for time.Time{}; all other times are later.
const zeroTime = math.MinInt64

// inRange reports whether toNanos is exact for t.
func inRange(t time.Time) bool {
	return t.IsZero() || fromNanos(toNanos(t)).Equal(t)
}

// toNanos returns t as nanoseconds since 1970. Times too far off for that
// become the nearest one that isn't, so that order is kept.
func toNanos(t time.Time) int64 {
	switch {
	case t.IsZero():
		return zeroTime
	case t.Before(time.Unix(0, math.MinInt64+1)):
		return math.MinInt64 + 1
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	return t.UnixNano()
}

func fromNanos(n int64) time.Time {
	if n == zeroTime {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

func toHash(b []byte) (store.Hash, error) {
	var h store.Hash
	if len(b) != len(h) {
		return h, store.ErrDamaged
	}
	return store.Hash(b), nil
}

// encodeMarks writes each mark as user, device, n, base, seq; texts with their
// length in front.
func encodeMarks(marks []store.Mark) []byte {
	dst := make([]byte, 0, 96*len(marks))
	for _, m := range marks {
		dst = appendText(dst, string(m.Device.User))
		dst = appendText(dst, string(m.Device.ID))
		for _, v := range []int64{m.N, m.Base, m.Seq} {
			dst = binary.AppendVarint(dst, v)
		}
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func decodeMarks(src []byte) ([]store.Mark, error) {
	var marks []store.Mark
	r := reader{rest: src}
	for len(r.rest) > 0 && !r.damaged {
		var m store.Mark
		m.Device.User = inspection.UserID(r.text())
		m.Device.ID = inspection.DeviceID(r.text())
		m.N, m.Base, m.Seq = r.number(), r.number(), r.number()
		marks = append(marks, m)
	}
	if r.damaged {
		return nil, store.ErrDamaged
	}
	return marks, nil
}

// reader takes values off the front of rest until one is damaged.
type reader struct {
	rest    []byte
	damaged bool
}

func (r *reader) number() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.damaged, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) text() string {
	size, n := binary.Uvarint(r.rest)
	if n <= 0 || size > uint64(len(r.rest)-n) {
		r.damaged, r.rest = true, nil
		return ""
	}
	end := n + int(size)
	s := string(r.rest[n:end])
	r.rest = r.rest[end:]
	return s
}
