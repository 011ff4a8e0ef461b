package seeds

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"gridpatrol/inspection"
)

// demoSession is a line of the month's plan. Street counts from 1; the last two
// streets hold no session.
type demoSession struct {
	day, hour, street int
	topic, kind       string
	lead              string
	with              []string
	checks            int
	// late is how many days pass before the phone is back in coverage.
	late int
	slow time.Duration
	// deleted: it was entered twice and taken out again.
	deleted bool
}

var (
	police   = []string{"traffic_police", "transport"}
	policeUM = []string{"traffic_police", "urban_management"}
	yard     = []string{"transport", "urban_management"}
)

const (
	diesel = "diesel_roadside"
	voc    = "voc_product"
)

// demoSessions reach the district's target; two of them don't count, one is
// handed in after its half of the month was closed, one comes from a phone whose
// clock is wrong.
var demoSessions = []demoSession{
	{day: 2, hour: 9, street: 1, topic: diesel, kind: "roadside", lead: "ecology", with: police, checks: 22},
	{day: 4, hour: 14, street: 2, topic: diesel, kind: "roadside", lead: "ecology", with: policeUM, checks: 24},
	{day: 5, hour: 10, street: 1, topic: voc, kind: "site", lead: "market_supervision", with: []string{"ecology"}, checks: 4},
	{day: 7, hour: 9, street: 3, topic: diesel, kind: "roadside", lead: "ecology", with: police, checks: 26},
	{day: 9, hour: 10, street: 4, topic: diesel, kind: "parking", lead: "ecology", with: yard, checks: 18},
	{day: 11, hour: 21, street: 1, topic: diesel, kind: "roadside", lead: "ecology", with: policeUM, checks: 20},
	{day: 12, hour: 9, street: 6, topic: diesel, kind: "roadside", lead: "ecology", with: police, checks: 8, late: 10},
	{day: 13, hour: 9, street: 5, topic: diesel, kind: "roadside", lead: "ecology", with: []string{"ecology"}, checks: 6},
	{day: 14, hour: 9, street: 5, topic: diesel, kind: "roadside", lead: "ecology", with: police, checks: 23},
	{day: 15, hour: 10, street: 4, topic: voc, kind: "site", lead: "market_supervision", with: []string{"ecology", "housing"}, checks: 5},
	{day: 16, hour: 9, street: 6, topic: diesel, kind: "roadside", lead: "ecology", with: police, checks: 21},
	{day: 17, hour: 9, street: 2, topic: diesel, kind: "parking", lead: "ecology", with: yard, checks: 0, deleted: true},
	{day: 18, hour: 10, street: 2, topic: diesel, kind: "parking", lead: "ecology", with: yard, checks: 19},
	{day: 19, hour: 15, street: 7, topic: diesel, kind: "roadside", lead: "ecology", with: []string{"transport"}, checks: 7},
	{day: 21, hour: 9, street: 3, topic: diesel, kind: "roadside", lead: "ecology", with: police, checks: 25},
	{day: 22, hour: 10, street: 6, topic: voc, kind: "site", lead: "market_supervision", with: []string{"police", "ecology"}, checks: 3},
	{day: 23, hour: 9, street: 5, topic: diesel, kind: "parking", lead: "ecology", with: yard, checks: 9, slow: 25 * time.Minute},
	{day: 24, hour: 14, street: 7, topic: diesel, kind: "roadside", lead: "ecology", with: police, checks: 17},
	{day: 26, hour: 9, street: 4, topic: diesel, kind: "roadside", lead: "ecology", with: policeUM, checks: 16},
}

// demoSessionsBefore are what the month is compared with.
var demoSessionsBefore = []demoSession{
	{day: 3, hour: 9, street: 1, topic: diesel, kind: "roadside", lead: "ecology", with: police, checks: 16},
	{day: 8, hour: 9, street: 3, topic: diesel, kind: "roadside", lead: "ecology", with: police, checks: 18},
	{day: 14, hour: 10, street: 4, topic: diesel, kind: "parking", lead: "ecology", with: yard, checks: 12},
	{day: 19, hour: 10, street: 2, topic: voc, kind: "site", lead: "market_supervision", with: []string{"ecology"}, checks: 3},
	{day: 25, hour: 14, street: 5, topic: diesel, kind: "roadside", lead: "ecology", with: policeUM, checks: 14},
}

