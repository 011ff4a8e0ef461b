package store

import (
	"context"
	"io"
	"strings"
	"time"
)

// Blobs keeps files beside the log: photos as they were taken, what was made
// of them, and uploads that are still arriving. All methods are safe for
// concurrent use, but a blob that grows has one writer at a time: whoever
// appends to it, truncates it or moves it sees to that.
//
// Errors: ErrNotFound, ErrStale where named, what a reader that was handed in
// returned, and else unavailability, as for Store. A method whose context has
// ended may have done its work or not.
type Blobs interface {
	// Put makes a blob of all that r gives, whole or not at all, in place of
	// one of the same name. When it returns nil the blob is durable. A reader
	// that fails leaves nothing behind.
	Put(ctx context.Context, name BlobName, r io.Reader) error

	// Append adds what r gives to a blob that has exactly offset bytes; at
	// offset 0 it makes the blob. It returns how many bytes were added and are
	// durable: all that came, also when r fails in the middle. Returns
	// ErrStale, having added nothing, if the blob has another size.
	Append(ctx context.Context, name BlobName, offset int64, r io.Reader) (int64, error)

	// Truncate cuts a blob to its first size bytes. Returns ErrNotFound.
	Truncate(ctx context.Context, name BlobName, size int64) error

	// Move gives a blob another name, in place of one that has it. When it
	// returns nil the move is durable. Moving what was moved already is no
	// error; ErrNotFound means that neither name exists.
	Move(ctx context.Context, from, to BlobName) error

	// Stat returns a blob's size and when it was last written. Returns
	// ErrNotFound.
	Stat(ctx context.Context, name BlobName) (BlobInfo, error)

	// Open reads up to length bytes from offset on; less if the blob ends
	// before. The caller closes the reader, which outlives ctx: it serves
	// answers that are sent after their request was handled. Returns
	// ErrNotFound.
	Open(ctx context.Context, name BlobName, offset, length int64) (io.ReadCloser, error)

	// Delete removes a blob; one that isn't there is no error.
	Delete(ctx context.Context, name BlobName) error

	// List returns up to limit blobs of one kind whose key is above after, in
	// order of key.
	List(ctx context.Context, kind BlobKind, after string, limit int) ([]BlobInfo, error)

	// Free returns how many bytes may still be written, or a negative number
	// if the engine can't tell.
	Free(ctx context.Context) (int64, error)
}

// BlobKind is a folder of blobs.
type BlobKind string

// The kinds of blobs. Originals are keyed by the SHA-256 of their content in
// hex, what is made of them likewise; parts by the id of their upload.
const (
	Originals BlobKind = "originals" // as taken, bit for bit
	Large     BlobKind = "large"     // JPEG, long edge 1600
	Small     BlobKind = "small"     // JPEG, long edge 320
	Parts     BlobKind = "parts"     // uploads that are still arriving
	Trash     BlobKind = "trash"     // originals that nothing named, before they go
)

// AllBlobKinds lists the kinds; engines refuse others. KeptBlobKinds are those
// that backup and migration carry: the rest is made anew, or sent again.
var (
	AllBlobKinds  = []BlobKind{Originals, Large, Small, Parts, Trash}
	KeptBlobKinds = []BlobKind{Originals}
)

// BlobName names a blob: its kind and its key.
type BlobName struct {
	Kind BlobKind
	Key  string
}

// Valid reports whether the name can be one of a blob: a key has 16 to 128
// lower-case hex digits.
func (n BlobName) Valid() bool {
	known := false
	for _, k := range AllBlobKinds {
		known = known || k == n.Kind
	}
	return known && 16 <= len(n.Key) && len(n.Key) <= 128 && strings.Trim(n.Key, "0123456789abcdef") == ""
}

// BlobInfo is what an engine knows of a blob. Size is in bytes.
type BlobInfo struct {
	Name    BlobName
	Size    int64
	Written time.Time
}
