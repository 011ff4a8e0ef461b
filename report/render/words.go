package render

import (
	"slices"
	"strings"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/report"
)

// What people read. The plan's offices work in Chinese; JSON has the codes.

// exceedances are the checklists whose failures exceed a limit, where no finding
// says otherwise.
var exceedances = map[string]bool{report.TopicVehicles: true, "voc_product": true}

var verdictWords = map[inspection.Verdict]string{
	inspection.Pass: "未发现问题", inspection.PendingLab: "待检", inspection.Indeterminate: "待补充",
	inspection.NotApplicable: "不适用",
}

const (
	exceeds  = "疑似超标"
	violates = "疑似违规"
)

// verdictWord words a check's verdict, a failure as its findings do: it exceeds
// a limit or breaks a rule. It is a screening result: people in the field have
// no power to penalise.
func verdictWord(c *report.Check) string {
	if c.Verdict != inspection.Fail {
		return wordOf(verdictWords, c.Verdict)
	}
	says := func(word string) bool {
		return slices.ContainsFunc(findings(c), func(f inspection.Finding) bool { return strings.HasPrefix(f.Message, word) })
	}
	switch {
	case says(exceeds):
		return exceeds
	case says(violates):
		return violates
	case exceedances[c.Template]:
		return exceeds
	}
	return violates
}

var reasonWords = map[report.Reason]string{report.SingleUnit: "参加单位不足两个", report.NoTrafficPolice: "路检路查无交警参加"}

var kindWords = map[string]string{"roadside": "路检路查", "parking": "集中停放地", "site": "入户检查"}

var reviewWords = map[inspection.ReviewState]string{
	"received": "待审核", "has_issues": "已退回", "edited": "已修改", "approved": "已通过", "rejected": "已驳回",
}

var outcomeWords = map[report.Outcome]string{
	report.OfExcluded: "所在检查未计入", report.NotValid: "草稿或已驳回", report.OtherTopic: "与检查主题不符", report.SameVehicle: "同一检查中重复",
}

// wordOf returns the word for a code, or the code.
func wordOf[K ~string](words map[K]string, code K) string {
	if w, ok := words[code]; ok {
		return w
	}
	return string(code)
}

// countWord is what the checks of a topic are counted in.
func countWord(topic string) string {
	if topic == report.TopicVehicles {
		return "辆次"
	}
	return "件次"
}

// windowDays words the window's days: 2026年9月26日至10月25日.
func windowDays(w report.Window) string {
	last := w.To.AddDate(0, 0, -1)
	layout := "1月2日"
	if last.Year() != w.From.Year() {
		layout = "2006年1月2日"
	}
	return w.From.Format("2006年1月2日") + "至" + last.Format(layout)
}

// windowTitle words the window: 2026年10月上半月.
func windowTitle(w report.Window) string {
	tail := map[report.Kind]string{report.WholeMonth: "", report.To25th: "（上月26日至本月25日）", report.FirstHalf: "上半月", report.SecondHalf: "下半月"}[w.Kind]
	return w.First().Format("2006年1月") + tail
}

// momentWord words a time to the minute in China.
func momentWord(t time.Time) string { return t.In(inspection.China).Format("2006-01-02 15:04") }

// findings lists what made a check fail, or wait for a laboratory or an answer.
func findings(c *report.Check) []inspection.Finding {
	if c.Verdict == inspection.Pass || c.Verdict == inspection.NotApplicable {
		return nil
	}
	return slices.DeleteFunc(c.Server.Findings(), func(f inspection.Finding) bool {
		return f.Result != c.Verdict || f.Level == inspection.LevelWarn
	})
}

// joined joins one text of each of a check's findings, each once.
func joined(c *report.Check, pick func(*inspection.Finding) string) string {
	var parts []string
	for _, f := range findings(c) {
		if s := pick(&f); s != "" && !slices.Contains(parts, s) {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, "；")
}
