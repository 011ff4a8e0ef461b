package media

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gridpatrol/inspection"
)

// bell is the Bell Tower of Xi'an.
var bell = LatLon{34.2594, 108.9423}

// TestShift: the pairs are those that the eviltransform library is tested
// with.
func TestShift(t *testing.T) {
	for wgs, gcj := range map[LatLon]LatLon{
		{31.1774276, 121.5272106}: {31.17530398364597, 121.531541859215},
		{22.543847, 113.912316}:   {22.540796131694766, 113.9171764808363},
		{39.911954, 116.377817}:   {39.91334545536069, 116.38404722455657},
	} {
		if d := metres(toGCJ02(wgs), gcj); d > 0.1 {
			t.Errorf("%+v: %.2f m off", wgs, d)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		p := LatLon{rapid.Float64Range(20, 50).Draw(t, "lat"), rapid.Float64Range(76, 130).Draw(t, "lon")}
		if d := metres(fromGCJ02(toGCJ02(p)), p); d > 0.5 {
			t.Fatalf("%.2f m lost", d)
		}
		if d := metres(toGCJ02(p), p); d > 1000 {
			t.Fatalf("shifted by %.0f m", d)
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		p := LatLon{rapid.Float64Range(33.7, 34.75).Draw(t, "lat"), rapid.Float64Range(107.6, 109.8).Draw(t, "lon")}
		if d := metres(toGCJ02(p), p); d < distanceTolerance {
			t.Fatalf("in Xi'an shifted by %.0f m: a map's place would pass for a satellite's", d)
		}
	})
	for _, abroad := range []LatLon{{48.85, 2.35}, {-33.8, 151.2}, {35.68, 139.69}} {
		if toGCJ02(abroad) != abroad {
			t.Errorf("%+v is shifted", abroad)
		}
	}
	if p, ok := toWGS84(baidu(toGCJ02(bell)), "bd09"); !ok || metres(p, bell) > 1 {
		t.Errorf("Baidu's tower is %.1f m off", metres(p, bell))
	}
	if _, ok := toWGS84(bell, "utm48n"); ok {
		t.Error("an unknown system is known")
	}
}

// baidu turns GCJ-02 into BD-09, as Baidu's own maps do.
func baidu(p LatLon) LatLon {
	const turn = math.Pi * 3000 / 180
	r := math.Hypot(p.Lon, p.Lat) + 0.00002*math.Sin(p.Lat*turn)
	theta := math.Atan2(p.Lat, p.Lon) + 0.000003*math.Cos(p.Lon*turn)
	return LatLon{r*math.Sin(theta) + 0.006, r*math.Cos(theta) + 0.0065}
}

// TestShiftedMapsAreNoWrongPlace: whichever of record and photo is in GCJ-02,
// and whether or not that is said.
func TestShiftedMapsAreNoWrongPlace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := LatLon{rapid.Float64Range(33.7, 34.8).Draw(t, "lat"), rapid.Float64Range(107.6, 109.9).Draw(t, "lon")}
		place, said := p, rapid.SampledFrom([]string{"", "wgs84", "gcj02"}).Draw(t, "crs")
		if said == "gcj02" || rapid.Bool().Draw(t, "unsaid") {
			place = toGCJ02(p)
		}
		camera := p
		if rapid.Bool().Draw(t, "the camera shifts too") {
			camera = toGCJ02(p)
		}
		doc := inspection.Object{"location": inspection.Object{"lat": jsonNumber(place.Lat), "lon": jsonNumber(place.Lon), "crs": said}}
		s := situationOf(inspection.Inspections, doc)
		flags := flagsOf(&s, "610102003", shown{sha: "a"}, &Facts{EXIF: EXIF{Location: &camera}}, nil)
		if len(flags) != 0 {
			t.Fatalf("%v", flags)
		}
	})
}

func jsonNumber(f float64) json.Number { return json.Number(fmt.Sprintf("%.7f", f)) }

