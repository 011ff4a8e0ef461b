package sync

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/template"
)

// Caps of what sits under "server". More is counted there; the values
// themselves are in history.
const (
	maxConflicts     = 100
	maxConflictBytes = 256 << 10
	maxConflictPath  = 4 << 10 // bytes of the names that lead to a field
	maxProblems      = 200
)

// clockTolerance is how far a phone's clock may be off before its times are
// listed as a problem. Source: docs/contract.md, section 2 (clock).
const clockTolerance = 10 * time.Minute

// longAgo is how old a record may be when it comes in. Phones are out of
// coverage for weeks; one that says two years has a wrong clock.
const longAgo = 2 * 365 * 24 * time.Hour

func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func number(i int64) json.Number { return json.Number(strconv.FormatInt(i, 10)) }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func object(v any) inspection.Object {
	o, _ := v.(inspection.Object)
	return o
}

// serverOf returns a copy of the document's server part, to be changed.
func serverOf(doc inspection.Object) inspection.Object {
	out := inspection.Object{}
	for name, v := range object(doc["server"]) {
		out[name] = v
	}
	return out
}

// nextReview returns the review after a phone's put.
func nextReview(server, doc inspection.Object, edited bool) inspection.Object {
	next := inspection.Object{"state": nil, "by": nil, "at": nil, "comment": nil}
	for name, v := range object(server["review"]) {
		next[name] = v
	}
	state := inspection.ReviewOf(server)
	if edited {
		state, _ = state.After(inspection.ReviewEdit)
	}
	status := inspection.ReviewWithdraw
	if doc["status"] == "submitted" {
		status = inspection.ReviewSubmit
	}
	state, _ = state.After(status)
	next["state"] = text(string(state))
	return next
}

// rectified moves a task on after a phone's put of its rectification.
func rectified(server inspection.Object, by inspection.UserID, at time.Time) {
	state, ok := inspection.TaskOf(server).After(inspection.TaskRectify)
	if !ok {
		return
	}
	server["state"] = string(state)
	server["act"] = inspection.Object{
		"act": string(inspection.TaskRectify), "by": string(by), "at": stamp(at), "comment": nil,
	}
}

// evidence says which photos of the document have not arrived. Those that
// were here before an edit stay here; what the edit adds is missing until
// it is found.
func evidence(before, doc inspection.Object, missingFields []string) inspection.Object {
	known := object(object(before["server"])["evidence"])
	lacked := map[string]bool{}
	list, _ := known["missing"].([]any)
	for _, x := range list {
		if s, ok := x.(string); ok {
			lacked[s] = true
		}
	}
	here := map[string]bool{}
	if known["missing_more"] == nil {
		for _, p := range inspection.Photos(before) {
			here[p.SHA256] = !lacked[p.SHA256]
		}
	}
	var missing []string
	for _, p := range inspection.Photos(doc) {
		if !here[p.SHA256] {
			missing = append(missing, p.SHA256)
		}
	}
	flags, _ := known["flags"].([]any)
	return inspection.Evidence{Missing: missing, MissingFields: missingFields, Flags: flags}.Object()
}

// judgement is what the template says of an inspection.
type judgement struct {
	verdict       inspection.Verdict
	findings      []inspection.Finding
	problems      []inspection.Problem
	missingFields []string
	leadUnit      string
	title         string
}

// judgeInspection evaluates an inspection with the template it was filled with.
func judgeInspection(ref *Reference, doc inspection.Object) judgement {
	t := ref.Template(doc)
	if t == nil {
		return judgement{verdict: inspection.Indeterminate, problems: unknownTemplate(doc)}
	}
	out := t.Evaluate(template.Input{
		Answers: object(doc["answers"]), Photos: photoCounts(doc),
		Location: place(object(doc["location"])),
		Started:  timeOf(doc["started_at"]), Finished: timeOf(doc["finished_at"]),
		Limits: ref.Limits,
	})
	return judgement{out.Verdict, applicable(out.Findings), out.Problems, out.MissingFields, out.LeadUnit, out.Title}
}

