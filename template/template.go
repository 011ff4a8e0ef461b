package template

import (
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

// FromDefinition compiles a definition that has been decoded. Errors are
// those of Parse.
func FromDefinition(def inspection.Object) (*Template, error) {
	for name := range def {
		if !slices.Contains(definitionMembers, name) {
			return nil, bad("there is no member %q in a definition", name)
		}
	}
	return FromDocument(def)
}

// FromDocument compiles a document of the templates collection, as Document
// makes it. Members that are not part of the definition (id, schema, server)
// are ignored; the schema is made anew. Errors are those of Parse.
func FromDocument(doc inspection.Object) (*Template, error) {
	source := clone(pick(doc)).(inspection.Object)
	def, err := decode(source)
	if err != nil {
		return nil, err
	}
	t := &Template{def: def, source: source, vars: map[string]int{}}
	if err := t.compile(); err != nil {
		return nil, err
	}
	return t, nil
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
