package api

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"gridpatrol/inspection"
)

// query reads the parameters of a list and keeps the first thing that is
// wrong.
type query struct {
	values func(name string) []string
	err    error
}

func (q *query) fail(err error) {
	if q.err == nil {
		q.err = err
	}
}

func (q *query) text(name string) string {
	s, err := single(q.values, name)
	q.fail(err)
	return s
}

// choice takes one of the words, or nothing.
func (q *query) choice(name string, words ...string) string {
	s := q.text(name)
	if s != "" && !slices.Contains(words, s) {
		q.fail(badParameter(name, "it must be one of "+strings.Join(words, ", ")+"."))
	}
	return s
}

func (q *query) areas() []inspection.Area {
	var list []inspection.Area
	for _, code := range splitLists(q.values("area")) {
		area := inspection.Area(code)
		if !area.Valid() {
			q.fail(badParameter("area", "it must list codes of areas."))
		}
		list = append(list, area)
	}
	return list
}

// id takes a UUID, or nothing.
func (q *query) id(name string) inspection.DocID {
	s := q.text(name)
	if s == "" {
		return ""
	}
	id, err := inspection.ParseDocID(s)
	if err != nil {
		q.fail(badParameter(name, "it must be a UUID."))
	}
	return id
}

// moment takes a time, or a day of China: its beginning as a first bound, its
// end as a last one.
func (q *query) moment(name string, last bool) time.Time {
	s := q.text(name)
	if s == "" {
		return time.Time{}
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		if t.IsZero() {
			t = t.Add(1) // the zero time would be no bound
		}
		return t
	}
	day, err := inspection.ParseDay(s)
	if err != nil {
		q.fail(badParameter(name, "it must be a time of RFC 3339 or a day like 2026-10-12."))
	}
	if last {
		day = day.AddDate(0, 0, 1)
	}
	return day
}

func (q *query) flag(name string) bool { return q.choice(name, "true", "false") == "true" }

// number takes a whole number from 1, at most the bound, or the default.
func (q *query) number(name string, otherwise, most int) int {
	s := q.text(name)
	if s == "" && len(q.values(name)) == 0 {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		q.fail(badParameter(name, "it must be a whole number from 1."))
		return otherwise
	}
	return min(n, most)
}
