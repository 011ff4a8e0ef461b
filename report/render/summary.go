package render

import (
	"fmt"
	"strings"

	"github.com/xuri/excelize/v2"

	"gridpatrol/report"
)

// grid writes cells one by one into a short sheet and keeps the first error.
type grid struct {
	file *excelize.File
	name string
	err  error
}

func (g *grid) put(col, row int, v any, style int) {
	if g.err != nil {
		return
	}
	cell, err := excelize.CoordinatesToCellName(col, row)
	if err == nil && v != nil {
		err = g.file.SetCellValue(g.name, cell, v)
	}
	if err == nil {
		err = g.file.SetCellStyle(g.name, cell, cell, style)
	}
	g.err = err
}

// across puts one value over several columns.
func (g *grid) across(row, from, to int, v any, style int, height float64) {
	for col := from; col <= to; col++ {
		g.put(col, row, nil, style)
	}
	g.put(from, row, v, style)
	g.do(func() error {
		a, err := excelize.CoordinatesToCellName(from, row)
		if err != nil {
			return err
		}
		b, err := excelize.CoordinatesToCellName(to, row)
		if err != nil {
			return err
		}
		return g.file.MergeCell(g.name, a, b)
	})
	if height > 0 {
		g.do(func() error { return g.file.SetRowHeight(g.name, row, min(height, excelize.MaxRowHeight)) })
	}
}

func (g *grid) do(step func() error) {
	if g.err == nil {
		g.err = step()
	}
}

func (g *grid) width(col int, width float64) {
	g.do(func() error {
		name, err := excelize.ColumnNumberToName(col)
		if err != nil {
			return err
		}
		return g.file.SetColWidth(g.name, name, name, width)
	})
}

// summaryHeads are the columns of the first table of 汇总.
var summaryHeads = []string{
	"检查主题", "联合检查（次）", "次数目标", "上期次数", "次数环比", "检查数量", "单位", "数量目标", "上期数量", "数量环比", "疑似问题", "是否达标",
}

// summary makes 汇总: the topics with target, met or not, and the window
// before; then the streets, with charts.
func (b *workbook) summary(j *report.Joint) error {
	g := &grid{file: b.file, name: sheetSummary}
	g.do(func() error { return b.setPage(sheetSummary, 1, 1) })
	wide := max(len(summaryHeads), 1+2*len(j.Topics))
	for col := 1; col <= wide; col++ {
		g.width(col, 13)
	}
	g.width(1, 18)
	g.across(1, 1, wide, b.title(), b.styles.title, 30)
	g.across(2, 1, wide, fmt.Sprintf("统计时段：%s        数据截至：%s", windowDays(j.Window), momentWord(j.AsOf.At)), b.styles.subtitle, 18)
	row := b.topicTable(g, j, 4)
	row = b.remarks(g, j, row+1, wide)
	b.streetTable(g, j, row+1, wide)
	g.do(func() error {
		return b.file.SetPanes(sheetSummary, &excelize.Panes{Freeze: true, YSplit: 2, TopLeftCell: "A3", ActivePane: "bottomLeft"})
	})
	return g.err
}

func (b *workbook) topicTable(g *grid, j *report.Joint, row int) int {
	for i, head := range summaryHeads {
		g.put(i+1, row, head, b.styles.head)
	}
	g.do(func() error { return g.file.SetRowHeight(g.name, row, 24) })
	before := map[string]*report.Topic{}
	for i := range j.Before.Topics {
		before[j.Before.Topics[i].Topic] = &j.Before.Topics[i]
	}
	text, number := b.styles.cell[asText], b.styles.cell[asNumber]
	for i := range j.Topics {
		t, was := &j.Topics[i], before[j.Topics[i].Topic]
		row++
		if was == nil {
			was = &report.Topic{}
		}
		sessions, checks := asked(t)
		g.put(1, row, b.rc.Reference.Title(t.Topic), text)
		g.put(2, row, t.Sessions, number)
		g.put(3, row, sessions, number)
		g.put(4, row, was.Sessions, number)
		g.put(5, row, growth(t.Sessions, was.Sessions), b.styles.percent)
		g.put(6, row, t.Checks(), number)
		g.put(7, row, countWord(t.Topic), b.styles.cell[asShort])
		g.put(8, row, checks, number)
		g.put(9, row, was.Checks(), number)
		g.put(10, row, growth(t.Checks(), was.Checks()), b.styles.percent)
		g.put(11, row, t.Failed(), number)
		b.verdictCell(g, 12, row, t.Met)
	}
	return row
}

func (b *workbook) verdictCell(g *grid, col, row int, met *bool) {
	switch {
	case met == nil:
		g.put(col, row, "无目标", b.styles.cell[asShort])
	case *met:
		g.put(col, row, "达标", b.styles.good)
	default:
		g.put(col, row, "未达标", b.styles.bad)
	}
}

// asked returns what the target asks for; nil where it asks for nothing.
func asked(t *report.Topic) (sessions, checks any) {
	if t.Target == nil {
		return nil, nil
	}
	for _, n := range []*int64{t.Target.Vehicles, t.Target.Inspections} {
		if n != nil {
			checks = *n
		}
	}
	if t.Target.Sessions != nil {
		sessions = *t.Target.Sessions
	}
	return sessions, checks
}

