package sync_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/sync"
	"gridpatrol/template"
	"gridpatrol/test/world"
)

// doubling is a checklist whose calculations make a text twice as long, 26
// times; a rule tries a pattern on it.
func doubling() string {
	out := `
name: doubling
version: 1
title: {zh: 倍, en: Doubling}
instance_name: a
fields:
  - {type: text, name: a, label: {zh: 甲, en: A}}
calculations:
  - {name: c0, label: {zh: 算, en: Made}, calculation: a + a}
`
	for i := 1; i < 26; i++ {
		out += fmt.Sprintf("  - {name: c%d, label: {zh: 算, en: Made}, calculation: c%d + c%d}\n", i, i-1, i-1)
	}
	return out + `
rules:
  - {name: end, label: {zh: 尾, en: End}, check: 'c25.matches("(?:.*a){60}$")'}
`
}

// published puts a checklist into the database as it was put there before
// publishing had bounds.
func (w *district) published(yaml string) {
	w.T.Helper()
	def, err := template.DecodeYAML([]byte(yaml))
	w.Must(err)
	id := fmt.Sprintf("%s@%s", def["name"], def["version"])
	def["id"] = id
	if _, err := w.Sync.SeedReference(w.Ctx, []sync.ReferenceDocument{{Collection: inspection.Templates, ID: id, Doc: def}}); err != nil {
		w.T.Fatal(err)
	}
	w.Restart()
}

func filled(name string, answers edit) edit {
	doc := world.Burning(answers)
	doc["template"] = name
	return doc
}

// A record by a checklist that takes too much is stored, undecided; the phone
// has its answer and does not send it again. Others don't notice.
func TestACostlyChecklistCostsTheRecordItsVerdict(t *testing.T) {
	w := newDistrict(t)
	w.published(doubling())
	phone := w.phone("li", street)
	costly, honest := world.NewID(), world.NewID()
	long := strings.Repeat("a", 4000)
	results := phone.Push(phone.Put(costly, 0, filled("doubling", edit{"a": long})), phone.Put(honest, 0, world.Burning(edit{"place": "here"})))
	if results[0].Status != store.Applied || results[1].Status != store.Applied {
		t.Fatalf("%+v", results)
	}
	raw := w.Record(costly).Doc
	if got := world.At(t, raw, "server", "verdict"); got != `"indeterminate"` {
		t.Errorf("verdict %s", got)
	}
	if got := world.At(t, raw, "server", "problems", "0", "code"); got != `"overrun"` {
		t.Errorf("problems %s", world.At(t, raw, "server", "problems"))
	}
	if len(raw) > 8<<10 {
		t.Errorf("the record of %d bytes has grown to %d", len(long), len(raw))
	}
	w.Restart()
	phone.One(store.Applied, phone.Put(costly, 0, filled("doubling", edit{"a": long + "a"})))
}

// Neither is published, and the answer says which part takes too much.
func TestWhatTakesTooMuchIsNotPublished(t *testing.T) {
	w := newDistrict(t)
	_, err := w.Sync.PublishTemplate(w.Ctx, "root", "doubling", []byte(doubling()))
	checkFault(t, err, "calculation c4: takes too much: what + makes may have")
	_, err = w.Sync.PublishLimit(w.Ctx, "root", "plate-x", inspection.Object{
		"name": "plate", "pattern": strings.Repeat("(?:[A-Z]{1000})?", 1300), "flag": "S", "source": "x", "enabled": true,
		"effective_from": "2026-01-01",
	})
	checkFault(t, err, "the member pattern takes too much: the pattern has 20806 bytes")
}

func checkFault(t *testing.T, err error, detail string) {
	t.Helper()
	var fault *inspection.Fault
	if !errors.As(err, &fault) || fault.Code != inspection.CodeBadDocument || !strings.Contains(fault.Detail, detail) {
		t.Errorf("want %q: %v", detail, err)
	}
}
