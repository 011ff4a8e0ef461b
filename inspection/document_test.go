package inspection_test

import (
	"strings"
	"testing"
	"time"

	"gridpatrol/inspection"
)

func TestCheckShape(t *testing.T) {
	cases := []struct {
		collection inspection.Collection
		doc        string
		wrong      string // the member that the error names; "" is fine
	}{
		{inspection.Inspections, `{"id":"x","area":"610102003","answers":{"any":[{"thing":1}]},"unknown":[1]}`, ""},
		{inspection.Inspections, `{"answers":null,"photos":null,"site":null}`, ""},
		{inspection.Inspections, `{"answers":[]}`, "/answers"},
		{inspection.Inspections, `{"template":1}`, "/template"},
		{inspection.Inspections, `{"template_version":1.0}`, ""},
		{inspection.Inspections, `{"template_version":1.5}`, "/template_version"},
		{inspection.Inspections, `{"photos":[{"field":"a","sha256":"b"},1]}`, "/photos/1"},
		{inspection.Inspections, `{"photos":[{"field":1}]}`, "/photos/0/field"},
		{inspection.Inspections, `{"location":{"lat":1,"mock":1}}`, "/location/mock"},
		{inspection.Inspections, `{"location":{"lat":"1"}}`, "/location/lat"},
		{inspection.Inspections, `{"location":{"lat":"1e999","lon":"-1e999"},"template_version":"9007199254740993"}`, ""},
		{inspection.Inspections, `{"template_version":"1"}`, "/template_version"},
		{inspection.Inspections, `{"template_version":" 9007199254740993"}`, "/template_version"},
		{inspection.Inspections, `{"template_version":"09007199254740993"}`, "/template_version"},
		{inspection.Inspections, `{"area":5}`, "/area"},
		{inspection.Sessions, `{"participants":["a",1]}`, "/participants/1"},
		{inspection.Sessions, `{"participants":"a"}`, "/participants"},
		{inspection.Tasks, `{"rectification":{"note":1}}`, "/rectification/note"},
		{inspection.Tasks, `{"rectification":{"photos":[{"field":"a"}]}}`, ""},
		{inspection.Sites, `{"name":["x"]}`, "/name"},
	}
	for _, c := range cases {
		err := inspection.CheckShape(c.collection, parse(t, c.doc))
		if c.wrong == "" {
			if err != nil {
				t.Errorf("%s: %v", c.doc, err)
			}
			continue
		}
		if inspection.CodeOf(err) != inspection.CodeBadDocument || !strings.Contains(err.Error(), c.wrong+" ") {
			t.Errorf("%s: got %v, want a complaint about %s", c.doc, err, c.wrong)
		}
	}
}

func TestTopLevelProblems(t *testing.T) {
	cases := map[string]string{
		`{"template":"x","template_version":1,"status":"draft","started_at":"2026-10-12T09:31:07+08:00"}`:                                                                        "",
		`{"template":"x","template_version":1,"status":"done","started_at":"yesterday"}`:                                                                                         "/started_at wrong_type; /status unknown_choice",
		`{"template":"x","template_version":1,"status":"draft"}`:                                                                                                                 "/started_at required",
		`{"template":"x","template_version":1,"status":"draft","started_at":"2026-10-12T09:31:07Z","location":{"lat":91,"lon":-181},"photos":[{"sha256":"zz","taken_at":"no"}]}`: "/location/lat out_of_range; /location/lon out_of_range; /photos/0/sha256 wrong_type; /photos/0/taken_at wrong_type",
	}
	for doc, want := range cases {
		var got []string
		for _, p := range inspection.TopLevelProblems(inspection.Inspections, parse(t, doc)) {
			got = append(got, p.Pointer+" "+string(p.Code))
			if p.Message == "" || p.MessageEN == "" {
				t.Errorf("%s: a problem without words: %+v", doc, p)
			}
		}
		if strings.Join(got, "; ") != want {
			t.Errorf("%s:\n got %s\nwant %s", doc, strings.Join(got, "; "), want)
		}
	}
}

func TestParseDocID(t *testing.T) {
	good := map[string]inspection.DocID{
		"0192f3c1-7d1e-7a64-9f0a-3b1c2d4e5f60": "0192f3c1-7d1e-7a64-9f0a-3b1c2d4e5f60",
		"0192F3C1-7D1E-7A64-9F0A-3B1C2D4E5F60": "0192f3c1-7d1e-7a64-9f0a-3b1c2d4e5f60",
	}
	for in, want := range good {
		if got, err := inspection.ParseDocID(in); err != nil || got != want {
			t.Errorf("%s: got %s, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "x", "0192f3c1-7d1e-7a64-9f0a-3b1c2d4e5f6", "0192f3c1_7d1e-7a64-9f0a-3b1c2d4e5f60", "g192f3c1-7d1e-7a64-9f0a-3b1c2d4e5f60", "{192f3c1-7d1e-7a64-9f0a-3b1c2d4e5f6}"} {
		if _, err := inspection.ParseDocID(in); inspection.CodeOf(err) != inspection.CodeBadID {
			t.Errorf("%q: got %v", in, err)
		}
	}
}

func TestAreaCovers(t *testing.T) {
	cases := []struct {
		a, b inspection.Area
		want bool
	}{
		{"610102", "610102003", true}, {"610102003", "610102003", true}, {"61", "610102003", true},
		{"610102003", "610102", false}, {"610102003", "610102004", false}, {"6101", "6102", false},
		{"", "610102", false}, {"_", "_", false}, {"610", "610102", false}, {"610102", "610102abc", false},
	}
	for _, c := range cases {
		if got := c.a.Covers(c.b); got != c.want {
			t.Errorf("%q covers %q: got %v", c.a, c.b, got)
		}
	}
}

func TestRights(t *testing.T) {
	at := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	r := inspection.Rights{
		Grants:  []inspection.Grant{{Area: "610102003", Number: 9}, {Area: "610102", Number: 4}},
		Revoked: []inspection.Revocation{{Grant: inspection.Grant{Area: "610103", Number: 2}, At: at}, {Grant: inspection.Grant{Area: "610102003", Number: 1}, At: at}},
	}
	if g, ok := r.Grant("610102003"); !ok || g.Number != 4 {
		t.Errorf("the oldest covering grant counts: got %+v %v", g, ok)
	}
	if _, ok := r.Grant("610103001"); ok {
		t.Error("a revoked area is granted")
	}
	if v, ok := r.Revocation("610103001"); !ok || v.Number != 2 {
		t.Errorf("got %+v %v", v, ok)
	}
	if _, ok := r.Revocation("610102003"); ok {
		t.Error("an area that is granted again is still revoked")
	}
}

func TestEveryCodeIsExplained(t *testing.T) {
	for code, meaning := range inspection.Codes {
		if code == "" || len(meaning) < 15 || !strings.HasSuffix(meaning, ".") {
			t.Errorf("%q: %q", code, meaning)
		}
	}
}
