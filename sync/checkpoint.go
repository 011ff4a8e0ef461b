package sync

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"

	"gridpatrol/inspection"
)

// checkpoint is a position in the logs of all areas that a phone may read.
// It gives no right: what a user may read is asked anew on every pull.
type checkpoint struct {
	Database string            `json:"d"`
	User     inspection.UserID `json:"u"`
	// Horizon bounds the first sync: what changed since then is sent, older
	// documents only if they are pinned. Zero means everything.
	Horizon time.Time                         `json:"h,omitzero"`
	Areas   map[inspection.Area]*areaPosition `json:"a"`
}

// areaPosition is where a phone is in one area's log.
type areaPosition struct {
	// Grant is the number of the grant that the phone reads under. Under
	// another one it starts from nothing.
	Grant int64 `json:"g"`
	// Seqs holds the position of each collection that the phone follows.
	Seqs map[inspection.Collection]int64 `json:"s"`
	// PinnedUpto: at or below this seq only pinned documents are sent.
	PinnedUpto int64 `json:"k,omitempty"`
	// Named is the seq of the task whose inspection was the last to come along.
	Named int64 `json:"n,omitempty"`
}

func (c *checkpoint) encode() string {
	b, err := json.Marshal(c)
	if err != nil {
		panic(err) // plain maps and texts always encode
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func badCheckpoint() error {
	return inspection.Errorf(inspection.CodeBadCheckpoint, "This is no checkpoint of this server. Pull without one to start over.")
}

// decodeCheckpoint returns a CodeBadCheckpoint error for anything that encode
// didn't make.
func decodeCheckpoint(s string) (*checkpoint, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return nil, badCheckpoint()
	}
	c := &checkpoint{}
	if json.Unmarshal(b, c) != nil || c.Database == "" || c.User == "" {
		return nil, badCheckpoint()
	}
	for _, p := range c.Areas {
		if p == nil || p.Grant < 0 || p.PinnedUpto < 0 {
			return nil, badCheckpoint()
		}
		for _, seq := range p.Seqs {
			if seq < 0 {
				return nil, badCheckpoint()
			}
		}
	}
	return c, nil
}

// follow keeps exactly the wanted collections: one that is new starts from
// nothing.
func (p *areaPosition) follow(wanted []inspection.Collection) {
	seqs := make(map[inspection.Collection]int64, len(wanted))
	for _, c := range wanted {
		seqs[c] = p.Seqs[c]
	}
	p.Seqs = seqs
}

// next returns the collections that are furthest behind, their position, and
// where they meet those that are ahead (0: nowhere).
func (p *areaPosition) next() (behind []inspection.Collection, after, upto int64) {
	first := true
	for _, seq := range p.Seqs {
		if first || seq < after {
			after, first = seq, false
		}
	}
	for c, seq := range p.Seqs {
		if seq == after {
			behind = append(behind, c)
		} else if upto == 0 || seq < upto {
			upto = seq
		}
	}
	slices.Sort(behind)
	return behind, after, upto
}

// advance moves the collections to seq.
func (p *areaPosition) advance(collections []inspection.Collection, seq int64) {
	for _, c := range collections {
		p.Seqs[c] = max(p.Seqs[c], seq)
	}
}

// highest returns the furthest position.
func (p *areaPosition) highest() int64 {
	var high int64
	for _, seq := range p.Seqs {
		high = max(high, seq)
	}
	return high
}

// lowest returns the position furthest behind.
func (p *areaPosition) lowest() int64 {
	_, after, _ := p.next()
	return after
}
