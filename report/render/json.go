package render

import (
	"bytes"
	"context"
	"encoding/json"
	"io"

	"gridpatrol/report"
)

// JSON writes reports as they are.
type JSON struct{}

// Name implements report.Format.
func (JSON) Name() string { return report.JSON }

// MediaType implements report.Format.
func (JSON) MediaType() string { return "application/json; charset=utf-8" }

// Joint implements report.Format.
func (JSON) Joint(_ *report.Context, out io.Writer) (report.Writer, error) {
	return &jsonWriter{out: out}, nil
}

// Dispatch implements report.DispatchFormat.
func (JSON) Dispatch(_ *report.Context, d *report.Dispatch, out io.Writer) error {
	return writeJSON(out, d)
}

// jsonWriter needs no lines.
type jsonWriter struct{ out io.Writer }

// Check implements report.Lines.
func (*jsonWriter) Check(*report.Session, *report.Check, report.Outcome) error { return nil }

// Session implements report.Lines.
func (*jsonWriter) Session(*report.Session, report.Count) error { return nil }

// WithoutSession implements report.Lines.
func (*jsonWriter) WithoutSession(*report.Check) error { return nil }

// Finish implements report.Writer.
func (w *jsonWriter) Finish(_ context.Context, j *report.Joint) error { return writeJSON(w.out, j) }

// Close implements report.Writer.
func (*jsonWriter) Close() error { return nil }

func writeJSON(out io.Writer, v any) error {
	b, err := marshal(v)
	if err == nil {
		_, err = out.Write(b)
	}
	return err
}

// marshal encodes v without escaping what HTML would need: the texts here are
// Chinese and read by people.
func marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), err
}
