package store

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"gridpatrol/inspection"
)

// Kind says what an entry did to its document.
type Kind string

// The kinds of entries.
const (
	KindPut        Kind = "put"        // a phone's put: applied, merged or conflicted
	KindDelete     Kind = "delete"     // the document is a tombstone from here on
	KindNote       Kind = "note"       // history only: the document stays as it was
	KindReference  Kind = "reference"  // reference data, users and grants
	KindQuarantine Kind = "quarantine" // a rejected mutation, kept verbatim
	KindSettled    Kind = "settled"    // a quarantined mutation released or discarded
	KindEvidence   Kind = "evidence"   // photos arrived or were judged
	KindReview     Kind = "review"     // a supervisor's act
	KindClosing    Kind = "closing"    // a window of the joint report was closed
)

// Status is the outcome of a mutation: docs/contract.md, section 3.
type Status string

// The statuses.
const (
	Applied    Status = "applied"
	Merged     Status = "merged"
	Conflicted Status = "conflicted"
	Rejected   Status = "rejected"
)

// Entry is one line of an area's history. Doc is the whole document after it,
// "server" included; Sent is what the client's edit would have made of it,
// where that differs. A KindNote entry without Doc touches no record (a
// delete of an unknown document). What a phone sent under a number has a
// receipt.
type Entry struct {
	Seq        int64
	Collection inspection.Collection
	ID         inspection.DocID
	Rev        int64
	Kind       Kind
	Actor      inspection.UserID
	Device     inspection.DeviceID
	N          int64
	Base       int64
	At         time.Time
	Status     Status
	Code       inspection.Code
	Detail     string
	Content    string
	Deleted    bool
	Pinned     bool
	// Unnumbered: it came from a client that numbers no edits. N means nothing
	// then.
	Unnumbered bool
	Sent       []byte
	Doc        []byte
	// Index is that of Doc, where whoever made the entry had it at hand. It is
	// no part of the log: nil means that Fold takes it from Doc.
	Index *Index
}

// By returns the phone and user that the entry came from.
func (e *Entry) By() inspection.Device {
	return inspection.Device{User: e.Actor, ID: e.Device}
}

// TouchesRecord reports whether the entry is a revision of a document.
func (e *Entry) TouchesRecord() bool { return e.Doc != nil }

// FromPhone reports whether the entry is what became of an edit of a phone.
func (e *Entry) FromPhone() bool { return e.Device != "" && e.Status != "" }

// HasReceipt reports whether the entry answers a mutation of a phone. The
// first entry for a device's n makes the receipt; later ones don't change it.
func (e *Entry) HasReceipt() bool { return e.FromPhone() && !e.Unnumbered }

// Receipt returns the receipt that the entry leaves in area.
func (e *Entry) Receipt(area inspection.Area) Receipt {
	return Receipt{
		Device: e.By(), N: e.N, Content: e.Content,
		Area: area, Collection: e.Collection, ID: e.ID, Rev: e.Rev, Seq: e.Seq,
		Status: e.Status, Code: e.Code, Detail: e.Detail,
	}
}

// Fold returns the record after the entry, given the one before it (nil for
// the first). It is the one definition of what records are: engines and
// verify use it alike. Folding an entry that the record already shows
// returns the record unchanged.
func Fold(before *Record, area inspection.Area, e *Entry) Record {
	var r Record
	if before != nil {
		r = *before
		if e.Seq <= r.Seq {
			return r
		}
	}
	r.Area, r.Collection, r.ID = area, e.Collection, e.ID
	r.Rev, r.Seq, r.At = e.Rev, e.Seq, e.At
	r.Deleted, r.Pinned, r.Doc = e.Deleted, e.Pinned, e.Doc
	if e.Index != nil {
		r.Index = *e.Index
	} else {
		r.Index = indexOfBytes(e.Collection, e.Doc)
	}
	r.Revisions = append(r.Revisions[:len(r.Revisions):len(r.Revisions)], e.Seq)
	if e.FromPhone() {
		r.Marks = mark(r.Marks, Mark{Device: e.By(), N: e.N, Base: e.Base, Seq: e.Seq}, e.Unnumbered)
	}
	return r
}

