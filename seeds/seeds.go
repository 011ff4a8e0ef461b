// Package seeds holds the reference data that a new installation starts with,
// and the demo district: areas, units, five checklists, limits, targets, sites,
// people and example records. All of it is data files; each row of reference
// data names its source and its trust flag: P was read in the primary text, S
// in a secondary source, M is from memory and ships disabled.
package seeds

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"gridpatrol/inspection"
	"gridpatrol/template"
)

//go:embed *.csv *.yaml templates/*.yaml fixtures/*.json
var files embed.FS

// Document is one document with the collection it belongs to. ID is also its
// member "id".
type Document struct {
	Collection inspection.Collection
	ID         string
	Doc        inspection.Object
}

// Person is an account of the demo district.
type Person struct {
	Username, Name, Role string
	Areas                []inspection.Area
}

// Reference returns the reference data: areas (by code), units, templates
// ("<name>@<version>"), limits and targets (by row). Number plate patterns are
// rows of the limits.
func Reference() ([]Document, error) {
	var out []Document
	for _, load := range []func() ([]Document, error){areas, units, templates, limits, plates, targets} {
		docs, err := load()
		if err != nil {
			return nil, err
		}
		out = append(out, docs...)
	}
	return out, nil
}

func areas() ([]Document, error) {
	docs, err := table(inspection.Areas, "areas.csv", nil)
	for i := range docs {
		docs[i].ID = docs[i].Doc.Text("code")
		docs[i].Doc["id"] = docs[i].ID
	}
	return docs, err
}

func units() ([]Document, error) { return table(inspection.Units, "units.csv", nil) }

func limits() ([]Document, error) {
	return table(inspection.Limits, "limits.csv", map[string]columnType{
		"value": numberColumn, "digits": numberColumn, "enabled": booleanColumn,
	})
}

func targets() ([]Document, error) {
	return table(inspection.Targets, "targets.csv", map[string]columnType{
		"sessions": numberColumn, "vehicles": numberColumn, "enabled": booleanColumn,
	})
}

// plates reads the number plate patterns.
func plates() ([]Document, error) {
	data, err := files.ReadFile("plates.yaml")
	if err != nil {
		return nil, fmt.Errorf("seeds: %w", err)
	}
	o, err := template.DecodeYAML(data)
	if err != nil {
		return nil, fmt.Errorf("seeds: plates.yaml: %w", err)
	}
	var out []Document
	for _, doc := range o.Objects("patterns") {
		id := doc.Text("id")
		if id == "" {
			return nil, fmt.Errorf("seeds: plates.yaml: a row has no id")
		}
		out = append(out, Document{Collection: inspection.Limits, ID: id, Doc: doc})
	}
	return out, nil
}

func templates() ([]Document, error) {
	names, err := fs.Glob(files, "templates/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("seeds: %w", err)
	}
	var out []Document
	for _, name := range names {
		data, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("seeds: %w", err)
		}
		t, err := template.Parse(data)
		if err != nil {
			return nil, fmt.Errorf("seeds: %s: %w", name, err)
		}
		doc := t.Document()
		out = append(out, Document{Collection: inspection.Templates, ID: doc.Text("id"), Doc: doc})
	}
	return out, nil
}

// Seasons returns the parts of the plan's year: the months of each, what it
// asks for and which checklists come first.
func Seasons() ([]inspection.Object, error) { return rows("seasons.csv") }

// Festivals returns the days of ritual burning and of fireworks, one row a year.
func Festivals() ([]inspection.Object, error) { return rows("festivals.csv") }

// rows reads a file that makes no documents.
func rows(name string) ([]inspection.Object, error) {
	docs, err := table("", name, nil)
	list := make([]inspection.Object, len(docs))
	for i, d := range docs {
		list[i] = d.Doc
	}
	return list, err
}

// DemoSites returns invented sites in all nine streets, with fixed ids.
func DemoSites() ([]Document, error) {
	docs, err := table(inspection.Sites, "sites.csv", map[string]columnType{
		"lat": numberColumn, "lon": numberColumn,
	})
	for _, d := range docs {
		d.Doc["location"] = inspection.Object{"lat": d.Doc["lat"], "lon": d.Doc["lon"], "crs": "wgs84"}
		for _, name := range []string{"lat", "lon", "source", "flag"} {
			delete(d.Doc, name)
		}
	}
	return docs, err
}

// DemoPeople returns the accounts of the demo that docs/contract.md, section 8, names:
// inspector1 to inspector9, one per street in code order, supervisor and admin.
func DemoPeople() []Person { return people("people.csv") }

// DemoCrew returns their colleagues, inspector10 to inspector40, spread over
// the streets.
func DemoCrew() []Person { return people("crew.csv") }

func people(file string) []Person {
	docs, err := table(inspection.Users, file, nil)
	if err != nil {
		return nil
	}
	var out []Person
	for _, d := range docs {
		p := Person{Username: d.Doc.Text("username"), Name: d.Doc.Text("name"), Role: d.Doc.Text("role")}
		for _, code := range strings.Fields(d.Doc.Text("areas")) {
			p.Areas = append(p.Areas, inspection.Area(code))
		}
		out = append(out, p)
	}
	return out
}

// Fixtures returns the names of the example documents, sorted. A record's
// name is its template and its verdict ("incomplete" is an indeterminate one);
// names that begin with session_ are joint inspections.
func Fixtures() []string {
	entries, err := files.ReadDir("fixtures")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".json"))
	}
	slices.Sort(names)
	return names
}

// Fixture returns a fresh copy of an example document as a phone would send
// it, nil if there is none of that name. Its id is fixed: overwrite "id" to
// have another document.
func Fixture(name string) inspection.Object {
	data, err := files.ReadFile(path.Join("fixtures", name+".json"))
	if err != nil {
		return nil
	}
	o, err := inspection.ParseObject(data)
	if err != nil {
		return nil
	}
	return o
}
