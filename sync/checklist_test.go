package sync_test

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"testing"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/test/world"
)

// checklistPage explains to offices how a checklist is written.
const checklistPage = "../docs/checklists.md"

// blocks are the page's fenced blocks of a language, in order.
func blocks(t *testing.T, language string) [][]byte {
	t.Helper()
	page, err := os.ReadFile(checklistPage)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllSubmatch(page, -1) {
		out = append(out, m[1])
	}
	return out
}

// TestTheChecklistOfThePageIsJudgedAsItSays publishes the page's checklist and
// limits, pushes its record, and compares what the server says with the page.
func TestTheChecklistOfThePageIsJudgedAsItSays(t *testing.T) {
	definitions, values := blocks(t, "yaml"), blocks(t, "json")
	if len(definitions) != 1 || len(values) != 3 {
		t.Fatalf("%s has %d blocks of YAML and %d of JSON: it wants a checklist, its limits, a record and what is said of it", checklistPage, len(definitions), len(values))
	}
	w := newDistrict(t)
	if _, err := w.Sync.PublishTemplate(w.Ctx, "root", "dust_site", definitions[0]); err != nil {
		t.Fatal(err)
	}
	var rows []json.RawMessage
	if err := json.Unmarshal(values[0], &rows); err != nil {
		t.Fatal(err)
	}
	for _, raw := range rows {
		row := world.Parse(t, raw)
		id, _ := row["id"].(string)
		if _, err := w.Sync.PublishLimit(w.Ctx, "root", id, row); err != nil {
			t.Fatal(err)
		}
	}
	p := w.phone("li", street)
	r := p.One(store.Applied, p.Put(world.NewID(), 0, json.RawMessage(values[1])))
	said := inspection.Object{}
	server, _ := world.Parse(t, r.Doc)["server"].(inspection.Object)
	for _, name := range []string{"verdict", "findings", "problems", "evidence", "lead_unit", "title"} {
		said[name] = server[name]
	}
	if want := world.Parse(t, values[2]); !inspection.Equal(said, want) {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, inspection.AppendJSON(nil, said), "", " "); err != nil {
			t.Fatal(err)
		}
		t.Errorf("%s, its last JSON block: the server says\n%s", checklistPage, pretty.String())
	}
}
