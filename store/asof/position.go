package asof

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"gridpatrol/inspection"
)

// Position is a place in the logs of some areas, that of the reference data
// included. At is the time that it stands for, in milliseconds.
type Position struct {
	Database string
	At       time.Time
	Seqs     map[inspection.Area]int64

	// seqOf finds the place in a log that a new position doesn't hold yet; nil
	// of one that is whole.
	seqOf func(ctx context.Context, area inspection.Area) (int64, error)
}

// Resolve returns the position that an as_of names: "" is now, a time means all
// that was received by then (one that lies ahead is now), anything else is a
// token. A new position holds the reference log, which tells what areas there
// are; a snapshot adds theirs. Returns CodeBadAsOf; CodeAsOfReset for a token of
// another database, or of more than its logs hold.
func Resolve(ctx context.Context, st Store, asOf string, now time.Time) (*Position, error) {
	at, isTime := parseTime(asOf)
	if asOf != "" && !isTime {
		return named(ctx, st, asOf)
	}
	p := &Position{At: now.UTC().Truncate(time.Millisecond), Seqs: map[inspection.Area]int64{}}
	p.seqOf = func(ctx context.Context, area inspection.Area) (int64, error) {
		head, err := st.Head(ctx, area)
		return head.Seq, err
	}
	if isTime {
		if at.Before(p.At) {
			p.At = at
		}
		// Times in a token have milliseconds, so this one counts as a whole.
		end := p.At.Add(time.Millisecond)
		p.seqOf = func(ctx context.Context, area inspection.Area) (int64, error) { return st.SeqBefore(ctx, area, end) }
	}
	var err error
	if p.Database, err = st.ID(ctx); err != nil {
		return nil, err
	}
	p.Seqs[inspection.ReferenceArea], err = p.seqOf(ctx, inspection.ReferenceArea)
	return p, err
}

// parseTime reads an RFC 3339 time. A plus that a URL turned into a space is
// taken for what it was.
func parseTime(s string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t, err = time.Parse(time.RFC3339, strings.ReplaceAll(s, " ", "+"))
	}
	return t.UTC().Truncate(time.Millisecond), err == nil
}

// named checks a token: it must be of this database and within its logs.
func named(ctx context.Context, st Store, token string) (*Position, error) {
	p, err := parseToken(token)
	if err != nil {
		return nil, err
	}
	id, err := st.ID(ctx)
	if err != nil {
		return nil, err
	}
	if p.Database != id {
		return nil, reset()
	}
	return p, p.Within(ctx, st)
}

// Within returns CodeAsOfReset if the logs are shorter than the position.
func (p *Position) Within(ctx context.Context, st Store) error {
	heads, err := st.Heads(ctx)
	if err != nil {
		return err
	}
	for area, seq := range p.Seqs {
		if seq > heads[area].Seq {
			return reset()
		}
	}
	return nil
}

func reset() error {
	return inspection.Errorf(inspection.CodeAsOfReset,
		"The as_of token is of another database, or newer than a restored backup. Report without it, or as of a time.")
}

// Areas lists the areas of the position but the reference log's, sorted.
func (p *Position) Areas() []inspection.Area {
	list := slices.Sorted(maps.Keys(p.Seqs))
	return slices.DeleteFunc(list, func(a inspection.Area) bool { return a == inspection.ReferenceArea })
}

// Same reports whether two positions have the same token.
func (p *Position) Same(q *Position) bool {
	return p.Database == q.Database && p.At.Equal(q.At) && maps.Equal(p.Seqs, q.Seqs)
}

// positionToken is what a token holds. It gives no right.
type positionToken struct {
	Database string                    `json:"d"`
	At       int64                     `json:"t"` // milliseconds since 1970
	Seqs     map[inspection.Area]int64 `json:"s"`
}

// Token returns the position as an opaque text that is safe in a URL.
func (p *Position) Token() string {
	b, err := json.Marshal(positionToken{p.Database, p.At.UnixMilli(), p.Seqs})
	if err != nil {
		panic(err) // plain maps and texts always encode
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// Bounds of the years that a position lies in: times outside are mistakes.
const (
	firstYear = 1991
	lastYear  = 2199
)

// parseToken returns a CodeBadAsOf error for anything that Token didn't make.
func parseToken(s string) (*Position, error) {
	bad := inspection.Errorf(inspection.CodeBadAsOf, "This as_of is neither a time like 2026-10-25T18:00:00+08:00 nor a token of this server. Leave it out to report what is known now.")
	var t positionToken
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || strictly(b, &t) != nil || t.Database == "" {
		return nil, bad
	}
	at := time.UnixMilli(t.At)
	if _, ok := t.Seqs[inspection.ReferenceArea]; !ok || at.Year() < firstYear || at.Year() > lastYear {
		return nil, bad
	}
	for area, seq := range t.Seqs {
		if seq < 0 || area != inspection.ReferenceArea && !area.Valid() {
			return nil, bad
		}
	}
	return &Position{Database: t.Database, At: at.UTC(), Seqs: t.Seqs}, nil
}

// strictly decodes exactly one value and refuses members that it doesn't know.
func strictly(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("asof: more than one value")
	}
	return nil
}

// MarshalJSON writes the position as docs/contract.md, section 6, has it.
func (p *Position) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Token string                    `json:"token"`
		At    string                    `json:"at"`
		Seqs  map[inspection.Area]int64 `json:"seqs"`
	}{p.Token(), p.At.In(inspection.China).Format(time.RFC3339Nano), p.Seqs})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (p *Position) UnmarshalJSON(data []byte) error {
	var in struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	parsed, err := parseToken(in.Token)
	if err == nil {
		*p = *parsed
	}
	return err
}

// ChainHead is the newest whole commit of an area's log at a position.
type ChainHead struct {
	Area inspection.Area `json:"area"`
	Seq  int64           `json:"seq"`
	Hash string          `json:"hash"`
}

// ChainHeads reads the ends of all logs of a position, the reference log's
// last.
func ChainHeads(ctx context.Context, st Store, p *Position) ([]ChainHead, error) {
	var heads []ChainHead
	for _, area := range append(p.Areas(), inspection.ReferenceArea) {
		seq := p.Seqs[area]
		if seq == 0 {
			continue
		}
		commits, err := st.Commits(ctx, area, seq-1, 1)
		if err != nil {
			return nil, err
		}
		if len(commits) == 0 {
			return nil, inspection.Errorf(inspection.CodeInternal, "The log of %s is shorter than its head.", area)
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
