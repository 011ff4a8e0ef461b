package seeds

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/seeds/photo"
)

// DemoStep is one thing that happens in the demo's month: a push, a review, an
// act on a task or the closing. What happens in one area does not depend on the
// others.
type DemoStep struct {
	At     time.Time       // when the server is told
	Area   inspection.Area // "" for the closing
	Push   *DemoPush
	Task   *DemoTask
	Review *DemoReview
	// CloseFirstHalf: the district's first half of the month is closed.
	CloseFirstHalf bool
}

// DemoPush is a batch from someone's phone.
type DemoPush struct {
	Username string
	Slow     time.Duration // how far the phone's clock is behind
	Edits    []DemoEdit
}

// DemoEdit is one mutation.
type DemoEdit struct {
	Document
	Base   int64
	Delete bool
	// Pictures are those of the document's photos that reach the server.
	Pictures []DemoPicture
}

// DemoPicture is what a photo of a document shows. The entry names a picture
// that nobody has until who draws the shot writes its hash and size there.
type DemoPicture struct {
	Shot  photo.Shot
	Entry inspection.Object
}

// DemoReview is the supervisor's decision on some inspections.
type DemoReview struct {
	IDs      []string
	Decision inspection.ReviewEvent
	Comment  string
}

// DemoTask is the supervisor's act on a task; the inspection is that from which
// it is made. Due is its last day; "" where the limits tell.
type DemoTask struct {
	ID, Inspection string
	Event          inspection.TaskEvent
	Due            string
}

// DemoMonth invents the month that holds first, its first of the month in
// China, with some sessions of the month before, in order of time. The same
// month is always the same: what happens on which day does not depend on the
// month, and ids do only in their time.
func DemoMonth(first time.Time) ([]DemoStep, error) {
	m, err := newMonth(first)
	if err != nil {
		return nil, err
	}
	for _, s := range demoSessionsBefore {
		m.session(s, m.first.AddDate(0, -1, 0))
	}
	for _, s := range demoSessions {
		m.session(s, m.first)
	}
	m.patrols()
	m.concurrentEdits()
	m.reviews()
	m.tasks()
	m.steps = append(m.steps, DemoStep{At: m.at(m.first, 20, 17, 0), CloseFirstHalf: true})
	slices.SortStableFunc(m.steps, func(a, b DemoStep) int { return a.At.Compare(b.At) })
	return m.steps, nil
}

// quarrelled are the vehicles over which two phones quarrel, deleted those that
// are taken out again, corrected one that is edited after its half of the month
// was closed, as is the last deletion; touched are all that no one decides on.
var (
	quarrelled = []int{5, 45, 85}
	deleted    = []int{31, 77}
	corrected  = 60
	touched    = slices.Concat(quarrelled, deleted, []int{corrected})
)

// concurrentEdits: the supervisor and an inspector, both offline, change the same
// answers of three vehicles; two records are deleted, one is corrected, one
// stays a draft.
func (m *month) concurrentEdits() {
	edit := func(v demoRecord, changes inspection.Object) DemoEdit {
		answers := maps.Clone(v.Doc.Object("answers"))
		maps.Copy(answers, changes)
		return DemoEdit{Document: Document{Collection: v.Collection, ID: v.ID, Doc: inspection.Object{"answers": answers}}, Base: 1}
	}
	for _, i := range quarrelled {
		v := m.vehicles[i]
		m.push(v.pushed.Add(14*time.Hour), v.area, "supervisor", edit(v, inspection.Object{"usage": "logistics", "note": "行驶证载明物流配送"}))
		m.push(v.pushed.Add(16*time.Hour), v.area, v.username, edit(v, inspection.Object{"usage": "other", "note": "驾驶员自述"}))
	}
	for k, i := range deleted {
		v := m.vehicles[i]
		at := []time.Time{v.pushed.Add(3 * time.Hour), m.at(m.first, 21, 10, 0)}[k]
		m.push(at, v.area, v.username, DemoEdit{Document: Document{Collection: v.Collection, ID: v.ID}, Base: 1, Delete: true})
	}
	v := m.vehicles[corrected]
	m.push(m.at(m.first, 21, 11, 0), v.area, v.username, edit(v, inspection.Object{"plate": m.plate()}))
	draft := m.patrolRecord(m.streets[8], m.at(m.first, 25, 16, 0))
	draft.Doc["status"] = "draft"
	m.push(m.at(m.first, 25, 18, 0), m.streets[8].area, m.streets[8].crew[0], DemoEdit{Document: draft, Pictures: m.pictures})
}

