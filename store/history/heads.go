package history

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"gridpatrol/inspection"
)

// Note is a file of heads noted at some time. Kept outside of the database it
// pins the history: nothing at or before these heads can change unnoticed.
type Note struct {
	Database string
	At       time.Time
	Heads    Heads
}

type noteJSON struct {
	Database string                    `json:"database"`
	At       time.Time                 `json:"noted_at"`
	Heads    map[inspection.Area]noted `json:"heads"`
}

// WriteNote writes a note as JSON.
func WriteNote(w io.Writer, n *Note) error {
	file := noteJSON{Database: n.Database, At: n.At.UTC(), Heads: map[inspection.Area]noted{}}
	for area, head := range n.Heads {
		file.Heads[area] = noteOf(head)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(file)
}

// maxNoteBytes bounds a note: a province has some thousand areas.
const maxNoteBytes = 16 << 20

// ReadNote reads what WriteNote wrote.
func ReadNote(r io.Reader) (*Note, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxNoteBytes))
	if err != nil {
		return nil, err
	}
	var file noteJSON
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("this is no file of noted heads: %w", err)
	}
	heads, err := readHeads(file.Heads)
	if err == nil && len(heads) == 0 {
		err = fmt.Errorf("there are no heads in it")
	}
	if err != nil {
		return nil, fmt.Errorf("this is no file of noted heads: %w", err)
	}
	return &Note{Database: file.Database, At: file.At, Heads: heads}, nil
}
