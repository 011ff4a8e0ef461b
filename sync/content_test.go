package sync_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gridpatrol/store"
	"gridpatrol/test/world"
)

func TestContentIsNeverRefused(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	d := world.Burning(edit{"made_up": 1, "found_at": []int{1}})
	d["template"], d["template_version"] = "diesel_roadside", 1
	d["answers"] = edit{"k_readings": "many", "plate": 5, "big": 1}
	r := p.One(store.Applied, p.Put(world.NewID(), 0, d))
	if world.At(t, r.Doc, "server", "verdict") == `"pass"` || world.At(t, r.Doc, "server", "problems", "0", "pointer") == "nothing" {
		t.Errorf("%s", r.Doc)
	}
	unknown := world.Burning(nil)
	unknown["template"] = "no_such"
	r = p.One(store.Applied, p.Put(world.NewID(), 0, unknown))
	if world.At(t, r.Doc, "server", "verdict") != `"indeterminate"` || world.At(t, r.Doc, "server", "problems", "0", "code") != `"unknown_reference"` {
		t.Errorf("%s", r.Doc)
	}
}

func TestBigNumbersAreKeptAsText(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	id := world.NewID()
	body := `{"mutations":[{"n":1,"collection":"inspections","op":"put","id":"` + id + `","base":0,"doc":{"area":"610102003","answers":{"odo":9007199254740993}}}]}`
	r := p.PushBody([]byte(body))[0]
	if world.At(t, r.Doc, "answers", "odo") != `"9007199254740993"` || !strings.Contains(world.At(t, r.Doc, "server", "problems"), "big_number") {
		t.Errorf("%s", r.Doc)
	}
	p.N = 1
	r = p.One(store.Applied, p.Put(id, 1, edit{"note": "x"}))
	if !strings.Contains(world.At(t, r.Doc, "server", "problems"), "big_number") {
		t.Error("the problem is forgotten while the text is still there")
	}
	r = p.One(store.Applied, p.Put(id, 2, edit{"answers": edit{"odo": 5}}))
	if strings.Contains(world.At(t, r.Doc, "server", "problems"), "big_number") {
		t.Error("the problem stays after the number was mended")
	}
}

// TestANumberThatBecameTextMayComeBack: a phone pushes the document as it got
// it, and a number beyond 2^53 is a text then; any other text is no number.
func TestANumberThatBecameTextMayComeBack(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	id := world.NewID()
	body := `{"mutations":[{"n":1,"collection":"inspections","op":"put","id":"` + id + `","base":0,"doc":{"area":"610102003","location":{"lat":1e999},"photos":[{"bytes":9007199254740993}]}}]}`
	r := p.PushBody([]byte(body))[0]
	p.N = 1
	if got := world.At(t, r.Doc, "server", "problems"); strings.Count(got, "big_number") != 2 {
		t.Errorf("problems %s", got)
	}
	r = p.One(store.Applied, p.Put(id, 1, world.Parse(t, r.Doc)))
	if world.At(t, r.Doc, "photos", "0", "bytes") != `"9007199254740993"` || world.At(t, r.Doc, "location", "lat") != `"1e999"` {
		t.Errorf("%s", r.Doc)
	}
	for _, d := range []edit{
		{"template_version": "1"}, {"location": edit{"lat": "34.2"}}, {"location": edit{"lat": "far"}}, {"photos": []edit{{"bytes": "12"}}},
		{"template_version": "1e999x"}, {"template_version": "9007199254740993.5"},
	} {
		p.One(store.Rejected, p.Put(id, 2, d))
	}
}

