package inspection

import (
	"encoding/json"
	"slices"
	"strconv"
)

// maxMissing caps the hashes that are listed as missing; more are counted.
const maxMissing = 500

// Evidence is what photos prove of a document: its member "server.evidence".
type Evidence struct {
	// Missing are the SHA-256 of photos that the document names and that
	// haven't arrived.
	Missing []string
	// MissingFields are photo fields that the template demands and that name
	// no photo.
	MissingFields []string
	// Flags are what makes someone look twice, as Flag makes them.
	Flags []any
}

// Object is the evidence as it stands in documents: complete when nothing is
// missing, the hashes in order.
func (e Evidence) Object() Object {
	missing := slices.Clone(e.Missing)
	slices.Sort(missing)
	missing = slices.Compact(missing)
	out := Object{
		"complete": len(missing) == 0 && len(e.MissingFields) == 0,
		"missing":  anys(missing[:min(len(missing), maxMissing)]), "missing_fields": anys(e.MissingFields),
		"flags": append([]any{}, e.Flags...),
	}
	if more := len(missing) - maxMissing; more > 0 {
		out["missing_more"] = json.Number(strconv.Itoa(more))
	}
	return out
}

// FlagKind is a kind of doubt about a photo.
type FlagKind string

// The flags of evidence. Source: docs/contract.md, section 5.
const (
	FlagTimeMismatch   FlagKind = "time_mismatch"
	FlagPlaceMismatch  FlagKind = "place_mismatch"
	FlagMockLocation   FlagKind = "mock_location"
	FlagReused         FlagKind = "reused"
	FlagEditedSoftware FlagKind = "edited_software"
	FlagNoEXIF         FlagKind = "no_exif"
)

// Flag makes one flag. A flag about the record as a whole names no photo;
// other is the record that a reused picture is on, "" where it isn't named.
func Flag(kind FlagKind, sha256 string, other DocID, detail string) Object {
	orNull := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	return Object{"flag": string(kind), "sha256": orNull(sha256), "other": orNull(string(other)), "detail": detail}
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}
