package inspection_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gridpatrol/inspection"
)

// storedServer is a server part with every member that there is, each as the
// server writes it; what an older or newer version wrote besides is there too.
const storedServer = `{"act":{"act":"rectify","at":"2026-10-12T01:31:07Z","by":"u1","comment":null,"given":{"unit":"police"},"on":3},` +
	`"added_later":{"b":[1.0]},"changed_at":"2026-10-12T01:31:07.5Z","changed_by":null,"clock_offset_s":-41,` +
	`"conflicts":[{"at":"2026-10-12T01:31:07Z","base":0,"by":"u1","device":"","k":"ab","kept":null,"n":null,"offered":{"b":1.0},"pointer":"/answers/x"},` +
	`{"at":"","base":2,"by":"u2","device":"d","k":"cd","kept":"x","later":true,"n":8,"offered":[],"pointer":""}],` +
	`"conflicts_more":2,"created_by":"u1","deleted":true,"due_at":"2026-11-11T16:00:00Z",` +
	`"evidence":{"complete":false,"flags":[{"detail":"x","flag":"reused","other":null,"sha256":"s"}],"missing":["s"],"missing_fields":[],"missing_more":3},` +
	`"findings":[{"basis":"GB","limit":1.20,"message":"<疑似超标>","observed":1.490,"result":"fail","rule":"k"}],"inspector":"u1","kind":"diesel_roadside",` +
	`"lead_unit":"ecology","problems":[{"code":"required","message":"缺","pointer":"/answers/vin"}],"problems_more":4,` +
	`"received_at":"2026-10-12T01:31:07Z","rev":5,"review":{"at":null,"by":null,"comment":null,"decision":"approve","on":4,"state":"approved"},"seq":6,` +
	`"settled":{"at":"2026-10-12T01:31:07Z","by":"boss","k":"ab","on":1,"take":"kept"},"site_name":null,"state":"rectified","title":"陕A12345","verdict":"fail","zz":0}`

func serverOf(t rapid.TB, text string) inspection.Server {
	t.Helper()
	doc, err := inspection.ParseObject([]byte(`{"server":` + text + `}`))
	if err != nil {
		t.Fatal(err)
	}
	return inspection.ServerOf(doc)
}

func TestServerIsReadIntoFields(t *testing.T) {
	s := serverOf(t, storedServer)
	if got := string(s.AppendJSON(nil)); got != storedServer {
		t.Errorf("written again:\n%s\nwant\n%s", got, storedServer)
	}
	// Every field has been read: a member that the table forgets shows here.
	v := reflect.ValueOf(s)
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.IsExported() && v.Field(i).IsZero() {
			t.Errorf("%s was not read", f.Name)
		}
	}
	offset, known := s.ClockOffsetS.Get()
	if s.Rev != 5 || offset != -41 || !known || s.Review.State != "approved" || s.Evidence.Missing[0] != "s" || !s.ChangedBy.There() {
		t.Errorf("read %+v", s)
	}
	if len(s.Conflicts) != 2 || s.Conflicts[0].N.There() != true || s.Conflicts[1].N != inspection.Some[int64](8) {
		t.Errorf("conflicts %+v", s.Conflicts)
	}
	if f := s.Findings(); len(f) != 1 || f[0].Result != inspection.Fail || f[0].Observed != json.Number("1.490") {
		t.Errorf("findings %+v", f)
	}
	if p := s.Problems(); len(p) != 1 || p[0].Code != inspection.CodeRequired {
		t.Errorf("problems %+v", p)
	}
}

