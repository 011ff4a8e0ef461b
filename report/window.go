package report

import (
	"encoding/json"
	"slices"
	"time"

	"gridpatrol/inspection"
)

// Kind is how a window lies in its month.
type Kind string

// The kinds of windows. To25th of a month begins on the 26th of the one before
// and ends with the 25th, since the plan wants its report by then.
const (
	WholeMonth Kind = "month"
	To25th     Kind = "26-25"
	FirstHalf  Kind = "first_half"
	SecondHalf Kind = "second_half"
)

// Kinds lists all kinds of windows.
var Kinds = []Kind{WholeMonth, To25th, FirstHalf, SecondHalf}

// half reports whether the window is half a month.
func (k Kind) half() bool { return k == FirstHalf || k == SecondHalf }

// Window is a stretch of days in China: From ≤ t < To. It is named after the
// month that holds its first of the month.
type Window struct {
	Kind     Kind
	Month    string // "2026-10"
	From, To time.Time
}

// Bounds of the years that have windows: times outside are mistakes.
const (
	firstYear = 1991
	lastYear  = 2199
)

// ParseWindow returns the window of a month like "2026-10". An empty kind is
// the whole month. Returns a CodeBadParameter error.
func ParseWindow(month, kind string) (Window, error) {
	first, err := time.ParseInLocation("2006-01", month, inspection.China)
	if err != nil || first.Year() < firstYear || first.Year() > lastYear {
		return Window{}, inspection.Errorf(inspection.CodeBadParameter, "The parameter month must be a month like 2026-10, from %d to %d.", firstYear, lastYear)
	}
	k := Kind(kind)
	if k == "" {
		k = WholeMonth
	}
	if !slices.Contains(Kinds, k) {
		return Window{}, inspection.Errorf(inspection.CodeBadParameter, "The parameter window must be month, 26-25, first_half or second_half.")
	}
	return windowOf(first, k), nil
}

// windowOf makes the window of the month that begins with first.
func windowOf(first time.Time, k Kind) Window {
	day := func(month, d int) time.Time {
		return time.Date(first.Year(), first.Month()+time.Month(month), d, 0, 0, 0, 0, inspection.China)
	}
	w := Window{Kind: k, Month: first.Format("2006-01"), From: day(0, 1), To: day(1, 1)}
	switch k {
	case To25th:
		w.From, w.To = day(-1, 26), day(0, 26)
	case FirstHalf:
		w.To = day(0, 16)
	case SecondHalf:
		w.From = day(0, 16)
	case WholeMonth:
	}
	return w
}

// First is the first of the window's month.
func (w Window) First() time.Time {
	t, _ := time.ParseInLocation("2006-01", w.Month, inspection.China) // a window's own month is one
	return t
}

// period is what targets call a window of this length, and the day by which
// they are picked: the first of its month.
func (w Window) period() (name string, first time.Time) {
	if w.Kind.half() {
		return "half_month", w.First()
	}
	return "month", w.First()
}

// Holds reports whether t lies in the window.
func (w Window) Holds(t time.Time) bool { return !t.Before(w.From) && t.Before(w.To) }

// Before returns the window that ends where w begins.
func (w Window) Before() Window {
	first := w.First()
	switch w.Kind {
	case SecondHalf:
		return windowOf(first, FirstHalf)
	case FirstHalf:
		return windowOf(first.AddDate(0, -1, 0), SecondHalf)
	case WholeMonth, To25th:
	}
	return windowOf(first.AddDate(0, -1, 0), w.Kind)
}

// windowJSON is a window on the wire.
type windowJSON struct {
	Kind  Kind   `json:"kind"`
	Month string `json:"month"`
	From  string `json:"from"`
	To    string `json:"to"`
}

// MarshalJSON writes the window as docs/contract.md, section 6, has it.
func (w Window) MarshalJSON() ([]byte, error) {
	return json.Marshal(windowJSON{w.Kind, w.Month, WireTime(w.From), WireTime(w.To)})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (w *Window) UnmarshalJSON(data []byte) error {
	var in windowJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	parsed, err := ParseWindow(in.Month, string(in.Kind))
	if err == nil {
		*w = parsed
	}
	return err
}

// WireTime is a time as reports have it, in China's zone.
func WireTime(t time.Time) string { return t.In(inspection.China).Format(time.RFC3339Nano) }