// indexOfBytes is IndexOf for a document that nobody has decoded yet. Bytes
// that are no object have an empty index: projecting must never fail.
func indexOfBytes(c inspection.Collection, doc []byte) Index {
	o, err := inspection.ParseObject(doc)
	if err != nil {
		return Index{}
	}
	return IndexOf(c, o)
}

// mark returns marks with m in it; a lower n never replaces a higher one. A
// row, which has none, leaves the device's n as it is.
func mark(marks []Mark, m Mark, row bool) []Mark {
	out := make([]Mark, 0, len(marks)+1)
	for _, old := range marks {
		switch {
		case old.Device != m.Device:
			out = append(out, old)
		case row:
			m.N = old.N
		case old.N > m.N:
			m = old
		}
	}
	return append(out, m)
}

// MaxCommitBytes bounds a commit on both engines (a Mongo document holds at
// most 16 MB). Writers split long before; what comes near is one quarantined
// mutation of 8 MiB, kept verbatim in base64.
const MaxCommitBytes = 12 << 20

// Hash chains commits: SHA-256(previous ‖ area ‖ first seq ‖ bytes).
type Hash [sha256.Size]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// ParseHash reads what String wrote.
func ParseHash(s string) (Hash, error) {
	var h Hash
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(h) {
		return h, fmt.Errorf("store: not a hash: %q", s)
	}
	copy(h[:], b)
	return h, nil
}

// Commit is what is written at once: one or more entries of one area. Bytes
// is the exact JSON that is stored and hashed; it is never encoded again.
type Commit struct {
	Area     inspection.Area
	First    int64
	Last     int64
	At       time.Time
	Previous Hash
	Hash     Hash
	Bytes    []byte
	Entries  []Entry
	// Before holds the records of the commit's documents as they were read
	// with the head that it was sealed on, those that are unknown left out. It
	// saves the engine from reading them again; nil means that it must.
	Before map[inspection.DocID]Record
}

// Head returns the area's head after the commit.
func (c *Commit) Head() Head { return Head{Seq: c.Last, Hash: c.Hash, At: c.At} }

// Seal makes the commit that puts entries right after head. The entries carry
// consecutive seqs from head.Seq+1 and times that don't run backwards.
func Seal(area inspection.Area, head Head, entries []Entry) (*Commit, error) {
	if len(entries) == 0 {
		return nil, fmt.Errorf("store: a commit needs an entry")
	}
	at := head.At
	for i := range entries {
		if entries[i].Seq != head.Seq+1+int64(i) || entries[i].At.Before(at) {
			return nil, fmt.Errorf("store: entry %d is out of order", entries[i].Seq)
		}
		at = entries[i].At
	}
	c := &Commit{
		Area: area, First: head.Seq + 1, Last: head.Seq + int64(len(entries)),
		At: at, Previous: head.Hash, Bytes: encodeEntries(entries), Entries: entries,
	}
	c.Hash = Chain(c.Previous, area, c.First, c.Bytes)
	return c, nil
}

// Chain computes a commit's hash.
func Chain(previous Hash, area inspection.Area, first int64, commit []byte) Hash {
	h := sha256.New()
	h.Write(previous[:])
	h.Write([]byte(area))
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(first)))
	h.Write(commit)
	return Hash(h.Sum(nil))
}

// Open rebuilds a commit from what an engine stored, entries decoded. Returns
// ErrDamaged if stored isn't what Seal makes.
func Open(area inspection.Area, first int64, previous Hash, stored []byte) (*Commit, error) {
	entries, err := decodeEntries(stored, first)
	if err != nil {
		return nil, err
	}
	last := &entries[len(entries)-1]
	return &Commit{
		Area: area, First: first, Last: last.Seq, At: last.At,
		Previous: previous, Hash: Chain(previous, area, first, stored),
		Bytes: stored, Entries: entries,
	}, nil
}