// What a new part says nothing of is left out; what every part of its kind has
// is written, empty too.
func TestServerWritesWhatIsSet(t *testing.T) {
	var s inspection.Server
	s.Rev, s.ChangedBy, s.Conflicts = 1, inspection.Null[inspection.UserID](), []inspection.Conflict{}
	s.Evidence = inspection.NewEvidence([]string{"b", "a", "b"}, nil, nil)
	s.Review = &inspection.Review{State: inspection.ReviewReceived}
	s.SetProblems(nil)
	want := `{"changed_by":null,"conflicts":[],"evidence":{"complete":false,"flags":[],"missing":["a","b"],"missing_fields":[]},` +
		`"problems":[],"rev":1,"review":{"at":null,"by":null,"comment":null,"state":"received"}}`
	if got := string(s.AppendJSON(nil)); got != want {
		t.Errorf("wrote\n%s\nwant\n%s", got, want)
	}
	for text, value := range map[string]any{
		`{"at":"","base":0,"by":"","device":"","k":"","kept":null,"offered":null,"pointer":""}`: inspection.Server{Conflicts: []inspection.Conflict{{}}},
		`{"detail":"","flag":"","other":null,"sha256":null}`:                                    inspection.Server{Evidence: &inspection.Evidence{Flags: []inspection.Flag{{}}}},
		`{"act":"","at":"","by":"","comment":null}`:                                             inspection.Server{Act: &inspection.TaskAct{}},
		`{"at":"","by":"","k":"","on":0,"take":""}`:                                             inspection.Server{Settled: &inspection.Settled{}},
	} {
		s := value.(inspection.Server)
		if got := string(s.AppendJSON(nil)); !strings.Contains(got, text) {
			t.Errorf("wrote %s, want %s in it", got, text)
		}
	}
}

// A member that is changed takes the place of what was stored under its name,
// whatever that was.
func TestServerMembersAreReplaced(t *testing.T) {
	s := serverOf(t, `{"rev":"one","review":[],"title":5,"verdict":null}`)
	s.Rev, s.Review, s.Title, s.Verdict = 2, &inspection.Review{}, inspection.Null[string](), inspection.Pass
	want := `{"rev":2,"review":{"at":null,"by":null,"comment":null,"state":null},"title":null,"verdict":"pass"}`
	if got := string(s.AppendJSON(nil)); got != want {
		t.Errorf("wrote %s, want %s", got, want)
	}
}

func TestSameMembers(t *testing.T) {
	a, b := serverOf(t, storedServer), serverOf(t, storedServer)
	b.Rev, b.Evidence = 9, nil
	if !inspection.SameMembers(&a, &b, "verdict", "review", "conflicts", "added_later", "nowhere") {
		t.Error("the same members differ")
	}
	for _, name := range []string{"rev", "evidence"} {
		if inspection.SameMembers(&a, &b, name) {
			t.Errorf("%s differs", name)
		}
	}
	absent, null := serverOf(t, `{}`), serverOf(t, `{"verdict":null,"lead_unit":null,"x":null}`)
	if !inspection.SameMembers(&absent, &null, "verdict", "lead_unit", "x") {
		t.Error("null and absent differ")
	}
}

// The law of the codec: whatever stands under "server" is written again byte
// for byte as it would be without structs.
func TestServerRoundTrips(t *testing.T) {
	var all inspection.Object
	if err := json.Unmarshal([]byte(storedServer), &all); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		server := disturbed(t, all, 3).(inspection.Object)
		doc := inspection.Object{"server": server}
		want := string(inspection.AppendJSON(nil, server))
		s := inspection.ServerOf(doc)
		if got := string(s.AppendJSON(nil)); got != want {
			t.Fatalf("written again:\n%s\nwant\n%s", got, want)
		}
	})
}

