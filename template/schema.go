package template

import (
	"encoding/json"
	"fmt"

	"gridpatrol/inspection"
)

// maxListed bounds the choices that a schema lists, since each comparison lists
// those of its field. What was ever published has far fewer: a document has
// 1 MiB, its schema included.
const maxListed = 1_000_000

// compileSchema describes the answers in JSON Schema 2020-12.
func (t *Template) compileSchema() error {
	properties := inspection.Object{}
	var demands []any
	for _, f := range t.fields {
		if f.Type != typePhoto {
			properties[f.Name] = f.optionalSchema()
			if f.Required {
				demand, err := t.requiredSchema(f)
				if err != nil {
					return err
				}
				demands = append(demands, demand)
			}
		}
		if f.relevant != nil {
			if _, ok := t.schemaOf(f.relevant.ast, true); !ok {
				return errorf("field %s: relevant: only select and boolean fields can be asked, with ==, !=, in, !, && and ||", f.Name)
			}
			if t.listed > maxListed {
				return errorf("field %s: relevant: the schema would list more than %d choices", f.Name, maxListed)
			}
		}
	}
	schema := inspection.Object{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"$id":     fmt.Sprintf("urn:gridpatrol:template:%s:%d", t.def.Name, t.def.Version),
		"title":   t.def.Title.ZH, "description": t.def.Title.EN,
		"type": "object", "properties": properties, "additionalProperties": false,
	}
	if len(demands) > 0 {
		schema["allOf"] = demands
	}
	t.schema = inspection.AppendJSON(nil, schema)
	return nil
}

// requiredSchema is the schema of "f is answered if it is relevant".
func (t *Template) requiredSchema(f *field) (any, error) {
	answered := presentAs(f.Name, inspection.Object{"not": inspection.Object{"enum": f.emptyValues()}})
	if f.relevant == nil {
		return answered, nil
	}
	when, ok := t.schemaOf(f.relevant.ast, true)
	if !ok {
		return nil, errorf("field %s: relevant: not of a form that a schema can say", f.Name)
	}
	return inspection.Object{"if": when, "then": answered}, nil
}

func presentAs(name string, schema any) inspection.Object {
	return inspection.Object{
		"properties": inspection.Object{name: schema}, "required": []any{name},
	}
}

// emptyValues lists the values that mean no answer, besides leaving it out.
func (f *field) emptyValues() []any {
	if f.Type.list() {
		return []any{nil, "", []any{}}
	}
	return []any{nil, ""}
}

func (f *field) optionalSchema() any {
	return inspection.Object{
		"title": f.Label.ZH, "description": f.Label.EN,
		"anyOf": []any{inspection.Object{"enum": f.emptyValues()}, f.valueSchema()},
	}
}

// valueSchema is the schema of a usable answer.
func (f *field) valueSchema() any {
	switch f.Type {
	case typeInteger:
		return f.numberSchema("integer")
	case typeDecimal:
		return f.numberSchema("number")
	case typeNumbers:
		return list(f.numberSchema("number"))
	case typeBoolean:
		return inspection.Object{"type": "boolean"}
	case typeDate:
		return inspection.Object{"type": "string", "format": "date"}
	case typeDatetime:
		return inspection.Object{"type": "string", "format": "date-time"}
	case typeSelectOne:
		return inspection.Object{"enum": f.choiceList()}
	case typeSelectMultiple:
		return list(inspection.Object{"enum": f.choiceList()})
	case typeRepeat:
		return list(f.itemSchema())
	}
	return inspection.Object{"type": "string"}
}

func list(items any) inspection.Object {
	return inspection.Object{
		"type": "array", "items": items, "maxItems": json.Number(fmt.Sprint(maxItems)),
	}
}

func (f *field) numberSchema(name string) any {
	low, high := f.Min, f.Max
	if low == "" {
		low = json.Number(fmt.Sprintf("%.0f", -maxNumber))
	}
	if high == "" {
		high = json.Number(fmt.Sprintf("%.0f", maxNumber))
	}
	return inspection.Object{"type": name, "minimum": low, "maximum": high}
}

func (f *field) choiceList() []any {
	out := make([]any, len(f.Choices))
	for i, c := range f.Choices {
		out[i] = c.Name
	}
	return out
}

func (f *field) itemSchema() any {
	properties := inspection.Object{"id": inspection.Object{"type": "string", "minLength": json.Number("1")}}
	demands := []any{inspection.Object{"required": []any{"id"}}}
	for _, s := range f.sub {
		properties[s.Name] = s.optionalSchema()
		if s.Required {
			demands = append(demands, presentAs(s.Name, inspection.Object{"not": inspection.Object{"enum": s.emptyValues()}}))
		}
	}
	return inspection.Object{
		"type": "object", "properties": properties, "additionalProperties": false, "allOf": demands,
	}
}