func encodeEntries(entries []Entry) []byte {
	size := 64
	for i := range entries {
		size += 320 + len(entries[i].Sent) + len(entries[i].Doc)
	}
	dst := append(make([]byte, 0, size), '[')
	for i := range entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = entries[i].appendJSON(dst)
	}
	return append(dst, ']')
}

func (e *Entry) appendJSON(dst []byte) []byte {
	text := func(name, value string) {
		if value != "" {
			dst = append(append(dst, `,"`...), name...)
			dst = inspection.AppendString(append(dst, `":`...), value)
		}
	}
	number := func(name string, value int64) {
		if value != 0 {
			dst = append(append(dst, `,"`...), name...)
			dst = strconv.AppendInt(append(dst, `":`...), value, 10)
		}
	}
	flag := func(name string, value bool) {
		if value {
			dst = append(append(append(dst, `,"`...), name...), `":true`...)
		}
	}
	raw := func(name string, value []byte) {
		if value != nil {
			dst = append(append(dst, `,"`...), name...)
			dst = append(append(dst, `":`...), value...)
		}
	}
	dst = strconv.AppendInt(append(dst, `{"seq":`...), e.Seq, 10)
	text("collection", string(e.Collection))
	text("id", string(e.ID))
	number("rev", e.Rev)
	text("kind", string(e.Kind))
	text("actor", string(e.Actor))
	text("device", string(e.Device))
	number("n", e.N)
	number("base", e.Base)
	text("at", e.At.UTC().Format(time.RFC3339Nano))
	text("status", string(e.Status))
	text("code", string(e.Code))
	text("detail", e.Detail)
	text("content", e.Content)
	flag("deleted", e.Deleted)
	flag("kept", e.Pinned)
	flag("row", e.Unnumbered)
	raw("sent", e.Sent)
	raw("doc", e.Doc)
	return append(dst, '}')
}

type entryJSON struct {
	Seq        int64                 `json:"seq"`
	Collection inspection.Collection `json:"collection"`
	ID         inspection.DocID      `json:"id"`
	Rev        int64                 `json:"rev"`
	Kind       Kind                  `json:"kind"`
	Actor      inspection.UserID     `json:"actor"`
	Device     inspection.DeviceID   `json:"device"`
	N          int64                 `json:"n"`
	Base       int64                 `json:"base"`
	At         time.Time             `json:"at"`
	Status     Status                `json:"status"`
	Code       inspection.Code       `json:"code"`
	Detail     string                `json:"detail"`
	Content    string                `json:"content"`
	Deleted    bool                  `json:"deleted"`
	Pinned     bool                  `json:"kept"`
	Unnumbered bool                  `json:"row"`
	Sent       json.RawMessage       `json:"sent"`
	Doc        json.RawMessage       `json:"doc"`
}

func decodeEntries(stored []byte, first int64) ([]Entry, error) {
	var list []entryJSON
	if err := json.Unmarshal(stored, &list); err != nil {
		return nil, fmt.Errorf("%w: a commit is not readable: %w", ErrDamaged, err)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: a commit is empty", ErrDamaged)
	}
	entries := make([]Entry, len(list))
	for i, e := range list {
		if e.Seq != first+int64(i) {
			return nil, fmt.Errorf("%w: a commit at %d holds seq %d", ErrDamaged, first, e.Seq)
		}
		entries[i] = Entry{
			Seq: e.Seq, Collection: e.Collection, ID: e.ID, Rev: e.Rev, Kind: e.Kind,
			Actor: e.Actor, Device: e.Device, N: e.N, Base: e.Base, At: e.At,
			Status: e.Status, Code: e.Code, Detail: e.Detail, Content: e.Content,
			Deleted: e.Deleted, Pinned: e.Pinned, Unnumbered: e.Unnumbered, Sent: e.Sent, Doc: e.Doc,
		}
	}
	return entries, nil
}