// disturbed is a value as it is, without some of its members, with others, or
// with values of any type in places of its own.
func disturbed(t *rapid.T, v any, depth int) any {
	odd := []any{
		nil, "", "x", true, false, json.Number("0"), json.Number("-0"), json.Number("7"), json.Number("1.0"), json.Number("1e2"),
		json.Number("99999999999999999999"), []any{}, []any{nil}, []any{"x"}, []any{inspection.Object{}}, inspection.Object{}, inspection.Object{"x": "y"},
	}
	if rapid.IntRange(0, 5).Draw(t, "odd") == 0 && depth < 3 {
		return rapid.SampledFrom(odd).Draw(t, "value")
	}
	switch v := v.(type) {
	case inspection.Object:
		out := inspection.Object{}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			x := v[name]
			if rapid.IntRange(0, 4).Draw(t, "gone") > 0 {
				out[name] = disturbed(t, x, depth-1)
			}
		}
		if rapid.Bool().Draw(t, "more") {
			out[rapid.SampledFrom([]string{"", "a", "later", "zzz", "rev ", "错\"误"}).Draw(t, "name")] = rapid.SampledFrom(odd).Draw(t, "added")
		}
		return out
	case []any:
		out := []any{}
		for _, x := range v {
			out = append(out, disturbed(t, x, depth-1))
		}
		return out
	}
	return v
}

func FuzzServer(f *testing.F) {
	f.Add([]byte(storedServer))
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := inspection.ParseObject(data)
		if err != nil {
			return
		}
		s := inspection.ServerOf(inspection.Object{"server": o})
		if got, want := s.AppendJSON(nil), inspection.AppendJSON(nil, o); string(got) != string(want) {
			t.Fatalf("written again:\n%s\nwant\n%s", got, want)
		}
	})
}

// An edit of an inspection: its server part is read, most of it made anew, and
// written. "map" is the same without structs.
func BenchmarkServer(b *testing.B) {
	doc, err := inspection.ParseObject([]byte(`{"server":{"changed_at":"2026-10-12T01:31:07.5Z","changed_by":"u1","clock_offset_s":-41,"conflicts":[],` +
		`"evidence":{"complete":false,"flags":[],"missing":["0192f3b000007000800000000000000192f3b0000070008000000000000000aa"],"missing_fields":[]},` +
		`"findings":[],"inspector":"u1","lead_unit":"ecology","problems":[],"received_at":"2026-10-12T01:31:07Z","rev":5,` +
		`"review":{"at":null,"by":null,"comment":null,"state":"received"},"seq":6,"site_name":null,"title":"陕A12345","verdict":"fail"}}`))
	if err != nil {
		b.Fatal(err)
	}
	missing := []string{"0192f3b000007000800000000000000192f3b0000070008000000000000000aa"}
	b.Run("map", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			server := maps.Clone(doc.Object("server"))
			review := maps.Clone(server.Object("review"))
			review["state"] = "received"
			server["review"], server["rev"], server["seq"] = review, json.Number("6"), json.Number("7")
			server["changed_at"], server["changed_by"] = "2026-10-12T01:31:07.5Z", "u2"
			server["verdict"], server["lead_unit"], server["site_name"], server["title"] = "pass", "ecology", nil, "陕A12345"
			server["findings"], server["problems"] = []inspection.Finding{}, []inspection.Problem{}
			server["evidence"] = inspection.Object{"complete": false, "missing": []any{missing[0]}, "missing_fields": []any{}, "flags": []any{}}
			inspection.AppendJSON(nil, server)
		}
	})
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = inspection.ServerOf(doc)
		}
	})
	b.Run("struct", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			server := inspection.ServerOf(doc)
			server.Review.State, server.Rev, server.Seq = inspection.ReviewReceived, 6, 7
			server.ChangedAt, server.ChangedBy = "2026-10-12T01:31:07.5Z", inspection.OrNull[inspection.UserID]("u2")
			server.Verdict, server.LeadUnit, server.SiteName, server.Title = inspection.Pass, inspection.OrNull("ecology"), inspection.OrNull(""), inspection.OrNull("陕A12345")
			server.SetFindings(nil)
			server.SetProblems(nil)
			server.Evidence = inspection.NewEvidence(missing, nil, nil)
			server.AppendJSON(nil)
		}
	})
}
