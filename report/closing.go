package report

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"

	"gridpatrol/inspection"
	"gridpatrol/store/asof"
)

// Closing is a window of one area that was closed: its numbers at a position,
// and the files that are served for it from then on. It is a document of the
// reference log.
type Closing struct {
	ID     string               `json:"id"`
	Window Window               `json:"window"`
	Area   inspection.Area      `json:"area"`
	AsOf   *asof.Position       `json:"as_of"`
	Totals []Topic              `json:"totals"`
	Files  map[string]*FileMark `json:"files"` // by format
	// Heads are the ends of the logs at the position: on paper they pin the
	// database.
	Heads    []asof.ChainHead  `json:"heads"`
	ClosedAt string            `json:"closed_at"`
	ClosedBy inspection.UserID `json:"closed_by"`
}

func closingID(w Window, area inspection.Area) string {
	return w.Month + "/" + string(w.Kind) + "/" + string(area)
}

func closingOf(doc inspection.Object) (*Closing, error) {
	c := &Closing{}
	return c, json.Unmarshal(inspection.AppendJSON(nil, doc), c)
}

// closing returns the closing of the window in the scope, if there is one at
// the position.
func (rc *Context) closing(w Window) *Closing {
	if len(rc.Scope) != 1 {
		return nil
	}
	return rc.Reference.closings[closingID(w, rc.Scope[0])]
}

// servedClosing returns the closing that answers the query: the window is
// closed, and asked for as of now or as of its closing.
func (s *Service) servedClosing(ctx context.Context, rc *Context, q JointQuery) (*Closing, error) {
	if q.AsOf == "" || len(rc.Scope) != 1 {
		return rc.closing(q.Window), nil
	}
	// The closing itself came after the position that it names.
	id := inspection.DocID(string(inspection.Closings) + "/" + closingID(q.Window, rc.Scope[0]))
	records, err := s.store.Records(ctx, []inspection.DocID{id})
	record := records[id]
	if err != nil || record.Rev == 0 {
		return nil, err
	}
	doc, err := inspection.ParseObject(record.Doc)
	if err != nil {
		return nil, err
	}
	c, err := closingOf(doc)
	if err != nil || !c.AsOf.Same(rc.Position) {
		return nil, err
	}
	return c, nil
}

// stored returns the report as it was when the window was closed.
func (s *Service) stored(ctx context.Context, c *Closing) (*Joint, error) {
	f, err := s.openKept(ctx, c.Files[JSON])
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	j := &Joint{}
	return j, json.Unmarshal(b, j)
}

// Close closes a window of one area: its numbers as of now, with the files in
// all formats, become an entry of the reference log. Returns CodeWindowOpen
// before the window's end, CodeWindowClosed if it was closed before. Whoever asks
// must have checked the right to the area.
func (s *Service) Close(ctx context.Context, by inspection.UserID, w Window, area inspection.Area) (*Closing, error) {
	if s.now().Before(w.To) {
		return nil, inspection.Errorf(inspection.CodeWindowOpen, "The window ends at %s. Close it after that; until then export it as it stands.", Stamp(w.To))
	}
	rc, err := s.begin(ctx, []inspection.Area{area}, "")
	if err != nil {
		return nil, err
	}
	defer s.end()
	if rc.closing(w) != nil {
		return nil, alreadyClosed()
	}
	c, err := s.seal(ctx, rc, w)
	if err != nil {
		return nil, err
	}
	c.ID, c.Area, c.ClosedBy, c.ClosedAt = closingID(w, area), area, by, Stamp(s.now())
	b, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	doc, err := inspection.ParseObject(b)
	if err != nil {
		return nil, err
	}
	err = s.ledger.AddClosing(ctx, by, c.ID, doc)
	if inspection.CodeOf(err) == inspection.CodeConflict {
		err = alreadyClosed()
	}
	return c, err
}

func alreadyClosed() error {
	return inspection.Errorf(inspection.CodeWindowClosed, "This window was closed before. Its report tells by whom, and what changed since.")
}

// seal makes all files of a window while it is counted once, and keeps them.
func (s *Service) seal(ctx context.Context, rc *Context, w Window) (c *Closing, err error) {
	c = &Closing{Window: w, AsOf: rc.Position, Files: map[string]*FileMark{}}
	if c.Heads, err = rc.ChainHeads(ctx); err != nil {
		return nil, err
	}
	var made []output
	defer func() {
		for _, o := range made {
			err = errors.Join(err, o.file.Close())
		}
	}()
	for _, format := range append(slices.Clone(s.formats), manifestFormat{}) {
		f, err := NewScratch(s.scratch)
		if err != nil {
			return nil, err
		}
		made = append(made, output{format, f})
	}
	j, err := rc.write(ctx, w, made, nil)
	if err != nil {
		return nil, err
	}
	c.Totals = j.Topics
	for _, o := range made {
		mark, err := keep(ctx, s.store, o.file)
		if err != nil {
			return nil, err
		}
		c.Files[o.format.Name()] = &mark
	}
	return c, nil
}
