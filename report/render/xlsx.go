package render

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/xuri/excelize/v2"

	"gridpatrol/inspection"
	"gridpatrol/report"
	"gridpatrol/store/asof"
)

// The sheets, in their order.
const (
	sheetSummary    = "汇总"
	sheetSessions   = "联合检查"
	sheetVehicles   = "车辆"
	sheetViolations = "违规"
	sheetNotes      = "说明"
)

// XLSX writes workbooks. Scratch is the folder for what is too large for memory;
// "" is the system's.
type XLSX struct{ Scratch string }

// Name implements report.Format.
func (XLSX) Name() string { return "xlsx" }

// MediaType implements report.Format.
func (XLSX) MediaType() string {
	return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
}

// Joint implements report.Format.
func (x XLSX) Joint(rc *report.Context, out io.Writer) (report.Writer, error) {
	b := &workbook{
		file: excelize.NewFile(excelize.Options{TmpDir: x.Scratch}), rc: rc, out: out, scratch: x.Scratch,
	}
	if err := b.addSheets(); err != nil {
		return nil, errors.Join(err, b.file.Close())
	}
	return b, nil
}

// workbook writes XLSX. The long sheets go out as their lines come; the short
// ones are made at the end, from the finished report.
type workbook struct {
	file    *excelize.File
	rc      *report.Context
	out     io.Writer
	scratch string
	styles  styles

	sessions, vehicles, violations *sheet
}

// sheet is one long sheet.
type sheet struct {
	name    string
	stream  *excelize.StreamWriter
	columns []column
	styles  []int
	rows    int
	number  int
	cells   []any
}

func (b *workbook) addSheets() error {
	if err := b.file.SetSheetName("Sheet1", sheetSummary); err != nil {
		return err
	}
	for _, name := range []string{sheetSessions, sheetVehicles, sheetViolations, sheetNotes} {
		if _, err := b.file.NewSheet(name); err != nil {
			return err
		}
	}
	var err error
	if b.styles, err = newStyles(b.file); err != nil {
		return err
	}
	if b.sessions, err = b.sheet(sheetSessions, sessionColumns(b.rc), 1); err != nil {
		return err
	}
	if b.vehicles, err = b.sheet(sheetVehicles, vehicleColumns(b.rc), pagesOfVehicles); err != nil {
		return err
	}
	b.violations, err = b.sheet(sheetViolations, violationColumns(b.rc), 1)
	return err
}

// vehicleColumns are those of 车辆: where and by whom, every answer, and what
// became of it.
func vehicleColumns(rc *report.Context) []column {
	return slices.Concat([]column{
		numberColumn,
		textColumn("车牌号", 11, func(l *line) string { return l.check.Doc.Object("answers").Text("plate") }),
		textColumn("街道", 12, func(l *line) string { return rc.Reference.Area(l.session.Area) }),
		timeColumn("检查时间", func(l *line) time.Time { return l.check.Doc.Time("started_at") }),
		textColumn("检查点位", 22, func(l *line) string { return l.session.Doc.Text("point") }),
	}, verdictColumns(), answerColumns(rc, report.TopicVehicles), stateColumns(rc), []column{
		textColumn("检查编号", idWidth, func(l *line) string { return string(l.check.Session) }),
		recordColumn,
	})
}

// violationColumns are those of 违规, of all checklists.
func violationColumns(rc *report.Context) []column {
	return slices.Concat([]column{
		numberColumn,
		textColumn("检查表", 14, func(l *line) string { return rc.Reference.Title(l.check.Template) }),
		textColumn("街道", 12, func(l *line) string { return rc.Reference.Area(l.check.Area) }),
		textColumn("网格", 12, func(l *line) string { return l.check.Doc.Text("grid") }),
		timeColumn("检查时间", func(l *line) time.Time { return l.check.Started }),
		textColumn("检查对象", 18, func(l *line) string { return subject(rc, l.check) }),
		shortColumn("判定", 10, func(l *line) string { return verdictWord(l.check) }),
		{"判定说明", 36, asWrapped, func(l *line) any { return orNil(joined(l.check, messageOf)) }},
		{"依据", 30, asWrapped, func(l *line) any {
			return orNil(joined(l.check, func(f *inspection.Finding) string { return f.Basis }))
		}},
		textColumn("牵头单位", 15, func(l *line) string { return rc.Reference.Unit(l.check.LeadUnit) }),
	}, stateColumns(rc), []column{
		shortColumn("是否计入", 12, countedWord),
		textColumn("联合检查编号", idWidth, func(l *line) string { return string(l.check.Session) }),
		recordColumn,
	})
}

// countedWord says whether a check is among the numbers of 汇总, and if not, why.
func countedWord(l *line) string {
	switch {
	case l.session == nil:
		return "非联合检查"
	case l.outcome == report.Counted:
		return "是"
	}
	return wordOf(outcomeWords, l.outcome)
}

// pagesOfVehicles is how many pages the sheet of vehicles is wide on paper:
// with its sixty columns on one page nobody could read it.
const pagesOfVehicles = 5

// leading is how many columns stay in view, and are repeated on every page.
const leading = 4

