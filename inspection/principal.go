package inspection

import (
	"slices"
	"time"
)

// Principal is who asks: a signed-in device, with all that decides what its
// user may do and where. The transport makes one for each request; services
// ask it and never judge rights by themselves. It is shared: read only.
type Principal struct {
	Device Device
	Role   Role
	Rights Rights
	// FirstSeen is when the device first signed in: a revocation concerns
	// only devices that could have held the area.
	FirstSeen time.Time
	// Confirmed are the revoked areas that the device has purged.
	Confirmed []Confirmation
}

// Confirmation is a device's word that it has purged an area that was taken
// away. Number is that of the revoked grant: an area that is granted and taken
// away again has to be confirmed again.
type Confirmation struct {
	Area   Area  `json:"area"`
	Number int64 `json:"number"`
}

// NewPrincipal is who has the areas granted, and never had any taken away.
func NewPrincipal(role Role, device Device, areas ...Area) *Principal {
	p := &Principal{Device: device, Role: role}
	for _, a := range areas {
		p.Rights.Grants = append(p.Rights.Grants, Grant{Area: a, Number: 1})
	}
	return p
}

// CanRead reports whether what lies in the area may be shown, and decided on:
// that takes a present grant.
func (p *Principal) CanRead(area Area, _ time.Time) bool {
	_, granted := p.Rights.Grant(area)
	return granted && p.Role.May(ActionRead)
}

// CanWrite reports whether records and photos of the area are taken from the
// device. Besides a present grant, one that was taken away is good for what
// the device still holds, until it confirms that it purged the area and for
// RevokedGrace at most. Source: the wire contract, section 4.
func (p *Principal) CanWrite(area Area, now time.Time) bool {
	if !p.Role.May(ActionPush) {
		return false
	}
	if _, granted := p.Rights.Grant(area); granted {
		return true
	}
	v, lost := p.Lost(area)
	return lost && !late(v, now)
}

func late(v Revocation, now time.Time) bool { return now.Sub(v.At) > RevokedGrace }

// Lost returns the revocation that took an area away from under the device,
// unless the device has confirmed that it purged the area.
func (p *Principal) Lost(area Area) (Revocation, bool) {
	v, ok := p.Rights.Revocation(area)
	if !ok || !p.held(v) || slices.Contains(p.Confirmed, Confirmation{Area: area, Number: v.Number}) {
		return Revocation{}, false
	}
	return v, true
}

// held reports whether the device could hold what was taken away.
func (p *Principal) held(v Revocation) bool { return p.FirstSeen.Before(v.At) }

// Areas lists the areas that are granted, in the order of the grants. Each
// covers all below it.
func (p *Principal) Areas() []Area {
	var areas []Area
	for _, g := range p.Rights.Grants {
		areas = append(areas, g.Area)
	}
	return areas
}

// CanReadAll reports whether all of the areas may be read.
func (p *Principal) CanReadAll(areas []Area, now time.Time) bool {
	return !slices.ContainsFunc(areas, func(a Area) bool { return !p.CanRead(a, now) })
}

// Reach is a set of areas, to be written down: all that Areas cover, but for
// those in Except.
type Reach struct {
	Areas  []Area `json:"areas"`
	Except []Area `json:"except,omitempty"`
}

// Has reports whether the area is in the set.
func (r Reach) Has(area Area) bool {
	return area.CoveredBy(r.Areas) && !slices.Contains(r.Except, area)
}

// Writable is the set of the areas for which CanWrite is true.
func (p *Principal) Writable(now time.Time) Reach {
	var r Reach
	if !p.Role.May(ActionPush) {
		return r
	}
	r.Areas = p.Areas()
	for _, v := range p.Rights.Revoked {
		if p.held(v) && !late(v, now) && !slices.Contains(r.Areas, v.Area) {
			r.Areas = append(r.Areas, v.Area)
		}
	}
	for _, c := range p.Confirmed {
		if r.Has(c.Area) && !p.CanWrite(c.Area, now) {
			r.Except = append(r.Except, c.Area)
		}
	}
	slices.Sort(r.Except)
	return r
}