// month makes the steps.
type month struct {
	first   time.Time
	random  *rand.Rand
	streets []demoStreet
	steps   []DemoStep
	// failed: the newest record was made from the fixture of a failure.
	failed bool
	// records and shots count what was made; pictures are the newest record's.
	records, shots int
	pictures       []DemoPicture
	// vehicles are those of the month's sessions, as they were pushed.
	vehicles []demoRecord
	patrol   []demoRecord
}

// demoStreet is a street with its people and the place of its first site.
type demoStreet struct {
	area     inspection.Area
	name     string
	crew     []string
	lat, lon float64
}

// demoRecord is an inspection that was pushed.
type demoRecord struct {
	Document
	failed   bool // made from the fixture of a failure
	area     inspection.Area
	username string
	pushed   time.Time
}

func newMonth(first time.Time) (*month, error) {
	first = first.In(inspection.China)
	m := &month{
		first:  time.Date(first.Year(), first.Month(), 1, 0, 0, 0, 0, inspection.China),
		random: rand.New(rand.NewPCG(610102, 2024)),
	}
	areas, err := areas()
	if err != nil {
		return nil, err
	}
	sites, err := DemoSites()
	if err != nil {
		return nil, err
	}
	for _, a := range areas {
		if area := inspection.Area(a.ID); len(area) == len("610102001") {
			m.streets = append(m.streets, newStreet(area, a.Doc, sites))
		}
	}
	return m, nil
}

func newStreet(area inspection.Area, doc inspection.Object, sites []Document) demoStreet {
	st := demoStreet{area: area, name: doc.Text("name_zh")}
	for _, p := range append(DemoPeople(), DemoCrew()...) {
		if slices.Contains(p.Areas, area) {
			st.crew = append(st.crew, p.Username)
		}
	}
	for _, s := range slices.Backward(sites) {
		if place := s.Doc.Object("location"); place != nil && s.Doc["area"] == string(area) {
			st.lat, _ = place.Number("lat") // the sites' own numbers are numbers
			st.lon, _ = place.Number("lon")
		}
	}
	return st
}

// at is a moment of a day of the month that begins with first.
func (m *month) at(first time.Time, day, hour, minute int) time.Time {
	return first.AddDate(0, 0, day-1).Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
}

// id is a UUIDv7 of the time.
func (m *month) id(at time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(at.UnixMilli())<<16|m.random.Uint64()&0x0fff|0x7000)
	binary.BigEndian.PutUint64(b[8:], m.random.Uint64()&^(3<<62)|1<<63)
	s := hex.EncodeToString(b[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

func pick[T any](m *month, of ...T) T { return of[m.random.IntN(len(of))] }

// between is a number with two decimals.
func (m *month) between(low, high float64) json.Number {
	return json.Number(strconv.FormatFloat(low+m.random.Float64()*(high-low), 'f', 2, 64))
}

func whole(n int) json.Number { return json.Number(strconv.Itoa(n)) }

func wire(t time.Time) string { return t.In(inspection.China).Format(time.RFC3339) }

func (m *month) push(at time.Time, area inspection.Area, username string, edits ...DemoEdit) {
	m.steps = append(m.steps, DemoStep{At: at, Area: area, Push: &DemoPush{Username: username, Edits: edits}})
}

// oldest orders records by when they were pushed.
func oldest(a, b demoRecord) int { return cmp.Or(a.pushed.Compare(b.pushed), cmp.Compare(a.ID, b.ID)) }
