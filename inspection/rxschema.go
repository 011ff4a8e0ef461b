package inspection

import (
	"maps"
	"slices"
)

// A client with RxDB keeps a collection by a JSON schema that has to name every
// top-level member. Its validators are strict: no union of types but with
// null, no keyword without its type. What they refuse stops a replication, so
// the schema takes whatever CheckShape takes, and no more is promised of it.

// schemaVersions are those of the collections, from 0. A version is raised
// when documents of the one before no longer fit.
var schemaVersions = map[Collection]int{
	Inspections: 0, Sessions: 0, Tasks: 0, Sites: 0,
	Areas: 0, Units: 0, Templates: 0, Limits: 0, Targets: 0,
}

// SchemaVersion returns the version of the collection's RxDB schema; ok is
// false for what clients can't replicate.
func SchemaVersion(c Collection) (version int, ok bool) {
	version, ok = schemaVersions[c]
	return version, ok
}

// referenceTypes lists the members of the collections that phones only read.
var referenceTypes = map[Collection]map[string]memberType{
	Areas: {
		"code": textMember, "name_zh": textMember, "name_en": textMember, "parent": textMember,
		"source": textMember, "flag": textMember,
	},
	Units: {"name_zh": textMember, "name_en": textMember, "source": textMember, "flag": textMember},
	Templates: {
		"name": textMember, "version": integerMember, "title": objectMember, "instance_name": textMember,
		"source": textMember, "flag": textMember, "fields": listMember, "calculations": listMember,
		"rules": listMember, "lead_unit": objectMember, "task_due": textMember, "schema": objectMember,
	},
	Limits: {
		"name": textMember, "value": numberMember, "comparison": textMember, "unit": textMember, "digits": integerMember,
		"standard": textMember, "basis": textMember, "source": textMember, "flag": textMember, "enabled": booleanMember,
		"effective_from": textMember, "effective_to": textMember, "note": textMember, "pattern": textMember, "pattern_for": listMember,
	},
	Targets: {
		"topic": textMember, "area": textMember, "period": textMember, "sessions": integerMember, "vehicles": integerMember,
		"inspections": integerMember, "basis": textMember, "source": textMember, "flag": textMember, "enabled": booleanMember,
		"effective_from": textMember, "effective_to": textMember, "note": textMember,
	},
}

// Longest ids: a UUID, and what a reference document may be named.
const (
	maxDocID       = 36
	maxReferenceID = 200
)

func rxTypes(c Collection) map[string]memberType {
	if c.Reference() {
		return referenceTypes[c]
	}
	return memberTypes[c]
}

// InRxSchema reports whether the collection's RxDB schema has the top-level
// member. Those that it lacks are kept, and are no business of such clients.
func InRxSchema(c Collection, name string) bool {
	if name == memberID || name == memberServer || name == memberArea && c.Writable() {
		return true
	}
	_, ok := rxTypes(c)[name]
	return ok
}

// RxSchema returns the collection's schema as RxDB takes it, as JSON values.
func RxSchema(c Collection) Object {
	longest, required := maxReferenceID, []any{memberID}
	properties := membersSchema(rxTypes(c))
	if c.Writable() {
		longest, required = maxDocID, []any{memberID, memberArea}
		properties[memberArea] = Object{"type": "string", "description": "The street's code. It never changes."}
	}
	properties[memberID] = Object{"type": "string", "maxLength": longest}
	properties[memberServer] = Object{
		"type": orNull("object"), "additionalProperties": true,
		"description": "What the server owns. Whatever a client changes in it is ignored.",
	}
	return Object{
		"title": string(c), "version": schemaVersions[c], "primaryKey": memberID, "type": "object",
		"properties": properties, "required": required, "additionalProperties": false,
	}
}

func orNull(name string) []any { return []any{name, "null"} }

func membersSchema(types map[string]memberType) Object {
	out := make(Object, len(types))
	for _, name := range slices.Sorted(maps.Keys(types)) {
		out[name] = types[name].schema()
	}
	return out
}

// schema is the RxDB schema of a member of the type. A number may have become
// text, if it was larger than clients can hold.
func (t memberType) schema() Object {
	switch t {
	case integerMember, numberMember:
		number := map[memberType]string{integerMember: "integer", numberMember: "number"}[t]
		return Object{"anyOf": []any{Object{"type": number}, Object{"type": "string"}, Object{"type": "null"}}}
	case booleanMember:
		return Object{"type": orNull("boolean")}
	case objectMember:
		return Object{"type": orNull("object"), "additionalProperties": true}
	case listMember:
		return Object{"type": orNull("array")}
	case textsMember:
		return Object{"type": orNull("array"), "items": Object{"type": "string"}}
	case photosMember:
		return Object{"type": orNull("array"), "items": Object{"type": "object", "properties": membersSchema(photoTypes), "additionalProperties": true}}
	case locationMember:
		return Object{"type": orNull("object"), "properties": membersSchema(locationTypes), "additionalProperties": true}
	case rectificationMember:
		return Object{"type": orNull("object"), "properties": membersSchema(rectificationTypes), "additionalProperties": true}
	case textMember, timeMember, dateMember:
	}
	return Object{"type": orNull("string")}
}
