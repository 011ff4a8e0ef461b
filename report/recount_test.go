package report_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gridpatrol/inspection"
	"gridpatrol/report"
	"gridpatrol/sync"
)

// naive counts a window the way a careful person with the log would: apply
// every entry up to the position, one by one, then look at each document. It
// shares no code with the report.
type naive struct {
	sessions, checks map[string]int // by "area topic"
	excluded         []string
	suspect          []string
}

type naiveDoc struct {
	collection string
	area       string
	deleted    bool
	Doc        map[string]any
}

func recount(w *month, seqs map[inspection.Area]int64, window report.Window, scope string) naive {
	w.T.Helper()
	docs := map[string]naiveDoc{}
	for area, upto := range seqs {
		commits, err := w.Store.Commits(w.Ctx, area, 0, 1<<20)
		w.Must(err)
		for _, c := range commits {
			for _, e := range c.Entries {
				if e.Seq > upto || e.Doc == nil {
					continue
				}
				d := naiveDoc{collection: string(e.Collection), area: string(area), deleted: e.Deleted}
				w.Must(json.Unmarshal(e.Doc, &d.Doc))
				docs[string(e.ID)] = d
			}
		}
	}
	out := naive{sessions: map[string]int{}, checks: map[string]int{}}
	for id, d := range docs {
		if d.collection == "sessions" && !d.deleted && strings.HasPrefix(d.area, scope) && inWindow(d.Doc["started_at"], window) {
			out.add(id, d, docs)
		}
	}
	slices.Sort(out.excluded)
	slices.Sort(out.suspect)
	return out
}

func inWindow(started any, w report.Window) bool {
	t, err := time.Parse(time.RFC3339, started.(string))
	return err == nil && t.Unix() >= w.From.Unix() && t.Unix() < w.To.Unix()
}

func (n *naive) add(id string, d naiveDoc, docs map[string]naiveDoc) {
	server := d.Doc["server"].(map[string]any)
	if off, ok := server["clock_offset_s"].(float64); ok && (off > 600 || off < -600) {
		n.suspect = append(n.suspect, id)
	}
	units := map[string]bool{d.Doc["lead_unit"].(string): true}
	for _, p := range d.Doc["participants"].([]any) {
		units[p.(string)] = true
	}
	if len(units) < 2 {
		n.excluded = append(n.excluded, id+" single_unit")
		return
	}
	if d.Doc["kind"] == "roadside" && !units["traffic_police"] {
		n.excluded = append(n.excluded, id+" no_traffic_police")
		return
	}
	key := d.area + " " + d.Doc["topic"].(string)
	n.sessions[key]++
	cars := map[string]bool{}
	for checkID, c := range docs {
		if c.collection != "inspections" || c.deleted || c.Doc["session"] != id || c.Doc["template"] != d.Doc["topic"] ||
			c.Doc["status"] != "submitted" || c.Doc["server"].(map[string]any)["review"].(map[string]any)["state"] == "rejected" {
			continue
		}
		if c.Doc["template"] == "diesel_roadside" {
			a := c.Doc["answers"].(map[string]any)
			cars[fmt.Sprint(a["plate"], a["plate_color"])] = true
		} else {
			cars[checkID] = true
		}
	}
	n.checks[key] += len(cars)
}

// naiveOf is a report in the same form.
func naiveOf(j *report.Joint) naive {
	out := naive{sessions: map[string]int{}, checks: map[string]int{}}
	for _, s := range j.Streets {
		for _, t := range s.Topics {
			if t.Sessions > 0 {
				out.sessions[string(s.Area)+" "+t.Topic] = t.Sessions
				out.checks[string(s.Area)+" "+t.Topic] = t.Checks()
			}
		}
	}
	for _, x := range j.Excluded {
		out.excluded = append(out.excluded, string(x.Session)+" "+string(x.Reason))
	}
	for _, x := range j.SuspectClock {
		out.suspect = append(out.suspect, string(x.Session))
	}
	slices.Sort(out.excluded)
	slices.Sort(out.suspect)
	return out
}

// taken is a report as it was made, to be made again.
type taken struct {
	window report.Window
	scope  inspection.Area
	token  string
	csv    string
}

// Whatever is pushed, moved, deleted, revived or reviewed: a report counts
// what a naive recount of the log counts at its position, and makes the same
// bytes again after everything that comes later.
func TestReportsAreARecountOfTheLog(t *testing.T) {
	w := newMonth(t)
	districts := 0
	rapid.Check(t, func(rt *rapid.T) {
		districts++
		m := newMess(w, rt, fmt.Sprintf("61%04d", districts))
		var all []taken
		for range rapid.IntRange(4, 25).Draw(rt, "steps") {
			m.step()
			if rapid.IntRange(0, 5).Draw(rt, "report?") == 0 {
				all = append(all, m.take())
			}
		}
		all = append(all, m.take())
		for _, before := range all {
			m.check(before)
		}
	})
}

// mess is a district of two streets in which anything happens.
type mess struct {
	w        *month
	t        *rapid.T
	phone    *phone
	district string
	sessions []string
	checks   []string
	made     int
}

func newMess(w *month, t *rapid.T, district string) *mess {
	var areas []sync.ReferenceDocument
	for _, code := range []string{district, district + "001", district + "002"} {
		areas = append(areas, sync.ReferenceDocument{Collection: inspection.Areas, ID: code, Doc: inspection.Object{"id": code}})
	}
	_, err := w.Sync.SeedReference(w.Ctx, areas)
	w.Must(err)
	w.SetClock(w.Now().Add(time.Minute)) // every time that is asked about has areas
	return &mess{w: w, t: t, phone: w.phone("zhang"), district: district}
}

