package store

import (
	"context"
	"time"

	"gridpatrol/inspection"
)

// Audit shows what is stored as it is stored, whether or not a head or a log
// explains it. Package history reads it; nothing that serves does. Each walk
// ends with an empty page, and pages are bounded in bytes, not in number, so
// that whoever walks knows how much memory a page takes.
type Audit interface {
	// StoredAreas returns every area that a stored head or commit names, in
	// order. One whose head can't be read is among them.
	StoredAreas(ctx context.Context) ([]inspection.Area, error)

	// StoredCommits returns commits of area whose first seq is above after,
	// in order of it, neither decoded nor checked: at least one if there is
	// one, and no more than fit in room bytes besides.
	StoredCommits(ctx context.Context, area inspection.Area, after int64, room int) ([]StoredCommit, error)

	// StoredRecords returns records of all areas whose id is above after, in
	// order of id (bytewise), bounded like StoredCommits. Ids that are only
	// claimed are left out.
	StoredRecords(ctx context.Context, after inspection.DocID, room int) ([]StoredRecord, error)

	// StoredReceipts returns up to limit receipts above after, in order of
	// user, device (both bytewise) and n. The zero key is below all.
	StoredReceipts(ctx context.Context, after ReceiptKey, limit int) ([]Receipt, error)

	// SelfCheck lets the engine look for damage that no other read shows, for
	// example an index that lacks a row. It returns a sentence for each fault;
	// the error says that it couldn't look.
	SelfCheck(ctx context.Context) ([]string, error)
}

// Migratable is what moves a database from one store to another.
type Migratable interface {
	// SetID gives the database another identity, in all processes. The caller
	// sees to it that nobody is served meanwhile.
	SetID(ctx context.Context, id string) error

	// SetReadOnly makes the database refuse all further writes with
	// ErrReadOnly, or lets it take them again. When it returns, no write of
	// any process succeeds any more; it holds across restarts.
	SetReadOnly(ctx context.Context, on bool) error
}

// StoredCommit holds the fields of a commit as an engine stores them. Those
// that only repeat what Bytes says are there too: queries rely on them.
type StoredCommit struct {
	First    int64
	Last     int64
	At       time.Time
	Previous []byte
	Hash     []byte
	Bytes    []byte
}

// StoredRecord is a record as an engine stores it. If Damaged is set, it says
// why the record can't be decoded, and only ID is right.
type StoredRecord struct {
	Record
	Damaged error
}

// ReceiptKey names a mutation.
type ReceiptKey struct {
	Device inspection.Device
	N      int64
}

// Key returns the name of the mutation that the receipt answers.
func (r *Receipt) Key() ReceiptKey { return ReceiptKey{Device: r.Device, N: r.N} }
