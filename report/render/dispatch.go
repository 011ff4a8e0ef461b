package render

import (
	"cmp"
	"errors"
	"fmt"
	"io"

	"github.com/xuri/excelize/v2"

	"gridpatrol/inspection"
	"gridpatrol/report"
)

// dispatchRows are the lines of the report for people: unit, numbers, then two
// columns for each checklist.
func dispatchRows(rc *report.Context, d *report.Dispatch) (heads []string, rows [][]any) {
	heads = []string{"牵头单位", "联合检查（次）", "检查记录", "疑似问题", "未销号任务", "其中逾期", "本期到期", "本期销号"}
	names := rc.Reference.Checklists()
	for _, name := range names {
		heads = append(heads, rc.Reference.Title(name), rc.Reference.Title(name)+"疑似")
	}
	for i := range d.Units {
		u := &d.Units[i]
		row := []any{
			cmp.Or(u.NameZH, "（未确定）"), u.Sessions, u.Inspections, u.Failed,
			u.Tasks.Open, u.Tasks.Overdue, u.Tasks.Due, u.Tasks.Closed,
		}
		for _, name := range names {
			r := resultOf(u, name)
			row = append(row, r.Inspections, r.Verdicts[inspection.Fail])
		}
		rows = append(rows, row)
	}
	return heads, rows
}

func resultOf(u *report.UnitProgress, template string) report.ChecklistResult {
	for _, r := range u.Checklists {
		if r.Template == template {
			return r
		}
	}
	return report.ChecklistResult{}
}

// Dispatch implements report.DispatchFormat: the one sheet 调度.
func (x XLSX) Dispatch(rc *report.Context, d *report.Dispatch, out io.Writer) (err error) {
	const sheetDispatch = "调度"
	b := &workbook{file: excelize.NewFile(), rc: rc, out: out, scratch: x.Scratch}
	defer func() { err = errors.Join(err, b.Close()) }()
	if err := b.file.SetSheetName("Sheet1", sheetDispatch); err != nil {
		return err
	}
	if b.styles, err = newStyles(b.file); err != nil {
		return err
	}
	g := &grid{file: b.file, name: sheetDispatch}
	g.do(func() error { return b.setPage(sheetDispatch, 1, 1) })
	heads, rows := dispatchRows(rc, d)
	title := areaNames(rc) + " " + windowTitle(d.Window) + "牵头单位调度表"
	g.across(1, 1, len(heads), title, b.styles.title, 30)
	g.across(2, 1, len(heads), fmt.Sprintf("统计时段：%s        数据截至：%s", windowDays(d.Window), momentWord(d.AsOf.At)), b.styles.subtitle, 18)
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
