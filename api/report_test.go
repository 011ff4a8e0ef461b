package api_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/google/uuid"

	"gridpatrol/api"
	"gridpatrol/inspection"
	"gridpatrol/report"
)

// session is a put of a new joint session.
func (p *phone) session(area inspection.Area, started string, participants ...string) string {
	p.n++
	id := uuid.NewString()
	b, _ := json.Marshal(map[string]any{"n": p.n, "collection": "sessions", "op": "put", "id": id, "base": 0,
		"doc": map[string]any{"id": id, "area": area, "topic": "diesel_roadside", "kind": "roadside", "lead_unit": "ecology",
			"participants": participants, "started_at": started}})
	return string(b)
}

func TestReportsOverHTTP(t *testing.T) {
	w, s := newHost(t), newSchemas(t)
	p, boss := w.login("inspector"), w.login("supervisor")
	p.push(p.session(ownArea, "2024-10-12T09:00:00+08:00", "traffic_police"), p.session(ownArea, "2024-10-13T09:00:00+08:00")).ok(200)
	const joint = "/v1/reports/joint"
	first := boss.get(joint + "?month=2024-10&area=" + string(ownArea)).ok(200)
	s.check("GET", joint, first)
	var j report.Joint
	first.decode(&j)
	if j.Topics[0].Sessions != 1 || j.Excluded[0].Reason != report.SingleUnit || first.header.Get("X-As-Of") != j.AsOf.Token() {
		t.Errorf("%s", first.body)
	}
	for format, kind := range map[string]string{"csv": "text/csv; charset=utf-8", "geojson": "application/geo+json", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"} {
		a := boss.get(joint + "?month=2024-10&format=" + format).ok(200)
		if a.header.Get("Content-Type") != kind || len(a.body) == 0 || a.header.Get("Content-Disposition") != `attachment; filename="joint-2024-10-month.`+format+`"` {
			t.Errorf("%s: %v", format, a.header)
		}
	}

	closing := boss.post(joint+"/close", `{"month":"2024-10","area":"`+string(ownArea)+`"}`, boss.bearer()).ok(200)
	s.check("POST", joint+"/close", closing)
	again := boss.post(joint+"/close", `{"month":"2024-10","area":"`+string(ownArea)+`"}`, boss.bearer())
	again.problem(409, inspection.CodeWindowClosed)
	s.check("POST", joint+"/close", again)
	boss.post(joint+"/close", `{"month":"2199-10"}`, boss.bearer()).problem(409, inspection.CodeWindowOpen)
	boss.post(joint+"/close", `[]`, boss.bearer()).problem(400, inspection.CodeBadRequest)
	boss.post(joint+"/close", `{"month":"x"}`, boss.bearer()).problem(400, inspection.CodeBadParameter)
	boss.post(joint+"/close", `{"month":"2024-10","area":"`+string(otherArea)+`"}`, boss.bearer()).problem(403, inspection.CodeForbidden)

	p.push(p.session(ownArea, "2024-10-14T09:00:00+08:00", "traffic_police")).ok(200)
	later := boss.get(joint + "?month=2024-10&area=" + string(ownArea)).ok(200)
	s.check("GET", joint, later)
	later.decode(&j)
	if j.Topics[0].Sessions != 1 || len(j.Late) != 1 || j.Closed.ClosedBy != boss.signIn.User.ID {
		t.Errorf("%s", later.body)
	}
	asOf := boss.get(joint + "?month=2024-10&area=" + string(ownArea) + "&as_of=" + first.header.Get("X-As-Of")).ok(200)
	if string(asOf.body) != string(first.body) {
		t.Errorf("the same token gave\n%s\nfirst\n%s", asOf.body, first.body)
	}
	s.check("GET", "/v1/reports/dispatch", boss.get("/v1/reports/dispatch?month=2024-10&window=first_half").ok(200))
	s.check("GET", "/v1/calendar", p.get("/v1/calendar?date=x"))
}

func TestReportParameters(t *testing.T) {
	w := newHost(t)
	boss := w.login("supervisor")
	for query, code := range map[string]inspection.Code{
		"":                                inspection.CodeBadParameter,
		"month=2024-1":                    inspection.CodeBadParameter,
		"month=2024-10&month=2024-11":     inspection.CodeBadParameter,
		"month=2024-10&window=week":       inspection.CodeBadParameter,
		"month=2024-10&format=pdf":        inspection.CodeBadParameter,
		"month=2024-10&area=6101":         inspection.CodeForbidden,
		"month=2024-10&area=610103":       inspection.CodeForbidden,
		"month=2024-10&area=x":            inspection.CodeBadParameter,
		"month=2024-10&area=610102999":    inspection.CodeBadParameter,
		"month=2024-10&as_of=yesterday":   inspection.CodeBadAsOf,
		"month=2024-10&as_of=eyJkIjoiIn0": inspection.CodeBadAsOf,
	} {
		a := boss.get("/v1/reports/joint?" + query)
		var p api.Problem
		a.decode(&p)
		if p.Code != code {
			t.Errorf("%s: %d %s, want %s", query, a.status, p.Code, code)
		}
	}
	boss.get("/v1/reports/dispatch?month=2024-10").problem(400, inspection.CodeBadParameter)
	boss.get("/v1/reports/dispatch?month=2024-10&window=first_half&format=geojson").problem(400, inspection.CodeBadParameter)
	cut := boss.get("/v1/reports/joint?month=2024-10").ok(200).header.Get("X-As-Of")[:20]
	boss.get("/v1/reports/joint?month=2024-10&as_of="+cut).problem(400, inspection.CodeBadAsOf)
}

// afreshCSV are reports whose closings kept no CSV.
type afreshCSV struct{ api.Reports }

func (r afreshCSV) Export(ctx context.Context, q report.JointQuery, format string) (*report.File, error) {
	f, err := r.Reports.Export(ctx, q, format)
	if err == nil {
		f.Afresh = format == "csv"
	}
	return f, err
}

// A file that was made afresh for a closed window says so.
func TestAFileMadeAfreshSaysSo(t *testing.T) {
	w := newHost(t, func(cfg *api.Config) { cfg.Reports = afreshCSV{cfg.Reports} })
	boss := w.login("supervisor")
	for format, want := range map[string]string{"csv": "true", "geojson": ""} {
		a := boss.get("/v1/reports/joint?month=2024-10&format=" + format).ok(200)
		if got := a.header.Get("X-Made-Afresh"); got != want {
			t.Errorf("%s: X-Made-Afresh is %q, want %q", format, got, want)
		}
	}
}
