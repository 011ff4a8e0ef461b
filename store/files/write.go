package files

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"gridpatrol/store"
	"gridpatrol/store/folder"
)

// Put implements store.Blobs.
func (b *Blobs) Put(ctx context.Context, name store.BlobName, r io.Reader) error {
	path, err := b.path(name)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Join(b.root, temporary), "put-*") // mode 0600
	if err != nil {
		return failure("put", err)
	}
	source := &checked{over: ctx.Err, r: r}
	if _, err = io.Copy(f, source); err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // tidy has a second chance
	}
	return source.fault("put", err)
}

// rename moves a flushed file and makes its new name durable.
func rename(from, to string) error {
	dir := filepath.Dir(to)
	if err := folder.Make(dir); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return folder.Flush(dir)
}

// Append implements store.Blobs.
func (b *Blobs) Append(ctx context.Context, name store.BlobName, offset int64, r io.Reader) (int64, error) {
	path, err := b.path(name)
	if err != nil {
		return 0, err
	}
	f, err := openToGrow(path, offset)
	if err != nil {
		return 0, failure("append", err)
	}
	source := &checked{over: ctx.Err, r: r}
	n, err := io.Copy(f, source)
	// Whatever came is kept, so it is flushed whether or not more should have
	// come. What can't be flushed doesn't count.
	if flushed := f.Sync(); flushed != nil {
		n, err = 0, errors.Join(err, flushed)
	}
	err = errors.Join(err, f.Close())
	return n, source.fault("append", err)
}

// openToGrow opens a file of exactly offset bytes at its end. A new file's
// name is flushed at once: the bytes that follow are acknowledged by their
// own flush.
func openToGrow(path string, offset int64) (*os.File, error) {
	flags := os.O_WRONLY | os.O_APPEND
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && offset == 0:
		if err := folder.Make(filepath.Dir(path)); err != nil {
			return nil, err
		}
		flags |= os.O_CREATE | os.O_EXCL
	case errors.Is(err, fs.ErrNotExist):
		return nil, store.ErrStale
	case err != nil:
		return nil, err
	case info.Size() != offset:
		return nil, store.ErrStale
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, store.ErrStale
	}
	if err == nil && offset == 0 {
		err = folder.Flush(filepath.Dir(path))
	}
	return f, err
}

// Truncate implements store.Blobs.
func (b *Blobs) Truncate(ctx context.Context, name store.BlobName, size int64) error {
	path, err := b.path(name)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return failure("truncate", err)
	}
	info, err := f.Stat()
	if err == nil && info.Size() > size {
		err = f.Truncate(size)
	}
	if err == nil {
		err = f.Sync()
	}
	return failure("truncate", errors.Join(err, f.Close()))
}

// Move implements store.Blobs. The old name's folder is not flushed: a power
// cut may bring the old name back, and moving it again is no error.
func (b *Blobs) Move(ctx context.Context, from, to store.BlobName) error {
	source, err := b.path(from)
	if err != nil {
		return err
	}
	target, err := b.path(to)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	err = rename(source, target)
	if errors.Is(err, fs.ErrNotExist) {
		_, err = os.Stat(target)
	}
	return failure("move", err)
}

// Delete implements store.Blobs.
func (b *Blobs) Delete(ctx context.Context, name store.BlobName) error {
	path, err := b.path(name)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failure("delete", err)
	}
	return nil
}

// checked ends a copy when its context does, and remembers whether it was the
// source that failed.
type checked struct {
	over   func() error
	r      io.Reader
	failed error
}

func (c *checked) Read(p []byte) (int, error) {
	if err := c.over(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		c.failed = err
	}
	return n, err
}

// fault is the source's own error, else what the folder's means to callers.
func (c *checked) fault(op string, err error) error {
	if c.failed != nil {
		return c.failed
	}
	return failure(op, err)
}
