package rxdb

import (
	"encoding/json"
	"maps"
	"slices"

	"gridpatrol/inspection"
	"gridpatrol/sync"
)

// Documents writes a list of a collection's documents, in one part or several.
// Begin it with Open, end it with Close.
type Documents struct {
	Collection inspection.Collection
	begun      bool // one was written
}

// Open begins the list.
func (d *Documents) Open(dst []byte) []byte { return append(dst, '[') }

// Close ends the list.
func (d *Documents) Close(dst []byte) []byte { return append(dst, ']') }

// AppendAnswer appends what rows are answered with: the documents that their
// client must take over.
func (d *Documents) AppendAnswer(dst []byte, results []sync.EditResult) []byte {
	for _, r := range results {
		if r.Doc != nil {
			dst = d.appendDocument(dst, r.Doc, r.Deleted)
		}
	}
	return dst
}

func (d *Documents) appendChanges(dst []byte, changes []sync.Change) []byte {
	for _, c := range changes {
		dst = d.appendDocument(dst, c.Doc, c.Deleted)
	}
	return dst
}

// appendDocument appends a stored document as the client keeps it: the members of its
// schema, and _deleted.
func (d *Documents) appendDocument(dst, doc []byte, deleted bool) []byte {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(doc, &members); err != nil {
		panic(err) // what is stored was encoded by this program
	}
	if d.begun {
		dst = append(dst, ',')
	}
	d.begun = true
	dst = append(dst, `{"_deleted":`...)
	dst = inspection.AppendJSON(dst, deleted)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if inspection.HasMember(d.Collection, name) {
			dst = append(inspection.AppendString(append(dst, ','), name), ':')
			dst = append(dst, members[name]...)
		}
	}
	return append(dst, '}')
}
