package seeds

import (
	"encoding/binary"
	"encoding/hex"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/seeds/photo"
)

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
