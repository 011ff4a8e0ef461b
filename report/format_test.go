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
func (w *world) withBrief() *world {
	after := &world{t: w.t, ctx: w.ctx, store: w.store, sync: w.sync, now: w.clock()}
	s, err := report.New(report.Config{Store: w.store, Ledger: ledger{w.sync}, Now: after.clock, Scratch: w.t.TempDir(), Formats: append(render.Formats(""), brief{})})
	w.must(err)
	after.report = s
	return after
}

func (w *world) brief(asOf string, scope ...inspection.Area) (string, *report.File) {
	w.t.Helper()
	f, err := w.report.Export(w.ctx, report.JointQuery{Window: october(report.WholeMonth), Scope: scope, AsOf: asOf}, "txt")
	w.must(err)
	defer f.Close()
	b, err := io.ReadAll(f)
	w.must(err)
	return string(b), f
}

// A window that was closed before there was a format has no file in it: the file
// is made as of the closing, whatever changed since, and says so.
func TestAFormatThatCameAfterAClosing(t *testing.T) {
	old, c := closedMonth(t)
	old.at(local("2026-11-12 09:00:00"))
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
	w := newWorld(t)
	w.handMonth()
	w = w.withBrief()
	w.at(local("2026-11-10 09:00:00"))
	c, err := w.report.Close(w.ctx, "boss", october(report.WholeMonth), street)
	w.must(err)
	w.happen()
	if text, f := w.brief("", street); !strings.Contains(text, ": 8 sessions, 10 vehicles") || f.Afresh || c.Files["txt"] == nil || c.Files["txt"].Bytes != f.Size {
		t.Errorf("%s, %+v, kept %+v", text, f, c.Files)
	}
}

// A format that can't tell of units is no format of the dispatch report, and
// what is no format at all is none of either.
func TestFormatsThatThereAreNot(t *testing.T) {
	w := newWorld(t).withBrief()
	half := report.JointQuery{Window: october(report.FirstHalf), Scope: []inspection.Area{district}}
	for format, ask := range map[string]func(context.Context, report.JointQuery, string) (*report.File, error){
		"txt": w.report.ExportDispatch, "geojson": w.report.ExportDispatch, "pdf": w.report.Export, "roll": w.report.Export,
	} {
		f, err := ask(w.ctx, half, format)
		if wantCode(t, err, inspection.CodeBadParameter); f != nil {
			t.Errorf("%s: a file %s", format, f.Name)
		}
	}
	_, err := w.report.ExportDispatch(w.ctx, half, "txt")
	if !strings.Contains(err.Error(), "json, xlsx or csv") {
		t.Error(err)
	}
}
