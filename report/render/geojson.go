package render

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/report"
	"gridpatrol/store/asof"
)

// GeoJSON writes maps.
type GeoJSON struct{}

// Name implements report.Format.
func (GeoJSON) Name() string { return "geojson" }

// MediaType implements report.Format.
func (GeoJSON) MediaType() string { return "application/geo+json" }

// Joint implements report.Format.
func (GeoJSON) Joint(rc *report.Context, out io.Writer) (report.Writer, error) {
	_, err := io.WriteString(out, `{"type":"FeatureCollection","name":"joint","features":[`)
	return &mapWriter{out: out, rc: rc}, err
}

// mapWriter writes GeoJSON (RFC 7946): a point for each session, each of its
// inspections and each violation. A place in another datum than WGS 84, or none,
// is a feature without a geometry, as the RFC has it.
type mapWriter struct {
	out   io.Writer
	rc    *report.Context
	begun bool
}

type feature struct {
	Type       string     `json:"type"`
	ID         string     `json:"id"`
	Geometry   *point     `json:"geometry"`
	Properties properties `json:"properties"`
}

type point struct {
	Type        string         `json:"type"`
	Coordinates [2]json.Number `json:"coordinates"` // longitude, latitude
}

// properties are flat, since that is what a map's attribute table shows.
type properties struct {
	Kind     string          `json:"kind"` // session, inspection or violation
	Area     inspection.Area `json:"area"`
	AreaName string          `json:"area_name"`
	Topic    string          `json:"topic"`
	Started  string          `json:"started_at,omitempty"`
	Subject  string          `json:"subject,omitempty"`
	Session  string          `json:"session,omitempty"`
	Counted  *bool           `json:"counted,omitempty"`
	Why      string          `json:"not_counted,omitempty"`
	Count    *int            `json:"count,omitempty"`
	Failed   *int            `json:"failed,omitempty"`
	Verdict  string          `json:"verdict,omitempty"`
	Words    string          `json:"verdict_zh,omitempty"`
	Accuracy any             `json:"accuracy_m,omitempty"`
	CRS      string          `json:"crs,omitempty"` // of a place that isn't shown
}

// Check implements report.Lines.
func (m *mapWriter) Check(s *report.Session, c *report.Check, o report.Outcome) error {
	f := m.feature(&c.Document, "inspection", c.Template)
	counted := o == report.Counted
	f.Properties.Counted = &counted
	if !counted {
		f.Properties.Why = string(o)
	}
	f.Properties.Area, f.Properties.Session = s.Area, string(s.ID)
	m.addVerdict(f, c)
	return m.write(f)
}

// Session implements report.Lines.
func (m *mapWriter) Session(s *report.Session, n report.Count) error {
	f := m.feature(&s.Document, "session", s.Topic)
	counted, failed := s.Excluded == "", n.Verdicts[inspection.Fail]
	f.Properties.Counted, f.Properties.Why = &counted, string(s.Excluded)
	f.Properties.Count, f.Properties.Failed = &n.Checks, &failed
	f.Properties.Subject = s.Doc.Text("point")
	return m.write(f)
}

// WithoutSession implements report.Lines.
func (m *mapWriter) WithoutSession(c *report.Check) error {
	f := m.feature(&c.Document, "violation", c.Template)
	m.addVerdict(f, c)
	return m.write(f)
}

func (m *mapWriter) addVerdict(f *feature, c *report.Check) {
	f.Properties.Subject = subject(m.rc, c)
	f.Properties.Verdict, f.Properties.Words = string(c.Verdict), verdictWord(c)
}

func (m *mapWriter) feature(d *asof.Document, kind, topic string) *feature {
	location := d.Doc.Object("location")
	p, crs := pointOf(location)
	f := &feature{Type: "Feature", ID: string(d.ID), Geometry: p, Properties: properties{
		Kind: kind, Area: d.Area, AreaName: m.rc.Reference.Area(d.Area), Topic: topic, CRS: crs,
	}}
	if t := d.Doc.Time("started_at"); !t.IsZero() {
		f.Properties.Started = t.In(inspection.China).Format(time.RFC3339)
	}
	if n, ok := location["accuracy_m"].(json.Number); ok {
		f.Properties.Accuracy = n
	}
	return f
}

// pointOf returns a place in WGS 84, or nil and the datum that it is in.
func pointOf(location inspection.Object) (*point, string) {
	lat, ok1 := location["lat"].(json.Number)
	lon, ok2 := location["lon"].(json.Number)
	if !ok1 || !ok2 {
		return nil, ""
	}
	if crs := location.Text("crs"); crs != "" && crs != "wgs84" {
		return nil, crs
	}
	y, err1 := lat.Float64()
	x, err2 := lon.Float64()
	if err1 != nil || err2 != nil || y < -90 || y > 90 || x < -180 || x > 180 {
		return nil, ""
	}
	return &point{"Point", [2]json.Number{lon, lat}}, ""
}

func (m *mapWriter) write(f *feature) error {
	b, err := marshal(f)
	if err != nil {
		return err
	}
	if m.begun {
		b = append([]byte{','}, b...)
	}
	m.begun = true
	_, err = m.out.Write(append(b, '\n'))
	return err
}

// Finish ends the collection with the report's numbers, as members of our own.
func (m *mapWriter) Finish(_ context.Context, j *report.Joint) error {
	tail, err := marshal(struct {
		Window report.Window  `json:"window"`
		AsOf   *asof.Position `json:"as_of"`
		Topics []report.Topic `json:"topics"`
	}{j.Window, j.AsOf, j.Topics})
	if err != nil {
		return err
	}
	_, err = m.out.Write(append([]byte(`],`), tail[1:]...))
	return err
}

// Close implements report.Writer.
func (*mapWriter) Close() error { return nil }
