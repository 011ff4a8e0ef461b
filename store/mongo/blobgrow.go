package mongo

import (
	"context"
	"errors"
	"io"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	driver "go.mongodb.org/mongo-driver/mongo"

	"gridpatrol/store"
)

// piece is what one write added to a part.
type piece struct {
	ID     string             `bson:"_id"`
	Offset int64              `bson:"offset"`
	Stamp  primitive.ObjectID `bson:"stamp"`
	Bytes  []byte             `bson:"data"`
}

// pieceBytes bounds a piece: what a phone sends in some seconds, so that a cut
// loses nothing that was in memory only for long.
const pieceBytes = 256 << 10

// Append implements store.Blobs. Each piece is durable before the next is
// read. A second writer finds the place of its piece taken.
func (b *Blobs) Append(ctx context.Context, name store.BlobName, offset int64, r io.Reader) (int64, error) {
	if name.Kind != store.Parts {
		return 0, misuse("%q can't grow", name)
	}
	err := b.write(ctx, "append", name, func(ctx context.Context) error {
		info, err := b.statPart(ctx, name)
		switch {
		case errors.Is(err, store.ErrNotFound) && offset == 0:
			_, err = b.parts.InsertOne(ctx, piece{ID: partMark(name), Stamp: primitive.NewObjectID()})
			return err
		case errors.Is(err, store.ErrNotFound):
			return store.ErrStale
		case err == nil && info.Size != offset:
			return store.ErrStale
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	added, buf := int64(0), make([]byte, pieceBytes)
	for {
		n, failed := fill(r, buf)
		if n > 0 {
			if err := b.appendPiece(ctx, name, offset+added, buf[:n]); err != nil {
				return added, err
			}
			added += int64(n)
		}
		if errors.Is(failed, io.EOF) {
			return added, nil
		}
		if failed != nil {
			return added, failed
		}
	}
}

// appendPiece writes what was read, whether or not whoever sent it waits.
func (b *Blobs) appendPiece(ctx context.Context, name store.BlobName, offset int64, data []byte) error {
	return b.write(context.WithoutCancel(ctx), "append", name, func(ctx context.Context) error {
		_, err := b.parts.InsertOne(ctx, piece{ID: pieceKey(name, offset), Offset: offset, Stamp: primitive.NewObjectID(), Bytes: data})
		if driver.IsDuplicateKeyError(err) {
			return store.ErrStale
		}
		return err
	})
}

// Truncate implements store.Blobs: whole pieces from the end first, then a part
// of one, so that what a crash leaves is a part that is not yet short enough.
func (b *Blobs) Truncate(ctx context.Context, name store.BlobName, size int64) error {
	if name.Kind != store.Parts {
		return b.truncateFile(ctx, name, size)
	}
	return b.write(ctx, "truncate", name, func(ctx context.Context) error {
		if _, err := b.lastPiece(ctx, name, maxPart); err != nil {
			return err
		}
		if _, err := b.parts.DeleteMany(ctx, partRange(name, size)); err != nil {
			return err
		}
		last, err := b.lastPiece(ctx, name, size)
		if err != nil || last.Offset+int64(len(last.Bytes)) <= size {
			return err
		}
		_, err = b.parts.UpdateOne(ctx, bson.D{{Key: "_id", Value: last.ID}},
			bson.D{{Key: "$set", Value: bson.D{{Key: "data", Value: last.Bytes[:size-last.Offset]}}}})
		return err
	})
}

// truncateFile writes the beginning of a file in its place.
func (b *Blobs) truncateFile(ctx context.Context, name store.BlobName, size int64) error {
	info, err := b.Stat(ctx, name)
	if err != nil || info.Size <= size {
		return err
	}
	r, err := b.Open(ctx, name, 0, size)
	if err != nil {
		return err
	}
	return errors.Join(b.Put(ctx, name, r), r.Close())
}
