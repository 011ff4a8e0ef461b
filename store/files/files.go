// Package files keeps blobs as files in folders:
// <root>/<kind>/ab/cd/<key>, so that no folder grows large.
//
// What makes it safe: a blob that is put is written to a temporary file,
// flushed, and only then renamed to its name, and the folder is flushed after
// that. So a crash at any line leaves either the old blob or the new one, and
// at worst a temporary file, which the next start removes. A blob that grows
// is flushed before Append returns; a process that is killed in between
// leaves the bytes that it had written, since they are the kernel's by then,
// and a power cut at least those of the last Append that returned.
package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/store/folder"
)

var _ store.Blobs = (*Blobs)(nil)

// temporary is the folder of files that are being written.
const temporary = "tmp"

// Blobs is a folder of blobs. It holds nothing open between calls, so several
// processes may use one folder.
type Blobs struct {
	root string
}

// Open uses the folder and makes it if it doesn't exist, readable by nobody
// else. now tells how old the files are that a crash left. Returns a
// CodeUnavailable error that says what to do if the folder can't be written.
func Open(root string, now time.Time) (*Blobs, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, failure("open", err)
	}
	b := &Blobs{root: root}
	for _, kind := range append([]store.BlobKind{temporary}, store.AllBlobKinds...) {
		if err := folder.Make(filepath.Join(root, string(kind))); err != nil {
			return nil, failure("open", err)
		}
	}
	return b, b.tidy(now)
}

// tidy removes temporary files that a crash left. A younger one may be
// another process's, which is still writing it.
func (b *Blobs) tidy(now time.Time) error {
	entries, err := os.ReadDir(filepath.Join(b.root, temporary))
	if err != nil {
		return failure("tidy", err)
	}
	for _, e := range entries {
		path := filepath.Join(b.root, temporary, e.Name())
		info, err := e.Info()
		if err != nil || now.Sub(info.ModTime()) < abandoned {
			continue
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return failure("tidy", err)
		}
	}
	return nil
}

// abandoned is the age from which nobody writes a temporary file any more.
const abandoned = 24 * time.Hour

// path is where a blob lies.
func (b *Blobs) path(name store.BlobName) (string, error) {
	if !name.Valid() {
		return "", fmt.Errorf("files: %q is no name of a blob", name)
	}
	return filepath.Join(b.root, string(name.Kind), name.Key[:2], name.Key[2:4], name.Key), nil
}

// failure tells callers of err: what isn't there, and a context's own errors;
// everything else means that the folder is unavailable.
func failure(op string, err error) error {
	if err == nil {
		return nil
	}
	wrapped := fmt.Errorf("files: %s: %w", op, err)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("files: %s: %w", op, store.ErrNotFound)
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrStale),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return wrapped
	}
	detail := "The folder of the photos cannot be read or written just now. Send the same request again later."
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &inspection.Error{
			Code: inspection.CodeInsufficientStorage, Err: wrapped,
			Detail: "The disk of the photos is full. Free some space; then send the rest.",
		}
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		detail = "The folder of the photos may not be written. Give the user that the server runs as the right to write it."
	}
	return &inspection.Error{Code: inspection.CodeUnavailable, Detail: detail, Err: wrapped}
}
