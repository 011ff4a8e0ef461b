package simulate

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// counted is what is counted of one topic.
type counted struct{ sessions, checks int }

// countedBy is by area and topic.
type countedBy map[string]map[string]counted

// checkReports compares the joint counts of all windows in which the phones
// worked with a recount by hand.
func (s *simulation) checkReports(ctx context.Context, f *final) {
	last := s.workTime(s.cfg.Days, 0)
	for month := s.first.AddDate(0, -1, 0); !month.After(last.AddDate(0, 1, 0)); month = month.AddDate(0, 1, 0) {
		kinds := []string{"month", "26-25", "first_half", "second_half"}
		if month.Before(s.first) || month.After(last) { // what wrong clocks brought there
			kinds = kinds[:1]
		}
		for _, kind := range kinds {
			s.checkReport(ctx, f, month, kind)
		}
	}
}

// window returns the bounds of a window, from ≤ t < to.
func window(month time.Time, kind string) (from, to time.Time) {
	day := func(m, d int) time.Time {
		return time.Date(month.Year(), month.Month()+time.Month(m), d, 0, 0, 0, 0, china)
	}
	switch kind {
	case "26-25":
		return day(-1, 26), day(0, 26)
	case "first_half":
		return day(0, 1), day(0, 16)
	case "second_half":
		return day(0, 16), day(1, 1)
	}
	return day(0, 1), day(1, 1)
}

func (s *simulation) checkReport(ctx context.Context, f *final, month time.Time, kind string) {
	name := month.Format("2006-01") + " " + kind
	a := s.office.act(ctx, &request{method: http.MethodGet, path: "/v1/reports/joint?month=" + month.Format("2006-01") + "&window=" + kind})
	var told struct {
		Streets []struct {
			Area   string `json:"area"`
			Topics []struct {
				Topic       string `json:"topic"`
				Sessions    int    `json:"sessions"`
				Vehicles    int    `json:"vehicles"`
				Inspections int    `json:"inspections"`
			} `json:"topics"`
		} `json:"streets"`
		Closed   any `json:"closed"`
		Excluded []struct {
			Session string `json:"session"`
			Reason  string `json:"reason"`
		} `json:"excluded"`
	}
	if a.status != http.StatusOK || json.Unmarshal(a.body, &told) != nil {
		s.tally.violated(checkCounts, "the report of %s is answered %d %.200s", name, a.status, a.body)
		return
	}
	if told.Closed != nil { // it stays as it was closed
		return
	}
	from, to := window(month, kind)
	counts, excluded := f.recount(from, to)
	reported := countedBy{}
	for _, st := range told.Streets {
		for _, t := range st.Topics {
			reported.add(st.Area, t.Topic, counted{t.Sessions, t.Vehicles + t.Inspections})
		}
	}
	reasons := map[string]string{}
	for _, x := range told.Excluded {
		reasons[x.Session] = x.Reason
	}
	s.tally.checkedMany(checkCounts, len(told.Streets)+len(excluded))
	if hand, report := fmt.Sprint(counts), fmt.Sprint(reported); hand != report {
		s.tally.violated(checkCounts, "%s: by hand %s, by the report %s", name, hand, report)
	}
	if hand, report := fmt.Sprint(excluded), fmt.Sprint(reasons); hand != report {
		s.tally.violated(checkCounts, "%s: by hand excluded %s, by the report %s", name, hand, report)
	}
}

// add leaves out what is nothing.
func (c countedBy) add(area, topic string, n counted) {
	if n == (counted{}) {
		return
	}
	if c[area] == nil {
		c[area] = map[string]counted{}
	}
	sum := c[area][topic]
	c[area][topic] = counted{sum.sessions + n.sessions, sum.checks + n.checks}
}

// living returns the documents of a collection that are not deleted: those of
// the ledger as their stories end, others as they are served.
func (f *final) living(collection string) map[string]reviewedDoc {
	out := map[string]reviewedDoc{}
	for k, h := range f.docs {
		if h.collection != collection {
			continue
		}
		if st := f.stories[k]; st != nil {
			if !st.now().deleted {
				out[h.id] = reviewedDoc{st.now().fields, st.review}
			}
			continue
		}
		if !h.deleted {
			doc := h.decode()
			out[h.id] = reviewedDoc{flatten(doc), text(members(members(doc["server"])["review"])["state"])}
		}
	}
	return out
}

// reviewedDoc is a document with the state of its review.
type reviewedDoc struct {
	flat
	review string
}

// recount counts a window by hand.
func (f *final) recount(from, to time.Time) (countedBy, map[string]string) {
	counts, excluded := countedBy{}, map[string]string{}
	checks := f.living(inspections)
	for id, session := range f.living(sessions) {
		started, err := time.Parse(time.RFC3339, text(session.flat["/started_at"]))
		if err != nil || started.Before(from) || !started.Before(to) {
			continue
		}
		if reason := notJoint(session.flat); reason != "" {
			excluded[id] = reason
			continue
		}
		counts.add(text(session.flat["/area"]), text(session.flat["/topic"]), counted{1, countChecks(id, session.flat, checks)})
	}
	return counts, excluded
}

// notJoint says why a session is not joint, "" if it is.
func notJoint(session flat) string {
	units := []string{text(session["/lead_unit"])}
	for _, u := range list(session["/participants"]) {
		units = append(units, text(u))
	}
	police := slices.Contains(units, "traffic_police")
	slices.Sort(units)
	switch {
	case len(slices.Compact(units)) < 2:
		return "single_unit"
	case session["/kind"] == "roadside" && !police:
		return "no_traffic_police"
	}
	return ""
}

// countChecks counts the inspections of a session that are handed in and not
// rejected; a vehicle counts once.
func countChecks(id string, session flat, checks map[string]reviewedDoc) int {
	n := 0
	vehicles := map[string]bool{}
	for _, c := range checks {
		if c.flat["/session"] != id || c.flat["/status"] != "submitted" || c.review == "rejected" || c.flat["/template"] != session["/topic"] {
			continue
		}
		if c.flat["/template"] != diesel {
			n++
			continue
		}
		vehicles[text(c.flat["/answers/plate"])+"/"+text(c.flat["/answers/plate_color"])] = true
	}
	return n + len(vehicles)
}
