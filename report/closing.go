package report

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"gridpatrol/inspection"
	"gridpatrol/store"
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

func readClosing(doc inspection.Object) (*Closing, error) {
	c := &Closing{}
	return c, json.Unmarshal(inspection.AppendJSON(nil, doc), c)
}

// Close closes a window of one area: its numbers as of now, with the files in
// all formats, become an entry of the reference log. Returns CodeWindowOpen
// before the window's end, CodeWindowClosed if it was closed before. Whoever asks
// must have checked the right to the area.
func (s *Service) Close(ctx context.Context, by inspection.UserID, w Window, area inspection.Area) (*Closing, error) {
	if s.now().Before(w.To) {
		return nil, inspection.Errorf(inspection.CodeWindowOpen, "The window ends at %s. Close it after that; until then export it as it stands.", WireTime(w.To))
	}
	rc, err := s.begin(ctx, JointQuery{Window: w, Scope: []inspection.Area{area}})
	if err != nil {
		return nil, err
	}
	defer s.end()
	if rc.closing != nil {
		return nil, alreadyClosed()
	}
	c, err := s.seal(ctx, rc)
	if err != nil {
		return nil, err
	}
	c.ID, c.Area, c.ClosedBy, c.ClosedAt = closingID(w, area), area, by, WireTime(s.now())
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
func (s *Service) seal(ctx context.Context, rc *Context) (c *Closing, err error) {
	c = &Closing{Window: rc.Window, AsOf: rc.Position, Files: map[string]*FileMark{}}
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
	j, err := rc.write(ctx, made, nil)
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

// partBytes is the size of the rows that a kept file is cut into: far below
// what a row may hold on any engine.
const partBytes = 1 << 20

// FileMark names a kept file by what is in it.
type FileMark struct {
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
}

func partKey(sum string, part int64) string { return fmt.Sprintf("%s/%06d", sum, part) }

// keep stores a file in parts. A file is named by its content, so one that is
// there already, whole or in part, is completed.
func keep(ctx context.Context, st Store, f *Scratch) (FileMark, error) {
	mark := FileMark{SHA256: f.sum(), Bytes: f.size}
	if err := f.rewind(); err != nil {
		return mark, err
	}
	buf := make([]byte, partBytes)
	for part := int64(0); ; part++ {
		n, err := io.ReadFull(f.file, buf)
		if n > 0 {
			_, put := st.Put(ctx, store.TableFiles, store.Row{Key: partKey(mark.SHA256, part), Value: buf[:n]})
			if put != nil && !errors.Is(put, store.ErrStale) {
				return mark, fmt.Errorf("keeping a file: %w", put)
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return mark, nil
		}
		if err != nil {
			return mark, err
		}
	}
}
