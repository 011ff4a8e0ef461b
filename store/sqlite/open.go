package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"gridpatrol/inspection"
	"gridpatrol/store/folder"
)

// Options is what Open needs from outside.
type Options struct {
	// NewID makes the identity, a UUID, of a database that doesn't exist yet.
	NewID func() string
	// Existing: a folder without a database is an error, not a new one.
	Existing bool
}

// Open opens the database in the folder dir and makes both if they don't
// exist, readable by nobody else. Returns a CodeUnavailable error that says
// what to do if the folder can't be written, the file is no database of this
// program, or was made by a newer version of it; CodeNotFound if it must exist
// and doesn't.
func Open(ctx context.Context, dir string, opts Options) (*Store, error) {
	return open(ctx, dir, opts)
}

// open takes further pragmas for the writer's connection.
func open(ctx context.Context, dir string, opts Options, pragmas ...string) (*Store, error) {
	setUpEngine()
	file, err := prepareFile(dir, opts.Existing)
	if err != nil {
		return nil, err
	}
	w, err := openWriter(ctx, writerDSN(file, pragmas), opts)
	if err != nil {
		return nil, failure("open", err)
	}
	if err := protectFiles(file); err != nil {
		return nil, errors.Join(err, w.close())
	}
	db, err := sql.Open(driverName, readerDSN(file))
	if err != nil {
		return nil, errors.Join(failure("open", err), w.close())
	}
	db.SetMaxOpenConns(readers)
	db.SetMaxIdleConns(readers)
	s := &Store{writer: w, db: db, read: newStatements(db), lists: newLists()}
	s.memory = newWordMemory(s.readColumns)
	return s, nil
}

// readers bounds the connections that read at the same time.
const readers = 8

// fileName is the database's name in the data folder.
const fileName = "gridpatrol.db"

// creating keeps two stores of this process from opening and creating the
// same file at once: POSIX drops all locks that a process has on a file
// whenever it closes any descriptor of it, SQLite's own locks included.
var creating sync.Mutex

// prepareFile makes the folder and an empty database file and returns the
// file's absolute path. The file exists before SQLite opens it because SQLite
// gives the -wal and -shm files the mode of the database.
func prepareFile(dir string, existing bool) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", folderFailure(err)
	}
	file := filepath.Join(dir, fileName)
	if _, err := os.Stat(file); existing && errors.Is(err, fs.ErrNotExist) {
		return "", inspection.Errorf(inspection.CodeNotFound, "There is no database in this folder. Name the folder of one that was made before.")
	}
	if err := folder.Make(dir); err != nil {
		return "", folderFailure(err)
	}
	if err := createFile(file); err != nil {
		return "", folderFailure(err)
	}
	return file, nil
}

func createFile(file string) error {
	creating.Lock()
	defer creating.Unlock()
	info, err := os.Stat(file)
	if err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", file)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// protectFiles narrows the modes of files that were there before, for example
// copied from a backup.
func protectFiles(file string) error {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		err := os.Chmod(file+suffix, 0o600)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return folderFailure(err)
		}
	}
	return nil
}

// Both kinds of connection wait this long for a lock of another process.
const busyTimeout = "busy_timeout(10000)"

func writerDSN(file string, pragmas []string) string {
	return dsn(file, append([]string{
		busyTimeout,
		// A judged record takes some 3 kB: with pages of 8 KiB its revisions lie
		// two to a page, and the log of a batch takes half as many writes.
		"page_size(8192)",
		"synchronous(FULL)",
		// In pages of 8 KiB: the log is moved into the database every 16 MiB,
		// so that pages which many commits change are moved once; it shrinks
		// to 64 MiB after a large transaction.
		"wal_autocheckpoint(2000)",
		"journal_size_limit(67108864)",
		"cache_size(-16384)",
		"trusted_schema(0)",
	}, pragmas...))
}

func readerDSN(file string) string {
	return dsn(file, []string{busyTimeout, "query_only(1)", "cache_size(-1536)", "trusted_schema(0)"})
}

func dsn(file string, pragmas []string) string {
	path := filepath.ToSlash(file)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	path = strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
	q := url.Values{"_pragma": pragmas, "_dqs": {"0"}}
	return "file://" + path + "?" + q.Encode()
}
