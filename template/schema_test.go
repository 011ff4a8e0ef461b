package template

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"gridpatrol/inspection"
)

func compiled(t testing.TB, tp *Template) *jsonschema.Schema {
	t.Helper()
	doc := plain(t, tp.Schema())
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// plain decodes JSON to the types that the validator knows.
func plain(t rapid.TB, data []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// anyValue draws what a field may hold, right and wrong alike.
func anyValue(t *rapid.T, f *field) any {
	n := func(s string) any { return json.Number(s) }
	odd := []any{nil, "", "x", true, false, n("3"), n("-7"), n("1.0"), n("0.5"), n("1e2"), n("1e16"), []any{}, []any{"x"}, []any{n("1"), nil}, inspection.Object{}}
	good := []any{"text"}
	switch f.Type {
	case typeInteger, typeDecimal:
		good = []any{n("0"), n("10"), n("10.0"), n("99.5"), n("100.01")}
	case typeNumbers:
		good = []any{[]any{n("1"), n("2")}, []any{n("21")}, []any{n("-0")}}
	case typeBoolean:
		good = []any{true, false}
	case typeDate:
		good = []any{"2026-06-01", "2026-02-29", "2024-02-29"}
	case typeDatetime:
		good = []any{"2026-10-12T09:31:07+08:00", "2026-10-12T09:31:07Z", "2026-10-12 09:31"}
	case typeSelectOne, typeSelectMultiple:
		good = nil
		for _, name := range f.choiceNames() {
			good = append(good, name, []any{name}, []any{name, f.Choices[0].Name})
		}
	case typeRepeat:
		good = []any{[]any{anyItem(t, f)}, []any{anyItem(t, f), anyItem(t, f)}}
	}
	if rapid.IntRange(0, 3).Draw(t, "odd "+f.Name) == 0 {
		good = odd
	}
	return rapid.SampledFrom(good).Draw(t, f.Name)
}

func anyItem(t *rapid.T, f *field) any {
	item := inspection.Object{}
	if rapid.IntRange(0, 4).Draw(t, "id") > 0 {
		item["id"] = rapid.SampledFrom([]any{"1", "2", "", nil, true}).Draw(t, "its id")
	}
	for _, sub := range f.sub {
		if rapid.IntRange(0, 4).Draw(t, "has "+sub.Name) > 0 {
			item[sub.Name] = anyValue(t, sub)
		}
	}
	return item
}

// anyAnswers draws mostly good answers, so that both outcomes occur.
func anyAnswers(t *rapid.T, tp *Template) inspection.Object {
	answers := inspection.Object{}
	share := rapid.IntRange(0, 4).Draw(t, "share")
	for _, f := range tp.fields {
		if f.Type != typePhoto && (f.Required || rapid.IntRange(0, 4).Draw(t, "has "+f.Name) < share) {
			answers[f.Name] = anyValue(t, f)
		}
	}
	if rapid.IntRange(0, 9).Draw(t, "more") == 0 {
		answers["more"] = true
	}
	return answers
}

// The schema accepts exactly the answers in which Evaluate finds no problem.
// Constraints and patterns are left out: a schema does not say them.
func TestSchemaAgreesWithChecks(t *testing.T) {
	definitions := map[string]string{"mini": mini}
	files, err := filepath.Glob("../seeds/templates/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no definitions: %v", err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		definitions[filepath.Base(name)] = string(data)
	}
	for name, text := range definitions {
		t.Run(name, func(t *testing.T) { schemaAgrees(t, mustParse(t, text)) })
	}
}

func schemaAgrees(t *testing.T, tp *Template) {
	schema := compiled(t, tp)
	rapid.Check(t, func(t *rapid.T) {
		answers := anyAnswers(t, tp)
		clean := true
		for _, p := range tp.Evaluate(Input{Answers: answers}).Problems {
			clean = clean && p.Code == inspection.CodeConstraint
		}
		sent := inspection.AppendJSON(nil, answers)
		if err := schema.Validate(plain(t, sent)); (err == nil) != clean {
			t.Fatalf("%s: schema says %v, the checks say clean=%v", sent, err, clean)
		}
	})
}