// session adds a session with its inspections. Two of the street's people
// write it down; the one who leads hands it in.
func (m *month) session(s demoSession, first time.Time) {
	st := m.streets[s.street-1]
	started := m.at(first, s.day, s.hour, m.random.IntN(20))
	minutes := max(s.checks*6, 40)
	doc := inspection.Object{
		"id": m.id(started), "area": string(st.area), "topic": s.topic, "kind": s.kind, "point": st.point(m, s),
		"lead_unit": s.lead, "participants": list(s.with), "leader": pick(m, "张志明", "李国栋", "王海峰", "赵新华"),
		"started_at": wire(started), "ended_at": wire(started.Add(time.Duration(minutes) * time.Minute)),
		"location": m.location(st), "note": nil,
	}
	id := doc.Text("id")
	pushed := started.AddDate(0, 0, s.late).Add(time.Duration(minutes+15) * time.Minute)
	edits := []DemoEdit{{Document: Document{Collection: inspection.Sessions, ID: id, Doc: doc}}}
	var second []DemoEdit
	for i := range s.checks {
		d := m.sessionCheck(s, st, i, started.Add(time.Duration(6*i+4)*time.Minute), id)
		username := st.crew[i%2]
		if i%2 == 0 {
			edits = append(edits, DemoEdit{Document: d, Pictures: m.pictures})
		} else {
			second = append(second, DemoEdit{Document: d, Pictures: m.pictures})
		}
		if first.Equal(m.first) && s.topic == diesel {
			m.vehicles = append(m.vehicles, demoRecord{d, m.failed, st.area, username, pushed})
		}
	}
	m.steps = append(m.steps, DemoStep{At: pushed, Area: st.area, Push: &DemoPush{Username: st.crew[0], Slow: s.slow, Edits: edits}})
	if len(second) > 0 {
		m.push(pushed.Add(20*time.Minute), st.area, st.crew[1], second...)
	}
	if s.deleted {
		m.push(pushed.Add(time.Hour), st.area, st.crew[0], DemoEdit{Document: Document{Collection: inspection.Sessions, ID: id}, Base: 1, Delete: true})
	}
}

func list(of []string) []any {
	out := make([]any, len(of))
	for i, s := range of {
		out[i] = s
	}
	return out
}

func (st demoStreet) point(m *month, s demoSession) string {
	short := st.name[:len(st.name)-len("街道")]
	switch s.kind {
	case "parking":
		return short + pick(m, "货车停车场", "物流园停车区", "渣土车集中停放点")
	case "site":
		return short + pick(m, "建材市场", "汽修一条街", "印刷园区")
	}
	return short + pick(m, "主干道与环路十字", "高架桥下匝道口", "建材市场东口")
}

func (m *month) sessionCheck(s demoSession, st demoStreet, i int, started time.Time, session string) Document {
	var d Document
	if s.topic == voc {
		d = m.product(st, started)
	} else {
		d = m.vehicle(st, i, started)
	}
	d.Doc["session"] = session
	return d
}

// demoKind is one way in which a record turns out, and how often of a hundred.
type demoKind struct {
	often   int
	fixture string
	answers func(m *month, started time.Time) inspection.Object
}

func (m *month) choose(kinds []demoKind) demoKind {
	roll := m.random.IntN(100)
	for _, k := range kinds {
		if roll -= k.often; roll < 0 {
			return k
		}
	}
	return kinds[0]
}

var vehicleKinds = []demoKind{
	{56, "diesel_roadside_pass", func(m *month, _ time.Time) inspection.Object {
		answers := m.smoke(0.2, 0.9)
		answers["emission_result"] = "pass"
		return answers
	}},
	{10, "diesel_roadside_fail", func(m *month, at time.Time) inspection.Object {
		answers := m.smoke(1.3, 2.4)
		answers["disposal"], answers["retest_due"] = "retest", at.AddDate(0, 0, 30).Format(time.DateOnly)
		answers["issued_at"], answers["fined"] = wire(at.Add(4*time.Minute)), false
		return answers
	}},
	{2, "diesel_roadside_pass", func(m *month, _ time.Time) inspection.Object {
		return inspection.Object{"method": "lug_down", "k_readings": nil, "k_lug_down_100": m.between(0.3, 0.9), "k_lug_down_80": m.between(0.3, 0.9),
			"nox_80": whole(300 + m.random.IntN(900)), "emission_result": "pass", "instrument_model": "底盘测功机"}
	}},
	{2, "diesel_roadside_pass", func(m *month, _ time.Time) inspection.Object {
		return inspection.Object{"method": "remote_sensing", "k_readings": nil, "remote_opacity": m.between(5, 28),
			"remote_no": whole(200 + m.random.IntN(1200)), "remote_exceedances": whole(m.random.IntN(2)), "instrument_model": "移动式遥感车", "case_source": "remote_sensing"}
	}},
	{10, "diesel_roadside_pass", func(*month, time.Time) inspection.Object {
		return inspection.Object{"method": "visual", "visible_smoke": false, "ringelmann": whole(0), "k_readings": nil, "instrument_no": nil, "instrument_valid_until": nil}
	}},
	{3, "diesel_roadside_fail", func(*month, time.Time) inspection.Object {
		return inspection.Object{"method": "visual", "visible_smoke": true, "k_readings": nil, "instrument_no": nil, "instrument_valid_until": nil, "disposal": "traffic_police", "retest_due": nil}
	}},
	{8, "diesel_roadside_pass", func(*month, time.Time) inspection.Object {
		return inspection.Object{"method": "obd", "obd_result": "pass", "produced_on": "2021-05-18", "mil_on": false, "emission_stage": "stage_6a", "k_readings": nil}
	}},
	{2, "diesel_roadside_fail", func(*month, time.Time) inspection.Object {
		return inspection.Object{"method": "obd", "obd_result": "fail", "produced_on": "2019-08-02", "mil_on": true, "k_readings": nil,
			"fault_codes": []any{inspection.Object{"id": "f1", "code": "P20EE", "meaning": "SCR 效率过低"}}, "disposal": "transfer", "retest_due": nil}
	}},
	{4, "diesel_roadside_pass", func(m *month, _ time.Time) inspection.Object {
		answers := inspection.Object{"fuel_sample_no": fmt.Sprintf("YY-%04d", m.random.IntN(10000))}
		if m.random.IntN(3) == 0 {
			answers["urea_sample_no"] = fmt.Sprintf("NS-%04d", m.random.IntN(10000))
		}
		return answers
	}},
	{3, "diesel_roadside_incomplete", func(*month, time.Time) inspection.Object { return nil }},
}

