package report

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gridpatrol/inspection"
)

// Calendar is the plan's year: its seasons and its festivals.
type Calendar struct {
	Seasons   []Season
	Festivals []Festival
}

// Season is a part of the year. Priority lists the checklists that come first.
type Season struct {
	ID       string   `json:"id"`
	NameZH   string   `json:"name_zh"`
	NameEN   string   `json:"name_en"`
	Months   []int    `json:"months"`
	FocusZH  string   `json:"focus_zh"`
	FocusEN  string   `json:"focus_en"`
	Priority []string `json:"priority"`
	Source   string   `json:"source"`
	Flag     string   `json:"flag"`
	Note     string   `json:"note,omitempty"`
}

// Festival is one day of one year.
type Festival struct {
	ID       string   `json:"id"`
	Festival string   `json:"festival"`
	NameZH   string   `json:"name_zh"`
	NameEN   string   `json:"name_en"`
	Date     string   `json:"date"`
	InDays   int      `json:"in_days"`
	Priority []string `json:"priority"`
	Source   string   `json:"source"`
	Flag     string   `json:"flag"`
	Note     string   `json:"note,omitempty"`
}

// NewCalendar reads the rows of the calendar. Every month must lie in exactly
// one season.
func NewCalendar(seasons, festivals []inspection.Object) (Calendar, error) {
	var c Calendar
	holders := map[int]int{}
	for _, row := range seasons {
		s := Season{
			ID: row.Text("id"), NameZH: row.Text("name_zh"), NameEN: row.Text("name_en"),
			FocusZH: row.Text("focus_zh"), FocusEN: row.Text("focus_en"), Priority: fieldsOf(row.Text("priority")),
			Source: row.Text("source"), Flag: row.Text("flag"), Note: row.Text("note"),
		}
		for _, text := range fieldsOf(row.Text("months")) {
			month, err := strconv.Atoi(text)
			if err != nil {
				return c, fmt.Errorf("calendar: season %s: %q is no month", s.ID, text)
			}
			s.Months = append(s.Months, month)
			holders[month]++
		}
		c.Seasons = append(c.Seasons, s)
	}
	for month := 1; month <= 12; month++ {
		if holders[month] != 1 {
			return c, fmt.Errorf("calendar: month %d lies in %d seasons", month, holders[month])
		}
	}
	for _, row := range festivals {
		f := Festival{
			ID: row.Text("id"), Festival: row.Text("festival"), NameZH: row.Text("name_zh"), NameEN: row.Text("name_en"),
			Date: row.Text("date"), Priority: fieldsOf(row.Text("priority")),
			Source: row.Text("source"), Flag: row.Text("flag"), Note: row.Text("note"),
		}
		if dayOf(f.Date).IsZero() {
			return c, fmt.Errorf("calendar: festival %s: %q is no date", f.ID, f.Date)
		}
		c.Festivals = append(c.Festivals, f)
	}
	return c, nil
}

func fieldsOf(s string) []string { return append([]string{}, strings.Fields(s)...) }

// aheadDays is how far ahead a festival matters: the plan is dispatched every
// half month.
const aheadDays = 15

// Day is what matters on one day in some areas.
type Day struct {
	Date   string `json:"date"`
	Season Season `json:"season"`
	// Festivals are those of the day and of the next fifteen.
	Festivals []Festival `json:"festivals"`
	// Priorities lists the checklists that come first, the first one first.
	Priorities []string `json:"priorities"`
	// Targets are those in force, of the areas, of what lies above and below.
	Targets []DayTarget `json:"targets"`
	Seasons []Season    `json:"seasons"`
}

// DayTarget is a target on the wire, with where and when it holds.
type DayTarget struct {
	TargetJSON
	Topic  string          `json:"topic"`
	Area   inspection.Area `json:"area"`
	Period string          `json:"period"`
	From   string          `json:"effective_from,omitempty"`
	To     string          `json:"effective_to,omitempty"` // the first day after
}

// Day tells what matters on a day like "2026-11-09"; "" is today. Returns
// CodeBadParameter.
func (s *Service) Day(ctx context.Context, date string, areas []inspection.Area) (*Day, error) {
	day := s.now()
	if date != "" {
		if day = dayOf(date); day.IsZero() {
			return nil, inspection.Errorf(inspection.CodeBadParameter, "The parameter date must be a date like 2026-11-09.")
		}
	}
	y, m, d := day.In(inspection.China).Date()
	out := s.calendar.day(time.Date(y, m, d, 0, 0, 0, 0, inspection.China))
	head, err := s.store.Head(ctx, inspection.ReferenceArea)
	if err != nil {
		return nil, err
	}
	ref, err := s.references.at(ctx, s.store, head.Seq)
	if err != nil {
		return nil, err
	}
	out.Targets = dayTargets(ref.targets, dayOf(out.Date), areas)
	return out, nil
}

func dayTargets(targets []Target, day time.Time, areas []inspection.Area) []DayTarget {
	list := []DayTarget{}
	for i := range targets {
		t := &targets[i]
		near := slices.ContainsFunc(areas, func(a inspection.Area) bool { return a.Covers(t.Area) || t.Area.Covers(a) })
		if !near || !t.inForce(day) {
			continue
		}
		row := DayTarget{TargetJSON: *t.json(), Topic: t.Topic, Area: t.Area, Period: t.Period}
		row.From, row.To = dateText(t.From), dateText(t.To)
		list = append(list, row)
	}
	return list
}

func dateText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

// day tells what matters on a day, given as its beginning in China.
func (c *Calendar) day(day time.Time) *Day {
	out := &Day{Date: day.Format(time.DateOnly), Festivals: []Festival{}, Priorities: []string{}, Seasons: c.Seasons}
	first := func(names []string) {
		for _, name := range names {
			if !slices.Contains(out.Priorities, name) {
				out.Priorities = append(out.Priorities, name)
			}
		}
	}
	for _, f := range c.Festivals {
		f.InDays = int(dayOf(f.Date).Sub(day).Hours()) / 24
		if !dayOf(f.Date).Before(day) && f.InDays <= aheadDays {
			out.Festivals = append(out.Festivals, f)
		}
	}
	slices.SortFunc(out.Festivals, func(a, b Festival) int { return a.InDays - b.InDays })
	for _, f := range out.Festivals {
		first(f.Priority)
	}
	for _, s := range c.Seasons {
		if slices.Contains(s.Months, int(day.Month())) {
			out.Season = s
			first(s.Priority)
		}
	}
	return out
}
