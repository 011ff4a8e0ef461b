package report

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/xuri/excelize/v2"

	"gridpatrol/inspection"
)

// The sheets, in their order.
const (
	sheetSummary    = "汇总"
	sheetSessions   = "联合检查"
	sheetVehicles   = "车辆"
	sheetViolations = "违规"
	sheetNotes      = "说明"
)

// workbook writes XLSX. The long sheets go out as their lines come; the short
// ones are made at the end, from the finished report.
type workbook struct {
	file    *excelize.File
	sc      *scene
	window  Window
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

func newWorkbook(sc *scene, w Window, scratch string, out io.Writer) (*workbook, error) {
	b := &workbook{
		file: excelize.NewFile(excelize.Options{TmpDir: scratch}), sc: sc, window: w, out: out, scratch: scratch,
	}
	if err := b.begin(); err != nil {
		return nil, errors.Join(err, b.file.Close())
	}
	return b, nil
}

func (b *workbook) begin() error {
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
	if b.sessions, err = b.sheet(sheetSessions, b.sc.sessionColumns(), 1); err != nil {
		return err
	}
	if b.vehicles, err = b.sheet(sheetVehicles, b.sc.vehicleColumns(), pagesOfVehicles); err != nil {
		return err
	}
	b.violations, err = b.sheet(sheetViolations, b.sc.violationColumns(), 1)
	return err
}

// pagesOfVehicles is how many pages the sheet of vehicles is wide on paper:
// with its sixty columns on one page nobody could read it.
const pagesOfVehicles = 5

// leading is how many columns stay in view, and are repeated on every page.
const leading = 4

// sheet begins a long sheet, which is so many pages wide on paper.
func (b *workbook) sheet(name string, columns []column, pages int) (*sheet, error) {
	if err := b.page(name, pages, 0); err != nil {
		return nil, err
	}
	stream, err := b.file.NewStreamWriter(name)
	if err != nil {
		return nil, err
	}
	s := &sheet{name: name, stream: stream, columns: columns, cells: make([]any, len(columns))}
	for i, c := range columns {
		s.styles = append(s.styles, b.styles.cell[c.format])
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

func (s *sheet) add(l *line) error {
	s.number++
	l.number = s.number
	lines := 1
	for i, c := range s.columns {
		v := c.value(l)
		s.cells[i] = excelize.Cell{StyleID: s.styles[i], Value: shownIn(v)}
		if text, ok := v.(string); ok && c.format == asWrapped {
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

// shownIn makes a value what the library writes as a real number or date.
func shownIn(v any) any {
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

func (b *workbook) check(s *session, c *check, o Outcome) error {
	if c.fails() {
		if err := b.violations.add(&line{session: s, check: c, outcome: o}); err != nil {
			return err
		}
	}
	if o != Counted || c.Template != topicVehicles {
		return nil
	}
	return b.vehicles.add(&line{session: s, check: c})
}

func (b *workbook) session(s *session, n Count) error {
	return b.sessions.add(&line{session: s, count: n})
}

func (b *workbook) violation(c *check) error { return b.violations.add(&line{check: c}) }

func (b *workbook) finish(ctx context.Context, j *Joint) error {
	for _, s := range []*sheet{b.sessions, b.vehicles, b.violations} {
		if err := b.end(s); err != nil {
			return err
		}
	}
	if err := b.summary(j); err != nil {
		return err
	}
	heads, err := b.sc.chainHeads(ctx)
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

// end gives a long sheet its filter, once its length is known.
func (b *workbook) end(s *sheet) error {
	last, err := excelize.CoordinatesToCellName(len(s.columns), max(s.rows, 2))
	if err != nil {
		return err
	}
	if err := b.file.AutoFilter(s.name, "A1:"+last, nil); err != nil {
		return err
	}
	if err := b.printed(s); err != nil {
		return err
	}
	return s.stream.Flush()
}

// printed leaves the ids, which are for machines, off the paper.
func (b *workbook) printed(s *sheet) error {
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

func (b *workbook) Close() error { return b.file.Close() }

// properties are fixed: nothing in a file may tell when it was made but the
// position that it shows.
func (b *workbook) properties(title string, p *Position) error {
	at := p.At.UTC().Format("2006-01-02T15:04:05Z")
	err := b.file.SetDocProps(&excelize.DocProperties{
		Title: title, Creator: "gridpatrol", LastModifiedBy: "gridpatrol", Created: at, Modified: at, Language: "zh-CN",
	})
	return errors.Join(err, b.file.SetAppProps(&excelize.AppProperties{Application: "gridpatrol"}))
}

func (b *workbook) title() string {
	return b.sc.names() + " " + b.window.title() + "联合检查统计"
}

// names words the report's areas.
func (sc *scene) names() string {
	name := sc.ref.area(sc.scope[0])
	if len(sc.scope) > 1 {
		name += "等"
	}
	return name
}
