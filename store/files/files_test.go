package files

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/store/folder"
	"gridpatrol/store/storetest"
)

func openIn(t testing.TB, dir string) *Blobs {
	t.Helper()
	b, err := Open(dir, time.Now())
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return b
}

func TestContract(t *testing.T) {
	storetest.RunBlobs(t, func(t *testing.T) func() store.Blobs {
		dir := filepath.Join(t.TempDir(), "a", "media")
		return func() store.Blobs { return openIn(t, dir) }
	})
}

var picture = store.BlobName{Kind: store.Originals, Key: strings.Repeat("ab12", 16)}

// TestModes: what is stored is readable by nobody else.
func TestModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "media")
	b := openIn(t, dir)
	if err := b.Put(t.Context(), picture, strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Append(t.Context(), store.BlobName{Kind: store.Parts, Key: picture.Key}, 0, strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		info, statErr := d.Info()
		if err != nil || statErr != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v: %v %v", path, info.Mode(), err, statErr)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestTidy: temporary files of a crash go; those of another process stay.
func TestTidy(t *testing.T) {
	dir := t.TempDir()
	openIn(t, dir)
	old, young := filepath.Join(dir, temporary, "put-1"), filepath.Join(dir, temporary, "put-2")
	for _, path := range []string{old, young} {
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-2 * abandoned)
	if err := os.Chtimes(old, long, long); err != nil {
		t.Fatal(err)
	}
	openIn(t, dir)
	if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the old one is still there: %v", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("the young one is gone: %v", err)
	}
}

// TestFullDisk: a device that is always full stands for a disk that is.
func TestFullDisk(t *testing.T) {
	b := openIn(t, t.TempDir())
	part := store.BlobName{Kind: store.Parts, Key: picture.Key}
	path, err := b.path(part)
	if err != nil {
		t.Fatal(err)
	}
	if err := folder.Make(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/full", path); err != nil {
		t.Skip("no device that is always full on this system")
	}
	n, err := b.Append(t.Context(), part, 0, bytes.NewReader(make([]byte, 1<<20)))
	if n != 0 || inspection.CodeOf(err) != inspection.CodeInsufficientStorage {
		t.Errorf("%d, %v", n, err)
	}
}

func TestFolderThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(file, "media"), time.Now()); inspection.CodeOf(err) != inspection.CodeUnavailable {
		t.Errorf("got %v", err)
	}
}
