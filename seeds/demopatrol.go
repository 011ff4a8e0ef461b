package seeds

import (
	"fmt"
	"slices"
	"time"

	"gridpatrol/inspection"
)

// patrolsEach is how many records each inspector makes beside the sessions, on
// one day of the month.
const patrolsEach = 4

// patrols are the daily work of all streets: each inspector's records of a day
// are handed in that evening.
func (m *month) patrols() {
	for _, st := range m.streets {
		for _, username := range st.crew {
			m.patrolOf(st, username, 1+m.random.IntN(27))
		}
	}
	slices.SortFunc(m.patrol, oldest)
	slices.SortFunc(m.vehicles, oldest)
}

func (m *month) patrolOf(st demoStreet, username string, day int) {
	evening := m.at(m.first, day, 18, m.random.IntN(90))
	var edits []DemoEdit
	for i := range patrolsEach {
		d := m.patrolRecord(st, m.at(m.first, day, 8+2*i+m.random.IntN(2), m.random.IntN(60)))
		m.patrol = append(m.patrol, demoRecord{d, m.failed, st.area, username, evening})
		edits = append(edits, DemoEdit{Document: d, Pictures: m.pictures})
	}
	m.push(evening, st.area, username, edits...)
}

func (m *month) patrolRecord(st demoStreet, started time.Time) Document {
	switch roll := m.random.IntN(100); {
	case roll < 32:
		k := m.choose(burningKinds)
		return m.record(k.fixture, st, started, m.burning(k, st, started))
	case roll < 72:
		k := m.choose(restaurantKinds)
		return m.record(k.fixture, st, started, m.restaurant(k, st, started))
	case roll < 87:
		k := m.choose(fireworksKinds)
		return m.record(k.fixture, st, started, m.fireworks(k, st, started))
	}
	return m.product(st, started)
}

func asItIs(*month, time.Time) inspection.Object { return nil }

var burningKinds = []demoKind{
	{70, "open_burning_pass", asItIs}, {18, "open_burning_fail", asItIs}, {12, "open_burning_incomplete", asItIs},
}

func (m *month) burning(k demoKind, st demoStreet, started time.Time) inspection.Object {
	answers := inspection.Object{"found_at": wire(started), "place": st.name + pick(m, "背街小巷", "拆迁空地", "河堤步道", "小区北门"), "fire_lat": nil, "fire_lon": nil}
	if k.fixture != "open_burning_incomplete" {
		answers["materials"] = []any{pick(m, "leaves", "waste", "debris", "joss_paper", "toxic")}
		answers["area_m2"] = m.between(0.5, 8)
	}
	if k.fixture == "open_burning_pass" {
		answers["extinguished_at"], answers["rechecked_at"] = wire(started.Add(6*time.Minute)), wire(started.Add(22*time.Hour))
	}
	return answers
}

var restaurantKinds = []demoKind{
	{62, "restaurant_fume_pass", asItIs},
	{10, "restaurant_fume_fail", asItIs},
	{10, "restaurant_fume_pass", func(m *month, _ time.Time) inspection.Object {
		return inspection.Object{"fume_concentration": m.between(2.2, 4.1)}
	}},
	{6, "restaurant_fume_pass", func(*month, time.Time) inspection.Object {
		return inspection.Object{"purifier_running": false, "fume_concentration": nil, "test_report_no": nil}
	}},
	{6, "restaurant_fume_pass", func(*month, time.Time) inspection.Object {
		return inspection.Object{"sample_sent": true, "fume_concentration": nil, "test_report_no": nil}
	}},
	{6, "restaurant_fume_incomplete", asItIs},
}

func (m *month) restaurant(k demoKind, st demoStreet, started time.Time) inspection.Object {
	short := st.name[:len(st.name)-len("街道")]
	answers := inspection.Object{
		"shop_name": short + pick(m, "老字号泡馍馆", "川湘小馆", "家常菜馆", "羊肉串烧烤店", "面馆", "火锅城"),
		"address":   fmt.Sprintf("西安市新城区%s%d号", short, 1+m.random.IntN(180)),
	}
	if k.fixture == "restaurant_fume_pass" {
		answers["last_cleaned"] = started.AddDate(0, 0, -5-m.random.IntN(20)).Format(time.DateOnly)
		answers["fume_concentration"] = m.between(0.4, 1.6)
	}
	for name, v := range k.answers(m, started) {
		answers[name] = v
	}
	return answers
}

var fireworksKinds = []demoKind{{72, "fireworks_pass", asItIs}, {18, "fireworks_fail", asItIs}, {10, "fireworks_incomplete", asItIs}}

func (m *month) fireworks(k demoKind, st demoStreet, started time.Time) inspection.Object {
	answers := inspection.Object{"place": st.name + pick(m, "便利店", "杂货摊", "批发门市", "快递网点")}
	if k.fixture == "fireworks_fail" {
		answers["seized_at"], answers["handover_at"] = wire(started.Add(5*time.Minute)), wire(started.Add(6*time.Hour))
		answers["handover_no"] = fmt.Sprintf("XC-%s-%03d", started.Format("200601"), m.random.IntN(1000))
	}
	return answers
}

