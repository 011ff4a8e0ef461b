package sync

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
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

// HorizonDays is how far back a first sync goes. Source: docs/contract.md,
// section 4.
const HorizonDays = 90

// resume reads the checkpoint, or starts a first sync.
func (s *Service) resume(ctx context.Context, principal *inspection.Principal, req PullRequest, heads map[inspection.Area]store.Head) (*checkpoint, error) {
	id, err := s.store.ID(ctx)
	if err != nil {
		return nil, err
	}
	if req.Checkpoint == "" {
		cp := &checkpoint{Database: id, User: principal.Device.User}
		if !req.WholeHistory {
			cp.Horizon = horizon(s.now())
		}
		return cp, nil
	}
	cp, err := decodeCheckpoint(req.Checkpoint)
	if err != nil {
		return nil, err
	}
	if cp.Database != id || cp.User != principal.Device.User {
		return nil, resetCheckpoint()
	}
	for area, p := range cp.Areas {
		if p.highest() > heads[area].Seq {
			return nil, resetCheckpoint()
		}
	}
	return cp, nil
}

// horizon is the start of a day, so that all pages and phones agree on it.
func horizon(now time.Time) time.Time {
	y, m, d := now.In(inspection.China).AddDate(0, 0, -HorizonDays).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, inspection.China).UTC()
}

func resetCheckpoint() error {
	return inspection.Errorf(inspection.CodeCheckpointReset,
		"The checkpoint is of another database or user, or the server was restored from a backup. Push what is queued, pull without a checkpoint, and push again what the server lacks.")
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

// highest returns the furthest position.
func (p *areaPosition) highest() int64 {
	var high int64
	for _, seq := range p.Seqs {
		high = max(high, seq)
	}
	return high
}

// position gives the checkpoint a place in every readable area and none
// elsewhere.
func (s *Service) position(ctx context.Context, principal *inspection.Principal, cp *checkpoint, areas []inspection.Area, wanted []inspection.Collection) error {
	reference, field := split(wanted)
	positions := map[inspection.Area]*areaPosition{inspection.ReferenceArea: cp.at(inspection.ReferenceArea, 0)}
	positions[inspection.ReferenceArea].follow(reference)
	for _, area := range areas {
		grant, _ := principal.Rights.Grant(area)
		p := cp.at(area, grant.Number)
		if len(p.Seqs) == 0 && !cp.Horizon.IsZero() {
			upto, err := s.store.SeqBefore(ctx, area, cp.Horizon)
			if err != nil {
				return err
			}
			p.PinnedUpto = upto
		}
		p.follow(field)
		positions[area] = p
	}
	cp.Areas = positions
	return nil
}

func split(wanted []inspection.Collection) (reference, field []inspection.Collection) {
	for _, c := range wanted {
		if c.Reference() {
			reference = append(reference, c)
		} else {
			field = append(field, c)
		}
	}
	return reference, field
}

// at returns the position in an area under a grant, or a new one.
func (c *checkpoint) at(area inspection.Area, grant int64) *areaPosition {
	if p := c.Areas[area]; p != nil && p.Grant == grant {
		return p
	}
	return &areaPosition{Grant: grant}
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

// lowest returns the position furthest behind.
func (p *areaPosition) lowest() int64 {
	_, after, _ := p.next()
	return after
}