// applicable leaves out the rules that don't apply: most of a checklist's
// don't apply to a given record, and records are kept for ever.
func applicable(findings []inspection.Finding) []inspection.Finding {
	return slices.DeleteFunc(findings, func(f inspection.Finding) bool {
		return f.Result == inspection.NotApplicable
	})
}

func unknownTemplate(doc inspection.Object) []inspection.Problem {
	if doc["template"] == nil || doc["template_version"] == nil {
		return nil
	}
	return []inspection.Problem{{
		Pointer: "/template", Code: inspection.CodeUnknownRef,
		Message: "未知的检查表或版本", MessageEN: "No template of this name and version is known here.",
	}}
}

func photoCounts(doc inspection.Object) map[string]int {
	counts := map[string]int{}
	for _, p := range inspection.Photos(doc) {
		counts[p.Field]++
	}
	return counts
}

// timeOf reads an RFC 3339 time; anything else is the zero time.
func timeOf(v any) time.Time {
	s, _ := v.(string)
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return t
}

func place(location inspection.Object) *template.Place {
	lat, err1 := floatOf(location["lat"])
	lon, err2 := floatOf(location["lon"])
	if err1 != nil || err2 != nil {
		return nil
	}
	accuracy, _ := floatOf(location["accuracy_m"])
	return &template.Place{Lat: lat, Lon: lon, AccuracyM: accuracy}
}

func floatOf(v any) (float64, error) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, inspection.ErrNotJSON
	}
	return n.Float64()
}

// clockProblems lists what is odd about a document's times: a phone whose
// clock is off, a record from the future or from years ago.
func clockProblems(doc, server inspection.Object, now time.Time) []inspection.Problem {
	seconds, known := integer(server["clock_offset_s"])
	off := time.Duration(max(min(seconds, 1<<32), -1<<32)) * time.Second
	if known && off.Abs() > clockTolerance {
		return []inspection.Problem{{
			Pointer: "/started_at", Code: inspection.CodeClock,
			Message:   fmt.Sprintf("手机时钟偏差 %d 秒", seconds),
			MessageEN: fmt.Sprintf("The phone's clock was off by %d seconds.", seconds),
		}}
	}
	started, received := timeOf(doc["started_at"]), timeOf(server["received_at"])
	problem := inspection.Problem{Pointer: "/started_at", Code: inspection.CodeClock}
	switch {
	case started.After(now.Add(clockTolerance)):
		problem.Message, problem.MessageEN = "开始时间晚于服务器接收时间", "It starts after the server received it."
	case !started.IsZero() && received.Sub(started) > longAgo:
		problem.Message, problem.MessageEN = "开始时间比服务器接收时间早两年以上", "It starts more than two years before the server received it."
	default:
		return nil
	}
	return []inspection.Problem{problem}
}

// bigNumberProblems lists numbers that are kept as text: those of this edit,
// and those of earlier ones that are still there.
func bigNumberProblems(before, doc inspection.Object, sent []string) []inspection.Problem {
	pointers := slices.Clone(sent)
	earlier, _ := object(before["server"])["problems"].([]any)
	for _, x := range earlier {
		p := object(x)
		pointer, _ := p["pointer"].(string)
		if p["code"] == string(inspection.CodeBigNumber) && inspection.Equal(lookup(before, pointer), lookup(doc, pointer)) {
			pointers = append(pointers, pointer)
		}
	}
	slices.Sort(pointers)
	var out []inspection.Problem
	for _, p := range slices.Compact(pointers) {
		switch lookup(doc, p).(type) {
		case string, []any, inspection.Object:
			out = append(out, inspection.Problem{
				Pointer: p, Code: inspection.CodeBigNumber,
				Message: "数值过大,按文本保存", MessageEN: "The number is too large for clients to hold; it is kept as text.",
			})
		}
	}
	return out
}

// setProblems puts the problems into the server part, capped.
func setProblems(server inspection.Object, problems []inspection.Problem) {
	delete(server, "problems_more")
	if len(problems) > maxProblems {
		server["problems_more"] = number(int64(len(problems) - maxProblems))
		problems = problems[:maxProblems]
	}
	if problems == nil {
		problems = []inspection.Problem{}
	}
	server["problems"] = problems
}
