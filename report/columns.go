package report

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"gridpatrol/inspection"
)

// line is what a row of a table is made from; what is not known in a table is
// nil there.
type line struct {
	number  int
	session *session
	check   *check
	outcome Outcome
	count   Count
}

// format is how a column looks.
type format int

const (
	asText format = iota
	asWrapped
	asShort // a word or two
	asNumber
	asDate
	asMoment
)

// idWidth is that of an id, and of nothing else.
const idWidth = 38

// column is one column of a table. Value returns nil, a string, an int, a
// json.Number, or a time in the column's format.
type column struct {
	title  string
	width  float64 // in characters
	format format
	value  func(*line) any
}

func texts(title string, width float64, value func(*line) string) column {
	return column{title, width, asText, func(l *line) any { return orNil(value(l)) }}
}

func words(title string, width float64, value func(*line) string) column {
	c := texts(title, width, value)
	c.format = asShort
	return c
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func moments(title string, value func(*line) time.Time) column {
	return column{title, 15, asMoment, func(l *line) any {
		if t := value(l); !t.IsZero() {
			return t
		}
		return nil
	}}
}

var numberColumn = column{"序号", 5, asNumber, func(l *line) any { return l.number }}

// sessionColumns are those of 联合检查.
func (sc *scene) sessionColumns() []column {
	doc := func(member string) func(*line) string {
		return func(l *line) string { return textOf(l.session.Doc[member]) }
	}
	return []column{
		numberColumn,
		texts("街道", 12, func(l *line) string { return sc.ref.area(l.session.Area) }),
		texts("检查主题", 14, func(l *line) string { return sc.ref.title(l.session.Topic) }),
		words("检查方式", 10, func(l *line) string { return wordOf(kindWords, l.session.Kind) }),
		{"检查点位", 20, asWrapped, func(l *line) any { return orNil(textOf(l.session.Doc["point"])) }},
		texts("牵头单位", 15, func(l *line) string { return sc.ref.unit(l.session.Lead) }),
		{"参加单位", 26, asWrapped, func(l *line) any { return orNil(sc.ref.unitNames(l.session.Units)) }},
		words("带队人", 7, doc("leader")),
		moments("开始时间", func(l *line) time.Time { return l.session.Started }),
		moments("结束时间", func(l *line) time.Time { return timeOf(l.session.Doc["ended_at"]) }),
		{"检查数量", 7, asNumber, func(l *line) any { return l.count.Checks }},
		words("单位", 6, func(l *line) string { return countWord(l.session.Topic) }),
		{"疑似问题", 7, asNumber, func(l *line) any { return l.count.Verdicts[inspection.Fail] }},
		words("是否计入", 7, func(l *line) string { return yesNo(l.session.Excluded == "") }),
		texts("未计入原因", 21, func(l *line) string { return wordOf(reasonWords, l.session.Excluded) }),
		{"手机时钟偏差（秒）", 9, asNumber, func(l *line) any { return l.session.server()["clock_offset_s"] }},
		{"检查备注", 16, asWrapped, func(l *line) any { return orNil(textOf(l.session.Doc["note"])) }},
		moments("接收时间", func(l *line) time.Time { return timeOf(l.session.server()["received_at"]) }),
		texts("记录编号", idWidth, func(l *line) string { return string(l.session.ID) }),
	}
}

func yesNo(yes bool) string {
	if yes {
		return "是"
	}
	return "否"
}

// vehicleColumns are those of 车辆: where and by whom, every answer, and what
// became of it.
func (sc *scene) vehicleColumns() []column {
	list := []column{numberColumn}
	list = append(list, sc.placeColumns()...)
	list = append(list, sc.verdictColumns()...)
	list = append(list, sc.answerColumns(topicVehicles)...)
	return append(list, sc.stateColumns()...)
}

func (sc *scene) placeColumns() []column {
	return []column{
		texts("车牌号", 11, func(l *line) string { return textOf(members(l.check.Doc["answers"])["plate"]) }),
		texts("街道", 12, func(l *line) string { return sc.ref.area(l.session.Area) }),
		moments("检查时间", func(l *line) time.Time { return timeOf(l.check.Doc["started_at"]) }),
		texts("检查点位", 22, func(l *line) string { return textOf(l.session.Doc["point"]) }),
	}
}

func (sc *scene) verdictColumns() []column {
	return []column{
		words("判定", 10, func(l *line) string { return l.check.verdictWord() }),
		{"判定说明", 34, asWrapped, func(l *line) any {
			return orNil(joined(l.check.reasons(), func(f finding) string { return f.message }))
		}},
	}
}

func (sc *scene) stateColumns() []column {
	return []column{
		words("检查员", 9, func(l *line) string { return sc.ref.person(textOf(l.check.server()["inspector"])) }),
		words("审核状态", 9, func(l *line) string {
			return wordOf(reviewWords, textOf(members(l.check.server()["review"])["state"]))
		}),
		words("证据", 8, func(l *line) string { return evidenceWord(l.check) }),
		texts("检查编号", idWidth, func(l *line) string { return string(l.check.Session) }),
		texts("记录编号", idWidth, func(l *line) string { return string(l.check.ID) }),
	}
}

func evidenceWord(c *check) string {
	complete, known := members(c.server()["evidence"])["complete"].(bool)
	switch {
	case c.Withheld:
		return "辖区外"
	case !known:
		return ""
	case complete:
		return "齐全"
	}
	return "待补"
}

// countedWord says whether a check is among the numbers of 汇总, and if not, why.
func countedWord(l *line) string {
	switch {
	case l.session == nil:
		return "非联合检查"
	case l.outcome == Counted:
		return "是"
	}
	return wordOf(outcomeWords, l.outcome)
}

// violationColumns are those of 违规, of all checklists.
func (sc *scene) violationColumns() []column {
	return []column{
		numberColumn,
		texts("检查表", 14, func(l *line) string { return sc.ref.title(l.check.Template) }),
		texts("街道", 12, func(l *line) string { return sc.ref.area(l.check.Area) }),
		texts("网格", 12, func(l *line) string { return textOf(l.check.Doc["grid"]) }),
		moments("检查时间", func(l *line) time.Time { return l.check.Started }),
		texts("检查对象", 18, func(l *line) string { return sc.subject(l.check) }),
		words("判定", 10, func(l *line) string { return l.check.verdictWord() }),
		{"判定说明", 36, asWrapped, func(l *line) any {
			return orNil(joined(l.check.reasons(), func(f finding) string { return f.message }))
		}},
		{"依据", 30, asWrapped, func(l *line) any {
			return orNil(joined(l.check.reasons(), func(f finding) string { return f.basis }))
		}},
		texts("牵头单位", 15, func(l *line) string { return sc.ref.unit(l.check.LeadUnit) }),
		words("检查员", 9, func(l *line) string { return sc.ref.person(textOf(l.check.server()["inspector"])) }),
		words("审核状态", 9, func(l *line) string {
			return wordOf(reviewWords, textOf(members(l.check.server()["review"])["state"]))
		}),
		words("证据", 8, func(l *line) string { return evidenceWord(l.check) }),
		words("是否计入", 12, countedWord),
		texts("联合检查编号", idWidth, func(l *line) string { return string(l.check.Session) }),
		texts("记录编号", idWidth, func(l *line) string { return string(l.check.ID) }),
	}
}

// subject is who or what was checked: the answer to the checklist's first
// question that is a text.
func (sc *scene) subject(c *check) string {
	answers := members(c.Doc["answers"])
	for _, f := range sc.ref.fields(c.Template) {
		if s := textOf(answers[f.Name]); f.Type == "text" && s != "" {
			return s
		}
	}
	return ""
}

// answerColumns are all questions of a checklist but photos.
func (sc *scene) answerColumns(template string) []column {
	var list []column
	for _, f := range sc.ref.fields(template) {
		if f.Name == "plate" {
			continue // it leads the row
		}
		title := f.Label.ZH
		if f.Unit != "" {
			title += "（" + f.Unit + "）"
		}
		answer := func(l *line) any { return members(l.check.Doc["answers"])[f.Name] }
		list = append(list, column{title, widthOf(f), formatOf(f), func(l *line) any { return f.shown(answer(l)) }})
		if f.Type == "numbers" {
			list = append(list, column{f.Label.ZH + "均值", 9, asNumber, func(l *line) any { return mean(answer(l)) }})
		}
	}
	return list
}

func formatOf(f field) format {
	switch f.Type {
	case "integer", "decimal":
		return asNumber
	case "date":
		return asDate
	case "datetime":
		return asMoment
	}
	return asText
}

func widthOf(f field) float64 {
	switch f.Type {
	case "integer", "decimal":
		return 10
	case "date":
		return 12
	case "boolean":
		return 8
	case "datetime":
		return 16
	}
	if f.Name == "vin" {
		return 20
	}
	return 14
}

// shown is an answer as people read it. What has another type than its field
// is shown as it was sent.
func (f *field) shown(v any) any {
	switch {
	case v == nil:
		return nil
	case f.Type == "date":
		if t := dayOf(v); !t.IsZero() {
			return t
		}
	case f.Type == "datetime":
		if t := timeOf(v); !t.IsZero() {
			return t
		}
	}
	switch v := v.(type) {
	case string:
		return orNil(f.label(v))
	case bool:
		return yesNo(v)
	case json.Number:
		return v
	case []any:
		return orNil(f.shownList(v))
	}
	return string(inspection.AppendJSON(nil, v))
}

func (f *field) shownList(list []any) string {
	parts := make([]string, len(list))
	for i, x := range list {
		switch x := x.(type) {
		case string:
			parts[i] = f.label(x)
		case json.Number:
			parts[i] = string(x)
		case inspection.Object:
			parts[i] = f.shownItem(x)
		default:
			parts[i] = string(inspection.AppendJSON(nil, x))
		}
	}
	return strings.Join(parts, "、")
}

// shownItem is one item of a repeat, its answers in the order of the fields.
func (f *field) shownItem(item inspection.Object) string {
	var parts []string
	for i := range f.Repeat {
		sub := &f.Repeat[i]
		switch v := sub.shown(item[sub.Name]).(type) {
		case string:
			parts = append(parts, v)
		case json.Number:
			parts = append(parts, string(v))
		}
	}
	return strings.Join(parts, " ")
}

// mean is the mean of a list of numbers to four decimals, nil if it has none
// or holds anything else.
func mean(v any) any {
	list, _ := v.([]any)
	if len(list) == 0 {
		return nil
	}
	sum := 0.0
	for _, x := range list {
		n, _ := x.(json.Number)
		f, err := n.Float64()
		if err != nil {
			return nil
		}
		sum += f
	}
	const decimals = 4
	return json.Number(strings.TrimRight(strings.TrimRight(strconv.FormatFloat(sum/float64(len(list)), 'f', decimals, 64), "0"), "."))
}
