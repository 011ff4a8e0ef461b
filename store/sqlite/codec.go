package sqlite

import (
	"errors"
	"math"
	"time"

	"gridpatrol/store"
)

var errTime = errors.New("a time is outside the years 1678 to 2261")

// zeroTime stands for time.Time{}; all other times are later.
const zeroTime = math.MinInt64

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
