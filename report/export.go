package report

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"gridpatrol/inspection"
)

// Format is a form of the report.
type Format string

// The formats. formatRoll is kept with a closing and never leaves.
const (
	FormatJSON    Format = "json"
	FormatXLSX    Format = "xlsx"
	FormatCSV     Format = "csv"
	FormatGeoJSON Format = "geojson"

	formatRoll Format = "roll"
)

// Formats lists what a report can be had in.
var Formats = []Format{FormatJSON, FormatXLSX, FormatCSV, FormatGeoJSON}

// Valid reports whether f is one of the formats.
func (f Format) Valid() bool { return slices.Contains(Formats, f) }

// MediaType is the format's media type.
func (f Format) MediaType() string {
	return map[Format]string{
		FormatJSON:    "application/json; charset=utf-8",
		FormatXLSX:    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
		FormatCSV:     "text/csv; charset=utf-8",
		FormatGeoJSON: "application/geo+json",
	}[f]
}

// File is a finished report, read from its beginning. Close it.
type File struct {
	Name   string
	Format Format
	Size   int64
	AsOf   *Position
	io.ReadCloser
}

// writer writes one format. finish is called once, after all lines.
type writer interface {
	rows
	finish(ctx context.Context, j *Joint) error
	io.Closer
}

// Export makes the joint report as a file. Of a closed window it is the one
// that was kept, as of its closing; only JSON tells besides what changed since.
func (s *Service) Export(ctx context.Context, q JointQuery, format Format) (*File, error) {
	if format == FormatJSON {
		return s.exportJSON(ctx, q)
	}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	sc, err := s.scene(ctx, q.Scope, q.AsOf)
	if err != nil {
		return nil, err
	}
	kept, err := s.kept(ctx, sc, q)
	if err != nil {
		return nil, err
	}
	if kept != nil {
		f, err := s.open(ctx, *kept.Files[format])
		return fileOf(f, q.Window, kept.AsOf, format), err
	}
	f, err := newScratch(s.scratch)
	if err != nil {
		return nil, err
	}
	_, err = s.write(ctx, sc, q.Window, map[Format]*scratch{format: f}, q.Progress)
	if err == nil {
		err = f.rewind()
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return fileOf(f, q.Window, sc.position, format), nil
}

func fileOf(f *scratch, w Window, p *Position, format Format) *File {
	if f == nil {
		return nil
	}
	return &File{
		Name: fmt.Sprintf("joint-%s-%s.%s", w.Month, w.Kind, format), Format: format, Size: f.size, AsOf: p, ReadCloser: f,
	}
}

func (s *Service) exportJSON(ctx context.Context, q JointQuery) (*File, error) {
	j, err := s.Joint(ctx, q)
	if err != nil {
		return nil, err
	}
	f, err := newScratch(s.scratch)
	if err != nil {
		return nil, err
	}
	if _, err = f.Write(mustMarshal(j)); err == nil {
		err = f.rewind()
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return fileOf(f, q.Window, j.AsOf, FormatJSON), nil
}

// kept returns the closing whose files answer the query: the window is closed,
// and asked for as of now or as of its closing.
func (s *Service) kept(ctx context.Context, sc *scene, q JointQuery) (*Closing, error) {
	if q.AsOf == "" || len(sc.scope) != 1 {
		return sc.closing(q.Window), nil
	}
	id := inspection.DocID(string(inspection.Closings) + "/" + closingID(q.Window, sc.scope[0]))
	records, err := s.store.Records(ctx, []inspection.DocID{id})
	record := records[id]
	if err != nil || record.Rev == 0 {
		return nil, err
	}
	d, err := documentOf(&record)
	if err != nil {
		return nil, err
	}
	c, err := closingOf(d.Doc)
	if err != nil || !c.AsOf.same(sc.position) {
		return nil, err
	}
	return c, nil
}

// write makes some formats of a window in one walk.
func (s *Service) write(ctx context.Context, sc *scene, w Window, to map[Format]*scratch, progress Progress) (j *Joint, err error) {
	var all every
	var writers []writer
	defer func() {
		for _, wr := range writers {
			err = errors.Join(err, wr.Close())
		}
	}()
	for _, format := range append(Formats, formatRoll) {
		if to[format] == nil {
			continue
		}
		wr, err := s.newWriter(sc, w, format, to[format])
		if err != nil {
			return nil, err
		}
		writers, all = append(writers, wr), append(all, wr)
	}
	if j, err = sc.joint(ctx, w, all, progress); err != nil {
		return nil, err
	}
	for _, wr := range writers {
		if err := wr.finish(ctx, j); err != nil {
			return nil, err
		}
	}
	return j, nil
}

func (s *Service) newWriter(sc *scene, w Window, format Format, out io.Writer) (writer, error) {
	switch format {
	case FormatXLSX:
		return newWorkbook(sc, w, s.scratch, out)
	case FormatCSV:
		return newTable(sc, out)
	case FormatGeoJSON:
		return newMap(sc, out)
	case FormatJSON:
		return &plain{out: out}, nil
	case formatRoll:
		return &rollWriter{out: out}, nil
	}
	return nil, inspection.Errorf(inspection.CodeBadParameter, "The parameter format must be json, xlsx, csv or geojson.")
}

// plain writes the report as JSON. It needs no lines.
type plain struct{ out io.Writer }

func (*plain) check(*session, *check, Outcome) error { return nil }
func (*plain) session(*session, Count) error         { return nil }
func (*plain) violation(*check) error                { return nil }
func (*plain) Close() error                          { return nil }

func (p *plain) finish(_ context.Context, j *Joint) error {
	_, err := p.out.Write(mustMarshal(j))
	return err
}

// rollWriter writes the roll.
type rollWriter struct {
	roller
	out io.Writer
}

func (r *rollWriter) finish(context.Context, *Joint) error { return r.writeTo(r.out) }
func (*rollWriter) Close() error                           { return nil }
