// Package asof reads documents as they were at a position of the logs: one seq
// for each of some areas' logs, that of the reference log included. The state
// of a document at a position is its newest revision up to there, so the same
// position shows the same for ever, whatever was edited, deleted or handed in
// late since.
package asof

import (
	"context"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Store is what reading at a position needs of an engine.
type Store interface {
	ID(ctx context.Context) (string, error)

	Head(ctx context.Context, area inspection.Area) (store.Head, error)
	Heads(ctx context.Context) (map[inspection.Area]store.Head, error)
	SeqBefore(ctx context.Context, area inspection.Area, t time.Time) (int64, error)
	Commits(ctx context.Context, area inspection.Area, after int64, limit int) ([]*store.Commit, error)
	Log

	Records(ctx context.Context, ids []inspection.DocID) (map[inspection.DocID]store.Record, error)
	Changes(ctx context.Context, q store.ChangesQuery) (store.Changes, error)
	ByTerm(ctx context.Context, term string, after inspection.DocID, limit int) ([]store.Record, error)
	List(ctx context.Context, q store.ListQuery) (store.List, error)
}

// Log is where revisions are read.
type Log interface {
	Entries(ctx context.Context, area inspection.Area, seqs []int64) ([]store.Entry, error)
}