// smoke is three readings of free acceleration in m⁻¹, and what else the
// instrument prints: opacity over 0.43 m, engine speeds.
func (m *month) smoke(low, high float64) inspection.Object {
	readings, sum := []any{}, 0.0
	for range 3 {
		k := m.between(low, high)
		value, _ := k.Float64()
		readings, sum = append(readings, k), sum+value
	}
	rated := 2100 + 100*m.random.IntN(5)
	return inspection.Object{
		"k_readings": readings, "opacity": json.Number(fmt.Sprintf("%.1f", 100*(1-math.Exp(-0.43*sum/3)))),
		"instrument_model": "不透光烟度计", "rated_speed_rpm": whole(rated), "measured_speed_rpm": whole(rated + m.random.IntN(160) - 60),
	}
}

// monthlyMeans are Xi'an's mean temperatures from January on, in ℃, to make
// days that look real.
var monthlyMeans = [12]float64{0, 4, 10, 16, 21, 26, 28, 26, 21, 15, 8, 2}

// weather is the same for all who are out at that time.
func weather(at time.Time) (temperature, humidity, pressure json.Number) {
	at = at.In(inspection.China)
	noon := math.Cos(float64(at.Hour()-15) / 24 * 2 * math.Pi)
	front := math.Sin(float64(at.Day()) * 0.9)
	return json.Number(fmt.Sprintf("%.1f", monthlyMeans[at.Month()-1]+5*noon-3*front)),
		whole(58 - int(18*noon) + int(8*front)), json.Number(fmt.Sprintf("%.1f", 97.1+0.6*front))
}

// vehicle is the ith vehicle of a session. One in twelve passes twice, read
// again because the first reading was doubted.
func (m *month) vehicle(st demoStreet, i int, started time.Time) Document {
	k := m.choose(vehicleKinds)
	temperature, humidity, pressure := weather(started)
	answers := inspection.Object{
		"plate": m.plate(), "plate_color": "yellow", "vin": m.vin(), "mileage_km": whole(20000 + m.random.IntN(480000)),
		"usage":          pick(m, "freight", "freight", "logistics", "construction_waste", "sanitation"),
		"vehicle_type":   pick(m, "重型半挂牵引车", "重型自卸货车", "中型厢式货车", "轻型厢式货车"),
		"emission_stage": pick(m, "stage_4", "stage_5", "stage_5", "stage_6a", "stage_6b"), "driver_masked": pick(m, "王*", "李*", "张*峰", "刘*军"),
		"temperature_c": temperature, "humidity": humidity, "pressure_kpa": pressure,
		"check_point": pick(m, "1号检测位", "2号检测位"), "urea_level": whole(15 + m.random.IntN(80)),
		"instrument_no": pick(m, "FTY-07", "FTY-11"), "instrument_valid_until": started.AddDate(0, 8, 0).Format(time.DateOnly),
	}
	if k.answers != nil {
		for name, v := range k.answers(m, started) {
			answers[name] = v
		}
	}
	if i > 0 && i%12 == 0 && len(m.vehicles) > 0 {
		before := m.vehicles[len(m.vehicles)-1].Doc.Object("answers")
		answers["plate"], answers["plate_color"], answers["vin"] = before["plate"], before["plate_color"], before["vin"]
	}
	return m.record(k.fixture, st, started, answers)
}

// plate is one of a thousand trucks, so that some are met again.
func (m *month) plate() string {
	const letters = "BCDEFGHJKLMNPQRSTUVWXYZ"
	truck := m.random.IntN(1000)
	return fmt.Sprintf("陕A%c%04d", letters[truck%len(letters)], truck*37%10000)
}

func (m *month) vin() string {
	text := []byte("LFWADRJF0J0000000")
	for i := 10; i < len(text); i++ {
		text[i] = byte('0' + m.random.IntN(10))
	}
	return string(text)
}
