package report

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
)

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
