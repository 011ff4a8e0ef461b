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
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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

// Stat implements store.Blobs.
func (b *Blobs) Stat(ctx context.Context, name store.BlobName) (store.BlobInfo, error) {
	path, err := b.path(name)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return store.BlobInfo{}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return store.BlobInfo{}, failure("stat", err)
	}
	return store.BlobInfo{Name: name, Size: info.Size(), Written: info.ModTime().UTC()}, nil
}

// Open implements store.Blobs.
func (b *Blobs) Open(ctx context.Context, name store.BlobName, offset, length int64) (io.ReadCloser, error) {
	path, err := b.path(name)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, failure("open", err)
	}
	return &section{SectionReader: io.NewSectionReader(f, max(offset, 0), max(length, 0)), file: f}, nil
}

// section is a part of an open file.
type section struct {
	*io.SectionReader
	file *os.File
}

func (s *section) Close() error { return s.file.Close() }

// List implements store.Blobs. It walks only the folders that the page needs.
func (b *Blobs) List(ctx context.Context, kind store.BlobKind, after string, limit int) ([]store.BlobInfo, error) {
	if !slices.Contains(store.AllBlobKinds, kind) {
		return nil, errors.New("files: there is no such kind of blobs")
	}
	l := &listing{kind: kind, after: after, limit: limit}
	if limit > 0 {
		if err := l.walk(ctx, filepath.Join(b.root, string(kind)), "", 2); err != nil && !errors.Is(err, errFull) {
			return nil, failure("list", err)
		}
	}
	return l.found, nil
}

// listing collects one page of keys in order.
type listing struct {
	kind  store.BlobKind
	after string
	limit int
	found []store.BlobInfo
}

// errFull ends a walk whose page is full.
var errFull = errors.New("the page is full")

// walk goes through a folder whose keys all begin with prefix; levels is how
// many folders lie between it and the files.
func (l *listing) walk(ctx context.Context, dir, prefix string, levels int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir) // sorted by name
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for i := 0; err == nil && i < len(entries); i++ {
		name := entries[i].Name()
		switch {
		case levels == 0:
			err = l.addBlob(entries[i])
		case prefix+name >= l.after[:min(len(l.after), len(prefix)+len(name))]:
			err = l.walk(ctx, filepath.Join(dir, name), prefix+name, levels-1)
		}
	}
	return err
}

func (l *listing) addBlob(e os.DirEntry) error {
	name := store.BlobName{Kind: l.kind, Key: e.Name()}
	if name.Key <= l.after || !name.Valid() {
		return nil
	}
	if len(l.found) == l.limit {
		return errFull
	}
	info, err := e.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil // deleted or moved since the folder was read
	}
	if err == nil {
		l.found = append(l.found, store.BlobInfo{Name: name, Size: info.Size(), Written: info.ModTime().UTC()})
	}
	return err
}
