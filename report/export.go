package report

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"gridpatrol/inspection"
	"gridpatrol/store/asof"
)

// Format is a form that reports are written in. Package render has them.
type Format interface {
	// Name is what the format is asked for by, the ending of its files, and
	// what closings keep them under. It never changes.
	Name() string
	MediaType() string
	// Joint begins a file of the joint report. The same lines and the same
	// report must give the same bytes. Whoever begins it closes it.
	Joint(rc *Context, out io.Writer) (Writer, error)
}

// DispatchFormat is a Format that the half-monthly report can be had in as
// well.
type DispatchFormat interface {
	Format
	Dispatch(rc *Context, d *Dispatch, out io.Writer) error
}

// Writer writes one file while its report is counted. Finish is called once,
// after all lines.
type Writer interface {
	Lines
	Finish(ctx context.Context, j *Joint) error
	io.Closer
}

// JSON names the format that closings are read back in. It is the report
// itself, so of a closed window it tells what changed since, where files in
// other formats are as they were kept.
const JSON = "json"

// Formats lists what reports can be had in.
func (s *Service) Formats() []Format { return s.formats }

// File is a finished report, read from its beginning. Close it.
type File struct {
	Name   string
	Format Format
	Size   int64
	AsOf   *asof.Position
	// Afresh: the window was closed without a file in this format, so this one
	// was made as of the closing just now.
	Afresh bool
	io.ReadCloser
}

// Export makes the joint report as a file in a format. Of a closed window it is
// the one that was kept, as of its closing; one that was closed before there
// was the format is counted again as of its closing. Returns CodeBadParameter
// for a format that there isn't.
func (s *Service) Export(ctx context.Context, q JointQuery, format string) (*File, error) {
	f, err := pick(s.formats, format)
	if err != nil {
		return nil, err
	}
	if f.Name() == JSON {
		return s.exportJSON(ctx, q, f)
	}
	rc, err := s.begin(ctx, q)
	if err != nil {
		return nil, err
	}
	defer s.end()
	closing, err := s.closingServed(ctx, rc, q.AsOf)
	if err != nil {
		return nil, err
	}
	if closing != nil && closing.Files[f.Name()] != nil {
		kept, err := s.openKept(ctx, closing.Files[f.Name()])
		return fileOf("joint", rc.Window, f, closing.AsOf, kept), err
	}
	if closing != nil {
		if rc, err = s.contextOfClosing(ctx, closing); err != nil {
			return nil, err
		}
	}
	made, err := s.make(func(to *Scratch) error {
		_, err := rc.write(ctx, []output{{f, to}}, q.Progress)
		return err
	})
	if err != nil {
		return nil, err
	}
	file := fileOf("joint", rc.Window, f, rc.Position, made)
	file.Afresh = closing != nil
	return file, nil
}

// pick returns the format of a name. Returns CodeBadParameter if there is none.
func pick[F Format](formats []F, name string) (F, error) {
	for _, f := range formats {
		if f.Name() == name {
			return f, nil
		}
	}
	var none F
	return none, inspection.Errorf(inspection.CodeBadParameter, "The parameter format must be %s here.", Names(formats, ""))
}

// Names words the formats, each name with the prefix: "json, xlsx or csv".
func Names[F Format](formats []F, prefix string) string {
	var text strings.Builder
	for i, f := range formats {
		switch {
		case i == 0:
		case i == len(formats)-1:
			text.WriteString(" or ")
		default:
			text.WriteString(", ")
		}
		text.WriteString(prefix + f.Name())
	}
	return text.String()
}

// fileOf is the file that is read from there; nil without one.
func fileOf(report string, w Window, f Format, p *asof.Position, from *Scratch) *File {
	if from == nil {
		return nil
	}
	return &File{
		Name: fmt.Sprintf("%s-%s-%s.%s", report, w.Month, w.Kind, f.Name()), Format: f,
		Size: from.size, AsOf: p, ReadCloser: from,
	}
}

func (s *Service) contextOfClosing(ctx context.Context, c *Closing) (*Context, error) {
	p := *c.AsOf
	if err := p.Within(ctx, s.store); err != nil {
		return nil, err
	}
	return s.contextOf(ctx, JointQuery{Window: c.Window, Scope: []inspection.Area{c.Area}, at: &p})
}

// make makes a file.
func (s *Service) make(write func(to *Scratch) error) (*Scratch, error) {
	f, err := NewScratch(s.scratch)
	if err != nil {
		return nil, err
	}
	if err = write(f); err == nil {
		err = f.rewind()
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (s *Service) exportJSON(ctx context.Context, q JointQuery, f Format) (*File, error) {
	rc, j, err := s.joint(ctx, q)
	if err != nil {
		return nil, err
	}
	made, err := s.make(func(to *Scratch) error {
		wr, err := f.Joint(rc, to)
		if err != nil {
			return err
		}
		return errors.Join(wr.Finish(ctx, j), wr.Close())
	})
	return fileOf("joint", q.Window, f, j.AsOf, made), err
}

// output is a file in the making.
type output struct {
	format Format
	file   *Scratch
}

// write makes files of a window while it is counted once.
func (rc *Context) write(ctx context.Context, to []output, progress Progress) (j *Joint, err error) {
	var lines broadcast
	var writers []Writer
	defer func() {
		for _, wr := range writers {
			err = errors.Join(err, wr.Close())
		}
	}()
	for _, o := range to {
		wr, err := o.format.Joint(rc, o.file)
		if err != nil {
			return nil, err
		}
		writers, lines = append(writers, wr), append(lines, wr)
	}
	found, err := rc.count(ctx, inspection.Fail, lines, progress)
	if err != nil {
		return nil, err
	}
	if j, err = rc.report(ctx, found); err != nil {
		return nil, err
	}
	for _, wr := range writers {
		if err := wr.Finish(ctx, j); err != nil {
			return nil, err
		}
	}
	return j, nil
}

// ExportDispatch makes the half-monthly report as a file. Returns
// CodeBadParameter for a format that it can't be had in, and what Dispatch does.
func (s *Service) ExportDispatch(ctx context.Context, q JointQuery, format string) (*File, error) {
	f, err := pick(DispatchFormats(s.formats), format)
	if err != nil {
		return nil, err
	}
	rc, d, err := s.dispatch(ctx, q)
	if err != nil {
		return nil, err
	}
	made, err := s.make(func(to *Scratch) error { return f.Dispatch(rc, d, to) })
	return fileOf("dispatch", q.Window, f, d.AsOf, made), err
}

// DispatchFormats lists those of the formats that the half-monthly report can be
// had in.
func DispatchFormats(formats []Format) []DispatchFormat {
	var list []DispatchFormat
	for _, f := range formats {
		if d, ok := f.(DispatchFormat); ok {
			list = append(list, d)
		}
	}
	return list
}
