package report

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"gridpatrol/inspection"
)

// Closing is a window of one area that was closed: its numbers at a position,
// and the files that are served for it from then on. It is a document of the
// reference log.
type Closing struct {
	ID     string               `json:"id"`
	Window Window               `json:"window"`
	Area   inspection.Area      `json:"area"`
	AsOf   *Position            `json:"as_of"`
	Totals []Topic              `json:"totals"`
	Files  map[Format]*FileMark `json:"files"`
	// Heads are the ends of the logs at the position: on paper they pin the
	// database.
	Heads    []ChainHead       `json:"heads"`
	ClosedAt string            `json:"closed_at"`
	ClosedBy inspection.UserID `json:"closed_by"`
}

// ChainHead is the newest whole commit of an area's log at a position.
type ChainHead struct {
	Area inspection.Area `json:"area"`
	Seq  int64           `json:"seq"`
	Hash string          `json:"hash"`
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
func (sc *scene) closing(w Window) *Closing {
	if len(sc.scope) != 1 {
		return nil
	}
	return sc.ref.closings[closingID(w, sc.scope[0])]
}

// chainHeads reads the ends of all logs of the position.
func (sc *scene) chainHeads(ctx context.Context) ([]ChainHead, error) {
	var heads []ChainHead
	for _, area := range append(sc.position.areas(), inspection.ReferenceArea) {
		seq := sc.position.Seqs[area]
		if seq == 0 {
			continue
		}
		commits, err := sc.view.store.Commits(ctx, area, seq-1, 1)
		if err != nil {
			return nil, err
		}
		if len(commits) == 0 {
			return nil, errors.New("report: the log of " + string(area) + " is shorter than its head")
		}
		c := commits[0]
		head := ChainHead{area, c.Last, c.Hash.String()}
		if c.Last > seq { // the position lies within a commit: name the one before
			head = ChainHead{area, c.First - 1, c.Previous.String()}
		}
		heads = append(heads, head)
	}
	return heads, nil
}

// Close closes a window of one area: its numbers as of now, with the files,
// become an entry of the reference log. Returns CodeWindowOpen before the
// window's end, CodeWindowClosed if it was closed before. Whoever asks must
// have checked the right to the area.
func (s *Service) Close(ctx context.Context, by inspection.UserID, w Window, area inspection.Area) (*Closing, error) {
	if s.now().Before(w.To) {
		return nil, inspection.Errorf(inspection.CodeWindowOpen, "The window ends at %s. Close it after that; until then export it as it stands.", stamp(w.To))
	}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	sc, err := s.scene(ctx, []inspection.Area{area}, "")
	if err != nil {
		return nil, err
	}
	if sc.closing(w) != nil {
		return nil, alreadyClosed()
	}
	c, err := s.seal(ctx, sc, w)
	if err != nil {
		return nil, err
	}
	c.ID, c.Area, c.ClosedBy, c.ClosedAt = closingID(w, area), area, by, stamp(s.now())
	doc, err := inspection.ParseObject(mustMarshal(c))
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

// seal makes all files of a window in one walk and keeps them.
func (s *Service) seal(ctx context.Context, sc *scene, w Window) (c *Closing, err error) {
	c = &Closing{Window: w, AsOf: sc.position, Files: map[Format]*FileMark{}}
	if c.Heads, err = sc.chainHeads(ctx); err != nil {
		return nil, err
	}
	made := map[Format]*scratch{}
	defer func() {
		for _, f := range made {
			err = errors.Join(err, f.Close())
		}
	}()
	for _, format := range append(Formats, formatRoll) {
		if made[format], err = newScratch(s.scratch); err != nil {
			return nil, err
		}
	}
	j, err := s.write(ctx, sc, w, made, nil)
	if err != nil {
		return nil, err
	}
	c.Totals = j.Topics
	for format, f := range made {
		mark, err := keep(ctx, s.store, f)
		if err != nil {
			return nil, err
		}
		c.Files[format] = &mark
	}
	return c, nil
}

// stored returns the report as it was when the window was closed.
func (s *Service) stored(ctx context.Context, c *Closing) (j *Joint, err error) {
	f, err := s.open(ctx, *c.Files[FormatJSON])
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	j = &Joint{}
	return j, json.Unmarshal(b, j)
}
