package report

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// partBytes is the size of the rows that a kept file is cut into: far below
// what a row may hold on any engine.
const partBytes = 1 << 20

// FileMark names a kept file by what is in it.
type FileMark struct {
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
}

func partKey(sum string, part int64) string { return fmt.Sprintf("%s/%06d", sum, part) }

// keep stores a file in parts. A file is named by its content, so one that is
// there already, whole or in part, is completed.
func keep(ctx context.Context, st Store, f *scratch) (FileMark, error) {
	mark := FileMark{SHA256: f.sum(), Bytes: f.size}
	if err := f.rewind(); err != nil {
		return mark, err
	}
	buf := make([]byte, partBytes)
	for part := int64(0); ; part++ {
		n, err := io.ReadFull(f.file, buf)
		if n > 0 {
			_, put := st.Put(ctx, store.TableFiles, store.Row{Key: partKey(mark.SHA256, part), Value: buf[:n]})
			if put != nil && !errors.Is(put, store.ErrStale) {
				return mark, fmt.Errorf("keeping a file: %w", put)
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return mark, nil
		}
		if err != nil {
			return mark, err
		}
	}
}

// open copies a kept file into a scratch file and checks it on the way: what
// is served is what was closed, or nothing.
func (s *Service) open(ctx context.Context, mark FileMark) (*scratch, error) {
	f, err := newScratch(s.scratch)
	if err != nil {
		return nil, err
	}
	for part := int64(0); part*partBytes < mark.Bytes && err == nil; part++ {
		var row store.Row
		if row, err = s.store.Get(ctx, store.TableFiles, partKey(mark.SHA256, part)); err == nil {
			_, err = f.Write(row.Value)
		}
	}
	if err == nil && f.sum() != mark.SHA256 {
		err = inspection.Errorf(inspection.CodeInternal, "A kept file is not what it was when the window was closed.")
	}
	if err == nil {
		err = f.rewind()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("kept file %s: %w", mark.SHA256, err), f.Close())
	}
	return f, nil
}

// scratch is a file that lives as long as it is open. It knows the hash of
// what was written.
type scratch struct {
	file *os.File
	hash hash.Hash
	size int64
	// named: the system keeps open files by name, so the name goes at the end.
	named bool
}

func newScratch(folder string) (*scratch, error) {
	f, err := os.CreateTemp(folder, "report-*")
	if err != nil {
		return nil, fmt.Errorf("a scratch file: %w", err)
	}
	return &scratch{file: f, hash: sha256.New(), named: os.Remove(f.Name()) != nil}, nil
}

// Write appends to the file.
func (f *scratch) Write(p []byte) (int, error) {
	n, err := f.file.Write(p)
	f.hash.Write(p[:n])
	f.size += int64(n)
	return n, err
}

// Read reads on from where rewind put it.
func (f *scratch) Read(p []byte) (int, error) { return f.file.Read(p) }

// ReadAt reads anywhere.
func (f *scratch) ReadAt(p []byte, off int64) (int, error) { return f.file.ReadAt(p, off) }

// Close gives the file up.
func (f *scratch) Close() error {
	err := f.file.Close()
	if f.named {
		err = errors.Join(err, os.Remove(f.file.Name()))
	}
	return err
}

func (f *scratch) rewind() error {
	_, err := f.file.Seek(0, io.SeekStart)
	return err
}

func (f *scratch) sum() string { return hex.EncodeToString(f.hash.Sum(nil)) }