// growth compares with the window before; nil where that had nothing.
func growth(now, before int) any {
	if before == 0 {
		return nil
	}
	return float64(now-before) / float64(before)
}

// setAside says which sessions were not counted, and which are to be looked at.
func setAside(j *report.Joint) string {
	times := map[report.Reason]int{}
	for _, x := range j.Excluded {
		times[x.Reason]++
	}
	var reasons []string
	for _, r := range []report.Reason{report.SingleUnit, report.NoTrafficPolice} {
		if times[r] > 0 {
			reasons = append(reasons, fmt.Sprintf("%s %d 次", reasonWords[r], times[r]))
		}
	}
	text := fmt.Sprintf("未计入的检查 %d 次", len(j.Excluded))
	if len(reasons) > 0 {
		text += "（" + strings.Join(reasons, "，") + "）"
	}
	if n := len(j.SuspectClock); n > 0 {
		text += fmt.Sprintf("。另有手机时钟偏差超过10分钟、开始时间存疑的检查 %d 次，供核对", n)
	}
	return text + "。明细见“联合检查”。"
}

// remarks says what the targets rest on and what was not counted.
func (b *workbook) remarks(g *grid, j *report.Joint, row, wide int) int {
	lines := []string{setAside(j)}
	for _, t := range j.Topics {
		if t.Target != nil {
			note := ""
			if t.Target.Note != "" {
				note = "（" + t.Target.Note + "）"
			}
			lines = append(lines, b.rc.Reference.Title(t.Topic)+"目标依据："+t.Target.Basis+note)
		}
	}
	period := "上期为" + windowDays(j.Before.Window)
	if j.Before.Closed {
		period += "，以封账数为准"
	}
	lines = append(lines, period+"。“疑似”为现场筛查结果，待执法部门认定。")
	for _, text := range lines {
		g.across(row, 1, wide, text, b.styles.note, 15)
		row++
	}
	return row
}

// streetTable has a row for each street and two columns for each topic.
func (b *workbook) streetTable(g *grid, j *report.Joint, row, wide int) {
	g.across(row, 1, wide, "各街道", b.styles.section, 22)
	head := row + 1
	g.put(1, head, "街道", b.styles.head)
	for i, t := range j.Topics {
		title := b.rc.Reference.Title(t.Topic)
		g.put(2+2*i, head, title+"\n（次）", b.styles.head)
		g.put(3+2*i, head, title+"\n（"+countWord(t.Topic)+"）", b.styles.head)
	}
	g.do(func() error { return g.file.SetRowHeight(g.name, head, 30) })
	row = head
	for _, st := range j.Streets {
		row++
		g.put(1, row, b.rc.Reference.Area(st.Area), b.styles.cell[asText])
		at := map[string]*report.Topic{}
		for i := range st.Topics {
			at[st.Topics[i].Topic] = &st.Topics[i]
		}
		for i, t := range j.Topics {
			g.put(2+2*i, row, at[t.Topic].Sessions, b.styles.cell[asNumber])
			g.put(3+2*i, row, at[t.Topic].Checks(), b.styles.cell[asNumber])
		}
	}
	if len(j.Topics) > 0 && len(j.Streets) > 0 {
		g.do(func() error { return b.charts(j, head, row) })
	}
}

// charts draws the streets: sessions on the left, what was checked in them on
// the right.
func (b *workbook) charts(j *report.Joint, head, last int) error {
	step := func(i int) float64 {
		most := 0
		for _, st := range j.Streets {
			for _, t := range st.Topics {
				most = max(most, []int{t.Sessions, t.Checks()}[i])
			}
		}
		const lines = 5
		return float64(most/lines + 1) // whole numbers only
	}
	axis := excelize.Font{Family: fontFace, Size: 9, Color: "404040"}
	for i, c := range []struct{ cell, title string }{{"A", "各街道联合检查次数"}, {"G", "各街道检查数量"}} {
		chart := &excelize.Chart{
			Type: excelize.Col, Title: excelize.ChartTitle{Paragraph: []excelize.RichTextRun{{Text: c.title, Font: &excelize.Font{Family: fontFace, Size: 11, Bold: true}}}},
			Legend:    excelize.ChartLegend{Position: "bottom"},
			Dimension: excelize.ChartDimension{Width: 560, Height: 280},
			Format:    excelize.GraphicOptions{OffsetX: 4, OffsetY: 6},
			PlotArea:  excelize.ChartPlotArea{ShowVal: true},
			XAxis:     excelize.ChartAxis{Font: axis},
			YAxis:     excelize.ChartAxis{Font: axis, MajorGridLines: true, MajorUnit: step(i)},
		}
		for k := range j.Topics {
			col, err := excelize.ColumnNumberToName(2 + 2*k + i)
			if err != nil {
				return err
			}
			chart.Series = append(chart.Series, excelize.ChartSeries{
				Name:       fmt.Sprintf("'%s'!$%s$%d", sheetSummary, col, head),
				Categories: fmt.Sprintf("'%s'!$A$%d:$A$%d", sheetSummary, head+1, last),
				Values:     fmt.Sprintf("'%s'!$%s$%d:$%s$%d", sheetSummary, col, head+1, col, last),
			})
		}
		if err := b.file.AddChart(sheetSummary, fmt.Sprint(c.cell, last+2), chart); err != nil {
			return err
		}
	}
	return nil
}
