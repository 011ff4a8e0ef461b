package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gridpatrol/inspection"
)

// Everything here that is read, decided and written on the condition that
// nobody was first follows one policy: see RetryStale. Two writes are made of
// it: AppendDecided for a commit of a log, ChangeRow for a row of a table.

// WriteDeadline is how long an optimistic write may take with all its tries.
const WriteDeadline = 30 * time.Second

const (
	// writeTries bounds how often a write is tried. A lost try means that
	// someone else's write went in, or that an outcome is unknown.
	writeTries = 100
	// maxPause is the longest pause between two tries.
	maxPause = 10 * time.Millisecond
)

// pauseAfter is how long to wait after a lost try, counted from 0. Losing once
// is nothing unusual and costs no pause; who loses on and on makes way, by a
// millisecond more each time. It needs no jitter: of those that wait equally
// long and then try together, one wins.
func pauseAfter(try int) time.Duration {
	return min(time.Duration(try)*time.Millisecond, maxPause)
}

// RetryStale runs attempt until it doesn't return ErrStale: at most a hundred
// times, within WriteDeadline, with pauses that grow from none to 10 ms.
// attempt reads anew each time, with the context that it is given. What it
// returns otherwise is returned as it is. Returns a CodeUnavailable error that
// wraps ErrStale if all tries were lost, and the context's error if it ends in
// a pause.
func RetryStale(ctx context.Context, attempt func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, WriteDeadline)
	defer cancel()
	return retryStale(ctx, sleep, attempt)
}

func retryStale(ctx context.Context, pause func(context.Context, time.Duration) error, attempt func(context.Context) error) error {
	var err error
	for try := range writeTries {
		if err = attempt(ctx); !errors.Is(err, ErrStale) {
			return err
		}
		if err := pause(ctx, pauseAfter(try)); err != nil {
			return err
		}
	}
	return &inspection.Error{
		Code: inspection.CodeUnavailable, Detail: "Many others are changing the same thing. Send the request again.",
		Err: fmt.Errorf("lost %d tries: %w", writeTries, err),
	}
}

// sleep waits, or returns the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Decision is what a commit is made of: the head that was read before all else
// that was decided on, and the entries that go right after it.
type Decision struct {
	Head    Head
	Entries []Entry
	// Before may hold the records of the entries' documents as they were read
	// with Head: see Commit.
	Before map[inspection.DocID]Record
}

// Appender is what AppendDecided needs of a log.
type Appender interface {
	Head(ctx context.Context, area inspection.Area) (Head, error)
	Append(ctx context.Context, commit *Commit) error
}

// AppendDecided makes what decide returns durable as one commit of the area,
// and returns it. decide reads and decides anew whenever another writer was
// first, so it changes nothing outside of what it makes. If it makes no entries,
// that holds as long as its head is the newest; if it returns ErrUnchanged,
// there is nothing to append whatever has come since. AppendDecided returns nil
// then. decide may return ErrStale itself, if what it read doesn't fit together;
// its other errors end the write, with nothing written, and are returned as
// they are. See RetryStale for how often and how long, and for the errors of
// who loses again and again.
func AppendDecided(ctx context.Context, log Appender, area inspection.Area, decide func(context.Context) (Decision, error)) (*Commit, error) {
	var commit *Commit
	err := RetryStale(ctx, func(ctx context.Context) error {
		commit = nil
		d, err := decide(ctx)
		switch {
		case errors.Is(err, ErrUnchanged):
			return nil
		case err != nil:
			return err
		case len(d.Entries) == 0:
			return d.stillNewest(ctx, log, area)
		}
		if commit, err = Seal(area, d.Head, d.Entries); err != nil {
			return err
		}
		commit.Before = d.Before
		return log.Append(ctx, commit)
	})
	if err != nil {
		return nil, err
	}
	return commit, nil
}

// stillNewest stands in for the append where nothing is to be appended.
func (d *Decision) stillNewest(ctx context.Context, log Appender, area inspection.Area) error {
	head, err := log.Head(ctx, area)
	if err == nil && head.Seq != d.Head.Seq {
		err = ErrStale
	}
	return err
}
