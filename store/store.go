// Package store says what a storage engine must do. One idea carries it: every
// area has one ordered, append-only log of commits; records and receipts are
// views of it that the engine keeps up to date by itself.
//
// An engine needs no transaction across documents. What it must offer is one
// conditional insert: a commit goes in at the position after the head that
// its writer saw, or not at all. Everything else may be redone after a crash.
package store

import (
	"cmp"
	"context"
	"errors"
	"time"

	"gridpatrol/inspection"
)

// Errors that callers switch on. Every other error means that the store is
// unavailable: nothing can be said of what was asked, and the caller may try
// again.
var (
	// ErrStale: another writer got there first, or the outcome of the append
	// is unknown. Read again and decide again.
	ErrStale = errors.New("store: stale")
	// ErrNotFound: there is no such row, commit or entry.
	ErrNotFound = errors.New("store: not found")
	// ErrReadOnly: this database was migrated elsewhere and takes no writes.
	ErrReadOnly error = inspection.Errorf(inspection.CodeUnavailable,
		"This server's database was moved to another one and takes no changes any more. Ask whoever runs it where it went; what is on the phone is kept until then.")
	// ErrDamaged: what is stored can't be read as what it should be. For who
	// serves that is one more way of being unavailable.
	ErrDamaged = errors.New("store: damaged")
)

// Store is what an engine implements. All methods are safe for concurrent use.
// Times are kept in UTC with at least millisecond precision.
type Store interface {
	Log
	Views
	Tables
	Audit
	Migratable

	// ID is the database's identity: a UUID made with the database and the
	// same for all processes that use it. A restored database has its own, a
	// migrated one that of its source.
	ID(ctx context.Context) (string, error)
	// Ping reports whether the store can be reached and written.
	Ping(ctx context.Context) error
	// Close waits for writes under way, then releases the store.
	Close() error
}

// Log is the truth: what was decided, in order, for ever.
type Log interface {
	// Head returns the newest commit's end in area, after the views have
	// caught up with it: records and receipts read later show at least this
	// much. An area without commits has the zero Head.
	Head(ctx context.Context, area inspection.Area) (Head, error)

	// Heads returns the committed head of every area that has commits. It is
	// cheap, and the views may lag behind it.
	Heads(ctx context.Context) (map[inspection.Area]Head, error)

	// Append makes one commit durable, all of it or nothing, right after the
	// head it was sealed on. When it returns nil the commit is durable and
	// the views show it. Returns ErrStale if the area's head is another by
	// now, if an entry's document belongs to another area, or if the outcome
	// is unknown; ErrReadOnly.
	Append(ctx context.Context, commit *Commit) error

	// Commits returns up to limit commits of area that end after the given
	// seq, in order, with the exact bytes that were hashed. Entries are
	// decoded. Fewer than limit means there are no more.
	Commits(ctx context.Context, area inspection.Area, after int64, limit int) ([]*Commit, error)

	// Entries returns the entries at the given seqs of area, in that order.
	// Returns ErrNotFound if one of them doesn't exist.
	Entries(ctx context.Context, area inspection.Area, seqs []int64) ([]Entry, error)

	// SeqBefore returns the seq of area's newest entry that was received
	// before t, or 0. Entries' times never run backwards within an area.
	SeqBefore(ctx context.Context, area inspection.Area, t time.Time) (int64, error)
}

// Views are folds of the log, kept by the engine.
type Views interface {
	// Records returns the latest state of those ids that are known. An id
	// that an unfinished append has claimed, but which has no entry yet,
	// comes with Rev 0 and the area that claimed it.
	Records(ctx context.Context, ids []inspection.DocID) (map[inspection.DocID]Record, error)

	// Changes returns the latest state of the documents of one area that
	// changed in a range, in order of seq.
	Changes(ctx context.Context, q ChangesQuery) (Changes, error)

	// Receipts returns the first result of each of the device's mutations
	// that has one.
	Receipts(ctx context.Context, device inspection.Device, ns []int64) (map[int64]Receipt, error)

	// ByTerm returns up to limit records that can be found by the term and
	// whose id is above after, in order of id; tombstones too.
	ByTerm(ctx context.Context, term string, after inspection.DocID, limit int) ([]Record, error)

	// List returns documents of one collection, newest first: by their
	// Index's Started, then by id, both descending.
	List(ctx context.Context, q ListQuery) (List, error)

	// LastN returns the highest mutation number received from the device,
	// or 0.
	LastN(ctx context.Context, device inspection.Device) (int64, error)
}

