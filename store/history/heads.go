package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Heads are the ends of all logs. As JSON they are an object of {"seq",
// "hash","at"} by area.
type Heads map[inspection.Area]store.Head

type headJSON struct {
	Seq  int64     `json:"seq"`
	Hash string    `json:"hash"`
	At   time.Time `json:"at,omitzero"`
}

// MarshalJSON implements json.Marshaler.
func (h Heads) MarshalJSON() ([]byte, error) {
	list := make(map[inspection.Area]headJSON, len(h))
	for area, head := range h {
		list[area] = headJSON{Seq: head.Seq, Hash: head.Hash.String(), At: head.At.UTC()}
	}
	return json.Marshal(list)
}

// UnmarshalJSON implements json.Unmarshaler.
func (h *Heads) UnmarshalJSON(text []byte) error {
	var list map[inspection.Area]headJSON
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	*h = make(Heads, len(list))
	for area, j := range list {
		hash, err := store.ParseHash(j.Hash)
		if err != nil || j.Seq < 1 {
			return fmt.Errorf("the head of area %q is none: %d %q", area, j.Seq, j.Hash)
		}
		(*h)[area] = store.Head{Seq: j.Seq, Hash: hash, At: j.At}
	}
	return nil
}

// Note is a file of heads noted at some time. Kept outside of the database it
// pins the history: nothing at or before these heads can change unnoticed.
type Note struct {
	Database string    `json:"database"`
	At       time.Time `json:"noted_at"`
	Heads    Heads     `json:"heads"`
}

// WriteNote writes a note as JSON.
func WriteNote(w io.Writer, n *Note) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(n)
}

// maxNoteBytes bounds a note: a province has some thousand areas.
const maxNoteBytes = 16 << 20

// ReadNote reads what WriteNote wrote.
func ReadNote(r io.Reader) (*Note, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxNoteBytes))
	if err != nil {
		return nil, err
	}
	n := &Note{}
	err = json.Unmarshal(text, n)
	if err == nil && len(n.Heads) == 0 {
		err = errors.New("there are no heads in it")
	}
	if err != nil {
		return nil, fmt.Errorf("this is no file of noted heads: %w", err)
	}
	return n, nil
}
