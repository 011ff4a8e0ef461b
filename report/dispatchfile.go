package report

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"

	"github.com/xuri/excelize/v2"

	"gridpatrol/inspection"
)

// ExportDispatch makes the half-monthly report as a file: JSON, XLSX or CSV.
func (s *Service) ExportDispatch(ctx context.Context, q JointQuery, format Format) (*File, error) {
	if format == FormatGeoJSON {
		return nil, inspection.Errorf(inspection.CodeBadParameter, "The parameter format must be json, xlsx or csv here.")
	}
	d, err := s.Dispatch(ctx, q)
	if err != nil {
		return nil, err
	}
	sc, err := s.sceneAt(ctx, q.Scope, d.AsOf)
	if err != nil {
		return nil, err
	}
	f, err := newScratch(s.scratch)
	if err != nil {
		return nil, err
	}
	switch format {
	case FormatXLSX:
		err = s.dispatchBook(sc, d, f)
	case FormatCSV:
		err = sc.dispatchTable(d, f)
	default:
		_, err = f.Write(mustMarshal(d))
	}
	if err == nil {
		err = f.rewind()
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	file := fileOf(f, q.Window, d.AsOf, format)
	file.Name = fmt.Sprintf("dispatch-%s-%s.%s", q.Window.Month, q.Window.Kind, format)
	return file, nil
}

// dispatchRows are the lines of the report for people: unit, numbers, then two
// columns for each checklist.
func (sc *scene) dispatchRows(d *Dispatch) (heads []string, rows [][]any) {
	heads = []string{"牵头单位", "联合检查（次）", "检查记录", "疑似问题", "未销号任务", "其中逾期", "本期到期", "本期销号"}
	names := sc.ref.names()
	for _, name := range names {
		heads = append(heads, sc.ref.title(name), sc.ref.title(name)+"疑似")
	}
	for i := range d.Units {
		u := &d.Units[i]
		row := []any{
			orElse(u.NameZH, "（未确定）"), u.Sessions, u.Inspections, u.Failed,
			u.Tasks.Open, u.Tasks.Overdue, u.Tasks.Due, u.Tasks.Closed,
		}
		for _, name := range names {
			r := u.result(name)
			row = append(row, r.Inspections, r.Verdicts[inspection.Fail])
		}
		rows = append(rows, row)
	}
	return heads, rows
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func (u *UnitProgress) result(template string) ChecklistResult {
	for _, r := range u.Checklists {
		if r.Template == template {
			return r
		}
	}
	return ChecklistResult{}
}

func (sc *scene) dispatchTable(d *Dispatch, out io.Writer) error {
	if _, err := io.WriteString(out, "\ufeff"); err != nil {
		return err
	}
	heads, rows := sc.dispatchRows(d)
	w := csv.NewWriter(out)
	w.UseCRLF = true
	if err := w.Write(heads); err != nil {
		return err
	}
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = cell(asText, v)
		}
		if err := w.Write(cells); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// dispatchBook writes the one sheet 调度.
func (s *Service) dispatchBook(sc *scene, d *Dispatch, out io.Writer) (err error) {
	const sheetDispatch = "调度"
	b := &workbook{file: excelize.NewFile(), sc: sc, window: d.Window, out: out, scratch: s.scratch}
	defer func() { err = errors.Join(err, b.Close()) }()
	if err := b.file.SetSheetName("Sheet1", sheetDispatch); err != nil {
		return err
	}
	if b.styles, err = newStyles(b.file); err != nil {
		return err
	}
	g := &grid{file: b.file, name: sheetDispatch}
	g.do(func() error { return b.page(sheetDispatch, 1, 1) })
	heads, rows := sc.dispatchRows(d)
	title := sc.names() + " " + d.Window.title() + "牵头单位调度表"
	g.across(1, 1, len(heads), title, b.styles.title, 30)
	g.across(2, 1, len(heads), fmt.Sprintf("统计时段：%s        数据截至：%s", d.Window.days(), momentWord(d.AsOf.At)), b.styles.subtitle, 18)
	for i, head := range heads {
		g.width(i+1, 11)
		g.put(i+1, 4, head, b.styles.head)
	}
	g.width(1, 26)
	g.do(func() error { return b.file.SetRowHeight(sheetDispatch, 4, 36) })
	for i, row := range rows {
		for k, v := range row {
			style := b.styles.cell[asNumber]
			if k == 0 {
				style = b.styles.cell[asText]
			}
			g.put(k+1, 5+i, v, style)
		}
	}
	g.do(func() error {
		return b.file.SetPanes(sheetDispatch, &excelize.Panes{Freeze: true, XSplit: 1, YSplit: 4, TopLeftCell: "B5", ActivePane: "bottomRight"})
	})
	g.do(func() error { return b.properties(title, d.AsOf) })
	g.do(b.pack)
	return g.err
}