func TestFlags(t *testing.T) {
	started := time.Date(2026, 10, 12, 9, 31, 7, 0, inspection.China)
	base := func() inspection.Object {
		return inspection.Object{
			"started_at": started.Format(time.RFC3339), "finished_at": started.Add(5 * time.Minute).Format(time.RFC3339),
			"location": inspection.Object{"lat": jsonNumber(bell.Lat), "lon": jsonNumber(bell.Lon), "accuracy_m": json.Number("8"), "crs": "wgs84"},
		}
	}
	local := func(t time.Time) string { return t.In(inspection.China).Format(localTime) }
	good := EXIF{Taken: local(started.Add(time.Minute)), Location: &bell, Software: "V816.0.5.0"}
	north := func(m float64) *LatLon { return &LatLon{bell.Lat + m/111_195, bell.Lon} }
	for _, tc := range []struct {
		name   string
		doc    func(inspection.Object)
		exif   func(*EXIF)
		taken  time.Time
		twins  []twin
		expect string
	}{
		{name: "nothing odd"},
		{name: "taken half an hour before", exif: func(e *EXIF) { e.Taken = local(started.Add(-30 * time.Minute)) }},
		{name: "taken earlier", exif: func(e *EXIF) { e.Taken = local(started.Add(-31 * time.Minute)) }, expect: "time_mismatch"},
		{name: "taken half an hour after", exif: func(e *EXIF) { e.Taken = local(started.Add(35 * time.Minute)) }},
		{name: "taken later", exif: func(e *EXIF) { e.Taken = local(started.Add(36 * time.Minute)) }, expect: "time_mismatch"},
		{name: "a year ago", exif: func(e *EXIF) { e.Taken = local(started.AddDate(-1, 0, 0)) }, expect: "time_mismatch"},
		{name: "the record says another time", taken: started.Add(12 * time.Minute), expect: "time_mismatch"},
		{name: "the record says nearly that time", taken: started.Add(10 * time.Minute)},
		{name: "in another zone, which the camera names", exif: func(e *EXIF) { e.Taken, e.Zone = started.UTC().Format(localTime), "+00:00" }},
		{name: "in another zone, unsaid", exif: func(e *EXIF) { e.Taken = started.UTC().Format(localTime) }, expect: "time_mismatch"},
		{name: "a record without an end", doc: func(d inspection.Object) { d["finished_at"] = nil }, exif: func(e *EXIF) { e.Taken = local(started.Add(11 * time.Hour)) }},
		{name: "long after a record without an end", doc: func(d inspection.Object) { d["finished_at"] = nil }, exif: func(e *EXIF) { e.Taken = local(started.Add(13 * time.Hour)) }, expect: "time_mismatch"},
		{name: "a record without times", doc: func(d inspection.Object) { delete(d, "started_at"); delete(d, "finished_at") }, exif: func(e *EXIF) { e.Taken = local(started.AddDate(-1, 0, 0)) }},
		{name: "300 m away", exif: func(e *EXIF) { e.Location = north(300) }},
		{name: "310 m away", exif: func(e *EXIF) { e.Location = north(310) }, expect: "place_mismatch"},
		{name: "as far as the phone is unsure", doc: func(d inspection.Object) { d["location"].(inspection.Object)["accuracy_m"] = json.Number("1500") }, exif: func(e *EXIF) { e.Location = north(1700) }},
		{name: "farther than any phone is unsure", doc: func(d inspection.Object) { d["location"].(inspection.Object)["accuracy_m"] = json.Number("1e9") }, exif: func(e *EXIF) { e.Location = north(2500) }, expect: "place_mismatch"},
		{name: "as far as the camera is unsure", exif: func(e *EXIF) { e.Location, e.AccuracyM = north(1100), 1000 }},
		{name: "in Shanghai", exif: func(e *EXIF) { e.Location = &LatLon{31.23, 121.47} }, expect: "place_mismatch"},
		{name: "a record without a place", doc: func(d inspection.Object) { d["location"] = nil }, exif: func(e *EXIF) { e.Location = &LatLon{31.23, 121.47} }},
		{name: "in a system that isn't known", doc: func(d inspection.Object) { d["location"].(inspection.Object)["crs"] = "utm" }, exif: func(e *EXIF) { e.Location = &LatLon{31.23, 121.47} }},
		{name: "no EXIF", exif: func(e *EXIF) { *e = EXIF{} }, expect: "no_exif"},
		{name: "EXIF without time and place", exif: func(e *EXIF) { *e = EXIF{Make: "Xiaomi"} }, expect: "no_exif"},
		{name: "Photoshop", exif: func(e *EXIF) { e.Software = "Adobe Photoshop 25.0 (Windows)" }, expect: "edited_software"},
		{name: "美图秀秀", exif: func(e *EXIF) { e.Software = "美图秀秀" }, expect: "edited_software"},
		{name: "firmware", exif: func(e *EXIF) { e.Software = "LIO-AN00 10.1.0.288(C00E75R1P4)" }},
		{name: "an iPhone", exif: func(e *EXIF) { e.Software = "17.5.1" }},
		{name: "on another record", twins: []twin{{"other", "610102003", "a"}}, expect: "reused=other"},
		{name: "on another street's record", twins: []twin{{"other", "610102004", "b"}}, expect: "reused"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			doc, e := base(), good
			if tc.doc != nil {
				tc.doc(doc)
			}
			if tc.exif != nil {
				tc.exif(&e)
			}
			s := situationOf(inspection.Inspections, doc)
			var got []string
			for _, f := range flagsOf(&s, "610102003", shown{sha: "a", taken: tc.taken}, &Facts{EXIF: e}, tc.twins) {
				text := string(f.Kind)
				if f.Other != "" {
					text += "=" + string(f.Other)
				}
				if f.SHA256 != "a" || f.Detail == "" {
					t.Errorf("%+v", f)
				}
				got = append(got, text)
			}
			if strings.Join(got, " ") != tc.expect {
				t.Errorf("got %q, want %q", got, tc.expect)
			}
		})
	}
}

// TestOddValuesRaiseNoFlags: numbers that became texts, times that are none.
func TestOddValuesRaiseNoFlags(t *testing.T) {
	for _, doc := range []inspection.Object{
		{}, {"started_at": "yesterday", "location": inspection.Object{"lat": "34", "lon": "108"}},
		{"location": inspection.Object{"lat": json.Number("1e400"), "lon": json.Number("108"), "mock": "true", "crs": json.Number("7")}},
		{"location": "here", "started_at": json.Number("1")},
	} {
		s := situationOf(inspection.Inspections, doc)
		if got := flagsOf(&s, "", shown{}, &Facts{EXIF: EXIF{Taken: "2026-10-12T09:31:07", Location: &bell}}, nil); len(got) != 0 || s.mock {
			t.Errorf("%v: %v", doc, got)
		}
	}
}

func TestMetres(t *testing.T) {
	if d := metres(LatLon{0, 0}, LatLon{0, 1}); math.Abs(d-111195) > 10 {
		t.Errorf("a degree has %.0f m", d)
	}
	if d := metres(LatLon{0, -179.9}, LatLon{0, 179.9}); d > 30_000 {
		t.Errorf("across the date line: %.0f m", d)
	}
}
