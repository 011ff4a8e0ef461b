package seeds

import (
	"strings"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/template"
)

var china = time.FixedZone("CST", 8*60*60)

// world is the reference data as a server holds it: after a trip over the wire.
type world struct {
	docs      map[inspection.Collection]map[string]inspection.Object
	templates map[string]*template.Template
	limits    *template.LimitSet
}

func load(t testing.TB) *world {
	t.Helper()
	all, err := Reference()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{docs: map[inspection.Collection]map[string]inspection.Object{}, templates: map[string]*template.Template{}}
	for _, d := range all {
		doc, err := inspection.ParseObject(inspection.AppendJSON(nil, d.Doc))
		if err != nil {
			t.Fatal(err)
		}
		if w.docs[d.Collection] == nil {
			w.docs[d.Collection] = map[string]inspection.Object{}
		}
		if d.ID == "" || doc["id"] != d.ID || w.docs[d.Collection][d.ID] != nil {
			t.Errorf("%s: the id %q is empty, twice or not the member", d.Collection, d.ID)
		}
		w.docs[d.Collection][d.ID] = doc
	}
	for id, doc := range w.docs[inspection.Templates] {
		tp, err := template.FromDocument(doc)
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		w.templates[tp.Name()] = tp
	}
	w.limits = w.limitSet(t, func(inspection.Object) {})
	return w
}

// limitSet builds the limits, each row changed first.
func (w *world) limitSet(t testing.TB, change func(inspection.Object)) *template.LimitSet {
	t.Helper()
	var rows []inspection.Object
	for _, doc := range w.docs[inspection.Limits] {
		row := inspection.Object{}
		for k, v := range doc {
			row[k] = v
		}
		change(row)
		rows = append(rows, row)
	}
	s, err := template.NewLimitSet(rows)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestReferenceIsComplete(t *testing.T) {
	w := load(t)
	for c, n := range map[inspection.Collection]int{inspection.Areas: 10, inspection.Units: 20, inspection.Templates: 5} {
		if len(w.docs[c]) != n {
			t.Errorf("%d %s, want %d", len(w.docs[c]), c, n)
		}
	}
	for _, name := range []string{"open_burning", "fireworks", "restaurant_fume", "diesel_roadside", "voc_product"} {
		if w.docs[inspection.Templates][name+"@1"] == nil {
			t.Errorf("there is no %s@1", name)
		}
	}
	target := w.docs[inspection.Targets]["diesel_roadside-610102-2024"]
	if got := string(inspection.AppendJSON(nil, []any{target["topic"], target["area"], target["sessions"], target["vehicles"], target["effective_from"]})); got != `["diesel_roadside","610102",6,200,"2024-01-01"]` {
		t.Errorf("the target is %s", got)
	}
	for id, doc := range w.docs[inspection.Areas] {
		if !inspection.Area(id).Valid() || len(id) == 9 && doc["parent"] != "610102" {
			t.Errorf("area %s: %v", id, doc)
		}
	}
}

func TestEveryRowHasSourceAndFlag(t *testing.T) {
	for c, docs := range load(t).docs {
		for id, doc := range docs {
			source, _ := doc["source"].(string)
			flag, _ := doc["flag"].(string)
			if source == "" || len(flag) != 1 || !strings.Contains("PSM", flag) {
				t.Errorf("%s %s: source %q, flag %q", c, id, source, flag)
			}
			if flag == "M" && doc["enabled"] != false {
				t.Errorf("%s %s is from memory and enabled", c, id)
			}
			if note, _ := doc["note"].(string); flag != "M" && doc["enabled"] == false && note == "" {
				t.Errorf("%s %s is disabled and does not say why", c, id)
			}
		}
	}
	for _, file := range []string{"people.csv", "sites.csv"} {
		docs, err := table(inspection.Sites, file, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range docs {
			if d.Doc["source"] == nil || d.Doc["flag"] == nil {
				t.Errorf("%s: %v", file, d.Doc)
			}
		}
	}
}

// noRow are classes for which no source gives a number: they stay
// indeterminate.
var noRow = map[string]bool{"voc_refinish_waterborne": true, "voc_industrial_other": true}

func TestEveryLimitNameExists(t *testing.T) {
	w := load(t)
	known := map[string]bool{}
	for _, doc := range w.docs[inspection.Limits] {
		name, _ := doc["name"].(string)
		known[name] = true
	}
	for name, tp := range w.templates {
		names := tp.LimitNames()
		if len(names) == 0 {
			t.Errorf("%s looks up no limit", name)
		}
		for _, limit := range names {
			if known[limit] == noRow[limit] {
				t.Errorf("%s: limit %s: known=%v", name, limit, known[limit])
			}
		}
	}
}

func TestLabelsAreInBothLanguages(t *testing.T) {
	for name, tp := range load(t).templates {
		walk(tp.Document(), func(o inspection.Object) {
			zh, isText := o["zh"].(string)
			en, _ := o["en"].(string)
			if isText && (zh == "" || en == "") {
				t.Errorf("%s: %v", name, o)
			}
			if _, named := o["name"]; named && o["label"] == nil && o["title"] == nil {
				t.Errorf("%s: %v has no label", name, o["name"])
			}
		})
	}
}

func walk(v any, visit func(inspection.Object)) {
	switch v := v.(type) {
	case inspection.Object:
		visit(v)
		for name, x := range v {
			if name != "schema" {
				walk(x, visit)
			}
		}
	case []any:
		for _, x := range v {
			walk(x, visit)
		}
	}
}

func TestLeadUnitsExist(t *testing.T) {
	w := load(t)
	for name, tp := range w.templates {
		for _, unit := range tp.LeadUnits() {
			if unit != "" && w.docs[inspection.Units][unit] == nil {
				t.Errorf("%s: there is no unit %q", name, unit)
			}
		}
	}
}

func TestDemo(t *testing.T) {
	people := DemoPeople()
	if len(people) != 11 {
		t.Fatalf("%d people", len(people))
	}
	for i, p := range people[:9] {
		want := inspection.Area("61010200" + string(rune('1'+i)))
		if p.Username != "inspector"+string(rune('1'+i)) || p.Role != "inspector" || len(p.Areas) != 1 || p.Areas[0] != want {
			t.Errorf("person %d: %+v", i, p)
		}
	}
	for _, p := range people[9:] {
		if p.Username != p.Role || len(p.Areas) != 1 || p.Areas[0] != "610102" || p.Name == "" {
			t.Errorf("%+v", p)
		}
	}
	sites, err := DemoSites()
	if err != nil || len(sites) < 20 {
		t.Fatalf("%d sites, %v", len(sites), err)
	}
	seen := map[any]bool{}
	for _, s := range sites {
		if _, err := inspection.ParseDocID(s.ID); err != nil || inspection.CheckShape(inspection.Sites, s.Doc) != nil || len(inspection.TopLevelProblems(inspection.Sites, s.Doc)) > 0 {
			t.Errorf("site %v", s.Doc)
		}
		seen[s.Doc["area"]] = true
	}
	if len(seen) != 9 {
		t.Errorf("sites in %d streets", len(seen))
	}
}
