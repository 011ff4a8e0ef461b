package sync_test

import (
	"encoding/json"
	"fmt"
	"strings"
	gosync "sync"
	"sync/atomic"
	"testing"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/sync"
	"gridpatrol/test/world"
)

const smallTemplate = `
title: {zh: 散煤巡查, en: Coal patrol}
source: 新城区大气污染治理专项行动2024年工作方案 三(二)4(1)
flag: P
instance_name: place
task_due: burning_recheck_hours
fields:
  - {type: text, name: place, label: {zh: 地点, en: Place}}
  - {type: boolean, name: coal, label: {zh: 散煤, en: Coal}}
rules:
  - {name: clean, label: {zh: 无散煤, en: No coal}, basis: 大气法, when: answered(coal), check: '!coal'}
lead_unit: {default: ecology}
`

func TestPublishTemplate(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	_, first := p.Pull(sync.PullRequest{})
	published, err := w.Sync.PublishTemplate(w.Ctx, "root", "coal_patrol", []byte(smallTemplate))
	if err != nil || !published.Changed || world.At(t, published.Doc, "id") != `"coal_patrol@1"` || world.At(t, published.Doc, "server", "changed_by") != `"root"` {
		t.Fatalf("%v, %s", err, published.Doc)
	}
	seen, _ := p.Pull(sync.PullRequest{Checkpoint: first.Checkpoint})
	if len(seen) != 1 || world.At(t, seen["coal_patrol@1"].Doc, "schema", "type") != `"object"` {
		t.Errorf("the phone pulled %v", seen)
	}
	doc := edit{
		"template": "coal_patrol", "template_version": 1, "area": street, "status": "submitted",
		"started_at": "2026-10-12T17:31:07+08:00", "answers": edit{"place": "院内", "coal": true},
	}
	res := p.One(store.Applied, p.Put(world.NewID(), 0, doc))
	if world.At(t, res.Doc, "server", "verdict") != `"fail"` || world.At(t, res.Doc, "server", "title") != `"院内"` {
		t.Errorf("judged %s", res.Doc)
	}
	again, err := w.Sync.PublishTemplate(w.Ctx, "root", "coal_patrol", []byte("version: 1\n"+smallTemplate))
	if err != nil || again.Changed || string(again.Doc) != string(published.Doc) {
		t.Errorf("sent again: %v, %s", err, again.Doc)
	}
	next, err := w.Sync.PublishTemplate(w.Ctx, "root", "coal_patrol", []byte(strings.Replace(smallTemplate, "'!coal'", "coal", 1)))
	if err != nil || world.At(t, next.Doc, "id") != `"coal_patrol@2"` {
		t.Errorf("the next version: %v, %s", err, next.Doc)
	}
	asJSON := `{"version":7,"title":{"zh":"x","en":"x"},"fields":[{"type":"text","name":"place","label":{"zh":"x","en":"x"}}]}`
	if next, err = w.Sync.PublishTemplate(w.Ctx, "root", "coal_patrol", []byte(asJSON)); err != nil || world.At(t, next.Doc, "id") != `"coal_patrol@7"` {
		t.Errorf("in JSON: %v, %s", err, next.Doc)
	}
}

