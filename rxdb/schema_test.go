package rxdb

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"gridpatrol/inspection"
)

func compiled(t *testing.T, c inspection.Collection) *jsonschema.Schema {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(inspection.AppendJSON(nil, Schema(c))))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("schema.json", v); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// TestRxSchemasTakeWhatIsStored: a document that a client's validator refuses
// stops its replication, so whatever may be stored must fit, odd as it is.
func TestRxSchemasTakeWhatIsStored(t *testing.T) {
	odd := rapid.SampledFrom([]any{
		nil, "x", "", true, json.Number("1"), json.Number("1.0"), json.Number("1.5"), json.Number("-0"), "99999999999999999999", "1e999",
		inspection.Object{}, []any{}, []any{"x"}, []any{nil}, []any{inspection.Object{"bytes": json.Number("7"), "field": nil, "more": true}},
		inspection.Object{"lat": json.Number("1e2"), "lon": "99999999999999999999", "mock": nil, "crs": "wgs84"},
		inspection.Object{"note": "x", "photos": []any{inspection.Object{"sha256": "x", "taken_at": nil}}},
	})
	for _, c := range inspection.FieldCollections {
		schema := compiled(t, c)
		names := Schema(c)["properties"].(inspection.Object)
		fitting := 0
		rapid.Check(t, func(rt *rapid.T) {
			doc := inspection.Object{"id": "0192f3c1-0000-7000-8000-000000000001", "area": "610102003", "server": inspection.Object{"rev": json.Number("1")}}
			for _, name := range rapid.SliceOfN(rapid.SampledFrom(slices.Sorted(maps.Keys(names))), 0, 4).Draw(rt, "names") {
				if name != "id" && name != "area" && name != "server" {
					doc[name] = odd.Draw(rt, name)
				}
			}
			if inspection.CheckShape(c, doc) != nil {
				return
			}
			fitting++
			v, err := jsonschema.UnmarshalJSON(bytes.NewReader(inspection.AppendJSON(nil, doc)))
			if err == nil {
				err = schema.Validate(v)
			}
			if err != nil {
				rt.Fatalf("%v\n%s", err, inspection.AppendJSON(nil, doc))
			}
		})
		if fitting < 10 {
			t.Errorf("%s: only %d documents were of the right shape", c, fitting)
		}
	}
}

func TestRxSchemasNameTheirMembers(t *testing.T) {
	for c, members := range map[inspection.Collection]map[string]bool{
		inspection.Inspections: {"id": true, "area": true, "server": true, "answers": true, "weather": false, "_deleted": false},
		inspection.Areas:       {"id": true, "server": true, "name_zh": true, "area": false},
		inspection.Targets:     {"area": true, "topic": true, "answers": false},
	} {
		properties := Schema(c)["properties"].(inspection.Object)
		for name, there := range members {
			if _, ok := properties[name]; ok != there || knows(c)(name) != there {
				t.Errorf("%s/%s: in the schema %t, said to be %t, want %t", c, name, ok, knows(c)(name), there)
			}
		}
	}
	if _, ok := SchemaVersion(inspection.Users); ok {
		t.Error("accounts can be replicated")
	}
}

// TestVersions: an older version has to be migrated, a newer one is none.
func TestVersions(t *testing.T) {
	for asked, want := range map[string]inspection.Code{
		"2": inspection.CodeOutdatedSchema, "3": "", "4": inspection.CodeNotFound,
		"03": inspection.CodeNotFound, "-1": inspection.CodeNotFound, "x": inspection.CodeNotFound,
	} {
		if err := checkVersion(asked, 3); inspection.CodeOf(err) != want {
			t.Errorf("%s: %v, want %q", asked, err, want)
		}
	}
	if c, err := FindVersion("areas", "0"); c != inspection.Areas || err != nil {
		t.Errorf("%s, %v", c, err)
	}
	if _, err := Find("users"); inspection.CodeOf(err) != inspection.CodeNotFound {
		t.Errorf("accounts: %v", err)
	}
}
