package inspection

import "time"

// Grant is the right to an area and all below it. Number grows with every
// grant ever made, so a right taken away and given again is another one: a
// phone that purged in between starts that area from nothing.
type Grant struct {
	Area   Area      `json:"area"`
	Number int64     `json:"number"`
	Since  time.Time `json:"since"`
}

// Revocation is a grant that was taken away.
type Revocation struct {
	Grant
	At time.Time `json:"at"`
}

// RevokedGrace is how long after a revocation a phone may still push what it
// held for the area. Source: docs/contract.md, section 4.
const RevokedGrace = 30 * 24 * time.Hour

// Rights is where a user may read and write.
type Rights struct {
	Grants  []Grant
	Revoked []Revocation
}

// Grant returns the oldest grant that covers area.
func (r Rights) Grant(area Area) (Grant, bool) {
	var best Grant
	found := false
	for _, g := range r.Grants {
		if g.Area.Covers(area) && (!found || g.Number < best.Number) {
			best, found = g, true
		}
	}
	return best, found
}

// Revocation returns the revocation by which the area was lost, unless a
// present grant covers it. Where several cover it that is the last one: until
// then another grant was still good.
func (r Rights) Revocation(area Area) (Revocation, bool) {
	if _, ok := r.Grant(area); ok {
		return Revocation{}, false
	}
	var best Revocation
	found := false
	for _, v := range r.Revoked {
		if v.Area.Covers(area) && (!found || v.later(best)) {
			best, found = v, true
		}
	}
	return best, found
}

func (v Revocation) later(w Revocation) bool {
	return v.At.After(w.At) || v.At.Equal(w.At) && v.Number > w.Number
}
