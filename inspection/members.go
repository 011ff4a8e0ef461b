package inspection

import "maps"

// MemberType is the type of a top-level member. null is fine everywhere.
type MemberType int

// The types. A number may have become text, if it was larger than clients can
// hold.
const (
	TextMember MemberType = iota
	TimeMember
	DateMember
	IntegerMember
	NumberMember
	BooleanMember
	ObjectMember
	TextsMember
	LocationMember
	PhotosMember
	RectificationMember
	ListMember // of anything; in reference data only
)

// memberTypes lists the typed members of each collection that phones write.
// Members that aren't listed are kept, whatever they are.
var memberTypes = map[Collection]map[string]MemberType{
	Inspections: {
		"template": TextMember, "template_version": IntegerMember, "grid": TextMember,
		"site": TextMember, "session": TextMember, "task": TextMember, "status": TextMember,
		"started_at": TimeMember, "finished_at": TimeMember, "location": LocationMember,
		memberAnswers: ObjectMember, memberPhotos: PhotosMember,
	},
	Sessions: {
		"topic": TextMember, "kind": TextMember, "point": TextMember, "lead_unit": TextMember,
		"participants": TextsMember, "leader": TextMember, "started_at": TimeMember,
		"ended_at": TimeMember, "location": LocationMember, "note": TextMember,
	},
	Tasks: {
		"inspection": TextMember, "title": TextMember, "unit": TextMember, "assignee": TextMember,
		"due": DateMember, memberRectification: RectificationMember,
	},
	Sites: {
		"name": TextMember, "kind": TextMember, "address": TextMember, "location": LocationMember,
		"grid": TextMember, "note": TextMember,
	},
}

// What the objects within some members are made of.
var (
	locationTypes = map[string]MemberType{
		"lat": NumberMember, "lon": NumberMember, "accuracy_m": NumberMember,
		"crs": TextMember, "mock": BooleanMember,
	}
	photoTypes = map[string]MemberType{
		"field": TextMember, "sha256": TextMember, "taken_at": TimeMember,
		"bytes": IntegerMember, "media_type": TextMember,
	}
	rectificationTypes = map[string]MemberType{
		"note": TextMember, "done_at": TimeMember, memberPhotos: PhotosMember,
	}
)

// referenceTypes lists the members of the collections that phones only read.
var referenceTypes = map[Collection]map[string]MemberType{
	Areas: {
		"code": TextMember, "name_zh": TextMember, "name_en": TextMember, "parent": TextMember,
		"source": TextMember, "flag": TextMember,
	},
	Units: {"name_zh": TextMember, "name_en": TextMember, "source": TextMember, "flag": TextMember},
	Templates: {
		"name": TextMember, "version": IntegerMember, "title": ObjectMember, "instance_name": TextMember,
		"source": TextMember, "flag": TextMember, "fields": ListMember, "calculations": ListMember,
		"rules": ListMember, "lead_unit": ObjectMember, "task_due": TextMember, "schema": ObjectMember,
	},
	Limits: {
		"name": TextMember, "value": NumberMember, "comparison": TextMember, "unit": TextMember, "digits": IntegerMember,
		"standard": TextMember, "basis": TextMember, "source": TextMember, "flag": TextMember, "enabled": BooleanMember,
		"effective_from": TextMember, "effective_to": TextMember, "note": TextMember, "pattern": TextMember, "pattern_for": ListMember,
	},
	Targets: {
		"topic": TextMember, "area": TextMember, "period": TextMember, "sessions": IntegerMember, "vehicles": IntegerMember,
		"inspections": IntegerMember, "basis": TextMember, "source": TextMember, "flag": TextMember, "enabled": BooleanMember,
		"effective_from": TextMember, "effective_to": TextMember, "note": TextMember,
	},
}

// Members returns the types of the members that documents of the collection
// have besides id, server and, where phones write them, area.
func Members(c Collection) map[string]MemberType {
	return maps.Clone(typesOf(c))
}

func typesOf(c Collection) map[string]MemberType {
	if c.Reference() {
		return referenceTypes[c]
	}
	return memberTypes[c]
}

// HasMember reports whether a top-level member of that name means something in
// documents of the collection. Phones may store others all the same.
func HasMember(c Collection, name string) bool {
	if name == memberID || name == memberServer || name == memberArea && c.Writable() {
		return true
	}
	_, ok := typesOf(c)[name]
	return ok
}

// Members returns the types of what an object of the type is made of, or each
// object of a list; nil for types that say nothing of that.
func (t MemberType) Members() map[string]MemberType {
	switch t {
	case LocationMember:
		return maps.Clone(locationTypes)
	case PhotosMember:
		return maps.Clone(photoTypes)
	case RectificationMember:
		return maps.Clone(rectificationTypes)
	}
	return nil
}
