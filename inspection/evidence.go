package inspection

import (
	"slices"
	"strconv"
)

// maxMissing caps the hashes that are listed as missing; more are counted.
const maxMissing = 500

// Evidence is what photos prove of a document.
type Evidence struct {
	// Complete: nothing is missing.
	Complete Optional[bool]
	// Missing are the SHA-256 of photos that the document names and that
	// haven't arrived, in order; MissingMore counts those that aren't listed.
	Missing     []string
	MissingMore int64
	// MissingFields are photo fields that the template demands and that name
	// no photo.
	MissingFields []string
	// Flags are what makes someone look twice.
	Flags []Flag
	rest
}

var evidenceTable = []field[Evidence]{
	optionalField("complete", func(e *Evidence) *Optional[bool] { return &e.Complete }, asBool, appendBool),
	listField("flags", asNoItems, func(e *Evidence) *[]Flag { return &e.Flags }, objectRead((*Flag).read), (*Flag).appendJSON),
	textsField("missing", asNoItems, func(e *Evidence) *[]string { return &e.Missing }),
	textsField("missing_fields", asNoItems, func(e *Evidence) *[]string { return &e.MissingFields }),
	integerField("missing_more", leftOut, func(e *Evidence) *int64 { return &e.MissingMore }),
}

func asBool(v any) (bool, bool) { b, ok := v.(bool); return b, ok }

func appendBool(dst []byte, b bool) []byte { return strconv.AppendBool(dst, b) }

// NewEvidence makes the evidence of what is missing, hashes in any order and
// repeated, and of flags.
func NewEvidence(missing, missingFields []string, flags []Flag) *Evidence {
	missing = slices.Clone(missing)
	slices.Sort(missing)
	missing = slices.Compact(missing)
	listed := min(len(missing), maxMissing)
	return &Evidence{
		Complete: Some(len(missing) == 0 && len(missingFields) == 0),
		Missing:  missing[:listed], MissingMore: int64(len(missing) - listed),
		MissingFields: missingFields, Flags: flags,
	}
}

func (e *Evidence) read(o Object) { e.rest = readMembers(evidenceTable, e, o) }
func (e *Evidence) appendJSON(dst []byte) []byte {
	return appendMembers(dst, evidenceTable, e, &e.rest)
}

// Same reports whether two documents' evidence is the same; nil is none.
func (e *Evidence) Same(other *Evidence) bool {
	if e == nil || other == nil {
		return e == other
	}
	return string(e.appendJSON(nil)) == string(other.appendJSON(nil))
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

// Flag is one doubt.
type Flag struct {
	Kind   FlagKind
	SHA256 string // the photo; "" is the record as a whole
	Other  DocID  // the record that a reused picture is on, "" where it isn't named
	Detail string // in words
	rest
}

var flagTable = []field[Flag]{
	textField("detail", asNoText, func(f *Flag) *string { return &f.Detail }),
	textField("flag", asNoText, func(f *Flag) *FlagKind { return &f.Kind }),
	textField("other", asNull, func(f *Flag) *DocID { return &f.Other }),
	textField("sha256", asNull, func(f *Flag) *string { return &f.SHA256 }),
}

func (f *Flag) read(o Object)                { f.rest = readMembers(flagTable, f, o) }
func (f *Flag) appendJSON(dst []byte) []byte { return appendMembers(dst, flagTable, f, &f.rest) }