func TestClocks(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	cases := map[string]struct {
		device  time.Time
		offset  string
		problem bool
	}{
		"right":         {w.Now(), "0", false},
		"41 s ahead":    {w.Now().Add(41 * time.Second), "-41", false},
		"years behind":  {time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), "1791799200", true},
		"far future":    {time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), "-251578965600", true},
		"eleven minute": {w.Now().Add(-11 * time.Minute), "660", true},
	}
	for name, c := range cases {
		r := p.PushAt(c.device, p.Put(world.NewID(), 0, world.Burning(nil)))[0]
		if got := world.At(t, r.Doc, "server", "clock_offset_s"); got != c.offset {
			t.Errorf("%s: offset %s, want %s", name, got, c.offset)
		}
		if got := strings.Contains(world.At(t, r.Doc, "server", "problems"), `"clock"`); got != c.problem {
			t.Errorf("%s: flagged %v", name, got)
		}
	}
	report, err := w.Sync.Report(w.Ctx, p.Principal.Device)
	if err != nil || report.ClockOffsetS == nil || !report.LastSeen.Equal(w.Now()) {
		t.Errorf("report %+v, %v", report, err)
	}
}

func TestTimesFarFromNow(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	for started, flagged := range map[string]bool{
		"2026-10-12T18:10:00+08:00": false, "2026-10-12T18:10:01+08:00": true, "9999-12-31T23:59:59Z": true,
		"2024-10-12T18:00:00+08:00": false, "2024-10-12T17:59:59+08:00": true, "0000-01-01T00:00:00Z": true, "soon": false,
	} {
		d := world.Burning(nil)
		d["started_at"] = started
		r := p.One(store.Applied, p.Put(world.NewID(), 0, d))
		if got := strings.Contains(world.At(t, r.Doc, "server", "problems"), `"clock"`); got != flagged {
			t.Errorf("%s: flagged %t", started, got)
		}
	}
	id := world.NewID()
	p.One(store.Applied, p.Put(id, 0, world.Burning(nil)))
	w.Advance(3 * 365 * 24 * time.Hour)
	r := p.One(store.Applied, p.Put(id, 1, edit{"note": "years later"}))
	if got := world.At(t, r.Doc, "server", "problems"); strings.Contains(got, `"clock"`) {
		t.Errorf("an old record that is edited: %s", got)
	}
}

// TestTheClockIsThatOfWhoSaidTheTime: a phone with the right time that edits
// something else doesn't hide that the record's times are off.
func TestTheClockIsThatOfWhoSaidTheTime(t *testing.T) {
	w := newDistrict(t)
	p, q := w.phone("li", street), w.phone("wang", street)
	id := world.NewID()
	p.PushAt(w.Now().Add(-time.Hour), p.Put(id, 0, world.Burning(nil)))
	r := q.One(store.Applied, q.Put(id, 1, edit{"note": "x"}))
	if got := world.At(t, r.Doc, "server", "clock_offset_s"); got != "3600" {
		t.Errorf("after another's note: %s", got)
	}
	r = q.One(store.Applied, q.Put(id, 2, edit{"started_at": "2026-10-12T17:31:08+08:00"}))
	if got := world.At(t, r.Doc, "server", "clock_offset_s"); got != "0" || strings.Contains(world.At(t, r.Doc, "server", "problems"), `"clock"`) {
		t.Errorf("after a new time: %s", got)
	}
}

func TestTimesOfALogNeverRunBackwards(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	p.One(store.Applied, p.Put(world.NewID(), 0, world.Burning(nil)))
	w.Advance(-48 * time.Hour)
	p.One(store.Applied, p.Put(world.NewID(), 0, world.Burning(nil)))
	commits, err := w.Store.Commits(w.Ctx, street, 0, 10)
	if err != nil || commits[1].At.Before(commits[0].At) {
		t.Errorf("%v then %v (%v)", commits[0].At, commits[1].At, err)
	}
}

