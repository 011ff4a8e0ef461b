package template

import (
	"reflect"
	"strings"
	"testing"

	"gridpatrol/inspection"
)

func TestDocumentRoundTrip(t *testing.T) {
	tp := mustParse(t, mini)
	doc := tp.Document()
	if doc["id"] != "mini@3" || tp.Name() != "mini" || tp.Version() != 3 {
		t.Errorf("id %v", doc["id"])
	}
	wire, err := inspection.ParseObject(inspection.AppendJSON(nil, doc))
	if err != nil {
		t.Fatal(err)
	}
	wire["server"] = inspection.Object{"rev": 1}
	back, err := FromDocument(wire)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back.Document(), doc) || string(back.Schema()) != string(tp.Schema()) {
		t.Error("the document does not come back")
	}
	doc["fields"].([]any)[0].(inspection.Object)["name"] = "changed"
	if reflect.DeepEqual(tp.Document(), doc) {
		t.Error("a caller's change reached the template")
	}
	want := []string{"cap_large", "cap_small", "dated", "hours", "large", "max_value", "period", "readings"}
	if got := tp.LimitNames(); !reflect.DeepEqual(got, want) {
		t.Errorf("limits %v", got)
	}
}

func TestParseErrorsNameTheCulprit(t *testing.T) {
	for _, c := range []struct{ old, to, names string }{
		{"name: mini", "name: Mini", "name"},
		{"version: 3", "version: 0", "version"},
		{"title: {zh: 测试, en: Test}", "title: {zh: 测试}", "title"},
		{"title: {zh", "titel: {zh", "titel"},
		{"{type: text, name: vin", "{type: txt, name: vin", "field vin"},
		{"{type: text, name: vin", "{type: text, needed: true, name: vin", "needed"},
		{"name: vin, label: {zh: 代号, en: VIN}", "name: vin, label: {zh: 代号}", "field vin"},
		{"name: count,", "name: value,", "field value"},
		{"name: count,", "name: limit,", "field limit"},
		{"min: 0, max: 10}", "min: 0, max: ten}", "expected form"},
		{"done >= begun", "done >= bgun", "field done: constraint"},
		{"'mode != \"a\" ||", "'mode != \"c\" ||", "field reason: relevant"},
		{"'mode != \"a\" ||", "'vin != \"a\" ||", "field reason: relevant"},
		{"relevant: ok", "relevant: count", "field after: relevant"},
		{"pattern_by: mode", "pattern_by: vin", "field plate: pattern_by"},
		{"count >= limit.large", "count >= 5", "calculation size_class"},
		{"count >= limit.large", "count >= limit[\"large\"]", "calculation size_class"},
		{"limit: 'cap_{size_class}'", "limit: 'cap_{vin}'", "rule by_size: limit"},
		{"limit: 'cap_{size_class}'", "limit: 'cap_{size_class'", "rule by_size: limit"},
		{"date: made", "date: vin", "rule made_rule: date"},
		{"level: warn", "level: advice", "rule advice"},
		{"check: ok, fail: {zh", "chek: ok, fail: {zh", "chek"},
		{"check: ok, fail: {zh", "check: vin, fail: {zh", "rule advice: check"},
		{"when: mode == \"b\"", "when: mode == \"q\"", "lead_unit"},
		{"observe: value, limit: max_value", "observe: vin, limit: max_value", "rule compared: observe"},
		{"name: advice", "name: compared", "rule compared"},
		{"choices: [small, large]", "choices: []", "rule by_size"},
		{"{name: b, label: {zh: 乙, en: B}}", "{name: a, label: {zh: 乙, en: B}}", "field mode"},
		{"type: decimal, name: amount", "type: photo, name: amount", "items.amount"},
	} {
		if strings.Count(mini, c.old) == 0 {
			t.Fatalf("%q is not in the definition", c.old)
		}
		_, err := Parse([]byte(strings.Replace(mini, c.old, c.to, 1)))
		if inspection.CodeOf(err) != inspection.CodeBadDocument || !strings.Contains(err.Error(), c.names) {
			t.Errorf("%q → %q: %v", c.old, c.to, err)
		}
	}
}

func TestYAMLIsTakenStrictly(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "list": "[1]", "alias": "a: &x [1]\nb: *x", "twice": "a: 1\na: 2", "octal": "a: 0o17",
		"infinity": "a: .inf", "key": "1: a", "binary": "a: !!binary aGk=", "deep": strings.Repeat("[", 100) + strings.Repeat("]", 100),
	} {
		if o, err := DecodeYAML([]byte(text)); inspection.CodeOf(err) != inspection.CodeBadDocument {
			t.Errorf("%s: %v %v", name, o, err)
		}
	}
	o, err := DecodeYAML([]byte("a: 1.50\nb: 2026-06-01\nc: yes\nd: ~\ne: true\nf: '1'"))
	want := `{"a":1.50,"b":"2026-06-01","c":"yes","d":null,"e":true,"f":"1"}`
	if err != nil || string(inspection.AppendJSON(nil, o)) != want {
		t.Errorf("%s %v", inspection.AppendJSON(nil, o), err)
	}
}

// Whatever the bytes: no panic, and what parses comes back from its document
// the same and judges nonsense.
func FuzzParse(f *testing.F) {
	f.Add([]byte(mini))
	f.Add([]byte("name: a\nversion: 1\ntitle: {zh: 一, en: A}\nfields: [{type: text, name: b, label: {zh: 二, en: B}}]"))
	f.Add([]byte("a: &x [*x]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		tp, err := Parse(data)
		if err != nil {
			if inspection.CodeOf(err) != inspection.CodeBadDocument {
				t.Fatalf("not an error for people: %v", err)
			}
			return
		}
		back, err := FromDocument(tp.Document())
		if err != nil || string(back.Schema()) != string(tp.Schema()) {
			t.Fatalf("it does not come back: %v", err)
		}
		tp.Evaluate(Input{Answers: inspection.Object{"vin": []any{nil}}, Started: noon})
	})
}
