package report

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store/asof"
)

// Reference is the reference data at a position, as far as reports use it. It
// is never changed once it was read.
type Reference struct {
	areas  map[inspection.Area]string            // code → name
	below  map[inspection.Area][]inspection.Area // code → the known areas in it
	units  map[string]string                     // id → name
	people map[string]string                     // user id → name
	// checklists are the templates' newest versions by name.
	checklists map[string]*checklist
	targets    []Target // sorted by id
	closings   map[closingKey]*Closing
}

// referenceCache keeps what was read last: at one seq the reference data never
// changes.
type referenceCache struct {
	mu    sync.Mutex
	bySeq map[int64]*Reference
}

// maxCachedReferences bounds the memory: those of a province take some
// megabytes.
const maxCachedReferences = 8

func (k *referenceCache) at(ctx context.Context, st Store, seq int64) (*Reference, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if ref := k.bySeq[seq]; ref != nil {
		return ref, nil
	}
	docs, err := asof.All(ctx, st, inspection.ReferenceArea, seq, []inspection.Collection{
		inspection.Areas, inspection.Units, inspection.Templates, inspection.Targets, inspection.Users, inspection.Closings,
	})
	if err != nil {
		return nil, err
	}
	ref, err := referenceOf(docs)
	if err != nil {
		return nil, err
	}
	if len(k.bySeq) >= maxCachedReferences || k.bySeq == nil {
		k.bySeq = map[int64]*Reference{}
	}
	k.bySeq[seq] = ref
	return ref, nil
}

func referenceOf(docs []asof.Document) (*Reference, error) {
	r := &Reference{
		areas: map[inspection.Area]string{}, below: map[inspection.Area][]inspection.Area{}, units: map[string]string{}, people: map[string]string{},
		checklists: map[string]*checklist{}, closings: map[closingKey]*Closing{},
	}
	for _, d := range docs {
		id := d.Doc.Text("id")
		name := cmp.Or(d.Doc.Text("name_zh"), d.Doc.Text("name"), id)
		switch d.Collection {
		case inspection.Areas:
			r.addArea(inspection.Area(id), name)
		case inspection.Units:
			r.units[id] = name
		case inspection.Users:
			r.people[id] = name
		case inspection.Templates:
			r.addVersion(d.Doc)
		case inspection.Targets:
			if t, ok := targetOf(d.Doc); ok {
				r.targets = append(r.targets, t)
			}
		case inspection.Closings:
			c, err := readClosing(d.Doc)
			if err != nil {
				return nil, fmt.Errorf("closing %s: %w", id, err)
			}
			r.closings[closingKey{c.Window.Month, c.Window.Kind, c.Area}] = c
		}
	}
	slices.SortFunc(r.targets, func(a, b Target) int { return cmp.Compare(a.ID, b.ID) })
	return r, nil
}

// levels are the lengths of the codes that an area lies in.
var levels = []int{2, 4, 6, 9, 12}

// addArea notes a known area under all that it lies in.
func (r *Reference) addArea(a inspection.Area, name string) {
	r.areas[a] = name
	for _, digits := range levels {
		if a.Valid() && digits <= len(a) {
			r.below[a[:digits]] = append(r.below[a[:digits]], a)
		}
	}
}

// areasOf resolves a scope: those of its areas that lie in no other one of it,
// sorted; the known areas in it; and the known areas of the districts that it lies
// in, since inspections count in sessions of their own district only. No scope
// means all areas that are known.
func (r *Reference) areasOf(asked []inspection.Area) (scope, areas, districts []inspection.Area) {
	if len(asked) == 0 {
		asked = slices.Collect(maps.Keys(r.areas))
	}
	scope = outermost(asked)
	const districtDigits = 6
	of := make([]inspection.Area, len(scope))
	for i, a := range scope {
		of[i] = a[:min(len(a), districtDigits)]
	}
	return scope, r.under(scope), r.under(of)
}

// outermost drops areas that lie in another one of the list, and sorts it.
func outermost(list []inspection.Area) []inspection.Area {
	list = slices.Compact(slices.Sorted(slices.Values(list)))
	return slices.DeleteFunc(slices.Clone(list), func(a inspection.Area) bool {
		return slices.ContainsFunc(list, func(b inspection.Area) bool { return a != b && b.Covers(a) })
	})
}

// under lists the known areas in one of the list, sorted.
func (r *Reference) under(list []inspection.Area) []inspection.Area {
	var known []inspection.Area
	for _, a := range list {
		known = append(known, r.below[a]...)
	}
	slices.Sort(known)
	return slices.Compact(known)
}

// Area words an area; of what is not known, the code.
func (r *Reference) Area(a inspection.Area) string { return cmp.Or(r.areas[a], string(a)) }

// Unit words a unit; of what is not known, the id.
func (r *Reference) Unit(id string) string { return cmp.Or(r.units[id], id) }

// Person words a user; of what is not known, the id.
func (r *Reference) Person(id string) string { return cmp.Or(r.people[id], id) }

type checklist struct {
	title   Label
	version int64
	fields  []Field
	known   map[string]int // index in fields by name
}

// Label is a text in both languages.
type Label struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// Field is a question. Choices are those of all versions.
type Field struct {
	Type    string   `json:"type"`
	Name    string   `json:"name"`
	Label   Label    `json:"label"`
	Unit    string   `json:"unit"`
	Choices []Choice `json:"choices"`
	Repeat  []Field  `json:"repeat"`
}

