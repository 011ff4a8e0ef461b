package media

import (
	"context"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Rebuild makes all derivatives anew from their originals and tells of each
// photo whether that went well. A server may be running on the same blobs.
// Returns an error only if it can't go on.
func Rebuild(ctx context.Context, blobs store.Blobs, each func(sha256 string, err error)) error {
	d := newDecoder(blobs, newQueue(defaultBudget, func() time.Time { return time.Time{} }, func(inspection.UserID, time.Duration) {}))
	return eachBlob(ctx, blobs, store.Originals, func(info store.BlobInfo) error {
		_, err := d.remake(ctx, "", info.Name.Key)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		each(info.Name.Key, err)
		return nil
	})
}

// listPage is how many blobs a sweep asks for at once.
const listPage = 500

// eachBlob calls each for all blobs of a kind.
func eachBlob(ctx context.Context, blobs store.Blobs, kind store.BlobKind, each func(store.BlobInfo) error) error {
	after := ""
	for {
		list, err := blobs.List(ctx, kind, after, listPage)
		if err != nil {
			return err
		}
		for _, info := range list {
			if err := each(info); err != nil {
				return err
			}
			after = info.Name.Key
		}
		if len(list) < listPage {
			return nil
		}
	}
}
