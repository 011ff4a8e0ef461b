package render

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/report"
)

// line is what a row of a table is made from; what is not known in a table is
// nil there.
type line struct {
	number  int
	session *report.Session
	check   *report.Check
	outcome report.Outcome
	count   report.Count
}

// look is how a column looks.
type look int

const (
	asText look = iota
	asWrapped
	asShort // a word or two
	asNumber
	asDate
	asMoment
)

// idWidth is that of an id, and of nothing else.
const idWidth = 38

// column is one column of a table. Value returns nil, a string, an int, a
// json.Number, or a time as the column looks.
type column struct {
	title string
	width float64 // in characters
	look  look
	value func(*line) any
}

func textColumn(title string, width float64, value func(*line) string) column {
	return column{title, width, asText, func(l *line) any { return orNil(value(l)) }}
}

func shortColumn(title string, width float64, value func(*line) string) column {
	c := textColumn(title, width, value)
	c.look = asShort
	return c
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func timeColumn(title string, value func(*line) time.Time) column {
	return column{title, 15, asMoment, func(l *line) any {
		if t := value(l); !t.IsZero() {
			return t
		}
		return nil
	}}
}

var numberColumn = column{"序号", 5, asNumber, func(l *line) any { return l.number }}

// sessionColumns are those of 联合检查.
func sessionColumns(rc *report.Context) []column {
	doc := func(member string) func(*line) string {
		return func(l *line) string { return l.session.Doc.Text(member) }
	}
	return []column{
		numberColumn,
		textColumn("街道", 12, func(l *line) string { return rc.Reference.Area(l.session.Area) }),
		textColumn("检查主题", 14, func(l *line) string { return rc.Reference.Title(l.session.Topic) }),
		shortColumn("检查方式", 10, func(l *line) string { return wordOf(kindWords, l.session.Kind) }),
		{"检查点位", 20, asWrapped, func(l *line) any { return orNil(l.session.Doc.Text("point")) }},
		textColumn("牵头单位", 15, func(l *line) string { return rc.Reference.Unit(l.session.Lead) }),
		{"参加单位", 26, asWrapped, func(l *line) any { return orNil(unitNames(rc, l.session.Units)) }},
		shortColumn("带队人", 7, doc("leader")),
		timeColumn("开始时间", func(l *line) time.Time { return l.session.Started }),
		timeColumn("结束时间", func(l *line) time.Time { return l.session.Doc.Time("ended_at") }),
		{"检查数量", 7, asNumber, func(l *line) any { return l.count.Checks }},
		shortColumn("单位", 6, func(l *line) string { return countWord(l.session.Topic) }),
		{"疑似问题", 7, asNumber, func(l *line) any { return l.count.Verdicts[inspection.Fail] }},
		shortColumn("是否计入", 7, func(l *line) string { return yesNo(l.session.Excluded == "") }),
		textColumn("未计入原因", 21, func(l *line) string { return wordOf(reasonWords, l.session.Excluded) }),
		{"手机时钟偏差（秒）", 9, asNumber, func(l *line) any { return clockOffset(l.session) }},
		{"检查备注", 16, asWrapped, func(l *line) any { return orNil(l.session.Doc.Text("note")) }},
		timeColumn("接收时间", func(l *line) time.Time { return l.session.Server.ReceivedAt.Time() }),
		textColumn("记录编号", idWidth, func(l *line) string { return string(l.session.ID) }),
	}
}

func clockOffset(s *report.Session) any {
	if offset, known := s.Server.ClockOffsetS.Get(); known {
		return int(offset)
	}
	return nil
}

func unitNames(rc *report.Context, ids []string) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = rc.Reference.Unit(id)
	}
	return strings.Join(names, "、")
}

func yesNo(yes bool) string {
	if yes {
		return "是"
	}
	return "否"
}

func messageOf(f *inspection.Finding) string { return f.Message }

func verdictColumns() []column {
	return []column{
		shortColumn("判定", 10, func(l *line) string { return verdictWord(l.check) }),
		{"判定说明", 34, asWrapped, func(l *line) any { return orNil(joined(l.check, messageOf)) }},
	}
}

// stateColumns tell what became of a check.
func stateColumns(rc *report.Context) []column {
	return []column{
		shortColumn("检查员", 9, func(l *line) string { return rc.Reference.Person(string(l.check.Server.Inspector)) }),
		shortColumn("审核状态", 9, func(l *line) string {
			return wordOf(reviewWords, l.check.Server.ReviewState())
		}),
		shortColumn("证据", 8, func(l *line) string { return evidenceWord(l.check) }),
	}
}

var recordColumn = textColumn("记录编号", idWidth, func(l *line) string { return string(l.check.ID) })

func evidenceWord(c *report.Check) string {
	complete, known := c.Server.EvidenceComplete()
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

// subject is who or what was checked: the answer to the checklist's first
// question that is a text.
func subject(rc *report.Context, c *report.Check) string {
	answers := c.Doc.Object("answers")
	for _, f := range rc.Reference.Fields(c.Template) {
		if s := answers.Text(f.Name); f.Type == "text" && s != "" {
			return s
		}
	}
	return ""
}

// answerColumns are all questions of a checklist but photos.
func answerColumns(rc *report.Context, template string) []column {
	var list []column
	for _, f := range rc.Reference.Fields(template) {
		if f.Name == "plate" {
			continue // it leads the row
		}
		title := f.Label.ZH
		if f.Unit != "" {
			title += "（" + f.Unit + "）"
		}
		answer := func(l *line) any { return l.check.Doc.Object("answers")[f.Name] }
		list = append(list, column{title, widthOf(f), lookOf(f), func(l *line) any { return answerValue(&f, answer(l)) }})
		if f.Type == "numbers" {
			list = append(list, column{f.Label.ZH + "均值", 9, asNumber, func(l *line) any { return mean(answer(l)) }})
		}
	}
	return list
}

func lookOf(f report.Field) look {
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

func widthOf(f report.Field) float64 {
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

// answerValue is an answer as people read it. What has another type than its field
// is shown as it was sent.
func answerValue(f *report.Field, v any) any {
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		layout := map[string]string{"date": time.DateOnly, "datetime": time.RFC3339}[f.Type]
		if t, err := time.ParseInLocation(layout, v, inspection.China); err == nil && !t.IsZero() {
			return t
		}
		return orNil(f.ChoiceLabel(v))
	case bool:
		return yesNo(v)
	case json.Number:
		return v
	case []any:
		return orNil(listText(f, v))
	}
	return string(inspection.AppendJSON(nil, v))
}

func listText(f *report.Field, list []any) string {
	parts := make([]string, len(list))
	for i, x := range list {
		switch x := x.(type) {
		case string:
			parts[i] = f.ChoiceLabel(x)
		case json.Number:
			parts[i] = string(x)
		case inspection.Object:
			parts[i] = itemText(f, x)
		default:
			parts[i] = string(inspection.AppendJSON(nil, x))
		}
	}
	return strings.Join(parts, "、")
}

// itemText is one item of a repeat, its answers in the order of the fields.
func itemText(f *report.Field, item inspection.Object) string {
	var parts []string
	for i := range f.Repeat {
		sub := &f.Repeat[i]
		switch v := answerValue(sub, item[sub.Name]).(type) {
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
