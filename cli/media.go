package cli

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/media"
	"gridpatrol/store"
	"gridpatrol/store/files"
	"gridpatrol/store/history"
	"gridpatrol/store/mongo"
	"gridpatrol/sync"
)

// mediaFlags bound what photos may take.
type mediaFlags struct {
	Quota int64 `default:"4096" help:"MiB of photos that one account may upload in a day." env:"GRIDPATROL_MEDIA_QUOTA"`
	Floor int64 `default:"1024" help:"MiB of the photos' disk that stay free: below, uploads are answered 507." env:"GRIDPATROL_MEDIA_FLOOR"`
}

// openBlobs opens what is kept beside the database at a location: GridFS in a
// Mongo database, a folder within that of an embedded one.
func openBlobs(st store.Store, location string) (store.Blobs, error) {
	if m, ok := st.(*mongo.Store); ok {
		return m.Blobs(), nil
	}
	return files.Open(filepath.Join(location, "media"), now())
}

// withDatabase opens the database at a location with all that belongs to it,
// for the time of do.
func withDatabase(r *run, location string, p presence, do func(history.Database) error) error {
	return withStore(r, location, p, func(st store.Store) error {
		blobs, err := openBlobs(st, location)
		if err != nil {
			return &placedError{location, err}
		}
		return do(history.Database{Store: st, Beside: []history.Part{history.Pictures(blobs)}})
	})
}

func (f mediaFlags) mediaConfig(r *run, st store.Store, blobs store.Blobs, acts *sync.Service) media.Config {
	return media.Config{
		Store: st, Blobs: blobs, Amender: amender{acts}, Now: r.Now, NewID: newUploadID, Log: r.log,
		DailyQuota: f.Quota << 20, Floor: f.Floor << 20,
	}
}

// newUploadID makes an id that nobody can guess.
func newUploadID() string {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	return hex.EncodeToString(id)
}

// photoWatch tells the media room of records that name photos. It is made
// before that room is: what is put in between, the room's first sweep finds.
type photoWatch struct {
	service atomic.Pointer[media.Service]
}

func (w *photoWatch) put(area inspection.Area, ids []inspection.DocID) {
	if s := w.service.Load(); s != nil {
		s.Put(area, ids)
	}
}

// amender makes evidence entries of areas' logs.
type amender struct{ sync *sync.Service }

// Amend implements media.Amender.
func (a amender) Amend(ctx context.Context, area inspection.Area, id inspection.DocID, decide media.Decide) error {
	_, err := a.sync.Act(ctx, sync.Act{
		Area: area, IDs: []inspection.DocID{id}, Kind: store.KindEvidence,
		Decide: func(_ time.Time, drafts map[inspection.DocID]*sync.Draft) error {
			if d := drafts[id]; d.Record.Rev > 0 && decide(&d.Record, d.Client, &d.Server) {
				d.ServerChanged()
			}
			return nil
		},
	})
	return err
}

type mediaCommands struct {
	Rebuild mediaRebuild `cmd:"" help:"Make all derivatives anew from the originals."`
}

type mediaRebuild struct {
	dataFlags `embed:""`
}

// Run makes the derivatives anew, beside a server that may be running.
func (c *mediaRebuild) Run(r *run) error {
	return withStore(r, c.location(), existing, func(st store.Store) error {
		blobs, err := openBlobs(st, c.location())
		if err != nil {
			return err
		}
		made, failed := 0, 0
		err = media.Rebuild(r.ctx, blobs, func(sha256 string, err error) {
			if made++; err != nil {
				failed++
				fmt.Fprintf(r.Stderr, "%s: %s\n", sha256, explain(err))
			}
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(r.Stdout, "made the derivatives of %d photos, %d failed\n", made-failed, failed)
		if failed > 0 {
			return errors.New("some photos could not be read; restore them from a backup")
		}
		return nil
	})
}