func TestPublishTemplateRefused(t *testing.T) {
	w := newDistrict(t)
	if _, err := w.Sync.PublishTemplate(w.Ctx, "root", "coal_patrol", []byte("version: 3\n"+smallTemplate)); err != nil {
		t.Fatal(err)
	}
	before := w.reference()
	for name, c := range map[string]struct {
		definition string
		code       inspection.Code
		says       string
	}{
		"not YAML":               {"{", inspection.CodeBadRequest, "YAML"},
		"no mapping":             {"- a", inspection.CodeBadRequest, "mapping"},
		"empty":                  {"", inspection.CodeBadRequest, "empty"},
		"a misspelt member":      {smallTemplate + "rool: []\n", inspection.CodeBadRequest, "rool"},
		"a broken rule":          {strings.Replace(smallTemplate, "'!coal'", "koal", 1), inspection.CodeBadRequest, "rule clean"},
		"an unknown unit":        {strings.Replace(smallTemplate, "default: ecology", "default: navy", 1), inspection.CodeBadRequest, "navy"},
		"another name":           {"name: burning\n" + smallTemplate, inspection.CodeBadRequest, "burning"},
		"a title that's no text": {strings.Replace(smallTemplate, "instance_name: place", "instance_name: coal", 1), inspection.CodeBadRequest, "instance_name"},
		"a limit's odd name":     {strings.Replace(smallTemplate, "task_due: burning_recheck_hours", "task_due: A B", 1), inspection.CodeBadRequest, "task_due"},
		"an older version":       {"version: 2\n" + smallTemplate, inspection.CodeConflict, "above 3"},
		"the same, changed":      {"version: 3\n" + strings.Replace(smallTemplate, "'!coal'", "coal", 1), inspection.CodeConflict, "never changes"},
		"too large":              {smallTemplate + "# " + strings.Repeat("x", 1<<20), inspection.CodeBadRequest, "1 MiB"},
	} {
		_, err := w.Sync.PublishTemplate(w.Ctx, "root", "coal_patrol", []byte(c.definition))
		if inspection.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if w.reference() != before {
		t.Error("a refused definition left an entry")
	}
}

func (w *district) reference() store.Head {
	w.T.Helper()
	h, err := w.Store.Head(w.Ctx, inspection.ReferenceArea)
	w.Must(err)
	return h
}

// limitRow is a row as an administrator writes it.
func limitRow(more edit) inspection.Object {
	row := inspection.Object{
		"id": "test-hours", "name": "burning_recheck_hours", "value": json.Number("12"), "comparison": "<=", "unit": "h", "digits": json.Number("1"),
		"source": "a decision of the district", "flag": "P", "enabled": true, "effective_from": "2026-10-01",
	}
	for name, v := range more {
		row[name] = v
	}
	return row
}

func TestPublishLimit(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	_, first := p.Pull(sync.PullRequest{})
	out, err := w.Sync.PublishLimit(w.Ctx, "root", "test-hours", limitRow(nil))
	if err != nil || world.At(t, out.Doc, "server", "rev") != "1" {
		t.Fatalf("%v, %s", err, out.Doc)
	}
	if seen, _ := p.Pull(sync.PullRequest{Checkpoint: first.Checkpoint}); len(seen) != 1 {
		t.Errorf("the phone pulled %v", seen)
	}
	ref, err := w.Sync.Reference(w.Ctx)
	if err != nil {
		t.Fatal(err)
	}
	if l, ok := ref.Limits.Lookup("burning_recheck_hours", w.Now()); !ok || l.ID != "test-hours" {
		t.Errorf("in force is %+v", l)
	}
	change := limitRow(edit{"enabled": false})
	if _, err = w.Sync.PublishLimit(w.Ctx, "root", "test-hours", change); inspection.CodeOf(err) != inspection.CodeStale {
		t.Errorf("changed by who has not seen it: %v", err)
	}
	change["server"] = inspection.Object{"rev": json.Number("1")}
	out, err = w.Sync.PublishLimit(w.Ctx, "root", "test-hours", change)
	if err != nil || world.At(t, out.Doc, "server", "rev") != "2" || world.At(t, out.Doc, "enabled") != "false" {
		t.Errorf("changed: %v, %s", err, out.Doc)
	}
	change = limitRow(edit{"enabled": true, "server": inspection.Object{"rev": json.Number("1")}})
	if _, err = w.Sync.PublishLimit(w.Ctx, "root", "test-hours", change); inspection.CodeOf(err) != inspection.CodeStale {
		t.Errorf("changed by who saw an older one: %v", err)
	}
}

func TestPublishRowsRefused(t *testing.T) {
	w := newDistrict(t)
	target := func(more edit) inspection.Object {
		row := inspection.Object{
			"topic": "diesel_roadside", "area": "610102", "period": "month", "sessions": json.Number("8"), "source": "x", "flag": "P",
			"enabled": true, "effective_from": "2027-01-01",
		}
		for name, v := range more {
			row[name] = v
		}
		return row
	}
	for name, c := range map[string]struct {
		target bool
		id     string
		row    inspection.Object
		says   string
	}{
		"a limit without source":     {false, "x", limitRow(edit{"id": "x", "source": ""}), "source"},
		"a limit without flag":       {false, "x", limitRow(edit{"id": "x", "flag": nil}), "flag"},
		"an unknown flag":            {false, "x", limitRow(edit{"id": "x", "flag": "Q"}), "flag"},
		"a limit without a day":      {false, "x", limitRow(edit{"id": "x", "effective_from": nil}), "effective_from"},
		"no day":                     {false, "x", limitRow(edit{"id": "x", "effective_from": "soon"}), "effective_from"},
		"it ends before it begins":   {false, "x", limitRow(edit{"id": "x", "effective_to": "2026-10-01"}), "effective_to"},
		"neither on nor off":         {false, "x", limitRow(edit{"id": "x", "enabled": nil}), "enabled"},
		"a misspelt member":          {false, "x", limitRow(edit{"id": "x", "sauce": "y"}), "sauce"},
		"another id":                 {false, "y", limitRow(nil), "id"},
		"an odd id":                  {false, "a b", limitRow(edit{"id": "a b"}), "id"},
		"a comparison of its own":    {false, "x", limitRow(edit{"id": "x", "comparison": "=~"}), "comparison"},
		"a value that's no number":   {false, "x", limitRow(edit{"id": "x", "value": "many"}), "value"},
		"a broken pattern":           {false, "x", limitRow(edit{"id": "x", "pattern": "("}), "pattern"},
		"a target of no checklist":   {true, "x", target(edit{"topic": "dancing"}), "topic"},
		"a target of no area":        {true, "x", target(edit{"area": "999999"}), "area"},
		"a target of a week":         {true, "x", target(edit{"period": "week"}), "period"},
		"a target of nothing":        {true, "x", target(edit{"sessions": nil}), "sessions"},
		"a target of half a session": {true, "x", target(edit{"sessions": json.Number("0.5")}), "sessions"},
		"a target without source":    {true, "x", target(edit{"source": nil}), "source"},
	} {
		put := w.Sync.PublishLimit
		if c.target {
			put = w.Sync.PublishTarget
		}
		_, err := put(w.Ctx, "root", c.id, c.row)
		if code := inspection.CodeOf(err); err == nil || code != inspection.CodeBadRequest || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	out, err := w.Sync.PublishTarget(w.Ctx, "root", "diesel_roadside-610102-2027", target(nil))
	if err != nil || world.At(t, out.Doc, "id") != `"diesel_roadside-610102-2027"` {
		t.Errorf("%v, %s", err, out.Doc)
	}
	if _, err := w.Sync.Reference(w.Ctx); err != nil {
		t.Errorf("the reference data can't be read any more: %v", err)
	}
}

// TestPublishContended: of many who publish the next version at once, through
// two processes, each gets one of its own or finds its own published.
func TestPublishContended(t *testing.T) {
	w := newDistrict(t)
	second := w.Serve(w.Store)
	defer second.Close()
	var group gosync.WaitGroup
	var made atomic.Int32
	for i, s := range []*sync.Service{w.Sync, second.Sync, w.Sync, second.Sync} {
		group.Go(func() {
			definition := strings.Replace(smallTemplate, "Coal patrol", "Coal patrol "+string(rune('A'+i)), 1)
			out, err := s.PublishTemplate(w.Ctx, "root", "coal_patrol", []byte(definition))
			if err == nil && out.Changed {
				made.Add(1)
			} else if inspection.CodeOf(err) != inspection.CodeConflict {
				t.Errorf("%v", err)
			}
		})
	}
	group.Wait()
	ref, err := w.Sync.Reference(w.Ctx)
	if err != nil {
		t.Fatal(err)
	}
	for v := int32(1); v <= made.Load(); v++ {
		if ref.Template(inspection.Object{"template": "coal_patrol", "template_version": json.Number(fmt.Sprint(v))}) == nil {
			t.Errorf("%d were made, and version %d is missing", made.Load(), v)
		}
	}
	if made.Load() != 4 {
		t.Errorf("%d of 4 versions were made", made.Load())
	}
}
