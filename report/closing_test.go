package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"

	"gridpatrol/inspection"
	"gridpatrol/report"
	"gridpatrol/store"
	"gridpatrol/store/asof"
)

func wantCode(t testing.TB, err error, want inspection.Code) {
	t.Helper()
	if got := inspection.CodeOf(err); got != want {
		t.Errorf("got %s (%v), want %s", got, err, want)
	}
}

// lines words changes: what became of which document.
func lines(list []report.Change) []string {
	out := []string{}
	for _, c := range list {
		line := "session " + short(c.Session)
		if c.Inspection != "" {
			line = "inspection " + short(c.Inspection) + " of " + short(c.Session)
		}
		out = append(out, fmt.Sprint(line, " ", c.What))
	}
	slices.Sort(out)
	return out
}

func wantLines(t testing.TB, what string, list []report.Change, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := lines(list); !slices.Equal(got, want) {
		t.Errorf("%s:\n%q, want\n%q", what, got, want)
	}
}

// closedMonth is the month by hand, closed on 10 November.
func closedMonth(t *testing.T) (*month, *report.Closing) {
	t.Helper()
	w := newMonth(t)
	w.handMonth()
	w.SetClock(local("2026-11-10 09:00:00"))
	c, err := w.reports.Close(w.Ctx, "boss", october(report.WholeMonth), district)
	w.Must(err)
	return w, c
}

func TestAWindowIsClosedOnceAndOnlyAfterItsEnd(t *testing.T) {
	w := newMonth(t)
	w.handMonth()
	w.SetClock(local("2026-10-31 23:59:59"))
	_, err := w.reports.Close(w.Ctx, "boss", october(report.WholeMonth), district)
	wantCode(t, err, inspection.CodeWindowOpen)
	_, err = w.reports.Close(w.Ctx, "boss", october(report.FirstHalf), district)
	w.Must(err)
	w.SetClock(local("2026-11-01 00:00:00"))
	_, err = w.reports.Close(w.Ctx, "boss", october(report.WholeMonth), district)
	w.Must(err)
	_, err = w.reports.Close(w.Ctx, "other", october(report.WholeMonth), district)
	wantCode(t, err, inspection.CodeWindowClosed)
	_, err = w.reports.Close(w.Ctx, "other", october(report.WholeMonth), street)
	w.Must(err)
	if j := w.joint(report.WholeMonth, "", next); j.Closed != nil {
		t.Error("a street is closed with its district")
	}
	_, err = w.reports.Close(w.Ctx, "boss", october(report.WholeMonth), "610999")
	wantCode(t, err, inspection.CodeBadParameter)
}

func TestAClosingIsAnEntryWithWhatItKept(t *testing.T) {
	w, c := closedMonth(t)
	records, err := w.Store.Records(w.Ctx, []inspection.DocID{"closings/2026-10/month/610102"})
	w.Must(err)
	r := records["closings/2026-10/month/610102"]
	entries, err := w.Store.Entries(w.Ctx, inspection.ReferenceArea, r.Revisions)
	w.Must(err)
	if len(entries) != 1 || entries[0].Kind != store.KindClosing || entries[0].Actor != "boss" {
		t.Fatalf("entries %+v", entries)
	}
	for _, format := range formats {
		sum := sha256.Sum256(w.file(format, c.AsOf.Token()))
		if got := hex.EncodeToString(sum[:]); got != c.Files[format].SHA256 {
			t.Errorf("%s has the hash %s, the closing says %s", format, got, c.Files[format].SHA256)
		}
	}
	if d := topic(c.Totals, "diesel_roadside"); d.Sessions != 9 || d.Checks() != 12 {
		t.Errorf("totals %+v", c.Totals)
	}
	commits, err := w.Store.Commits(w.Ctx, street, c.AsOf.Seqs[street]-1, 1)
	w.Must(err)
	if i := slices.IndexFunc(c.Heads, func(h asof.ChainHead) bool { return h.Area == street }); i < 0 || c.Heads[i].Hash != commits[0].Hash.String() {
		t.Errorf("heads %+v", c.Heads)
	}
}

// Whatever happens to a closed month, its files stay as they are, byte for
// byte, and its report tells what happened.
func TestNothingSlipsIntoAClosedMonth(t *testing.T) {
	w, c := closedMonth(t)
	files := map[string][]byte{}
	for _, f := range formats {
		files[f] = w.file(f, c.AsOf.Token())
	}
	if j := w.joint(report.WholeMonth, ""); j.Closed == nil || len(j.SinceClose.Added)+len(j.SinceClose.Removed)+len(j.SinceClose.Changed)+len(j.Late) != 0 {
		t.Errorf("right after closing: %+v", j.SinceClose)
	}
	w.SetClock(local("2026-11-12 09:00:00"))
	w.happen()
	for _, f := range formats {
		if !bytes.Equal(w.file(f, c.AsOf.Token()), files[f]) {
			t.Errorf("as of its closing the %s is another", f)
		}
		if f != report.JSON && !bytes.Equal(w.file(f, ""), files[f]) {
			t.Errorf("the %s of the closed month is another", f)
		}
	}
	j := w.joint(report.WholeMonth, "")
	if d := topic(j.Topics, "diesel_roadside"); d.Sessions != 9 || d.Checks() != 12 {
		t.Errorf("the closed numbers are %d, %d", d.Sessions, d.Checks())
	}
	w.wantHappened(j)
	later := w.joint(report.WholeMonth, j.SinceClose.AsOf.Token())
	if d := topic(later.Topics, "diesel_roadside"); d.Sessions != 7 || d.Checks() != 10 {
		t.Errorf("as of later: %d, %d", d.Sessions, d.Checks())
	}
	w.phone("late").put("sessions", id(21), newSession(street, "2026-10-19T09:00:00+08:00", nil))
	w.wantHappened(w.joint(report.WholeMonth, j.SinceClose.AsOf.Token()))
	if now := w.joint(report.WholeMonth, ""); len(now.Late) != 4 {
		t.Errorf("%d late documents", len(now.Late))
	}
}

