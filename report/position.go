package report

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"gridpatrol/inspection"
)

// Position is a place in the logs of some areas, that of the reference data
// included. At is the time that it stands for, in milliseconds.
type Position struct {
	Database string
	At       time.Time
	Seqs     map[inspection.Area]int64
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

func badAsOf() error {
	return inspection.Errorf(inspection.CodeBadAsOf, "This as_of is neither a time like 2026-10-25T18:00:00+08:00 nor a token of this server. Leave it out to report what is known now.")
}

// parseToken returns a CodeBadAsOf error for anything that Token didn't make.
func parseToken(s string) (*Position, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return nil, badAsOf()
	}
	var t positionToken
	if unmarshal(b, &t) != nil || t.Database == "" {
		return nil, badAsOf()
	}
	at := time.UnixMilli(t.At)
	if _, ok := t.Seqs[inspection.ReferenceArea]; !ok || at.Year() < firstYear || at.Year() > lastYear {
		return nil, badAsOf()
	}
	for area, seq := range t.Seqs {
		if seq < 0 || area != inspection.ReferenceArea && !area.Valid() {
			return nil, badAsOf()
		}
	}
	return &Position{Database: t.Database, At: at.UTC(), Seqs: t.Seqs}, nil
}

// areas lists the areas of the position but the reference log's, sorted.
func (p *Position) areas() []inspection.Area {
	list := slices.Sorted(maps.Keys(p.Seqs))
	return slices.DeleteFunc(list, func(a inspection.Area) bool { return a == inspection.ReferenceArea })
}

// same reports whether two positions have the same token.
func (p *Position) same(q *Position) bool {
	return p.Database == q.Database && p.At.Equal(q.At) && maps.Equal(p.Seqs, q.Seqs)
}

// MarshalJSON writes the position as docs/contract.md, section 6, has it.
func (p *Position) MarshalJSON() ([]byte, error) {
	return marshal(struct {
		Token string                    `json:"token"`
		At    string                    `json:"at"`
		Seqs  map[inspection.Area]int64 `json:"seqs"`
	}{p.Token(), stamp(p.At), p.Seqs})
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

// districtOf is the district that an area lies in, or the area itself if it is
// larger. Inspections count in sessions of their own district only.
func districtOf(a inspection.Area) inspection.Area {
	const districtDigits = 6
	return a[:min(len(a), districtDigits)]
}
