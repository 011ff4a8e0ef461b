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
func keep(ctx context.Context, st Store, f *Scratch) (FileMark, error) {
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

// openKept copies a kept file into a scratch file and checks it on the way: what
// is served is what was closed, or nothing.
func (s *Service) openKept(ctx context.Context, mark *FileMark) (*Scratch, error) {
	if mark == nil {
		return nil, inspection.Errorf(inspection.CodeInternal, "A closing names no file in a format that every closing keeps.")
	}
	f, err := NewScratch(s.scratch)
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

// Scratch is a file that lives as long as it is open. It knows the hash of
// what was written.
type Scratch struct {
	file *os.File
	hash hash.Hash
	size int64
	// named: the system keeps open files by name, so the name goes at the end.
	named bool
}

// NewScratch makes an empty one in the folder; "" is the system's.
func NewScratch(folder string) (*Scratch, error) {
	f, err := os.CreateTemp(folder, "report-*")
	if err != nil {
		return nil, fmt.Errorf("a scratch file: %w", err)
	}
	return &Scratch{file: f, hash: sha256.New(), named: os.Remove(f.Name()) != nil}, nil
}

// Write appends to the file.
func (f *Scratch) Write(p []byte) (int, error) {
	n, err := f.file.Write(p)
	f.hash.Write(p[:n])
	f.size += int64(n)
	return n, err
}

// Read reads on from where rewind put it.
func (f *Scratch) Read(p []byte) (int, error) { return f.file.Read(p) }

// ReadAt reads anywhere.
func (f *Scratch) ReadAt(p []byte, off int64) (int, error) { return f.file.ReadAt(p, off) }

// Size is how many bytes were written.
func (f *Scratch) Size() int64 { return f.size }

// Close gives the file up.
func (f *Scratch) Close() error {
	err := f.file.Close()
	if f.named {
		err = errors.Join(err, os.Remove(f.file.Name()))
	}
	return err
}

func (f *Scratch) rewind() error {
	_, err := f.file.Seek(0, io.SeekStart)
	return err
}

func (f *Scratch) sum() string { return hex.EncodeToString(f.hash.Sum(nil)) }