// happen changes the closed month in every way.
func (w *month) happen() {
	p := w.phone("late")
	p.put("sessions", id(20), newSession(street, "2026-10-19T09:00:00+08:00", nil))
	p.put("inspections", id(201), newVehicle(street, id(20), "陕A20001", nil))
	p.edit("inspections", id(104), object{"status": "submitted"}) // the draft
	p.edit("sessions", id(4), object{"started_at": "2026-11-02T09:00:00+08:00"})
	p.remove("sessions", id(5))
	p.edit("sessions", id(7), object{"participants": []any{}})
	p.edit("sessions", id(12), object{"note": "改"})
	w.review(id(102), "rejected")
	w.review(id(101), "approved")
	p.put("sessions", id(22), newSession(street, "2026-12-01T09:00:00+08:00", nil)) // another month's
}

func (w *month) wantHappened(j *report.Joint) {
	w.T.Helper()
	s := j.SinceClose
	wantLines(w.T, "added", s.Added, "session 20 []", "inspection 201 of 20 []", "inspection 104 of 1 []")
	wantLines(w.T, "removed", s.Removed,
		"session 4 [/started_at]", "inspection 111 of 4 []",
		"session 5 [/deleted]", "inspection 112 of 5 []",
		"inspection 102 of 1 [/server/review/state]")
	wantLines(w.T, "changed", s.Changed, "session 7 [/participants]", "session 12 [/note]", "inspection 101 of 1 [/server/review/state]")
	wantLines(w.T, "late", j.Late, lines(s.Added)...)
	for _, c := range s.Added {
		if c.ReceivedAt == "" {
			w.T.Errorf("%v does not tell when it was received", c)
		}
	}
	if d := topic(s.Topics, "diesel_roadside"); d.Sessions != 7 || d.Checks() != 10 {
		w.T.Errorf("the counts since: %d, %d", d.Sessions, d.Checks())
	}
}

// As of a time before its closing a window is open, whatever came later.
func TestAsOfBeforeTheClosing(t *testing.T) {
	w, _ := closedMonth(t)
	w.happen()
	j := w.joint(report.WholeMonth, "2026-11-09T08:59:59+08:00")
	if d := topic(j.Topics, "diesel_roadside"); d.Sessions != 8 || d.Checks() != 11 || j.Closed != nil || len(j.Late) != 0 {
		t.Errorf("%d, %d, closed %v, late %v", d.Sessions, d.Checks(), j.Closed, j.Late)
	}
	// A plus that wasn't escaped reaches the server as a space.
	if again := w.joint(report.WholeMonth, "2026-11-09T08:59:59 08:00"); again.AsOf.Token() != j.AsOf.Token() {
		t.Errorf("%v is another position than %v", again.AsOf, j.AsOf)
	}
}

func TestAKeptFileThatWasTamperedWithIsNotServed(t *testing.T) {
	w, c := closedMonth(t)
	key := c.Files["csv"].SHA256 + "/000000"
	row, err := w.Store.Get(w.Ctx, store.TableFiles, key)
	w.Must(err)
	row.Value[len(row.Value)-3]++
	_, err = w.Store.Put(w.Ctx, store.TableFiles, row)
	w.Must(err)
	_, err = w.reports.Export(w.Ctx, report.JointQuery{Window: october(report.WholeMonth), Scope: []inspection.Area{district}}, "csv")
	wantCode(t, err, inspection.CodeInternal)
}

// The window before is compared with as it was closed.
func TestTheWindowBeforeIsAsItWasClosed(t *testing.T) {
	w, _ := closedMonth(t)
	w.happen()
	november, err := report.ParseWindow("2026-11", "month")
	w.Must(err)
	j, err := w.reports.Joint(w.Ctx, report.JointQuery{Window: november, Scope: []inspection.Area{district}})
	w.Must(err)
	if d := topic(j.Before.Topics, "diesel_roadside"); !j.Before.Closed || d.Sessions != 9 || d.Checks() != 12 {
		t.Errorf("October is told as %+v", j.Before)
	}
}

func TestTokens(t *testing.T) {
	w := newMonth(t)
	w.handMonth()
	ask := func(asOf string, scope ...inspection.Area) error {
		_, err := w.reports.Joint(w.Ctx, report.JointQuery{Window: october(report.WholeMonth), Scope: scope, AsOf: asOf})
		return err
	}
	p := w.joint(report.WholeMonth, "").AsOf
	for _, bad := range []string{"x", "2026-10-01", "e30", p.Token() + "A", p.Token()[1:]} {
		wantCode(t, ask(bad, district), inspection.CodeBadAsOf)
	}
	beyond := *p
	beyond.Seqs = map[inspection.Area]int64{}
	for a, seq := range p.Seqs {
		beyond.Seqs[a] = seq
	}
	beyond.Seqs[street]++
	wantCode(t, ask(beyond.Token(), district), inspection.CodeAsOfReset)
	foreign := *p
	foreign.Database = "another"
	wantCode(t, ask(foreign.Token(), district), inspection.CodeAsOfReset)
	wantCode(t, ask(p.Token(), "61"), "")
	wantCode(t, ask(p.Token(), street), "")
	ahead := w.joint(report.WholeMonth, "2030-01-01T00:00:00Z")
	if !ahead.AsOf.At.Equal(w.Now().UTC()) {
		t.Errorf("a time that lies ahead became %v", ahead.AsOf.At)
	}
}
