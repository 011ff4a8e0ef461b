package report_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"gridpatrol/inspection"
	"gridpatrol/report"
	"gridpatrol/report/render"
	"gridpatrol/server"
)

// brief is a format of its own: one line of text. It can't tell of units.
type brief struct{}

func (brief) Name() string      { return "txt" }
func (brief) MediaType() string { return "text/plain" }

func (brief) Joint(rc *report.Context, out io.Writer) (report.Writer, error) {
	return &briefWriter{out: out, name: rc.Reference.Area(rc.Scope[0])}, nil
}

type briefWriter struct {
	out    io.Writer
	name   string
	checks int
}

func (b *briefWriter) Check(*report.Session, *report.Check, report.Outcome) error {
	b.checks++
	return nil
}

func (*briefWriter) Session(*report.Session, report.Count) error { return nil }
func (*briefWriter) WithoutSession(*report.Check) error          { return nil }
func (*briefWriter) Close() error                                { return nil }

func (b *briefWriter) Finish(_ context.Context, j *report.Joint) error {
	d := topic(j.Topics, report.TopicVehicles)
	_, err := fmt.Fprintf(b.out, "%s: %d sessions, %d vehicles, %d lines", b.name, d.Sessions, d.Checks(), b.checks)
	return err
}

// withBrief is the world after a program came that has the format.
func (w *month) withBrief() *month {
	s, err := report.New(report.Config{Store: w.Store, Ledger: server.Ledger{Sync: w.Sync}, Now: w.Now, Scratch: w.T.TempDir(), Formats: append(render.Formats(""), brief{})})
	w.Must(err)
	return &month{w.World, s}
}

func (w *month) brief(asOf string, scope ...inspection.Area) (string, *report.File) {
	w.T.Helper()
	f, err := w.reports.Export(w.Ctx, report.JointQuery{Window: october(report.WholeMonth), Scope: scope, AsOf: asOf}, "txt")
	w.Must(err)
	defer f.Close()
	b, err := io.ReadAll(f)
	w.Must(err)
	return string(b), f
}

// A window that was closed before there was a format has no file in it: the file
// is made as of the closing, whatever changed since, and says so.
func TestAFormatThatCameAfterAClosing(t *testing.T) {
	old, c := closedMonth(t)
	old.SetClock(local("2026-11-12 09:00:00"))
	old.happen()
	w := old.withBrief()
	for _, asOf := range []string{"", c.AsOf.Token()} {
		text, f := w.brief(asOf, district)
		if text != "新城区: 9 sessions, 12 vehicles, 20 lines" || !f.Afresh || f.AsOf.Token() != c.AsOf.Token() || f.Name != "joint-2026-10-month.txt" {
			t.Errorf("as of %q: %s, %+v", asOf, text, f)
		}
	}
	if text, f := w.brief("2026-11-12T09:00:00+08:00", district); !strings.Contains(text, ": 7 sessions, 10 vehicles") || f.Afresh {
		t.Errorf("as of later: %s, afresh %t", text, f.Afresh)
	}
	for _, name := range formats {
		if again := w.file(name, c.AsOf.Token()); string(again) != string(old.file(name, c.AsOf.Token())) {
			t.Errorf("%s is another", name)
		}
	}
}

// From then on closings keep the new format as they keep the others.
func TestAClosingKeepsEveryFormat(t *testing.T) {
	w := newMonth(t)
	w.handMonth()
	w = w.withBrief()
	w.SetClock(local("2026-11-10 09:00:00"))
	c, err := w.reports.Close(w.Ctx, "boss", october(report.WholeMonth), street)
	w.Must(err)
	w.happen()
	if text, f := w.brief("", street); !strings.Contains(text, ": 8 sessions, 10 vehicles") || f.Afresh || c.Files["txt"] == nil || c.Files["txt"].Bytes != f.Size {
		t.Errorf("%s, %+v, kept %+v", text, f, c.Files)
	}
}

// A format that can't tell of units is no format of the dispatch report, and
// what is no format at all is none of either.
func TestFormatsThatThereAreNot(t *testing.T) {
	w := newMonth(t).withBrief()
	half := report.JointQuery{Window: october(report.FirstHalf), Scope: []inspection.Area{district}}
	for format, ask := range map[string]func(context.Context, report.JointQuery, string) (*report.File, error){
		"txt": w.reports.ExportDispatch, "geojson": w.reports.ExportDispatch, "pdf": w.reports.Export, "roll": w.reports.Export,
	} {
		f, err := ask(w.Ctx, half, format)
		if wantCode(t, err, inspection.CodeBadParameter); f != nil {
			t.Errorf("%s: a file %s", format, f.Name)
		}
	}
	_, err := w.reports.ExportDispatch(w.Ctx, half, "txt")
	if !strings.Contains(err.Error(), "json, xlsx or csv") {
		t.Error(err)
	}
}
