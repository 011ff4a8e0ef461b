package auth

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gridpatrol/inspection"
)

func day(n int) time.Time { return time.Date(2026, 10, n, 8, 0, 0, 0, time.UTC) }

func grant(area inspection.Area, number int64) inspection.Grant {
	return inspection.Grant{Area: area, Number: number, Since: day(int(number))}
}

func revoked(area inspection.Area, number int64, at int) inspection.Revocation {
	return inspection.Revocation{Grant: grant(area, number), At: day(at)}
}

// Each step sets the areas at that number and day; then what is granted and
// revoked is compared.
func TestSetAreas(t *testing.T) {
	type areas = []inspection.Area
	for name, c := range map[string]struct {
		steps   []areas
		grants  []inspection.Grant
		revoked []inspection.Revocation
	}{
		"none":          {[]areas{nil}, []inspection.Grant{}, []inspection.Revocation{}},
		"sorted, once":  {[]areas{{"610103", "610102", "610103"}}, []inspection.Grant{grant("610102", 1), grant("610103", 1)}, []inspection.Revocation{}},
		"kept":          {[]areas{{"610102"}, {"610102", "610103"}}, []inspection.Grant{grant("610102", 1), grant("610103", 2)}, []inspection.Revocation{}},
		"taken away":    {[]areas{{"610102", "610103"}, {"610103"}}, []inspection.Grant{grant("610103", 1)}, []inspection.Revocation{revoked("610102", 1, 2)}},
		"given again":   {[]areas{{"610102"}, nil, {"610102"}}, []inspection.Grant{grant("610102", 3)}, []inspection.Revocation{}},
		"away twice":    {[]areas{{"610102"}, nil, {"610102"}, nil}, []inspection.Grant{}, []inspection.Revocation{revoked("610102", 3, 4)}},
		"another level": {[]areas{{"610102"}, {"610102003"}}, []inspection.Grant{grant("610102003", 2)}, []inspection.Revocation{revoked("610102", 1, 2)}},
	} {
		t.Run(name, func(t *testing.T) {
			var u userDoc
			for i, a := range c.steps {
				u.setAreas(a, int64(i+1), day(i+1))
			}
			if !reflect.DeepEqual(u.Grants, c.grants) || !reflect.DeepEqual(u.Revoked, c.revoked) {
				t.Errorf("grants %v, revoked %v", u.Grants, u.Revoked)
			}
		})
	}
}

func TestRightsOfRevokedAreas(t *testing.T) {
	var u userDoc
	u.setAreas([]inspection.Area{"610102", "610103001"}, 1, day(1))
	u.setAreas([]inspection.Area{"610102003"}, 2, day(2))
	for _, c := range []struct {
		area    inspection.Area
		granted int64 // number, 0 for none
		revoked int64
	}{
		{"610102003", 2, 0}, // covered by a present grant: not revoked
		{"610102003001", 2, 0},
		{"610102004", 0, 1},
		{"610103001", 0, 1},
		{"610103002", 0, 0}, // never had
		{"6101", 0, 0},      // a grant gives nothing above it
	} {
		g, _ := u.rights().Grant(c.area)
		v, _ := u.rights().Revocation(c.area)
		if g.Number != c.granted || v.Number != c.revoked {
			t.Errorf("%s: granted by %d, revoked by %d", c.area, g.Number, v.Number)
		}
		if c.revoked > 0 && (!v.Since.Equal(day(1)) || !v.At.Equal(day(2))) {
			t.Errorf("%s: since %s, at %s", c.area, v.Since, v.At)
		}
	}
}

func TestSetAreasLaws(t *testing.T) {
	codes := []inspection.Area{"61", "6101", "610102", "610102001", "610102002", "610103"}
	rapid.Check(t, func(r *rapid.T) {
		var u userDoc
		held := map[inspection.Area]bool{}
		for i := range rapid.IntRange(1, 8).Draw(r, "steps") {
			number := int64(i + 1)
			areas := rapid.SliceOf(rapid.SampledFrom(codes)).Draw(r, "areas")
			before := u
			u.setAreas(areas, number, day(i+1))
			for _, a := range codes {
				held[a] = held[a] || slices.Contains(areas, a)
				now := granted(u.Grants, a)
				gone := slices.ContainsFunc(u.Revoked, func(v inspection.Revocation) bool { return v.Area == a })
				if now != slices.Contains(areas, a) || gone != (held[a] && !now) {
					r.Fatalf("%s: granted %v, revoked %v after %v", a, now, gone, areas)
				}
			}
			for _, g := range u.Grants {
				if kept := slices.Contains(before.Grants, g); kept == (g.Number == number) {
					r.Fatalf("grant %+v after %+v", g, before.Grants)
				}
			}
		}
	})
}

func TestUserDocument(t *testing.T) {
	u := userDoc{User: User{ID: "u", Username: "li.na", Name: "李娜", Role: inspection.RoleInspector}, Server: userServer{Rev: 3, Seq: 9}}
	u.setAreas([]inspection.Area{"610102003", "610102001"}, 7, day(1))
	u.setAreas([]inspection.Area{"610102003"}, 9, day(2))
	doc, err := json.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"id":"u","username":"li.na","name":"李娜","role":"inspector","areas":["610102003"],"disabled":false,` +
		`"grants":[{"area":"610102003","number":7,"since":"2026-10-01T08:00:00Z"}],` +
		`"revoked":[{"area":"610102001","number":7,"since":"2026-10-01T08:00:00Z","at":"2026-10-02T08:00:00Z"}],` +
		`"server":{"rev":3,"seq":9}}`
	if string(doc) != want {
		t.Errorf("got  %s\nwant %s", doc, want)
	}
	if back, err := decodeUser(doc); err != nil || !reflect.DeepEqual(back, u) {
		t.Errorf("read back %+v, %v", back, err)
	}
}
