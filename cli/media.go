package cli

import (
	"errors"
	"fmt"
	"path/filepath"

	"gridpatrol/media"
	"gridpatrol/store"
	"gridpatrol/store/files"
	"gridpatrol/store/history"
	"gridpatrol/store/mongo"
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
