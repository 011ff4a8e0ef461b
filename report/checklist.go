package report

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	"gridpatrol/inspection"
)

// checklists are the templates' newest versions by name, as far as people read
// them.
type checklists map[string]*checklist

type checklist struct {
	Name    string
	Version int64
	Title   label
	Fields  []field
	known   map[string]int // index in Fields by name
}

type label struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// field is a question. Choices are those of all versions.
type field struct {
	Type    string   `json:"type"`
	Name    string   `json:"name"`
	Label   label    `json:"label"`
	Unit    string   `json:"unit"`
	Choices []choice `json:"choices"`
	Repeat  []field  `json:"repeat"`
}

type choice struct {
	Name  string `json:"name"`
	Label label  `json:"label"`
}

// add takes a version over: the newest one leads, and what only older ones
// have comes behind, since records keep the version they were filled with.
func (c checklists) add(doc inspection.Object) {
	var in struct {
		Name    string  `json:"name"`
		Version int64   `json:"version"`
		Title   label   `json:"title"`
		Fields  []field `json:"fields"`
	}
	if json.Unmarshal(inspection.AppendJSON(nil, doc), &in) != nil {
		return // such a template judges no record either
	}
	next := &checklist{Name: in.Name, Version: in.Version, Title: in.Title, known: map[string]int{}}
	next.append(in.Fields)
	before := c[in.Name]
	switch {
	case before == nil:
	case before.Version > next.Version:
		before.append(next.Fields)
		return
	default:
		next.append(before.Fields)
	}
	c[in.Name] = next
}

// append adds fields and choices that are not known yet.
func (c *checklist) append(fields []field) {
	for _, f := range fields {
		i, known := c.known[f.Name]
		if !known {
			c.known[f.Name] = len(c.Fields)
			c.Fields = append(c.Fields, f)
			continue
		}
		for _, ch := range f.Choices {
			if c.Fields[i].label(ch.Name) == ch.Name {
				c.Fields[i].Choices = append(c.Fields[i].Choices, ch)
			}
		}
	}
}

// label words one choice.
func (f *field) label(name string) string {
	for _, ch := range f.Choices {
		if ch.Name == name {
			return ch.Label.ZH
		}
	}
	return name
}

// title words a checklist's name.
func (c checklists) title(name string) string {
	if known := c[name]; known != nil {
		return cmp.Or(known.Title.ZH, name)
	}
	return cmp.Or(name, "（未填主题）")
}

// fields lists the questions of a checklist but photos.
func (c checklists) fields(name string) []field {
	var list []field
	if known := c[name]; known != nil {
		for _, f := range known.Fields {
			if f.Type != "photo" {
				list = append(list, f)
			}
		}
	}
	return list
}

// names lists the checklists, sorted.
func (c checklists) names() []string { return slices.Sorted(maps.Keys(c)) }
