package sync

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
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

// longAgo is how old a record may be when it comes in. Phones are out of
// coverage for weeks; one that says two years has a wrong clock.
const longAgo = 2 * 365 * 24 * time.Hour

// serve judges the document and fills the rest of the server's part. before
// is the whole document as it was, sent the numbers of this edit that are
// kept as text.
func (d *decider) serve(c inspection.Collection, before, doc inspection.Object, server *inspection.Server, sent []string) {
	problems := inspection.TopLevelProblems(c, doc)
	problems = append(problems, bigNumberProblems(server.Problems(), before, doc, sent)...)
	problems = append(problems, clockProblems(doc, server, d.now)...)
	switch c {
	case inspection.Inspections:
		j := d.judgeInspection(doc)
		server.Verdict = j.verdict
		server.SetFindings(j.findings)
		server.LeadUnit = inspection.OrNull(j.leadUnit)
		site := d.siteName(doc)
		server.SiteName, server.Title = inspection.OrNull(site), inspection.OrNull(cmp.Or(j.title, site))
		server.Evidence = evidence(server.Evidence, before, doc, j.missingFields)
		problems = append(problems, j.problems...)
	case inspection.Sessions:
		problems = append(problems, unknownUnits(d.ref, doc)...)
	case inspection.Tasks:
		server.Evidence = evidence(server.Evidence, before, doc, nil)
	}
	setProblems(server, problems)
}

// siteName returns the name of the site that the document names. A site of
// another area has none here: it may be nobody's business.
func (d *decider) siteName(doc inspection.Object) string {
	id, err := inspection.ParseDocID(doc.Text("site"))
	site := d.known[id]
	if err != nil || site == nil || site.rec.Area != d.area || site.rec.Collection != inspection.Sites || site.rec.Deleted {
		return ""
	}
	if site.parse() != nil {
		return ""
	}
	return site.doc.Text("name")
}

// evidence says which photos of the document have not arrived. Those that
// were here before an edit stay here; what the edit adds is missing until
// it is found.
func evidence(known *inspection.Evidence, before, doc inspection.Object, missingFields []string) *inspection.Evidence {
	if known == nil {
		known = &inspection.Evidence{}
	}
	here := map[string]bool{}
	if known.MissingMore == 0 {
		for _, p := range inspection.Photos(before) {
			here[p.SHA256] = true
		}
		for _, sha := range known.Missing {
			here[sha] = false
		}
	}
	var missing []string
	for _, p := range inspection.Photos(doc) {
		if !here[p.SHA256] {
			missing = append(missing, p.SHA256)
		}
	}
	return inspection.NewEvidence(missing, missingFields, known.Flags)
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
func (d *decider) judgeInspection(doc inspection.Object) judgement {
	t := d.ref.Template(doc)
	if t == nil {
		return judgement{verdict: inspection.Indeterminate, problems: unknownTemplate(doc)}
	}
	out := d.judge(t, template.Input{
		Answers: doc.Object("answers"), Photos: photoCounts(doc),
		Location: place(doc.Object("location")),
		Started:  doc.Time("started_at"), Finished: doc.Time("finished_at"),
		Limits: d.ref.Limits,
	})
	return judgement{out.Verdict, applicable(out.Findings), out.Problems, out.MissingFields, out.LeadUnit, out.Title}
}

// An honest record is judged in a fraction of a millisecond. What judging a
// record takes beyond soon, on the busiest machine, is taken from the batch's
// patience. When that is used up, the rest of the batch is kept undecided:
// others wait for the street.
const (
	soon        = 10 * time.Millisecond
	allPatience = 300 * time.Millisecond
)

// patience is the time that is left to one batch.
type patience struct{ used atomic.Int64 }

// noTime is closed from the start.
var noTime = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// judge evaluates within the time that there is.
func (d *decider) judge(t *template.Template, in template.Input) template.Outcome {
	p := d.patience
	if p == nil {
		p = &patience{} // an act, or a record by itself
	}
	in.Done = d.done
	if p.used.Load() > int64(allPatience) {
		in.Done = noTime
	}
	start := d.clock()
	out := t.Evaluate(in)
	if long := d.clock().Sub(start) - soon; long > 0 {
		p.used.Add(int64(long))
	}
	if out.Trouble != nil && d.overran == nil {
		d.overran = fmt.Errorf("template %s@%d: %w", t.Name(), t.Version(), out.Trouble)
	}
	return out
}

// unknownUnits lists units of a session that the register lacks.
func unknownUnits(ref *Reference, doc inspection.Object) []inspection.Problem {
	var out []inspection.Problem
	check := func(pointer string, v any) {
		if s, ok := v.(string); ok && !ref.Units[s] {
			out = append(out, inspection.Problem{
				Pointer: pointer, Code: inspection.CodeUnknownRef,
				Message: "未知的单位", MessageEN: "No unit of this id is known here.",
			})
		}
	}
	check("/lead_unit", doc["lead_unit"])
	for i, v := range doc.List("participants") {
		check("/participants/"+strconv.Itoa(i), v)
	}
	return out
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

func place(location inspection.Object) *template.Location {
	lat, ok := location.Number("lat")
	lon, both := location.Number("lon")
	if !ok || !both {
		return nil
	}
	accuracy, _ := location.Number("accuracy_m")
	return &template.Location{Lat: lat, Lon: lon, AccuracyM: accuracy}
}

// clockProblems lists what is odd about a document's times: a phone whose
// clock is off, a record from the future or from years ago.
func clockProblems(doc inspection.Object, server *inspection.Server, now time.Time) []inspection.Problem {
	seconds, known := server.ClockOffsetS.Get()
	if known && inspection.ClockIsOff(seconds) {
		return []inspection.Problem{{
			Pointer: "/started_at", Code: inspection.CodeClock,
			Message:   fmt.Sprintf("手机时钟偏差 %d 秒", seconds),
			MessageEN: fmt.Sprintf("The phone's clock was off by %d seconds.", seconds),
		}}
	}
	started, received := doc.Time("started_at"), server.ReceivedAt.Time()
	problem := inspection.Problem{Pointer: "/started_at", Code: inspection.CodeClock}
	switch {
	case started.After(now.Add(inspection.ClockTolerance)):
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
func bigNumberProblems(earlier []inspection.Problem, before, doc inspection.Object, sent []string) []inspection.Problem {
	pointers := slices.Clone(sent)
	for _, p := range earlier {
		if p.Code == inspection.CodeBigNumber && inspection.Equal(lookup(before, p.Pointer), lookup(doc, p.Pointer)) {
			pointers = append(pointers, p.Pointer)
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

// lookup returns the value at a JSON pointer, or nil.
func lookup(v any, pointer string) any {
	if pointer == "" {
		return v
	}
	for _, token := range strings.Split(pointer[1:], "/") {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		switch at := v.(type) {
		case inspection.Object:
			v = at[token]
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(at) {
				return nil
			}
			v = at[i]
		default:
			return nil
		}
	}
	return v
}

// setProblems puts the problems into the server part, capped.
func setProblems(server *inspection.Server, problems []inspection.Problem) {
	listed := min(len(problems), maxProblems)
	server.ProblemsMore = int64(len(problems) - listed)
	server.SetProblems(problems[:listed])
}