// Choice is an answer that a field offers.
type Choice struct {
	Name  string `json:"name"`
	Label Label  `json:"label"`
}

// addVersion takes a checklist's version over: the newest one leads, and what
// only older ones have comes behind, since records keep the version they were
// filled with.
func (r *Reference) addVersion(doc inspection.Object) {
	var in struct {
		Name    string  `json:"name"`
		Version int64   `json:"version"`
		Title   Label   `json:"title"`
		Fields  []Field `json:"fields"`
	}
	if json.Unmarshal(inspection.AppendJSON(nil, doc), &in) != nil {
		return // such a template judges no record either
	}
	next := &checklist{title: in.Title, version: in.Version, known: map[string]int{}}
	next.append(in.Fields)
	before := r.checklists[in.Name]
	switch {
	case before == nil:
	case before.version > next.version:
		before.append(next.fields)
		return
	default:
		next.append(before.fields)
	}
	r.checklists[in.Name] = next
}

// append adds fields and choices that are not known yet.
func (c *checklist) append(fields []Field) {
	for _, f := range fields {
		i, known := c.known[f.Name]
		if !known {
			c.known[f.Name] = len(c.fields)
			c.fields = append(c.fields, f)
			continue
		}
		for _, ch := range f.Choices {
			if c.fields[i].ChoiceLabel(ch.Name) == ch.Name {
				c.fields[i].Choices = append(c.fields[i].Choices, ch)
			}
		}
	}
}

// ChoiceLabel words one choice.
func (f *Field) ChoiceLabel(name string) string {
	for _, ch := range f.Choices {
		if ch.Name == name {
			return ch.Label.ZH
		}
	}
	return name
}

// Title words a checklist's name.
func (r *Reference) Title(checklist string) string {
	if known := r.checklists[checklist]; known != nil {
		return cmp.Or(known.title.ZH, checklist)
	}
	return cmp.Or(checklist, "（未填主题）")
}

// Fields lists the questions of a checklist but photos.
func (r *Reference) Fields(checklist string) []Field {
	var list []Field
	if known := r.checklists[checklist]; known != nil {
		for _, f := range known.fields {
			if f.Type != "photo" {
				list = append(list, f)
			}
		}
	}
	return list
}

// Checklists lists the checklists' names, sorted.
func (r *Reference) Checklists() []string { return slices.Sorted(maps.Keys(r.checklists)) }

// Target is a row of the targets: how much a window must hold of a topic in an
// area. From is the first day on which it holds, To the first day after; the
// zero time is open.
type Target struct {
	ID       string
	Topic    string
	Area     inspection.Area
	Period   string
	Sessions *int64
	Checks   *int64
	Basis    string
	Note     string
	From, To time.Time
}

// targetOf reads a document of the targets; ok is false for a row that is
// disabled or asks for nothing.
func targetOf(doc inspection.Object) (t Target, ok bool) {
	t = Target{
		ID: doc.Text("id"), Topic: doc.Text("topic"), Area: inspection.Area(doc.Text("area")),
		Period: doc.Text("period"), Basis: doc.Text("basis"), Note: doc.Text("note"),
		From: dayOf(doc.Text("effective_from")), To: dayOf(doc.Text("effective_to")),
	}
	number := func(name string) *int64 {
		if n, ok := doc.Int(name); ok {
			return &n
		}
		return nil
	}
	asks := "inspections"
	if t.Topic == TopicVehicles {
		asks = "vehicles"
	}
	t.Sessions, t.Checks = number("sessions"), number(asks)
	return t, doc["enabled"] != false && (t.Sessions != nil || t.Checks != nil)
}

// dayOf reads a date in China; anything else is the zero time.
func dayOf(s string) time.Time {
	t, err := time.ParseInLocation(time.DateOnly, s, inspection.China)
	if err != nil {
		return time.Time{}
	}
	return t
}

// inForce reports whether the target is in force on the day that t falls on.
func (t *Target) inForce(at time.Time) bool {
	return !at.Before(t.From) && (t.To.IsZero() || at.Before(t.To))
}

// targets are those of a window, by area and topic.
type targets map[inspection.Area]map[string]*Target

// targetsOf picks the targets of a window by its period: those in force on the
// first of its month, since a target that changes within a month counts from the
// next one on. Of several it is the one that began last.
func (r *Reference) targetsOf(period string, first time.Time) targets {
	best := targets{}
	for i := range r.targets {
		t := &r.targets[i]
		if t.Period != period || !t.inForce(first) {
			continue
		}
		if best[t.Area] == nil {
			best[t.Area] = map[string]*Target{}
		}
		if before := best[t.Area][t.Topic]; before == nil || t.From.After(before.From) {
			best[t.Area][t.Topic] = t
		}
	}
	return best
}

// closingKey is what there is one closing of.
type closingKey struct {
	month string
	kind  Kind
	area  inspection.Area
}

// closingOf returns the closing of a window of one area, if there is one.
func (r *Reference) closingOf(w Window, scope []inspection.Area) *Closing {
	if len(scope) != 1 {
		return nil
	}
	return r.closings[closingKey{w.Month, w.Kind, scope[0]}]
}
