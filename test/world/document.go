package world

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"gridpatrol/inspection"
	"gridpatrol/seeds"
	"gridpatrol/store"
	"gridpatrol/sync"
)

// NewID makes the id of a document.
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// Burning is a small submitted inspection of an open burning in Street.
func Burning(answers Edit) Edit {
	return Edit{
		"template": "open_burning", "template_version": 1, "area": Street, "status": "submitted",
		"started_at": "2026-10-12T17:31:07+08:00", "answers": answers,
	}
}

// Fixture is an example record of the seeds in Street, and an id for it.
func Fixture(name string) (string, Edit) {
	doc := seeds.Fixture(name)
	id := NewID()
	doc["id"], doc["area"] = id, string(Street)
	delete(doc, "session")
	return id, doc
}

// Parse decodes a document.
func Parse(t testing.TB, doc []byte) inspection.Object {
	t.Helper()
	o, err := inspection.ParseObject(doc)
	if err != nil {
		t.Fatalf("not a document: %s", doc)
	}
	return o
}

// At returns the value at a path of a document, as JSON: "nothing" if there is
// none.
func At(t testing.TB, doc []byte, path ...string) string {
	t.Helper()
	var v any = Parse(t, doc)
	for _, name := range path {
		switch x := v.(type) {
		case inspection.Object:
			v = x[name]
		case []any:
			var i int
			if _, err := fmt.Sscan(name, &i); err != nil || i >= len(x) {
				return "nothing"
			}
			v = x[i]
		default:
			return "nothing"
		}
	}
	return string(inspection.AppendJSON(nil, v))
}

// Record returns a document as it is stored.
func (w *World) Record(id string) store.Record {
	w.T.Helper()
	all, err := w.Store.Records(w.Ctx, []inspection.DocID{inspection.DocID(id)})
	w.Must(err)
	return all[inspection.DocID(id)]
}

// History returns all entries of a document.
func (w *World) History(id string) []store.Entry {
	w.T.Helper()
	r := w.Record(id)
	entries, err := w.Store.Entries(w.Ctx, r.Area, r.Revisions)
	w.Must(err)
	return entries
}

// Act changes a document as one of the server's rooms does, or makes it in the
// area.
func (w *World) Act(kind store.Kind, area inspection.Area, id string, change func(*sync.Draft)) {
	w.T.Helper()
	doc := inspection.DocID(id)
	_, err := w.Sync.Act(w.Ctx, sync.Act{
		Area: area, IDs: []inspection.DocID{doc}, By: "boss", Kind: kind,
		Decide: func(_ time.Time, drafts map[inspection.DocID]*sync.Draft) error {
			change(drafts[doc])
			return nil
		},
	})
	w.Must(err)
}
