package inspection

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestRights is the rule of rights, one line for each case: what a role with
// a grant, or with one that was taken away, may read and write where.
func TestRights(t *testing.T) {
	const street, district, other = Area("610102003"), Area("610102"), Area("610103001")
	taken := time.Date(2026, 10, 12, 8, 0, 0, 0, time.UTC)
	granted := func(areas ...Area) (r Rights) {
		for i, a := range areas {
			r.Grants = append(r.Grants, Grant{Area: a, Number: int64(i + 1)})
		}
		return r
	}
	revoked := func(area Area, number int64, at time.Time) Revocation {
		return Revocation{Grant: Grant{Area: area, Number: number}, At: at}
	}
	lost := Rights{Revoked: []Revocation{revoked(street, 1, taken)}}
	purged := []Confirmation{{street, 1}}
	before, after := taken.Add(-time.Hour), taken.Add(time.Hour)
	for name, c := range map[string]struct {
		role        Role
		rights      Rights
		confirmed   []Confirmation
		seen, now   time.Time
		area        Area
		read, write bool
	}{
		"granted to an inspector":            {role: RoleInspector, rights: granted(street), area: street, read: true, write: true},
		"granted to a supervisor":            {role: RoleSupervisor, rights: granted(street), area: street, read: true, write: true},
		"granted to an administrator":        {role: RoleAdmin, rights: granted(street), area: street, read: true, write: true},
		"granted, but no such role":          {role: "root", rights: granted(street), area: street},
		"granted, but no role":               {rights: granted(street), area: street},
		"below what is granted":              {role: RoleInspector, rights: granted(district), area: street, read: true, write: true},
		"above what is granted":              {role: RoleInspector, rights: granted(street), area: district},
		"beside what is granted":             {role: RoleAdmin, rights: granted(street), area: other},
		"the second grant":                   {role: RoleInspector, rights: granted(other, street), area: street, read: true, write: true},
		"nothing granted":                    {role: RoleAdmin, area: street},
		"the reference log":                  {role: RoleAdmin, rights: granted("61"), area: ReferenceArea},
		"no area":                            {role: RoleAdmin, rights: granted("61"), area: ""},
		"taken away":                         {role: RoleInspector, rights: lost, seen: before, now: after, area: street, write: true},
		"taken away from a supervisor":       {role: RoleSupervisor, rights: lost, seen: before, now: after, area: street, write: true},
		"taken away, but no such role":       {role: "root", rights: lost, seen: before, now: after, area: street},
		"below what was taken away":          {role: RoleInspector, rights: lost, seen: before, now: after, area: street + "001", write: true},
		"above what was taken away":          {role: RoleInspector, rights: lost, seen: before, now: after, area: district},
		"beside what was taken away":         {role: RoleInspector, rights: lost, seen: before, now: after, area: other},
		"taken away 30 days ago":             {role: RoleInspector, rights: lost, seen: before, now: taken.Add(RevokedGrace), area: street, write: true},
		"taken away earlier":                 {role: RoleInspector, rights: lost, seen: before, now: taken.Add(RevokedGrace + 1), area: street},
		"taken away before the first use":    {role: RoleInspector, rights: lost, seen: taken, now: after, area: street},
		"purged":                             {role: RoleInspector, rights: lost, confirmed: purged, seen: before, now: after, area: street},
		"purged, below it":                   {role: RoleInspector, rights: lost, confirmed: purged, seen: before, now: after, area: street + "001", write: true},
		"purged another area":                {role: RoleInspector, rights: lost, confirmed: []Confirmation{{other, 1}}, seen: before, now: after, area: street, write: true},
		"purged under an earlier grant":      {role: RoleInspector, rights: lost, confirmed: []Confirmation{{street, 0}}, seen: before, now: after, area: street, write: true},
		"purged, granted again":              {role: RoleInspector, rights: Rights{Grants: granted(street).Grants, Revoked: lost.Revoked}, confirmed: purged, seen: before, now: after, area: street, read: true, write: true},
		"taken away, its district is there":  {role: RoleInspector, rights: Rights{Grants: granted(district).Grants, Revoked: lost.Revoked}, seen: before, now: after, area: street, read: true, write: true},
		"the district taken away later":      {role: RoleInspector, rights: Rights{Revoked: []Revocation{revoked(street, 7, taken), revoked(district, 5, taken.Add(10*24*time.Hour))}}, seen: before, now: taken.Add(35 * 24 * time.Hour), area: street, write: true},
		"first used before the district was": {role: RoleInspector, rights: Rights{Revoked: []Revocation{revoked(street, 7, taken), revoked(district, 5, taken.Add(10*24*time.Hour))}}, seen: after, now: taken.Add(11 * 24 * time.Hour), area: street, write: true},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			p := &Principal{Role: c.role, Rights: c.rights, FirstSeen: c.seen, Confirmed: c.confirmed}
			if read, write := p.CanRead(c.area, c.now), p.CanWrite(c.area, c.now); read != c.read || write != c.write {
				t.Errorf("reads %v, writes %v", read, write)
			}
			if got := p.Writable(c.now).Has(c.area); got != c.write {
				t.Errorf("writes %v, but written down as %v", c.write, got)
			}
		})
	}
}

