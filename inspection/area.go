package inspection

import (
	"strings"
	"time"
)

// Area is a code of China's administrative divisions (GB/T 2260 and 10114):
// 2 digits a province, 4 a city, 6 a district, 9 a street, 12 a community.
// A code's prefixes at those lengths are what it lies in.
type Area string

// ReferenceArea names the log of what belongs to no street: reference data,
// grants, quarantine, month closings.
const ReferenceArea Area = "_"

// China is the zone in which days are counted, whatever a phone says. China
// has kept one offset since 1991, so no zone database is needed.
var China = time.FixedZone("CST", 8*60*60)

// ParseDay returns the moment at which a day like 2026-11-11 begins in China.
func ParseDay(s string) (time.Time, error) { return time.ParseInLocation(time.DateOnly, s, China) }

// Valid reports whether a is a code of one of the five levels.
func (a Area) Valid() bool {
	switch len(a) {
	case 2, 4, 6, 9, 12:
	default:
		return false
	}
	return strings.Trim(string(a), "0123456789") == ""
}

// Covers reports whether b is a itself or lies below it. Codes of each level
// are a prefix of all that lies below, so "610102" covers "610102003".
func (a Area) Covers(b Area) bool {
	return a.Valid() && b.Valid() && strings.HasPrefix(string(b), string(a))
}

// CoveredBy reports whether one of the grants covers a.
func (a Area) CoveredBy(grants []Area) bool {
	for _, g := range grants {
		if g.Covers(a) {
			return true
		}
	}
	return false
}