var productKinds = []demoKind{
	{48, "voc_product_pass", func(m *month, _ time.Time) inspection.Object {
		return inspection.Object{"lab_voc_value": m.between(12, 47)}
	}},
	{14, "voc_product_fail", func(m *month, _ time.Time) inspection.Object {
		return inspection.Object{"lab_voc_value": m.between(85, 140)}
	}},
	{22, "voc_product_pending_lab", asItIs}, {8, "voc_product_incomplete", asItIs},
	{8, "voc_product_incomplete", func(*month, time.Time) inspection.Object {
		return inspection.Object{"scope_exclusion": "research_sample"}
	}},
}

func (m *month) product(st demoStreet, started time.Time) Document {
	k := m.choose(productKinds)
	made := started.AddDate(0, -3, -m.random.IntN(40))
	answers := inspection.Object{
		"company":         st.name[:len(st.name)-len("街道")] + pick(m, "建材经营部", "汽修喷涂部", "印务公司", "装饰材料行"),
		"production_date": made.Format(time.DateOnly),
	}
	if k.fixture != "voc_product_incomplete" {
		answers["batch_no"], answers["sampling_no"] = "B"+made.Format("20060102"), fmt.Sprintf("CY-%s-%03d", started.Format("2006"), m.random.IntN(1000))
	}
	if k.fixture == "voc_product_pass" || k.fixture == "voc_product_fail" {
		answers["lab_report_no"], answers["lab_report_date"] = fmt.Sprintf("BG-%s-%04d", started.Format("2006"), m.random.IntN(10000)), started.Format(time.DateOnly)
	}
	for name, v := range k.answers(m, started) {
		answers[name] = v
	}
	return m.record(k.fixture, st, started, answers)
}

// reviews: many of the patrols are approved by the morning after next, some
// sent back and mended, few rejected.
func (m *month) reviews() {
	for i, r := range m.patrol {
		switch {
		case r.pushed.Day() > 24:
		case i%9 == 4:
			m.decide(r, inspection.ReviewSendBack, pick(m, "请补充处置后照片", "请核对地点和时间", "请补充检测报告编号"))
			if i%2 == 0 {
				mended := Document{Collection: r.Collection, ID: r.ID, Doc: inspection.Object{"grid": string(r.area) + "-01"}}
				m.push(r.pushed.Add(45*time.Hour), r.area, r.username, DemoEdit{Document: mended, Base: 2})
			}
		case i%23 == 7:
			m.decide(r, inspection.ReviewReject, "重复记录")
		case i%6 == 0:
			m.decide(r, inspection.ReviewApprove, "")
		}
	}
	for i, v := range m.vehicles {
		switch {
		case i%16 != 3 && i != 11 && i != 103 || slices.Contains(touched, i) || v.pushed.Day() > 22:
		case i == 11 || i == 103:
			m.decide(v, inspection.ReviewReject, "读数与打印单不符")
		default:
			m.decide(v, inspection.ReviewApprove, "")
		}
	}
}

// decide adds to what the supervisor decides at one sitting on one street.
func (m *month) decide(r demoRecord, decision inspection.ReviewEvent, comment string) {
	at := r.pushed.Truncate(time.Hour).Add(38 * time.Hour)
	for i := range m.steps {
		v := m.steps[i].Review
		if v != nil && m.steps[i].At.Equal(at) && m.steps[i].Area == r.area && v.Decision == decision && v.Comment == comment {
			v.IDs = append(v.IDs, r.ID)
			return
		}
	}
	m.steps = append(m.steps, DemoStep{At: at, Area: r.area, Review: &DemoReview{IDs: []string{r.ID}, Decision: decision, Comment: comment}})
}

// tasks: every other failure becomes a task the morning after. Of three in turn one is
// rectified by the inspector, verified and closed, one rectified only, and one
// left alone until it is overdue.
func (m *month) tasks() {
	failures, made := 0, 0
	for _, r := range slices.Concat(m.patrol, m.vehicles) {
		if !r.failed || r.pushed.Day() > 18 {
			continue
		}
		if failures++; failures%2 == 0 {
			continue
		}
		made++
		at := r.pushed.Truncate(time.Hour).Add(15 * time.Hour)
		id := m.id(at)
		act := func(after time.Duration, e inspection.TaskEvent) {
			m.steps = append(m.steps, DemoStep{At: at.Add(after), Area: r.area, Task: &DemoTask{id, r.ID, e, dueOf(r, at)}})
		}
		act(0, inspection.TaskCreate)
		if made%3 == 0 {
			continue
		}
		done := at.Add(30 * time.Hour)
		m.push(done, r.area, r.username, DemoEdit{Base: 1, Document: Document{Collection: inspection.Tasks, ID: id, Doc: inspection.Object{
			"rectification": inspection.Object{"note": pick(m, "已清理完毕", "已更换滤网并清洗", "已复检合格", "已责令停用"), "done_at": wire(done.Add(-2 * time.Hour))},
		}}})
		if made%3 == 1 {
			act(54*time.Hour, inspection.TaskVerify)
			act(55*time.Hour, inspection.TaskClose)
		}
	}
}

// dueOf gives half a month to what no limit tells the time of.
func dueOf(r demoRecord, at time.Time) string {
	switch r.Doc["template"] {
	case "restaurant_fume", voc:
		return at.AddDate(0, 0, 15).Format(time.DateOnly)
	}
	return ""
}