// TestRightsLaws: whoever reads may write, the set that is written down is
// what may be written, and confirming never gives anything.
func TestRightsLaws(t *testing.T) {
	codes := []Area{"61", "6101", "610102", "610102003", "610102004", "610103", "610103001"}
	start := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	day := func(n int) time.Time { return start.Add(time.Duration(n) * 24 * time.Hour) }
	rapid.Check(t, func(r *rapid.T) {
		area := rapid.SampledFrom(codes)
		days := rapid.IntRange(0, 60)
		p := &Principal{Role: rapid.SampledFrom([]Role{RoleInspector, RoleSupervisor, RoleAdmin, ""}).Draw(r, "role"), FirstSeen: day(days.Draw(r, "first seen"))}
		number := int64(0)
		for range rapid.IntRange(0, 3).Draw(r, "grants") {
			number++
			p.Rights.Grants = append(p.Rights.Grants, Grant{Area: area.Draw(r, "granted"), Number: number})
		}
		for range rapid.IntRange(0, 4).Draw(r, "revocations") {
			number++
			v := Revocation{Grant: Grant{Area: area.Draw(r, "revoked"), Number: number}, At: day(days.Draw(r, "at"))}
			p.Rights.Revoked = append(p.Rights.Revoked, v)
		}
		p.Rights.Revoked = rapid.Permutation(p.Rights.Revoked).Draw(r, "order")
		for range rapid.IntRange(0, 4).Draw(r, "confirmations") {
			p.Confirmed = append(p.Confirmed, Confirmation{area.Draw(r, "confirmed"), rapid.Int64Range(1, max(number, 1)).Draw(r, "number")})
		}
		unconfirmed := *p
		unconfirmed.Confirmed = nil
		now := day(days.Draw(r, "now"))
		for _, a := range codes {
			read, write := p.CanRead(a, now), p.CanWrite(a, now)
			if read && !write {
				r.Fatalf("%s: reads, but may not write", a)
			}
			if got := p.Writable(now).Has(a); got != write {
				r.Fatalf("%s: writes %v, but written down as %v", a, write, got)
			}
			if write && !unconfirmed.CanWrite(a, now) {
				r.Fatalf("%s: a confirmation gave a right", a)
			}
			if read != (p.Role.Valid() && a.CoveredBy(p.Areas())) {
				r.Fatalf("%s: reads %v with %v", a, read, p.Areas())
			}
		}
		if p.CanReadAll(codes, now) != !slices.ContainsFunc(codes, func(a Area) bool { return !p.CanRead(a, now) }) {
			r.Fatal("all is not each")
		}
	})
}
