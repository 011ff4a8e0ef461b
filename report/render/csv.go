package render

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gridpatrol/inspection"
	"gridpatrol/report"
)

// CSV writes tables.
type CSV struct{}

// Name implements report.Format.
func (CSV) Name() string { return "csv" }

// MediaType implements report.Format.
func (CSV) MediaType() string { return "text/csv; charset=utf-8" }

// Joint implements report.Format.
func (CSV) Joint(rc *report.Context, out io.Writer) (report.Writer, error) {
	t := &table{columns: tableColumns(rc)}
	titles := make([]string, len(t.columns))
	for i, c := range t.columns {
		titles[i] = c.title
	}
	var err error
	t.csv, err = beginCSV(out, titles)
	return t, err
}

// Dispatch implements report.DispatchFormat.
func (CSV) Dispatch(rc *report.Context, d *report.Dispatch, out io.Writer) error {
	titles, rows := dispatchRows(rc, d)
	w, err := beginCSV(out, titles)
	if err != nil {
		return err
	}
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = csvText(asText, v)
		}
		if err := w.Write(cells); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// beginCSV begins with a byte order mark, without which spreadsheets take the
// table for another encoding, and the titles.
func beginCSV(out io.Writer, titles []string) (*csv.Writer, error) {
	if _, err := io.WriteString(out, "\ufeff"); err != nil {
		return nil, err
	}
	w := csv.NewWriter(out)
	w.UseCRLF = true
	return w, w.Write(titles)
}

// table is the joint report as CSV: one line for each inspection of each
// session, so that the sums of the two columns 场次计数 and 数量计数 are the
// report's numbers. A session without inspections has a line of its own.
type table struct {
	csv     *csv.Writer
	columns []column
	number  int
	// begun tells whether the present session has a line yet.
	begun bool
}

// ofCheck shows a column only on lines that have an inspection.
func ofCheck(c column) column {
	value := c.value
	c.value = func(l *line) any {
		if l.check == nil {
			return nil
		}
		return value(l)
	}
	return c
}

func tableColumns(rc *report.Context) []column {
	list := []column{
		{"场次计数", 0, asNumber, func(l *line) any { return l.count.Sessions }},
		{"数量计数", 0, asNumber, func(l *line) any { return l.count.Checks }},
		textColumn("未计数原因", 0, func(l *line) string { return wordOf(outcomeWords, l.outcome) }),
	}
	for _, c := range sessionColumns(rc) {
		switch c.title {
		case "检查数量", "疑似问题": // these are of whole sessions, known only after their lines
		case "记录编号":
			c.title = "检查编号"
			list = append(list, c)
		case "开始时间", "结束时间", "单位":
			c.title = "检查" + c.title
			list = append(list, c)
		default:
			list = append(list, c)
		}
	}
	own := []column{
		textColumn("检查表", 0, func(l *line) string { return rc.Reference.Title(l.check.Template) }),
		timeColumn("记录时间", func(l *line) time.Time { return l.check.Doc.Time("started_at") }),
		textColumn("检查对象", 0, func(l *line) string { return subject(rc, l.check) }),
	}
	for _, c := range slices.Concat(own, verdictColumns(), answerColumns(rc, report.TopicVehicles), stateColumns(rc), []column{recordColumn}) {
		list = append(list, ofCheck(c))
	}
	return list
}

// Check implements report.Lines.
func (t *table) Check(s *report.Session, c *report.Check, o report.Outcome) error {
	l := &line{session: s, check: c, outcome: o}
	if o == report.Counted {
		l.outcome, l.count.Checks = "", 1
	}
	return t.write(l)
}

// Session implements report.Lines.
func (t *table) Session(s *report.Session, _ report.Count) error {
	begun := t.begun
	t.begun = false
	if begun {
		return nil
	}
	err := t.write(&line{session: s})
	t.begun = false
	return err
}

// WithoutSession implements report.Lines.
func (*table) WithoutSession(*report.Check) error { return nil }

func (t *table) write(l *line) error {
	if !t.begun && l.session.Excluded == "" {
		l.count.Sessions = 1
	}
	t.begun = true
	t.number++
	l.number = t.number
	cells := make([]string, len(t.columns))
	for i, c := range t.columns {
		cells[i] = csvText(c.look, c.value(l))
	}
	return t.csv.Write(cells)
}

// Finish implements report.Writer.
func (t *table) Finish(context.Context, *report.Joint) error {
	t.csv.Flush()
	return t.csv.Error()
}

// Close implements report.Writer.
func (*table) Close() error { return nil }

// csvText writes a value as CSV: numbers as they are, times in China's zone, and
// texts so that no spreadsheet takes them for a formula.
func csvText(f look, v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case int:
		return strconv.Itoa(v)
	case json.Number:
		return string(v)
	case time.Time:
		if f == asDate {
			return v.In(inspection.China).Format(time.DateOnly)
		}
		return v.In(inspection.China).Format(time.DateTime)
	case string:
		return unformula(v)
	}
	return ""
}

// formulas are what a formula may begin with, other forms of the signs included:
// some spreadsheets take those as well.
const formulas = "=+-@＝＋－＠﹦﹢﹣﹫−"

// unformula puts an apostrophe before a text that a spreadsheet might run: one
// that begins with a sign, or with a tab or a line's end, or has a sign behind
// what can't be seen. Controls other than those are left out.
func unformula(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && !strings.ContainsRune("\t\r\n", r) {
			return -1
		}
		return r
	}, s)
	seen := strings.TrimLeftFunc(s, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Z) })
	first, _ := utf8.DecodeRuneInString(seen)
	if s != "" && strings.ContainsRune("\t\r\n", rune(s[0])) || seen != "" && strings.ContainsRune(formulas, first) {
		return "'" + s
	}
	return s
}
