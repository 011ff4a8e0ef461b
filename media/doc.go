// Package media takes photos, keeps them and says what they prove. It knows no
// HTTP.
//
// A photo is named by the SHA-256 of its file and kept bit for bit; what
// people look at is made from it. What is known of it is a row of the photos
// table: who sent it, what its header and EXIF say, which photos look like it.
//
// An upload is a part that grows. When its last byte is here it is checked and
// decoded, and its row says "verified" before anything else happens: whatever
// a crash leaves half done from then on is done again from that row. So a
// photo is sent once. A photo that comes in one piece, as in a form, is an upload
// that ends within its request: Accept takes it by its claim, and it is finished
// as all are.
//
// Evidence is what records and photos say together. A record is judged when it
// was put and when a photo that it names arrives, in any order and by any
// process; a sweep judges what a crash left. Judging is pure; its outcome is
// an entry of the record's log.
package media

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Store is what media needs of an engine.
type Store interface {
	store.Tables
	ID(ctx context.Context) (string, error)
	Heads(ctx context.Context) (map[inspection.Area]store.Head, error)
	Entries(ctx context.Context, area inspection.Area, seqs []int64) ([]store.Entry, error)
	Records(ctx context.Context, ids []inspection.DocID) (map[inspection.DocID]store.Record, error)
	Changes(ctx context.Context, q store.ChangesQuery) (store.Changes, error)
	ByTerm(ctx context.Context, term string, after inspection.DocID, limit int) ([]store.Record, error)
}

// Amender makes the server's own changes of documents entries of their log.
type Amender interface {
	// Amend lets decide look at the document as it is at that point of the
	// log, change members of its server part, and say whether it did. decide
	// may run several times and rests on nothing but its arguments. A document
	// that isn't in the area is left alone.
	Amend(ctx context.Context, area inspection.Area, id inspection.DocID, decide Decide) error
}

// Decide changes the server part of a document in place, and reports whether it
// changed anything.
type Decide func(rec *store.Record, client inspection.Object, server *inspection.Server) (changed bool)

// Config holds what a Service is made with. Zero values take what is in
// brackets.
type Config struct {
	Store   Store
	Blobs   store.Blobs
	Amender Amender
	Now     func() time.Time
	// NewID makes the id of an upload: 32 hex digits that nobody can guess.
	NewID func() string
	Log   *slog.Logger

	// UploadTTL is how long an upload that isn't finished waits for its next
	// byte (24 h).
	UploadTTL time.Duration
	// UnnamedTTL is how long a photo is kept that no record ever named (30
	// days).
	UnnamedTTL time.Duration
	// DailyQuota is how many bytes one user may upload in a day (4 GiB).
	DailyQuota int64
	// DecodeQuota is how long decoding one user's photos of a day may take (1 h):
	// ten times what a hundred of the largest take.
	DecodeQuota time.Duration
	// Floor is how many bytes of the disk stay free (1 GiB).
	Floor int64
	// Sweep is how often the sweeps run (1 min).
	Sweep time.Duration
	// DecodeBudget bounds the memory of pictures that are decoded at the same
	// time, in bytes (128 MiB). A single larger one is decoded alone.
	DecodeBudget int64
}

const defaultBudget = 128 << 20

// ignoring returns nil for an error that is the given one.
func ignoring(err, kind error) error {
	if errors.Is(err, kind) {
		return nil
	}
	return err
}

func (c Config) complete() (Config, error) {
	if c.Store == nil || c.Blobs == nil || c.Amender == nil || c.Now == nil || c.NewID == nil || c.Log == nil {
		return c, errors.New("media: the config lacks a store, blobs, an amender, a clock, a maker of ids or a log")
	}
	durations := map[*time.Duration]time.Duration{
		&c.UploadTTL: 24 * time.Hour, &c.UnnamedTTL: 30 * 24 * time.Hour, &c.Sweep: time.Minute, &c.DecodeQuota: time.Hour,
	}
	for at, value := range durations {
		if *at <= 0 {
			*at = value
		}
	}
	sizes := map[*int64]int64{&c.DailyQuota: 4 << 30, &c.Floor: 1 << 30, &c.DecodeBudget: defaultBudget}
	for at, value := range sizes {
		if *at <= 0 {
			*at = value
		}
	}
	return c, nil
}
