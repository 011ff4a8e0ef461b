package files

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"gridpatrol/store"
)

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
