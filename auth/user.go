package auth

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"gridpatrol/inspection"
)

// User is a person with an account. Areas are those granted, in order of
// code; each covers all below it.
type User struct {
	ID       inspection.UserID `json:"id"`
	Username string            `json:"username"`
	Name     string            `json:"name"`
	Role     inspection.Role   `json:"role"`
	Areas    []inspection.Area `json:"areas"`
	Disabled bool              `json:"disabled"`
}

// userDoc is a user's document in the reference log. A grant's number is the
// seq of the entry that granted it, so it is never used twice.
type userDoc struct {
	User
	Grants  []inspection.Grant      `json:"grants"`
	Revoked []inspection.Revocation `json:"revoked"`
	Server  userServer              `json:"server"`
}

type userServer struct {
	Rev int64 `json:"rev"`
	Seq int64 `json:"seq"`
}

func decodeUser(doc []byte) (userDoc, error) {
	var u userDoc
	if err := json.Unmarshal(doc, &u); err != nil {
		return userDoc{}, fmt.Errorf("reading a user's document: %w", err)
	}
	return u, nil
}

func (u *userDoc) rights() inspection.Rights {
	return inspection.Rights{Grants: u.Grants, Revoked: u.Revoked}
}

// setAreas makes exactly the areas granted. Grants that stay keep their
// number; new ones get the given number; those that go are remembered as
// revoked until they are granted again. It builds new lists: readers may hold
// the old ones.
func (u *userDoc) setAreas(areas []inspection.Area, number int64, at time.Time) {
	areas = sortedAreas(areas)
	grants := []inspection.Grant{}
	revoked := []inspection.Revocation{}
	for _, v := range u.Revoked {
		if !slices.Contains(areas, v.Area) {
			revoked = append(revoked, v)
		}
	}
	for _, g := range u.Grants {
		if slices.Contains(areas, g.Area) {
			grants = append(grants, g)
		} else {
			revoked = append(revoked, inspection.Revocation{Grant: g, At: at})
		}
	}
	for _, a := range areas {
		if !granted(u.Grants, a) {
			grants = append(grants, inspection.Grant{Area: a, Number: number, Since: at})
		}
	}
	slices.SortFunc(grants, func(a, b inspection.Grant) int { return strings.Compare(string(a.Area), string(b.Area)) })
	u.Areas, u.Grants, u.Revoked = areas, grants, revoked
}

func granted(grants []inspection.Grant, area inspection.Area) bool {
	return slices.ContainsFunc(grants, func(g inspection.Grant) bool { return g.Area == area })
}

// sortedAreas returns the areas in order, each once; never nil.
func sortedAreas(areas []inspection.Area) []inspection.Area {
	out := append([]inspection.Area{}, areas...)
	slices.Sort(out)
	return slices.Compact(out)
}