func draw[T any](m *mess, what string, of ...T) T { return rapid.SampledFrom(of).Draw(m.t, what) }

func (m *mess) newID() string {
	m.made++
	return fmt.Sprintf("0192f3c1-0000-7000-8000-%s%06d", m.district, m.made)
}

func (m *mess) session() object {
	return object{
		"area": m.district + draw(m, "street", "001", "002"), "topic": draw(m, "topic", "diesel_roadside", "voc_product"),
		"kind": draw(m, "kind", "roadside", "parking"), "lead_unit": draw(m, "lead", "ecology", "traffic_police"),
		"participants": draw(m, "participants", []string{}, []string{"ecology"}, []string{"traffic_police", "traffic_police"}, []string{"transport"}),
		"started_at": draw(m, "start", "2026-10-01T00:00:00+08:00", "2026-09-30T23:59:59+08:00", "2026-10-31T15:59:59Z",
			"2026-10-31T16:00:00Z", "2026-10-15T23:59:59+08:00", "2026-10-16T00:00:00+08:00", "2026-10-26T00:00:00+08:00"),
	}
}

func (m *mess) vehicle() object {
	doc := object{
		"area": m.district + draw(m, "street", "001", "002"), "template": draw(m, "template", "diesel_roadside", "diesel_roadside", "voc_product"),
		"template_version": 1, "status": draw(m, "status", "submitted", "submitted", "draft"), "started_at": "2026-10-12T09:00:00+08:00",
		"answers": object{"plate": draw(m, "plate", "陕A00001", "陕A00002", "陕A00003"), "plate_color": draw(m, "color", "yellow", "blue")},
	}
	if len(m.sessions) > 0 {
		doc["session"] = draw(m, "session", m.sessions...)
	}
	return doc
}

// step does one thing to the district.
func (m *mess) step() {
	m.phone.Slow = draw(m, "slow", 0, 0, 11*time.Minute, -10*time.Minute)
	m.w.SetClock(m.w.Now().Add(time.Duration(rapid.IntRange(0, 3000).Draw(m.t, "ms")) * time.Millisecond))
	what := rapid.IntRange(0, 9).Draw(m.t, "what")
	switch {
	case what <= 1 || len(m.sessions) == 0:
		m.sessions = append(m.sessions, m.newID())
		m.phone.put("sessions", m.sessions[len(m.sessions)-1], m.session())
	case what <= 5 || len(m.checks) == 0:
		m.checks = append(m.checks, m.newID())
		m.phone.put("inspections", m.checks[len(m.checks)-1], m.vehicle())
	default:
		m.change(what)
	}
}

func (m *mess) change(what int) {
	switch what {
	case 6: // moved, revived
		edit := m.session()
		delete(edit, "area")
		m.phone.edit("sessions", draw(m, "which", m.sessions...), edit)
	case 7:
		edit := m.vehicle()
		delete(edit, "area")
		m.phone.edit("inspections", draw(m, "which", m.checks...), edit)
	case 8:
		if rapid.Bool().Draw(m.t, "session?") {
			m.phone.remove("sessions", draw(m, "which", m.sessions...))
		} else {
			m.phone.remove("inspections", draw(m, "which", m.checks...))
		}
	case 9:
		m.w.review(draw(m, "which", m.checks...), inspection.ReviewState(draw(m, "state", "rejected", "received")))
	}
}

// take makes a report, now or as of a time, and compares it with a recount.
func (m *mess) take() taken {
	kind := draw(m, "window", report.Kinds...)
	scope := inspection.Area(m.district + draw(m, "scope", "", "001"))
	asOf := ""
	if rapid.Bool().Draw(m.t, "as of a time?") {
		asOf = m.w.Now().Add(-time.Duration(rapid.IntRange(0, 20000).Draw(m.t, "ms")) * time.Millisecond).Format(time.RFC3339Nano)
	}
	j := m.w.joint(kind, asOf, scope)
	b := taken{window: october(kind), scope: scope, token: j.AsOf.Token()}
	b.csv = m.csv(b)
	m.check(b)
	return b
}

func (m *mess) csv(b taken) string {
	f, err := m.w.reports.Export(m.w.Ctx, report.JointQuery{Window: b.window, Scope: []inspection.Area{b.scope}, AsOf: b.token}, "csv")
	m.w.Must(err)
	defer f.Close()
	var sb strings.Builder
	_, err = copyAll(&sb, f)
	m.w.Must(err)
	return sb.String()
}

func (m *mess) check(b taken) {
	j, err := m.w.reports.Joint(m.w.Ctx, report.JointQuery{Window: b.window, Scope: []inspection.Area{b.scope}, AsOf: b.token})
	m.w.Must(err)
	want := recount(m.w, j.AsOf.Seqs, b.window, string(b.scope))
	if got := naiveOf(j); !reflect.DeepEqual(got, want) {
		m.t.Fatalf("report of %s in %s at %v:\n%+v\nthe log says\n%+v", b.window.Kind, b.scope, j.AsOf.Seqs, got, want)
	}
	if j.AsOf.Token() != b.token {
		m.t.Fatalf("the token %s became %s", b.token, j.AsOf.Token())
	}
	if again := m.csv(b); again != b.csv {
		m.t.Fatalf("the same token gave other bytes:\n%s\nfirst\n%s", again, b.csv)
	}
}
