package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	engine "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

const driverName = "sqlite"

// failure tells callers of err: the store's own errors and a context's pass;
// everything else means that the store is unavailable.
func failure(op string, err error) error {
	if err == nil {
		return nil
	}
	if code := primaryCode(err); code == codes.SQLITE_CORRUPT || code == codes.SQLITE_NOTADB {
		err = fmt.Errorf("%w: %w", store.ErrDamaged, err)
	}
	wrapped := fmt.Errorf("sqlite: %s: %w", op, err)
	var told *inspection.Error
	for _, known := range []error{
		store.ErrStale, store.ErrNotFound, store.ErrReadOnly,
		context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, known) {
			return wrapped
		}
	}
	if errors.As(err, &told) {
		return err
	}
	return &inspection.Error{Code: inspection.CodeUnavailable, Detail: advice(err), Err: wrapped}
}

const damagedAdvice = "The database is damaged. Stop the server, see with gridpatrol verify how far, and restore the newest backup."

// advice says what to do about a failure of the engine.
func advice(err error) string {
	switch primaryCode(err) {
	case codes.SQLITE_FULL:
		return "The disk is full, so nothing can be stored. Free some space; then send the same request again."
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED:
		return "Another process is keeping the database locked. Stop it, or send the same request again later."
	case codes.SQLITE_READONLY, codes.SQLITE_PERM:
		return "The database file cannot be written. Make it writable for the user that the server runs as."
	case codes.SQLITE_CANTOPEN:
		return "The database file cannot be opened. Give the user that the server runs as the right to read and write the data folder and what is in it."
	case codes.SQLITE_NOTADB:
		return "The file in the data folder is not a database. Move it away, or restore a backup."
	case codes.SQLITE_CORRUPT:
		return damagedAdvice
	default:
		if errors.Is(err, store.ErrDamaged) {
			return damagedAdvice
		}
		return "The database cannot be read or written just now. Send the same request again later."
	}
}

func folderFailure(err error) error {
	detail := "The data folder cannot be written. Choose another one, or give the user that the server runs as the right to write it."
	switch {
	case errors.Is(err, syscall.EROFS):
		detail = "The data folder is on a read-only file system. Choose another one, or mount it for writing."
	case errors.Is(err, syscall.ENOSPC):
		detail = "The disk of the data folder is full. Free some space."
	case errors.Is(err, syscall.ENOTDIR):
		detail = "The data folder's path names a file. Choose a folder."
	case errors.Is(err, fs.ErrPermission):
		detail = "The data folder may not be written. Give the user that the server runs as the right to write it, or choose another one."
	}
	return &inspection.Error{Code: inspection.CodeUnavailable, Detail: detail, Err: fmt.Errorf("sqlite: open: %w", err)}
}

func primaryCode(err error) int {
	var e *engine.Error
	if !errors.As(err, &e) {
		return codes.SQLITE_OK
	}
	return e.Code() & 0xff
}

func isBusy(err error) bool {
	code := primaryCode(err)
	return code == codes.SQLITE_BUSY || code == codes.SQLITE_LOCKED
}
