package media

import (
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// TestSendersReaches: what a user could write at one upload adds to what they
// could at another, and what one left out the other doesn't bring in.
func TestSendersReaches(t *testing.T) {
	const street, next, district = inspection.Area("610102003"), inspection.Area("610102004"), inspection.Area("610102")
	reach := func(areas []inspection.Area, except ...inspection.Area) inspection.Reach {
		return inspection.Reach{Areas: areas, Except: except}
	}
	all, most := reach([]inspection.Area{district}), reach([]inspection.Area{district}, street)
	for name, c := range map[string]struct {
		sent          []inspection.Reach
		here, nextTo  bool
		knowsAll      bool
		rows, inOrder int
	}{
		"nobody":               {nil, false, false, false, 0, 0},
		"one street":           {[]inspection.Reach{reach([]inspection.Area{street})}, true, false, false, 1, 1},
		"the district":         {[]inspection.Reach{all}, true, true, true, 1, 1},
		"twice":                {[]inspection.Reach{all, all}, true, true, true, 1, 1},
		"street by street":     {[]inspection.Reach{reach([]inspection.Area{street}), reach([]inspection.Area{next})}, true, true, false, 1, 2},
		"but one that is lost": {[]inspection.Reach{most}, false, true, false, 1, 1},
		"before it was lost":   {[]inspection.Reach{all, most}, true, true, true, 2, 1},
		"lost, granted again":  {[]inspection.Reach{most, all}, true, true, true, 2, 1},
		"lost, another street": {[]inspection.Reach{most, reach([]inspection.Area{next})}, false, true, false, 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var p photo
			for _, r := range c.sent {
				p.sent("li", time.Time{}, r)
			}
			for area, want := range map[inspection.Area]bool{street: c.here, next: c.nextTo} {
				if got := p.countsFor(&store.Record{Area: area}); got != want {
					t.Errorf("counts in %s: %v", area, got)
				}
			}
			if got := p.knows("li", all); got != c.knowsAll {
				t.Errorf("knows the district: %v", got)
			}
			if len(p.Senders) != c.rows || c.rows > 0 && len(p.Senders[0].Areas) != c.inOrder {
				t.Errorf("noted %+v", p.Senders)
			}
		})
	}
}
