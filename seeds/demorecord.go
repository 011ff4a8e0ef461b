package seeds

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/seeds/photo"
)

// record makes an inspection from a fixture: what a time or a place is in it
// becomes the demo's.
func (m *month) record(fixture string, st demoStreet, started time.Time, answers inspection.Object) Document {
	m.failed = strings.HasSuffix(fixture, "_fail")
	doc := Fixture(fixture)
	own := doc.Object("answers")
	for name, v := range answers {
		if v == nil {
			delete(own, name)
			continue
		}
		own[name] = v
	}
	id := m.id(started)
	finished := started.Add(time.Duration(240+m.random.IntN(360)) * time.Second)
	doc["id"], doc["area"], doc["grid"], doc["session"] = id, string(st.area), string(st.area)+"-0"+strconv.Itoa(1+m.random.IntN(3)), nil
	doc["started_at"], doc["finished_at"], doc["location"] = wire(started), wire(finished), m.location(st)
	m.photograph(doc, started)
	return Document{Collection: inspection.Inspections, ID: id, Doc: doc}
}

// location is near the street's first site.
func (m *month) location(st demoStreet) inspection.Object {
	near := func(x float64) json.Number {
		return json.Number(strconv.FormatFloat(x+(m.random.Float64()-0.5)*0.006, 'f', 6, 64))
	}
	return inspection.Object{"lat": near(st.lat), "lon": near(st.lon), "accuracy_m": whole(4 + m.random.IntN(20)), "crs": "wgs84", "mock": false}
}

// Of so many photos one is still on its phone, one is the record before's once
// more, and one comes from a camera whose clock is wrong.
const (
	demoOnPhone = 41
	demoReused  = 97
	demoAmiss   = 83
)

// demoWidth is the pictures' width in pixels: enough to be looked at, little
// enough that the first start doesn't take long.
const demoWidth = 560

// photograph takes the photos of the record's fields.
func (m *month) photograph(doc inspection.Object, started time.Time) {
	before := m.pictures
	m.records, m.pictures = m.records+1, nil
	list := []any{}
	for i, p := range doc.Objects("photos") {
		field := p.Text("field")
		at := started.Add(time.Duration(30*(i+1)) * time.Second)
		entry := m.named(field, at)
		list = append(list, entry)
		if m.shots++; m.shots%demoOnPhone == 0 {
			continue
		}
		shot := m.shot(doc, field, at)
		if m.shots%demoReused == 0 && len(before) > 0 {
			shot = before[0].Shot
		}
		m.pictures = append(m.pictures, DemoPicture{Shot: shot, Entry: entry})
	}
	doc["photos"] = list
}

// shot is what the record's phone sees.
func (m *month) shot(doc inspection.Object, field string, at time.Time) photo.Shot {
	place := doc.Object("location") // made with numbers
	lat, _ := place.Number("lat")
	lon, _ := place.Number("lon")
	if m.shots%demoAmiss == 0 {
		at = at.AddDate(0, 0, -3)
	}
	return photo.Shot{
		Field: field, Seed: uint64(m.records), Text: written(doc.Object("answers")), Width: demoWidth, // a count is not negative
		EXIF: photo.Camera(at, lat, lon),
	}
}

// written is what a plate or a slip says.
func written(answers inspection.Object) string {
	for _, name := range []string{"plate", "lab_report_no", "sampling_no", "test_report_no", "handover_no"} {
		if s := answers.Text(name); s != "" {
			return s
		}
	}
	return ""
}

// named is the entry of a photo that nobody has.
func (m *month) named(field string, at time.Time) inspection.Object {
	var sum [32]byte
	for i := 0; i < len(sum); i += 8 {
		binary.BigEndian.PutUint64(sum[i:], m.random.Uint64())
	}
	return inspection.Object{
		"field": field, "sha256": hex.EncodeToString(sum[:]), "taken_at": wire(at),
		"bytes": whole(2_000_000 + m.random.IntN(2_000_000)), "media_type": "image/jpeg",
	}
}
