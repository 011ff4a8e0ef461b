package sync_test

import (
	"strings"
	"testing"
	"time"

	"gridpatrol/store"
)

func TestContentIsNeverRefused(t *testing.T) {
	w := newWorld(t)
	p := w.phone("li", street)
	d := newInspection(edit{"made_up": 1, "found_at": []int{1}})
	d["template"], d["template_version"] = "diesel_roadside", 1
	d["answers"] = edit{"k_readings": "many", "plate": 5, "big": 1}
	r := p.one(store.Applied, p.put(newID(), 0, d))
	if at(t, r.Doc, "server", "verdict") == `"pass"` || at(t, r.Doc, "server", "problems", "0", "pointer") == "nothing" {
		t.Errorf("%s", r.Doc)
	}
	unknown := newInspection(nil)
	unknown["template"] = "no_such"
	r = p.one(store.Applied, p.put(newID(), 0, unknown))
	if at(t, r.Doc, "server", "verdict") != `"indeterminate"` || at(t, r.Doc, "server", "problems", "0", "code") != `"unknown_reference"` {
		t.Errorf("%s", r.Doc)
	}
}

func TestBigNumbersAreKeptAsText(t *testing.T) {
	w := newWorld(t)
	p := w.phone("li", street)
	id := newID()
	body := `{"mutations":[{"n":1,"collection":"inspections","op":"put","id":"` + id + `","base":0,"doc":{"area":"610102003","answers":{"odo":9007199254740993}}}]}`
	r := p.pushBody([]byte(body))[0]
	if at(t, r.Doc, "answers", "odo") != `"9007199254740993"` || !strings.Contains(at(t, r.Doc, "server", "problems"), "big_number") {
		t.Errorf("%s", r.Doc)
	}
	p.n = 1
	r = p.one(store.Applied, p.put(id, 1, edit{"note": "x"}))
	if !strings.Contains(at(t, r.Doc, "server", "problems"), "big_number") {
		t.Error("the problem is forgotten while the text is still there")
	}
	r = p.one(store.Applied, p.put(id, 2, edit{"answers": edit{"odo": 5}}))
	if strings.Contains(at(t, r.Doc, "server", "problems"), "big_number") {
		t.Error("the problem stays after the number was mended")
	}
}

func TestClocks(t *testing.T) {
	w := newWorld(t)
	p := w.phone("li", street)
	cases := map[string]struct {
		device  time.Time
		offset  string
		problem bool
	}{
		"right":         {w.clock(), "0", false},
		"41 s ahead":    {w.clock().Add(41 * time.Second), "-41", false},
		"years behind":  {time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), "1791799200", true},
		"far future":    {time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), "-251578965600", true},
		"eleven minute": {w.clock().Add(-11 * time.Minute), "660", true},
	}
	for name, c := range cases {
		r := p.pushAt(c.device, p.put(newID(), 0, newInspection(nil)))[0]
		if got := at(t, r.Doc, "server", "clock_offset_s"); got != c.offset {
			t.Errorf("%s: offset %s, want %s", name, got, c.offset)
		}
		if got := strings.Contains(at(t, r.Doc, "server", "problems"), `"clock"`); got != c.problem {
			t.Errorf("%s: flagged %v", name, got)
		}
	}
	report, err := w.sync.Report(w.ctx, p.asker.Device)
	if err != nil || report.ClockOffsetS == nil || !report.LastSeen.Equal(w.clock()) {
		t.Errorf("report %+v, %v", report, err)
	}
}

func TestTimesOfALogNeverRunBackwards(t *testing.T) {
	w := newWorld(t)
	p := w.phone("li", street)
	p.one(store.Applied, p.put(newID(), 0, newInspection(nil)))
	w.advance(-48 * time.Hour)
	p.one(store.Applied, p.put(newID(), 0, newInspection(nil)))
	commits, err := w.store.Commits(w.ctx, street, 0, 10)
	if err != nil || commits[1].At.Before(commits[0].At) {
		t.Errorf("%v then %v (%v)", commits[0].At, commits[1].At, err)
	}
}
