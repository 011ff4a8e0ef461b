package inspection

import "slices"

// Collection is a kind of document.
type Collection string

// The collections. Phones write the first four and read the next five; the
// rest is for administrators and never leaves by pull.
const (
	Inspections Collection = "inspections"
	Sessions    Collection = "sessions"
	Tasks       Collection = "tasks"
	Sites       Collection = "sites"

	Areas     Collection = "areas"
	Units     Collection = "units"
	Templates Collection = "templates"
	Limits    Collection = "limits"
	Targets   Collection = "targets"

	Users      Collection = "users"
	Quarantine Collection = "quarantine"
	Closings   Collection = "closings" // windows of the joint report that were closed
)

// FieldCollections are those that a phone may write, in the order of a pull.
var FieldCollections = []Collection{Inspections, Sessions, Tasks, Sites}

// ReferenceCollections are those that a phone only reads.
var ReferenceCollections = []Collection{Areas, Units, Templates, Limits, Targets}

// Writable reports whether phones may push documents of c.
func (c Collection) Writable() bool { return slices.Contains(FieldCollections, c) }

// Reference reports whether c is reference data, which everyone may read.
func (c Collection) Reference() bool { return slices.Contains(ReferenceCollections, c) }
