package history

import (
	"fmt"
	"strings"

	"gridpatrol/inspection"
)

// Kind says where damage is.
type Kind string

// The kinds of damage.
const (
	InLog     Kind = "log"        // a commit is missing, changed or out of place
	InHead    Kind = "head"       // the head isn't the end of the log
	InNote    Kind = "noted_head" // a head that was noted before is gone
	InRecord  Kind = "record"     // a record isn't what the log makes of it
	InReceipt Kind = "receipt"    // a receipt isn't what the log makes of it
	InEngine  Kind = "engine"     // the engine found something itself
)

// Damage is one thing that isn't as it must be. It names no answers, names or
// tokens, so that a report may be sent by mail.
type Damage struct {
	Kind Kind            `json:"kind"`
	Area inspection.Area `json:"area,omitempty"`
	// ID is a document's id, or "user/device/n" of a receipt.
	ID     string `json:"id,omitempty"`
	Detail string `json:"detail"`
}

// String is a line for people.
func (d Damage) String() string {
	words := []string{strings.ReplaceAll(string(d.Kind), "_", " ")}
	if d.Area != "" {
		words = append(words, "of area "+string(d.Area))
	}
	if d.ID != "" {
		words = append(words, d.ID)
	}
	return strings.Join(words, " ") + ": " + d.Detail
}

// maxDamage bounds how many things a report lists; the rest is counted. One
// broken chain may put thousands of records in doubt.
const maxDamage = 200

// Report is what Verify found.
type Report struct {
	Database string `json:"database"`
	// Heads are those up to which all was looked at.
	Heads Heads `json:"heads"`
	// Commits, Entries, Records and Receipts count what was looked at.
	Commits  int64    `json:"commits"`
	Entries  int64    `json:"entries"`
	Records  int64    `json:"records"`
	Receipts int64    `json:"receipts"`
	Damage   []Damage `json:"damage"`
	// More counts damage that isn't listed.
	More int64 `json:"more"`
}

// Fine reports whether nothing is damaged.
func (r *Report) Fine() bool { return len(r.Damage) == 0 }

func (r *Report) addFinding(kind Kind, area inspection.Area, id, format string, args ...any) {
	if len(r.Damage) >= maxDamage {
		r.More++
		return
	}
	r.Damage = append(r.Damage, Damage{Kind: kind, Area: area, ID: id, Detail: fmt.Sprintf(format, args...)})
}
