package report

import (
	"strings"
	"time"

	"gridpatrol/inspection"
)

// Target is a row of the targets: how much a window must hold of a topic in an
// area. From is the first day on which it holds, To the first day after; the
// zero time is open.
type Target struct {
	ID       string
	Topic    string
	Area     inspection.Area
	Period   string
	Sessions *int64
	Checks   *int64
	Basis    string
	Note     string
	From, To time.Time
}

// periodOf is the period that a target must have to apply to a kind of window.
func periodOf(k Kind) string {
	if k.half() {
		return "half_month"
	}
	return "month"
}

// targetOf reads a document of the targets; ok is false for a row that is
// disabled or asks for nothing.
func targetOf(doc inspection.Object) (t Target, ok bool) {
	t = Target{
		ID: textOf(doc["id"]), Topic: textOf(doc["topic"]), Area: inspection.Area(textOf(doc["area"])),
		Period: textOf(doc["period"]), Basis: textOf(doc["basis"]), Note: textOf(doc["note"]),
		From: dayOf(doc["effective_from"]), To: dayOf(doc["effective_to"]),
	}
	asks := "inspections"
	if t.Topic == topicVehicles {
		asks = "vehicles"
	}
	t.Sessions, t.Checks = numberOf(doc["sessions"]), numberOf(doc[asks])
	return t, doc["enabled"] != false && (t.Sessions != nil || t.Checks != nil)
}

func numberOf(v any) *int64 {
	i, ok := integerOf(v)
	if !ok {
		return nil
	}
	return &i
}

// dayOf reads a date in China; anything else is the zero time.
func dayOf(v any) time.Time {
	t, err := time.ParseInLocation(time.DateOnly, textOf(v), inspection.China)
	if err != nil {
		return time.Time{}
	}
	return t
}

// on reports whether the target is in force on the day that t falls on.
func (t *Target) on(at time.Time) bool {
	return !at.Before(t.From) && (t.To.IsZero() || at.Before(t.To))
}

// met compares a count with what the target asks for.
func (t *Target) met(c Count) bool {
	return (t.Sessions == nil || int64(c.Sessions) >= *t.Sessions) &&
		(t.Checks == nil || int64(c.Checks) >= *t.Checks)
}

// targetFor picks the target of a topic in an area that is in force on the
// first of the window's month: a target that changes within a month counts
// from the next one on. Of several it is the one that began last. Returns nil
// if none applies.
func targetFor(targets []Target, w Window, area inspection.Area, topic string) *Target {
	var best *Target
	for i := range targets {
		t := &targets[i]
		if t.Area != area || t.Topic != topic || t.Period != periodOf(w.Kind) || !t.on(w.first()) {
			continue
		}
		if best == nil || t.From.After(best.From) || t.From.Equal(best.From) && strings.Compare(t.ID, best.ID) < 0 {
			best = t
		}
	}
	return best
}

// targetTopics lists the topics for which the area has a target in the window.
func targetTopics(targets []Target, w Window, area inspection.Area) []string {
	var topics []string
	for i := range targets {
		if t := &targets[i]; targetFor(targets, w, area, t.Topic) == t {
			topics = append(topics, t.Topic)
		}
	}
	return topics
}
