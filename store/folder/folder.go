// Package folder makes folders whose names survive a power cut.
package folder

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Make makes the folder and those above it, for their owner alone, and flushes
// each new name: else a power cut could take a folder away again, with what was
// acknowledged in it. One that is there stays as it is.
func Make(dir string) error {
	parent := filepath.Dir(dir)
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) || parent == dir {
		return err
	}
	if err := Make(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return Flush(parent)
}

// Flush makes the names in a folder durable.
func Flush(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	// Not every file system can flush a folder; those keep it anyway.
	_ = f.Sync()
	return f.Close()
}
