package template

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"gridpatrol/inspection"
)

// Template is a compiled checklist definition. It is never changed and may be
// used by many at once.
type Template struct {
	def    *definition
	source inspection.Object // the definition as it was written
	schema []byte

	fields []*field       // answers first, then photos
	calcs  []*calculation // after them
	vars   map[string]int // index of each variable by name
	rules  []*rule
	units  []unitRule
	title  *expr

	listed  int     // choices that the schema lists for relevance
	exprs   []*expr // all of them
	steps   int     // that all of them take at most
	counted bool    // their steps are counted: they may be too many
}

// Parse compiles a YAML definition. Returns a CodeBadDocument error that names
// the field or rule.
func Parse(yaml []byte) (*Template, error) {
	doc, err := DecodeYAML(yaml)
	if err != nil {
		return nil, err
	}
	return FromDefinition(doc)
}

// FromDefinition compiles a definition that has been decoded and is to be
// published: besides, it refuses what would take too much to judge by, on any
// answers. Errors are those of Parse.
func FromDefinition(def inspection.Object) (*Template, error) {
	for name := range def {
		if !slices.Contains(definitionMembers, name) {
			return nil, errorf("there is no member %q in a definition", name)
		}
	}
	return compiledOf(def, (*Template).checkLengths, (*Template).compile, (*Template).checkCost)
}

// FromDocument compiles a document of the templates collection, as Document
// makes it. Members that are not part of the definition (id, schema, server)
// are ignored; the schema is made anew. A template that was published before
// there were bounds is taken, and judges within them. Errors are those of Parse.
func FromDocument(doc inspection.Object) (*Template, error) {
	return compiledOf(doc, (*Template).compile)
}

func compiledOf(doc inspection.Object, steps ...func(*Template) error) (*Template, error) {
	source := clone(definitionOf(doc)).(inspection.Object)
	def, err := decodeDefinition(source)
	if err != nil {
		return nil, err
	}
	t := &Template{def: def, source: source, vars: map[string]int{}}
	for _, step := range steps {
		if err := step(t); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// definitionMembers are the members of a template document that make its
// definition. The others (id, schema, server) are derived or not ours.
var definitionMembers = []string{
	"name", "version", "title", "instance_name", "source", "flag",
	"fields", "calculations", "rules", "lead_unit", "task_due",
}

// definitionOf returns the members of doc that make the definition.
func definitionOf(doc inspection.Object) inspection.Object {
	out := inspection.Object{}
	for _, name := range definitionMembers {
		if v, ok := doc[name]; ok && v != nil {
			out[name] = v
		}
	}
	return out
}

// decodeDefinition reads a definition strictly: a misspelt member is an error,
// since it would otherwise switch a rule off without a word.
func decodeDefinition(source inspection.Object) (*definition, error) {
	dec := json.NewDecoder(bytes.NewReader(inspection.AppendJSON(nil, source)))
	dec.DisallowUnknownFields()
	def := &definition{}
	if err := dec.Decode(def); err != nil {
		return nil, errorf("the definition is not of the expected form: %v", err)
	}
	return def, nil
}

// Name is the checklist's name, the "template" member of its records.
func (t *Template) Name() string { return t.def.Name }

// Version is at least 1. What is published under a version never changes.
func (t *Template) Version() int { return t.def.Version }

// Schema is the JSON Schema (2020-12) of a record's "answers". It says what
// Evaluate says but for what needs the limits or an expression (patterns,
// constraints) and numbers with more digits than any measurement.
func (t *Template) Schema() []byte { return slices.Clone(t.schema) }

// Document is the document of the templates collection: the definition as it
// was written, its id "<name>@<version>" and its schema.
func (t *Template) Document() inspection.Object {
	doc := clone(t.source).(inspection.Object)
	doc["id"] = fmt.Sprintf("%s@%d", t.def.Name, t.def.Version)
	schema, err := inspection.ParseJSON(t.schema)
	if err == nil {
		doc["schema"] = schema
	}
	return doc
}

// Title is the checklist's name for people, in Chinese.
func (t *Template) Title() string { return t.def.Title.ZH }

// TaskDue returns until when a task is due that is made from a record, given
// when the record's check was: the row of the limits that the template names
// says after how many days ("d", each to its end) or hours ("h"). ok is false
// if the template names none, or none is in force.
func (t *Template) TaskDue(limits *LimitSet, checked time.Time) (due time.Time, ok bool) {
	l := limits.find(t.def.TaskDue, dayOf(checked))
	if l == nil || l.value == nil {
		return time.Time{}, false
	}
	n, _ := l.value.Float64()
	switch normalUnit(l.Unit) {
	case "h":
		return checked.Add(time.Duration(n * float64(time.Hour))), true
	case "d":
		y, m, d := checked.In(inspection.China).Date()
		return midnight(y, m, d+int(n)+1), true
	}
	return time.Time{}, false
}

// LimitNames lists the limits that the template's rules look up, sorted.
func (t *Template) LimitNames() []string {
	var names []string
	for _, r := range t.rules {
		names = append(names, r.limitNames()...)
	}
	for _, c := range t.calcs {
		names = append(names, c.expr.limits...)
	}
	if t.def.TaskDue != "" {
		names = append(names, t.def.TaskDue)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// limitNames lists every limit that the rule may look up.
func (r *rule) limitNames() []string {
	var names []string
	for _, e := range []*expr{r.when, r.pendingLab, r.check, r.observe} {
		if e != nil {
			names = append(names, e.limits...)
		}
	}
	if r.During != "" {
		names = append(names, r.During)
	}
	if r.Limit != "" && r.limitVar < 0 {
		names = append(names, r.limitPrefix)
	}
	for _, v := range r.limitValues {
		names = append(names, r.limitPrefix+v)
	}
	return names
}

// LeadUnits lists the units that a matter may be routed to, sorted.
func (t *Template) LeadUnits() []string {
	names := []string{t.def.LeadUnit.Default}
	for _, c := range t.units {
		names = append(names, c.unit)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// clone copies a tree of JSON values.
func clone(v any) any {
	switch v := v.(type) {
	case inspection.Object:
		out := make(inspection.Object, len(v))
		for name, x := range v {
			out[name] = clone(x)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = clone(x)
		}
		return out
	}
	return v
}
