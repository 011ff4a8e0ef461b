package render

import (
	"fmt"

	"gridpatrol/report"
	"gridpatrol/store/asof"
)

// definitions say what the numbers mean, in the words of those who read them.
var definitions = [][2]string{
	{"联合检查（次）", "由两个以上不同单位（牵头单位与参加单位合计，同一单位只算一个）共同开展的一次检查；路检路查须有交警参加。"},
	{"检查数量（辆次）", "在计入的联合检查中已提交、未驳回、未删除的柴油车检查记录；同一次检查中同一车牌号和车牌颜色只计一次，以判定较重的一条为准；在两次检查中计两辆次。"},
	{"检查数量（件次）", "其他主题联合检查中已提交、未驳回、未删除的检查记录。"},
	{"归属时段和街道", "以检查开始时间（北京时间）归入统计时段，所含记录随检查归入，不论其自身时间；以检查所在街道归入街道。"},
	{"未计入", "参加单位不足两个，或路检路查无交警参加的检查，列出但不计入。"},
	{"判定", "现场筛查结果，疑似超标、疑似违规须待执法部门认定；缺少必要内容的记录为“待补充”，不作合格处理。"},
	{"违规", "全部检查表中判定为疑似超标或疑似违规的记录；属于联合检查的随检查归入时段，其余以自身检查时间归入。“汇总”的疑似问题只含计入的记录，“是否计入”列说明差别。"},
	{"目标", "统计月1日有效的任务指标，按街道或区分别设定。"},
	{"辖区外", "在本辖区联合检查中由邻近街道登记的记录：计数，不显示内容。"},
}

// notes makes 说明.
func (b *workbook) notes(j *report.Joint, heads []asof.ChainHead) error {
	g := &grid{file: b.file, name: sheetNotes}
	g.do(func() error { return b.setPage(sheetNotes, 1, 1) })
	g.width(1, 22)
	g.width(2, 14)
	g.width(3, 86)
	g.across(1, 1, 3, "说明", b.styles.title, 30)
	row := 2
	pair := func(label string, v any, height float64) {
		row++
		g.put(1, row, label, b.styles.label)
		g.across(row, 2, 3, v, b.styles.cell[asWrapped], height)
	}
	section := func(title string) {
		row += 2
		g.across(row, 1, 3, title, b.styles.section, 22)
	}
	pair("统计范围", areaNames(b.rc), 0)
	pair("统计时段", fmt.Sprintf("%s（%s 起，%s 止，不含）", windowTitle(j.Window), report.WireTime(j.Window.From), report.WireTime(j.Window.To)), 0)
	pair("数据截至", report.WireTime(j.AsOf.At), 0)
	token := j.AsOf.Token()
	pair("截至标识（as_of）", token, float64(15*(1+len(token)/90)))
	pair("填报单位", nil, 20)
	pair("联系人", nil, 20)
	pair("联系电话", nil, 20)
	pair("报送日期", nil, 20)
	section("口径")
	for _, d := range definitions {
		pair(d[0], d[1], float64(15*(1+len(d[1])/200)+5))
	}
	section("日志链头")
	pair("用途", "各街道日志在截至位置的哈希值。纸面留存后，任何人都可用 gridpatrol verify 核对数据库是否被改写。", 20)
	row++
	for i, head := range []string{"日志", "序号", "SHA-256"} {
		g.put(i+1, row, head, b.styles.head)
	}
	for _, h := range heads {
		row++
		g.put(1, row, b.logName(h), b.styles.cell[asText])
		g.put(2, row, h.Seq, b.styles.cell[asNumber])
		g.put(3, row, h.Hash, b.styles.cell[asText])
	}
	return g.err
}

func (b *workbook) logName(h asof.ChainHead) string {
	if h.Area.Valid() {
		return b.rc.Reference.Area(h.Area)
	}
	return "基础数据"
}
