package rxdb

import (
	"strconv"

	"gridpatrol/inspection"
)

// A client with RxDB keeps a collection by a JSON schema that has to name every
// top-level member. Its validators are strict: no union of types but with
// null, no keyword without its type. What they refuse stops a replication, so
// the schema takes whatever inspection.CheckShape takes, and no more is promised
// of it.

// schemaVersions are those of the collections, from 0. A version is raised
// when documents of the one before no longer fit.
var schemaVersions = map[inspection.Collection]int{
	inspection.Inspections: 0, inspection.Sessions: 0, inspection.Tasks: 0, inspection.Sites: 0,
	inspection.Areas: 0, inspection.Units: 0, inspection.Templates: 0, inspection.Limits: 0, inspection.Targets: 0,
}

// SchemaVersion returns the version of the collection's schema; ok is false
// for what clients can't replicate.
func SchemaVersion(c inspection.Collection) (version int, ok bool) {
	version, ok = schemaVersions[c]
	return version, ok
}

// Find returns the collection of that name. Returns CodeNotFound.
func Find(name string) (inspection.Collection, error) {
	c := inspection.Collection(name)
	if _, ok := SchemaVersion(c); !ok {
		return "", inspection.Errorf(inspection.CodeNotFound, "There is no collection of this name to replicate.")
	}
	return c, nil
}

// FindVersion is Find for a client with a version of the schema, which must be
// the present one. Returns CodeOutdatedSchema for one before it.
func FindVersion(name, version string) (inspection.Collection, error) {
	c, err := Find(name)
	if err != nil {
		return "", err
	}
	return c, checkVersion(version, schemaVersions[c])
}

func checkVersion(asked string, current int) error {
	version, err := strconv.Atoi(asked)
	switch {
	case err != nil || strconv.Itoa(version) != asked || version < 0 || version > current:
		return inspection.Errorf(inspection.CodeNotFound, "There is no version %.20q of this collection's schema. The present one is %d.", asked, current)
	case version < current:
		return inspection.Errorf(inspection.CodeOutdatedSchema, "Version %d of the schema is served no longer. Migrate the collection to version %d.", version, current)
	}
	return nil
}

// knows tells which members a client has: those of its schema. The others are
// kept, and are no business of such clients.
func knows(c inspection.Collection) func(member string) bool {
	return func(member string) bool { return inspection.HasMember(c, member) }
}

// Longest ids: a UUID, and what a reference document may be named.
const (
	maxDocID       = 36
	maxReferenceID = 200
)

// Schema returns the collection's schema as RxDB takes it, as JSON values.
func Schema(c inspection.Collection) inspection.Object {
	longest, required := maxReferenceID, []any{"id"}
	properties := schemasOf(inspection.Members(c))
	if c.Writable() {
		longest, required = maxDocID, []any{"id", "area"}
		properties["area"] = inspection.Object{"type": "string", "description": "The street's code. It never changes."}
	}
	properties["id"] = inspection.Object{"type": "string", "maxLength": longest}
	properties["server"] = inspection.Object{
		"type": orNull("object"), "additionalProperties": true,
		"description": "What the server owns. Whatever a client changes in it is ignored.",
	}
	return inspection.Object{
		"title": string(c), "version": schemaVersions[c], "primaryKey": "id", "type": "object",
		"properties": properties, "required": required, "additionalProperties": false,
	}
}

func orNull(name string) []any { return []any{name, "null"} }

func schemasOf(types map[string]inspection.MemberType) inspection.Object {
	out := make(inspection.Object, len(types))
	for name, t := range types {
		out[name] = schemaOf(t)
	}
	return out
}

// schemaOf is the schema of a member of the type. A number may have become
// text, if it was larger than clients can hold.
func schemaOf(t inspection.MemberType) inspection.Object {
	switch t {
	case inspection.IntegerMember, inspection.NumberMember:
		number := map[inspection.MemberType]string{inspection.IntegerMember: "integer", inspection.NumberMember: "number"}[t]
		return inspection.Object{"anyOf": []any{typed(number), typed("string"), typed("null")}}
	case inspection.BooleanMember:
		return typed(orNull("boolean"))
	case inspection.ListMember:
		return typed(orNull("array"))
	case inspection.TextsMember:
		return inspection.Object{"type": orNull("array"), "items": typed("string")}
	case inspection.PhotosMember:
		return inspection.Object{"type": orNull("array"), "items": openObject("object", t)}
	case inspection.ObjectMember, inspection.LocationMember, inspection.RectificationMember:
		return openObject(orNull("object"), t)
	case inspection.TextMember, inspection.TimeMember, inspection.DateMember:
	}
	return typed(orNull("string"))
}

func typed(name any) inspection.Object { return inspection.Object{"type": name} }

// openObject is the schema of an object that may have more members than those that
// its type is made of.
func openObject(name any, t inspection.MemberType) inspection.Object {
	schema := inspection.Object{"type": name, "additionalProperties": true}
	if members := t.Members(); members != nil {
		schema["properties"] = schemasOf(members)
	}
	return schema
}
