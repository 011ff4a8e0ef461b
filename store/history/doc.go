// Package history proves, saves and moves what a database holds. It knows the
// store's interface only, so every engine is a source and a target.
//
// Verify walks the chains of the logs and compares the views with them.
// Backup writes everything into one stream while phones go on pushing;
// Restore fills an empty database from it, under an id of its own. Migrate
// copies everything into another store, id included, and leaves the source
// read-only. What is carried is a list of parts: see Database.
//
// A database that a restore or a migration is still filling carries a mark,
// so that it isn't served; the same command, run again, goes on from there.
package history

import (
	"context"
	"errors"
	"time"

	"gridpatrol/store"
)

// Errors that callers switch on. Damage found in a database is
// store.ErrDamaged.
var (
	// ErrBackup: the stream is no backup, or was cut or changed.
	ErrBackup = errors.New("the backup can't be used")
	// ErrNotEmpty: the target holds something else.
	ErrNotEmpty = errors.New("the target is not empty")
	// ErrEmpty: there is nothing in the source.
	ErrEmpty = errors.New("the database is empty")
	// ErrUnfinished: a restore or migration into the database was cut short.
	ErrUnfinished = errors.New("the database is incomplete")
)

// Database is everything that belongs together.
type Database struct {
	Store store.Store
	// Beside lists what is kept outside of the store and named by its
	// records, pictures for example.
	Beside []Part
}

// Options is what all of this package's work takes from outside.
type Options struct {
	// Now is the clock, NewID makes UUIDs: Backup needs both, Restore the
	// latter.
	Now   func() time.Time
	NewID func() string
	// Progress, if set, is told now and then how far the work is.
	Progress func(Progress)
}

func (o Options) tell(step string, done, total int64) {
	if o.Progress != nil {
		o.Progress(Progress{Step: step, Done: done, Total: total})
	}
}

// Progress tells that Done of Total things of a step are done. Total is 0 if
// it isn't known.
type Progress struct {
	Step        string
	Done, Total int64
}

// Pages of walks take about this many bytes of memory, or one item more.
const pageBytes = 4 << 20

// checkSource refuses databases that must not be a source.
func checkSource(ctx context.Context, st store.Store) error {
	if err := CheckFinished(ctx, st); err != nil {
		return err
	}
	empty, err := isEmpty(ctx, st)
	if err == nil && empty {
		err = ErrEmpty
	}
	return err
}
