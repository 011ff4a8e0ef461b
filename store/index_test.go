package store_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

func TestIndexOf(t *testing.T) {
	sha := strings.Repeat("ab", 32)
	cases := map[string]struct {
		collection inspection.Collection
		doc        string
		want       store.Index
	}{
		"inspection": {inspection.Inspections, `{"template":"diesel_roadside","started_at":"2026-10-12T09:31:07+08:00",
			"session":"0192F3B0-0000-7000-8000-000000000001","answers":{"plate":"陕a·12345"},
			"photos":[{"field":"f","sha256":"` + sha + `"},{"field":"g","sha256":"` + sha + `"}],
			"server":{"verdict":"pass","review":{"state":"received"},
				"evidence":{"complete":false,"flags":[{"flag":"no_exif"},{"flag":"no_exif"}]}}}`,
			store.Index{Template: "diesel_roadside", Verdict: "pass", State: "received", Evidence: "incomplete",
				Started: time.Date(2026, 10, 12, 1, 31, 7, 0, time.UTC),
				Terms:   []string{"flag:no_exif", "photo:" + sha, "session:0192f3b0-0000-7000-8000-000000000001", "text:陕A12345"}}},
		"session": {inspection.Sessions, `{"topic":"diesel_roadside","point":"长乐路","started_at":"soon","server":{"received_at":"2026-10-12T01:00:00.5Z"}}`,
			store.Index{Topic: "diesel_roadside", Started: time.Date(2026, 10, 12, 1, 0, 0, 5e8, time.UTC), Terms: []string{"text:长乐路"}}},
		"task": {inspection.Tasks, `{"title":"  Re-test 3 ","unit":"ecology","assignee":"u-1","inspection":"0192f3b0-0000-7000-8000-000000000001",
			"started_at":"2026-10-12T09:31:07+08:00","server":{"state":"assigned","due_at":"2026-11-12T00:00:00+08:00","received_at":"2026-10-12T01:31:07Z"}}`,
			store.Index{State: "assigned", Unit: "ecology", Started: time.Date(2026, 11, 11, 16, 0, 0, 0, time.UTC), Terms: []string{"assignee:u-1", "inspection:0192f3b0-0000-7000-8000-000000000001", "text:RETEST3"}}},
		"a task without a day": {inspection.Tasks, `{"server":{"state":"assigned","received_at":"2026-10-12T01:31:07Z"}}`, store.Index{State: "assigned"}},
		"quarantine": {inspection.Quarantine, `{"state":"held","code":"bad_id","received_at":"2026-10-12T01:31:07Z"}`,
			store.Index{State: "held", Code: "bad_id", Started: time.Date(2026, 10, 12, 1, 31, 7, 0, time.UTC)}},
		"site's name": {inspection.Inspections, `{"server":{"site_name":"西一路 老字号","title":"西一路老字号"}}`, store.Index{Terms: []string{"text:西一路老字号"}}},
		"complete":    {inspection.Tasks, `{"server":{"evidence":{"complete":true}}}`, store.Index{Evidence: "complete"}},
		"wrong types": {inspection.Inspections, `{"template":1,"session":"x","started_at":"9999-01-01T00:00:00Z","answers":[],"server":[]}`,
			store.Index{}},
	}
	for name, c := range cases {
		doc, err := inspection.ParseObject([]byte(c.doc))
		if err != nil {
			t.Fatal(name, err)
		}
		if got := store.IndexOf(c.collection, doc); !reflect.DeepEqual(normal(got), normal(c.want)) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func normal(ix store.Index) store.Index {
	ix.Terms = append([]string{}, ix.Terms...)
	return ix
}

func TestSearchKey(t *testing.T) {
	for in, want := range map[string]string{
		"陕A·12345": "陕A12345", "陕ａ１２３４５": "陕A12345", " a b-c ": "ABC", "": "", "西一路\n老字号": "西一路老字号",
		strings.Repeat("长", 70): strings.Repeat("长", 64),
	} {
		if got := store.SearchKey(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// A search key is found by the key of any beginning of its text, and by
// itself.
func TestSearchKeyLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringN(0, 80, -1).Draw(t, "text")
		key := store.SearchKey(s)
		if store.SearchKey(key) != key {
			t.Fatalf("%q is not its own key", key)
		}
		runes := []rune(s)
		part := string(runes[:rapid.IntRange(0, len(runes)).Draw(t, "cut")])
		if !strings.HasPrefix(key, store.SearchKey(part)) {
			t.Fatalf("%q is not found by %q", key, part)
		}
	})
}