// TestLargeRecords: a record may have as many photos, items and conflicts as
// a document can hold; none of it may cost the square of their number.
func TestLargeRecords(t *testing.T) {
	w := newDistrict(t)
	p, q := w.phone("li", street), w.phone("wang", street)
	photos := make([]edit, 3000)
	items := make([]edit, 10000)
	for i := range photos {
		photos[i] = edit{"field": "before_photo", "sha256": fmt.Sprintf("%064x", i)}
	}
	for i := range items {
		items[i] = edit{"id": fmt.Sprint(i)}
	}
	d := world.Burning(nil)
	d["photos"] = append(photos, photos[0], edit{"field": "after_photo", "sha256": fmt.Sprintf("%064x", 1)})
	r := p.One(store.Applied, p.Put(world.NewID(), 0, d))
	if world.At(t, r.Doc, "server", "evidence", "missing_more") != "2500" {
		t.Errorf("evidence: %.200s", world.At(t, r.Doc, "server", "evidence"))
	}
	id := world.NewID()
	p.One(store.Applied, p.Put(id, 0, world.Burning(edit{"r": items})))
	changed := make([]edit, len(items))
	for i := range items {
		changed[i] = edit{"id": fmt.Sprint(i), "q": 1}
	}
	p.One(store.Applied, p.Put(id, 1, world.Burning(edit{"r": changed})))
	for i := range items {
		changed[i] = edit{"id": fmt.Sprint(i), "q": 2}
	}
	r = q.One(store.Conflicted, q.Put(id, 1, world.Burning(edit{"r": changed})))
	if n := world.At(t, r.Doc, "server", "conflicts_more"); n != "9900" {
		t.Errorf("%s more conflicts", n)
	}
}

// TestManyEditsOfALargeDocument: they are all stored and answered, but an
// answer holds 64 MiB of documents at most.
func TestManyEditsOfALargeDocument(t *testing.T) {
	w := newDistrict(t)
	p := w.phone("li", street)
	id := world.NewID()
	p.One(store.Applied, p.Put(id, 0, world.Burning(edit{"text": strings.Repeat("x", 1000<<10)})))
	edits := make([]edit, 70)
	for i := range edits {
		edits[i] = p.Put(id, 1, edit{"note": i})
	}
	for round := range 2 {
		bytes, without := 0, 0
		for i, r := range p.Push(edits...) {
			if r.Status != store.Applied || *r.Rev != int64(i+2) || r.Replayed != (round == 1) {
				t.Fatalf("edit %d: %s, rev %d", i, r.Status, *r.Rev)
			}
			if bytes += len(r.Doc); r.Doc == nil {
				without++
			}
		}
		if bytes > 64<<20 || without != 5 {
			t.Errorf("%d bytes of documents, %d results without", bytes, without)
		}
	}
}

// TestLongNames: thousands of values under one long name are stored, merged
// and flagged like others; what doesn't fit under "server" is counted there.
func TestLongNames(t *testing.T) {
	w := newDistrict(t)
	p, q := w.phone("li", street), w.phone("wang", street)
	id, long := world.NewID(), strings.Repeat("k", 500<<10)
	items := func(value any) edit {
		list := make([]edit, 10_000)
		for i := range list {
			list[i] = edit{"id": fmt.Sprint(i), "q": value}
		}
		return world.Burning(edit{long: list, "note": value})
	}
	p.One(store.Applied, p.Put(id, 0, items("first")))
	p.One(store.Applied, p.Put(id, 1, items("second")))
	r := q.One(store.Conflicted, q.Put(id, 1, items("third")))
	if world.At(t, r.Doc, "server", "conflicts_more") != "10000" || world.At(t, r.Doc, "server", "conflicts", "0", "pointer") != `"/answers/note"` {
		t.Errorf("%.300s", world.At(t, r.Doc, "server", "conflicts"))
	}
	if sent := string(w.History(id)[2].Sent); strings.Count(sent, `"third"`) != 10_001 {
		t.Error("what was offered is not in history")
	}
	body := `{"mutations":[{"n":9,"collection":"inspections","op":"put","id":"` + world.NewID() + `","base":0,"doc":{"area":"610102003","answers":{"` + long + `":[` +
		strings.Repeat("9007199254740993,", 10_000) + `1]}}}]}`
	r = p.PushBody([]byte(body))[0]
	if problems := world.At(t, r.Doc, "server", "problems"); !strings.Contains(problems, `"code":"big_number"`) || len(problems) > 4<<10 {
		t.Errorf("%.300s", problems)
	}
}