// Tables hold what is no part of a log: password hashes, refresh families,
// keys, devices. A table is created by its first row.
type Tables interface {
	// Get returns ErrNotFound if there is no such row.
	Get(ctx context.Context, table Table, key string) (Row, error)
	// Rows returns those of the rows that there are, each once, in any order.
	Rows(ctx context.Context, table Table, keys []string) ([]Row, error)
	// Put writes a row if the stored one still has row.Version (0: there is
	// none yet) and returns the new version. Returns ErrStale otherwise.
	Put(ctx context.Context, table Table, row Row) (int64, error)
	// Delete removes a row; a row that isn't there is no error.
	Delete(ctx context.Context, table Table, key string) error
	// Scan returns up to limit rows whose key has the prefix and is above
	// after, in order of key (bytewise).
	Scan(ctx context.Context, table Table, prefix, after string, limit int) ([]Row, error)
}

// Table names a plain table.
type Table string

// The plain tables. AllTables lists them: backup, restore and migrate carry
// every one, and engines refuse a name that is not in the list.
const (
	TableMeta        Table = "meta"        // what the database is: "demo", "unfinished"
	TableKeys        Table = "keys"        // signing keys, by key id
	TableCredentials Table = "credentials" // user id → password hash
	TableUsernames   Table = "usernames"   // folded user name → user id
	TableFamilies    Table = "families"    // user/device → refresh family
	TableDevices     Table = "devices"     // user/device → as it signed in
	TableReports     Table = "reports"     // user/device → what the phone last told of itself
	TableFiles       Table = "files"       // SHA-256/part → what closed windows keep
	TablePhotos      Table = "photos"      // SHA-256 → what is known of a photo, and who sent it
	TableLikeness    Table = "likeness"    // when it came/SHA-256 → a photo's fingerprint
	TableUploads     Table = "uploads"     // user/upload → an upload that is or was under way
	TableUsage       Table = "usage"       // user → how much was uploaded on which day
	TableMissing     Table = "missing"     // user/device/document → photos that it named and that aren't here
	TableSwept       Table = "swept"       // area → up to which seq its evidence was looked through
)

// AllTables is the list of plain tables.
var AllTables = []Table{
	TableMeta, TableKeys, TableCredentials, TableUsernames, TableFamilies, TableDevices,
	TableReports, TableFiles, TablePhotos, TableLikeness, TableUploads, TableUsage, TableMissing, TableSwept,
}

// Row is one row of a plain table. Versions start at 1 and grow by one.
type Row struct {
	Key     string
	Version int64
	Value   []byte
}

// Head is the end of an area's log: the newest entry's seq and time, and the
// hash that chains all commits up to it. At is zero in an empty log.
type Head struct {
	Seq  int64
	Hash Hash
	At   time.Time
}

// Next returns the seq of the entry after the head, and its time if the clock
// says now: a log's times never run backwards, whatever a server's clock does.
func (h Head) Next(now time.Time) (seq int64, at time.Time) {
	if now.Before(h.At) {
		return h.Seq + 1, h.At
	}
	return h.Seq + 1, now
}

