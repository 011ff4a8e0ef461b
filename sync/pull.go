package sync

import (
	"context"
	"slices"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Bounds of a page.
const (
	DefaultLimit = 500
	MaxLimit     = 2000
	maxPageBytes = 16 << 20
)

// HorizonDays is how far back a first sync goes. Source: docs/contract.md,
// section 4.
const HorizonDays = 90

// PullRequest asks for what changed. Collections nil means all. Of those that
// are followed all are sent, unless Only names one.
type PullRequest struct {
	Checkpoint     string
	Limit          int
	Collections    []inspection.Collection
	Only           inspection.Collection
	WholeHistory   bool
	ConfirmRevoked []inspection.Area
}

// Change is the latest state of one changed document.
type Change struct {
	Collection inspection.Collection
	ID         string
	Deleted    bool
	Doc        []byte
}

// PullAnswer is one page.
type PullAnswer struct {
	Changes    []Change
	Checkpoint string
	More       bool
	Areas      []inspection.Area
	Revoked    []inspection.Area
	// Horizon is how far back a first sync goes; zero means everything.
	Horizon    time.Time
	ServerTime time.Time
}

// AppendJSON appends the answer of docs/contract.md, section 4. Documents are
// copied as they are stored, not encoded again.
func (a *PullAnswer) AppendJSON(dst []byte) []byte {
	dst = slices.Grow(dst, a.size())
	dst = append(dst, `{"changes":[`...)
	for i, c := range a.Changes {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = inspection.AppendString(append(dst, `{"collection":`...), string(c.Collection))
		dst = inspection.AppendString(append(dst, `,"id":`...), c.ID)
		dst = inspection.AppendJSON(append(dst, `,"deleted":`...), c.Deleted)
		dst = append(append(append(dst, `,"doc":`...), c.Doc...), '}')
	}
	var horizon any
	if !a.Horizon.IsZero() {
		horizon = a.Horizon.In(inspection.China).Format(time.DateOnly)
	}
	rest := inspection.AppendJSON(nil, inspection.Object{
		"checkpoint": a.Checkpoint, "more": a.More, "areas": areaTexts(a.Areas),
		"revoked": areaTexts(a.Revoked), "horizon": horizon, "server_time": string(inspection.StampOf(a.ServerTime)),
	})
	return append(append(dst, `],`...), rest[1:]...)
}

// size is about how many bytes the answer takes, rather more than less.
func (a *PullAnswer) size() int {
	const frame, rest = 120, 2000
	n := rest + len(a.Checkpoint)
	for _, c := range a.Changes {
		n += frame + len(c.Doc)
	}
	return n
}

func areaTexts(areas []inspection.Area) []any {
	out := make([]any, len(areas))
	for i, a := range areas {
		out[i] = string(a)
	}
	return out
}

// Pull returns the next page after a checkpoint. Returns CodeBadCheckpoint,
// CodeCheckpointReset.
func (s *Service) Pull(ctx context.Context, principal *inspection.Principal, req PullRequest) (*PullAnswer, error) {
	ref, err := s.catalog.current(ctx)
	if err != nil {
		return nil, err
	}
	principal, err = s.confirm(ctx, principal, req.ConfirmRevoked)
	if err != nil {
		return nil, err
	}
	heads, err := s.store.Heads(ctx)
	if err != nil {
		return nil, err
	}
	cp, err := s.resume(ctx, principal, req, heads)
	if err != nil {
		return nil, err
	}
	areas, revoked := s.areasOf(principal, ref)
	if err := s.position(ctx, principal, cp, areas, wantedOf(req)); err != nil {
		return nil, err
	}
	p := &pager{s: s, principal: principal, cp: cp, heads: heads, only: req.Only, limit: req.Limit, room: req.Limit, bytes: maxPageBytes}
	if err := p.fill(ctx, areas); err != nil {
		return nil, err
	}
	now := s.now().UTC()
	s.reports.note(principal.Device, Report{LastSeen: now})
	return &PullAnswer{
		Changes: p.changes, Checkpoint: cp.encode(), More: p.more, Areas: areas,
		Revoked: revoked, Horizon: cp.Horizon, ServerTime: now,
	}, nil
}

func wantedOf(req PullRequest) []inspection.Collection {
	if req.Collections != nil {
		return req.Collections
	}
	return slices.Concat(inspection.ReferenceCollections, inspection.FieldCollections)
}

// areasOf lists the areas that the principal may read, and those taken away
// that this phone has not given up yet.
func (s *Service) areasOf(principal *inspection.Principal, ref *Reference) (readable, revoked []inspection.Area) {
	now := s.now()
	for area := range ref.Areas {
		if principal.CanRead(area, now) {
			readable = append(readable, area)
		} else if _, lost := principal.Lost(area); lost {
			revoked = append(revoked, area)
		}
	}
	slices.Sort(readable)
	slices.Sort(revoked)
	return readable, revoked
}

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

// at returns the position in an area under a grant, or a new one.
func (c *checkpoint) at(area inspection.Area, grant int64) *areaPosition {
	if p := c.Areas[area]; p != nil && p.Grant == grant {
		return p
	}
	return &areaPosition{Grant: grant}
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