// sheet begins a long sheet, which is so many pages wide on paper.
func (b *workbook) sheet(name string, columns []column, pages int) (*sheet, error) {
	if err := b.setPage(name, pages, 0); err != nil {
		return nil, err
	}
	stream, err := b.file.NewStreamWriter(name)
	if err != nil {
		return nil, err
	}
	s := &sheet{name: name, stream: stream, columns: columns, cells: make([]any, len(columns))}
	for i, c := range columns {
		s.styles = append(s.styles, b.styles.cell[c.look])
		const headLines = 3
		width := max(c.width, float64(widthOfText(c.title)/headLines+3))
		if err := stream.SetColWidth(i+1, i+1, width); err != nil {
			return nil, err
		}
	}
	corner, err := excelize.CoordinatesToCellName(leading+1, 2)
	if err != nil {
		return nil, err
	}
	err = stream.SetPanes(&excelize.Panes{Freeze: true, XSplit: leading, YSplit: 1, TopLeftCell: corner, ActivePane: "bottomRight"})
	if err != nil {
		return nil, err
	}
	for i, c := range columns {
		s.cells[i] = excelize.Cell{StyleID: b.styles.head, Value: c.title}
	}
	return s, s.flushRow(excelize.RowOpts{Height: 40})
}

func (s *sheet) flushRow(opts ...excelize.RowOpts) error {
	s.rows++
	cell, err := excelize.CoordinatesToCellName(1, s.rows)
	if err != nil {
		return err
	}
	return s.stream.SetRow(cell, s.cells, opts...)
}

func (s *sheet) addRow(l *line) error {
	s.number++
	l.number = s.number
	lines := 1
	for i, c := range s.columns {
		v := c.value(l)
		s.cells[i] = excelize.Cell{StyleID: s.styles[i], Value: nativeValue(v)}
		if text, ok := v.(string); ok && c.look == asWrapped {
			lines = max(lines, linesOf(text, c.width))
		}
	}
	return s.flushRow(excelize.RowOpts{Height: float64(3 + lineHeight*min(lines, maxLines))})
}

// A row is as high as its longest text, within reason: not every program finds
// that out by itself.
const (
	lineHeight = 13 // points
	maxLines   = 12
)

// linesOf is how many lines a text takes in a column.
func linesOf(text string, width float64) int { return 1 + int(float64(widthOfText(text))/(width-1)) }

// widthOfText counts Chinese characters, from the radicals on, as two wide.
func widthOfText(text string) int {
	n := 0
	for _, r := range text {
		n++
		if r >= '⺀' {
			n++
		}
	}
	return n
}

// nativeValue makes a value what the library writes as a real number or date.
func nativeValue(v any) any {
	switch v := v.(type) {
	case json.Number:
		if f, err := v.Float64(); err == nil {
			return f
		}
		return string(v)
	case time.Time:
		return v.In(inspection.China)
	}
	return v
}

// Check implements report.Lines.
func (b *workbook) Check(s *report.Session, c *report.Check, o report.Outcome) error {
	if c.Violates() {
		if err := b.violations.addRow(&line{session: s, check: c, outcome: o}); err != nil {
			return err
		}
	}
	if o != report.Counted || c.Template != report.TopicVehicles {
		return nil
	}
	return b.vehicles.addRow(&line{session: s, check: c})
}

// Session implements report.Lines.
func (b *workbook) Session(s *report.Session, n report.Count) error {
	return b.sessions.addRow(&line{session: s, count: n})
}

// WithoutSession implements report.Lines.
func (b *workbook) WithoutSession(c *report.Check) error { return b.violations.addRow(&line{check: c}) }

// Finish implements report.Writer.
func (b *workbook) Finish(ctx context.Context, j *report.Joint) error {
	for _, s := range []*sheet{b.sessions, b.vehicles, b.violations} {
		if err := b.endSheet(s); err != nil {
			return err
		}
	}
	if err := b.summary(j); err != nil {
		return err
	}
	heads, err := b.rc.ChainHeads(ctx)
	if err != nil {
		return err
	}
	if err := b.notes(j, heads); err != nil {
		return err
	}
	if err := b.properties(b.title(), j.AsOf); err != nil {
		return err
	}
	return b.pack()
}

// endSheet gives a long sheet its filter, once its length is known.
func (b *workbook) endSheet(s *sheet) error {
	last, err := excelize.CoordinatesToCellName(len(s.columns), max(s.rows, 2))
	if err != nil {
		return err
	}
	if err := b.file.AutoFilter(s.name, "A1:"+last, nil); err != nil {
		return err
	}
	if err := b.setPrintArea(s); err != nil {
		return err
	}
	return s.stream.Flush()
}

// setPrintArea leaves the ids, which are for machines, off the paper.
func (b *workbook) setPrintArea(s *sheet) error {
	columns := len(s.columns)
	for columns > 0 && s.columns[columns-1].width == idWidth {
		columns--
	}
	last, err := excelize.CoordinatesToCellName(columns, max(s.rows, 2), true)
	if err != nil {
		return err
	}
	return b.file.SetDefinedName(&excelize.DefinedName{
		Name: "_xlnm.Print_Area", RefersTo: "'" + s.name + "'!$A$1:" + last, Scope: s.name,
	})
}

// Close implements report.Writer.
func (b *workbook) Close() error { return b.file.Close() }

// properties are fixed: nothing in a file may tell when it was made but the
// position that it shows.
func (b *workbook) properties(title string, p *asof.Position) error {
	at := p.At.UTC().Format("2006-01-02T15:04:05Z")
	err := b.file.SetDocProps(&excelize.DocProperties{
		Title: title, Creator: "gridpatrol", LastModifiedBy: "gridpatrol", Created: at, Modified: at, Language: "zh-CN",
	})
	return errors.Join(err, b.file.SetAppProps(&excelize.AppProperties{Application: "gridpatrol"}))
}

func (b *workbook) title() string {
	return areaNames(b.rc) + " " + windowTitle(b.rc.Window) + "联合检查统计"
}

// areaNames words the report's areas.
func areaNames(rc *report.Context) string {
	name := rc.Reference.Area(rc.Scope[0])
	if len(rc.Scope) > 1 {
		name += "等"
	}
	return name
}