// Record is a document's latest state.
type Record struct {
	Area       inspection.Area
	Collection inspection.Collection
	ID         inspection.DocID
	Rev        int64
	Seq        int64
	At         time.Time
	Deleted    bool
	// Pinned: a first sync sends the document whatever its age.
	Pinned bool
	// Revisions holds the seq of each revision; revision r is at index r-1.
	Revisions []int64
	// Marks holds the newest edit of each device on this document.
	Marks []Mark
	// Index is what the document can be listed and found by.
	Index Index
	// Doc is the document's JSON, "server" included; of a deleted one, its
	// last state.
	Doc []byte
}

// Mark is one device's newest edit of a document: its seq and base, and the
// highest number of its mutations so far.
type Mark struct {
	Device inspection.Device
	N      int64
	Base   int64
	Seq    int64
}

// Mark returns the device's newest edit of the document, if it has one.
func (r *Record) Mark(device inspection.Device) (Mark, bool) {
	for _, m := range r.Marks {
		if m.Device == device {
			return m, true
		}
	}
	return Mark{}, false
}

// Receipt is the first result of a mutation.
type Receipt struct {
	Device inspection.Device
	N      int64
	// Content is the digest of what was sent: the same n with another one
	// is a mistake of the client.
	Content    string
	Area       inspection.Area
	Collection inspection.Collection
	ID         inspection.DocID
	Rev        int64
	Seq        int64
	Status     Status
	Code       inspection.Code
	Detail     string
}

// ChangesQuery asks for one area's changes with After < seq ≤ Upto, oldest
// first. Upto 0 means up to the head. Records at or below PinnedUpto come
// only if they are Pinned. No Collections means none. Bare asks for no more of a
// record than what phones are served: its Collection, ID, Area, Seq, Deleted,
// Pinned and Doc; engines may leave the rest out.
type ChangesQuery struct {
	Area        inspection.Area
	Collections []inspection.Collection
	After       int64
	Upto        int64
	PinnedUpto  int64
	Limit       int
	Bare        bool
}

// Changes is one page. Everything in the range up to and including Seq has
// been looked at: the next page starts there. More tells whether the range
// holds more.
type Changes struct {
	Records []Record
	Seq     int64
	More    bool
}

// Page makes the page of the records that were found, one more than the limit
// if there are so many. One that isn't full has seen the whole range, up to
// end.
func (q ChangesQuery) Page(found []Record, end int64) Changes {
	limit := max(q.Limit, 0)
	if len(found) < limit {
		return Changes{Records: found, Seq: end}
	}
	page := Changes{Records: found[:limit], Seq: q.After, More: len(found) > limit}
	if limit > 0 {
		page.Seq = found[limit-1].Seq
	}
	return page
}

// ListQuery asks for documents of one collection. Texts must be equal, "" takes
// all. Tombstones never come. No Areas, or a Limit of 0, means no records.
type ListQuery struct {
	Areas      []inspection.Area // exactly these
	Collection inspection.Collection
	// Of the subject, the one that the collection has, as in Index.
	Template, Topic, Unit string
	Code                  inspection.Code

	Verdict  string
	State    string
	Evidence string
	// From ≤ Started < To; the zero time is no bound. A document without a
	// time lies before every From that is one.
	From, To time.Time
	// Term, if any, is one that the documents carry, kind included; with
	// Prefix, the beginning of one. The kind must be whole: "text:陕".
	Term   string
	Prefix bool
	// After continues behind a place in the list.
	After *ListMark
	Limit int
	// Count asks to count what matches, whatever After says, up to this many.
	// 10,001 tells "more than 10,000".
	Count int
}

// Subject returns the subject that is asked for, as Index.Subject does.
func (q *ListQuery) Subject() string { return cmp.Or(q.Template, q.Topic, q.Unit, string(q.Code)) }

// ListMark is a document's place in a list.
type ListMark struct {
	Started time.Time
	ID      inspection.DocID
}

// ListMark returns the record's place in a list.
func (r *Record) ListMark() ListMark { return ListMark{Started: r.Index.Started, ID: r.ID} }

// List is one page. Total is how many documents match, at most the query's
// Count.
type List struct {
	Records []Record
	Total   int
}
