package report

import (
	"slices"
	"strings"
	"time"

	"gridpatrol/inspection"
)

// What people read. The plan's offices work in Chinese; JSON has the codes.

// exceedances are the checklists whose failures exceed a limit, where no finding
// says otherwise.
var exceedances = map[string]bool{topicVehicles: true, "voc_product": true}

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
func (c *check) verdictWord() string {
	if c.Verdict != inspection.Fail {
		return wordOf(verdictWords, c.Verdict)
	}
	words := c.reasons()
	says := func(word string) bool {
		return slices.ContainsFunc(words, func(f finding) bool { return strings.HasPrefix(f.message, word) })
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

var reasonWords = map[Reason]string{SingleUnit: "参加单位不足两个", NoTrafficPolice: "路检路查无交警参加"}

var kindWords = map[string]string{"roadside": "路检路查", "parking": "集中停放地", "site": "入户检查"}

var reviewWords = map[string]string{
	"received": "待审核", "has_issues": "已退回", "edited": "已修改", "approved": "已通过", "rejected": "已驳回",
}

var outcomeWords = map[Outcome]string{
	OfExcluded: "所在检查未计入", NotStanding: "草稿或已驳回", OtherTopic: "与检查主题不符", SecondInCheck: "同一检查中重复",
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
	if topic == topicVehicles {
		return "辆次"
	}
	return "件次"
}

// days words the window's days: 2026年9月26日至10月25日.
func (w Window) days() string {
	last := w.To.AddDate(0, 0, -1)
	layout := "1月2日"
	if last.Year() != w.From.Year() {
		layout = "2006年1月2日"
	}
	return w.From.Format("2006年1月2日") + "至" + last.Format(layout)
}

// title words the window: 2026年10月上半月.
func (w Window) title() string {
	tail := map[Kind]string{WholeMonth: "", To25th: "（上月26日至本月25日）", FirstHalf: "上半月", SecondHalf: "下半月"}[w.Kind]
	return w.first().Format("2006年1月") + tail
}

// moment words a time to the minute in China.
func momentWord(t time.Time) string { return t.In(inspection.China).Format("2006-01-02 15:04") }

// finding is what a rule found, as far as people read it.
type finding struct{ message, basis string }

// reasons lists what made a check fail, or wait for a laboratory or an answer.
func (c *check) reasons() []finding {
	if c.Verdict == inspection.Pass || c.Verdict == inspection.NotApplicable {
		return nil
	}
	list, _ := c.server()["findings"].([]any)
	var out []finding
	for _, x := range list {
		f := members(x)
		if f["result"] == string(c.Verdict) && f["level"] != "warn" {
			out = append(out, finding{textOf(f["message"]), textOf(f["basis"])})
		}
	}
	return out
}

// joined joins one text of each failure, each once.
func joined(list []finding, pick func(finding) string) string {
	var parts []string
	seen := map[string]bool{}
	for _, f := range list {
		if s := pick(f); s != "" && !seen[s] {
			seen[s] = true
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, "；")
}
