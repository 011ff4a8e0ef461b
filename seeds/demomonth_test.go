package seeds

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gridpatrol/inspection"
)

func demoSteps(t testing.TB, month string) []DemoStep {
	t.Helper()
	first, err := time.ParseInLocation("2006-01", month, inspection.China)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := DemoMonth(first.Add(40 * time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

func TestTheDemosMonthIsAlwaysTheSame(t *testing.T) {
	if !reflect.DeepEqual(demoSteps(t, "2026-02"), demoSteps(t, "2026-02")) {
		t.Error("two months")
	}
	// Another month differs in its times only.
	shape := func(month string) (out []string) {
		for _, s := range demoSteps(t, month) {
			line := s.At.Format("02 15:04")
			if s.Push != nil {
				line += fmt.Sprint(s.Push.Username, len(s.Push.Edits), s.Push.Slow)
			}
			if s.Review != nil {
				line += fmt.Sprint(s.Review.Decision, len(s.Review.IDs), s.Review.Comment)
			}
			out = append(out, line)
		}
		return out
	}
	if !reflect.DeepEqual(shape("2026-02"), shape("2026-03")) {
		t.Error("February is another month than March")
	}
}

// What the demo pushes is storable, in order, over before its month is, and
// judged in every way.
func TestTheDemosMonthIsRealistic(t *testing.T) {
	w := load(t)
	ids, verdicts, templates := map[string]bool{}, map[inspection.Verdict]int{}, map[string]int{}
	inspectors := map[string]bool{}
	var last time.Time
	for _, s := range demoSteps(t, "2026-02") {
		if s.At.Before(last) || s.At.Month() == time.March {
			t.Errorf("a step at %v after %v", s.At, last)
		}
		last = s.At
		if s.Task != nil {
			ids[s.Task.ID] = true
		}
		if s.Push == nil {
			continue
		}
		inspectors[s.Push.Username] = true
		for _, e := range s.Push.Edits {
			if e.Base > 0 {
				if !ids[e.ID] {
					t.Errorf("%s is edited before it is there", e.ID)
				}
				continue
			}
			if _, err := inspection.ParseDocID(e.ID); err != nil || ids[e.ID] {
				t.Errorf("id %s: %v", e.ID, err)
			}
			ids[e.ID] = true
			if err := inspection.CheckShape(e.Collection, e.Doc); err != nil {
				t.Error(err)
			}
			if p := inspection.TopLevelProblems(e.Collection, e.Doc); len(p) > 0 {
				t.Errorf("%v", p)
			}
			if e.Collection != inspection.Inspections {
				continue
			}
			name := e.Doc["template"].(string)
			out := w.templates[name].Evaluate(input(e.Doc, w.limits))
			verdicts[out.Verdict]++
			templates[name]++
			for _, p := range out.Problems {
				if out.Verdict == pass && p.Code != inspection.CodeRequired {
					t.Errorf("%s %s: %v", name, e.ID, p)
				}
			}
		}
	}
	for _, v := range []inspection.Verdict{pass, fail, pending, unclear, none} {
		if verdicts[v] == 0 {
			t.Errorf("no record is %s: %v", v, verdicts)
		}
	}
	if len(templates) != 5 || templates["diesel_roadside"] < 250 || len(inspectors) != 41 {
		t.Errorf("%v, %d people", templates, len(inspectors))
	}
}

// Each picture is another one, but for those that are sent twice, and belongs
// to its record; few never arrive.
func TestTheDemosPhotos(t *testing.T) {
	named, seen := 0, map[string]int{}
	for _, s := range demoSteps(t, "2026-03") {
		if s.Push == nil {
			continue
		}
		for _, e := range s.Push.Edits {
			list, _ := e.Doc["photos"].([]any)
			named += len(list)
			for _, p := range e.Pictures {
				p.Entry["sha256"] = "drawn"
				if !slices.ContainsFunc(list, func(x any) bool { return x.(inspection.Object)["sha256"] == "drawn" }) {
					t.Errorf("%s has no entry for its picture", e.ID)
				}
				delete(p.Entry, "sha256")
				exif := p.Shot.EXIF
				p.Shot.EXIF = nil
				seen[fmt.Sprintf("%+v %+v", p.Shot, *exif)]++
			}
		}
	}
	pictures, twice := 0, 0
	for _, n := range seen {
		pictures += n
		twice += n - 1
	}
	if late := named - pictures; named < 700 || late < 10 || late > 30 || twice < 3 || twice > 9 {
		t.Errorf("%d photos named, %d pictures, %d of them again", named, pictures, twice)
	}
}

func TestTheCrew(t *testing.T) {
	streets := map[inspection.Area]int{}
	for i, p := range DemoCrew() {
		if p.Username != fmt.Sprint("inspector", 10+i) || p.Role != "inspector" || len(p.Areas) != 1 || p.Name == "" {
			t.Errorf("%+v", p)
		}
		streets[p.Areas[0]]++
	}
	if len(DemoCrew()) != 31 || len(streets) != 9 {
		t.Errorf("%d people in %d streets", len(DemoCrew()), len(streets))
	}
}

func TestTheCalendarNamesItsSources(t *testing.T) {
	seasons, err := Seasons()
	if err != nil || len(seasons) != 4 {
		t.Fatalf("%d seasons, %v", len(seasons), err)
	}
	festivals, err := Festivals()
	if err != nil || len(festivals) != 15 {
		t.Fatalf("%d festivals, %v", len(festivals), err)
	}
	templates := load(t).templates
	for _, row := range append(seasons, festivals...) {
		flag, _ := row["flag"].(string)
		if row["source"] == nil || len(flag) != 1 || !strings.Contains("PS", flag) || row["name_zh"] == nil || row["name_en"] == nil {
			t.Errorf("%v", row)
		}
		priority, _ := row["priority"].(string)
		for _, name := range strings.Fields(priority) {
			if templates[name] == nil {
				t.Errorf("%v: there is no checklist %s", row["id"], name)
			}
		}
	}
}
