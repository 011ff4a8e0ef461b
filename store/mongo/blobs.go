package mongo

import (
	"context"
	"errors"
	"io"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	driver "go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"gridpatrol/store"
)

var _ store.Blobs = (*Blobs)(nil)

// Blobs keeps blobs in GridFS, in collections that any of its tools reads:
// photos.files and photos.chunks, the name of a file being "<kind>/<key>".
// Uploads that are still arriving are chunks of their own in photos.parts,
// since a file of GridFS can't grow.
//
// What makes it safe: a file's chunks go in first and its document last, so a
// file is whole or isn't there. Of several files of one name the newest
// counts, and whoever wrote it removes older ones.
type Blobs struct {
	s      *Store
	files  *driver.Collection
	chunks *driver.Collection
	parts  *driver.Collection
}

// fileDoc is a file as GridFS has it. Its id holds when it was written.
type fileDoc struct {
	ID         primitive.ObjectID `bson:"_id"`
	Length     int64              `bson:"length"`
	ChunkSize  int32              `bson:"chunkSize"`
	UploadDate time.Time          `bson:"uploadDate"`
	Filename   string             `bson:"filename"`
}

// chunkDoc is the nth chunk of a file. The first has the file's own id: files
// of one chunk, all views among them, need no other index to be read.
type chunkDoc struct {
	ID    primitive.ObjectID `bson:"_id"`
	File  primitive.ObjectID `bson:"files_id"`
	N     int64              `bson:"n"`
	Bytes []byte             `bson:"data"`
}

func (f *fileDoc) chunkID(n int64) primitive.ObjectID {
	if n == 0 {
		return f.ID
	}
	return primitive.NewObjectID()
}

// chunkBytes is the size of all chunks of a file but the last. Every view, and
// many a photo, is one or a few.
const chunkBytes = 1 << 20

var fileIndexes = []index{{name: "files_by_name", keys: ascending("filename", "_id")}}

var chunkIndexes = []index{{name: "chunks_by_file", keys: ascending("files_id", "n")}}

// Blobs returns the database's blobs.
func (s *Store) Blobs() *Blobs {
	db := s.log.Database()
	return &Blobs{s: s, files: db.Collection("photos.files"), chunks: db.Collection("photos.chunks"), parts: db.Collection("photos.parts")}
}

func fileName(name store.BlobName) string { return string(name.Kind) + "/" + name.Key }

// do runs a call on a blob of a valid name.
func (b *Blobs) do(ctx context.Context, op string, name store.BlobName, run func(context.Context) error) error {
	return b.s.within(ctx, op, func(ctx context.Context) error {
		if !name.Valid() {
			return misuse("%q is no name of a blob", name)
		}
		return run(ctx)
	})
}

// write is do for what changes something.
func (b *Blobs) write(ctx context.Context, op string, name store.BlobName, run func(context.Context) error) error {
	return b.do(ctx, op, name, func(ctx context.Context) error {
		if err := b.s.checkWritable(ctx); err != nil {
			return err
		}
		return run(ctx)
	})
}

// Put implements store.Blobs.
func (b *Blobs) Put(ctx context.Context, name store.BlobName, r io.Reader) error {
	if name.Kind == store.Parts {
		if err := b.Delete(ctx, name); err != nil {
			return err
		}
		_, err := b.Append(ctx, name, 0, r)
		return err
	}
	id, err := b.putChunks(ctx, name, r)
	if err != nil {
		return err
	}
	return b.removeOthers(ctx, name, bson.D{{Key: "$lt", Value: id}})
}

// putChunks writes a new file and returns its id. A file that doesn't get
// whole leaves nothing.
func (b *Blobs) putChunks(ctx context.Context, name store.BlobName, r io.Reader) (primitive.ObjectID, error) {
	f := fileDoc{ID: primitive.NewObjectID(), ChunkSize: chunkBytes, Filename: fileName(name)}
	f.UploadDate = f.ID.Timestamp()
	buf := make([]byte, chunkBytes)
	var source error
	err := b.write(ctx, "put", name, func(context.Context) error { return nil })
	for n := int64(0); err == nil; n++ {
		got, failed := fill(r, buf)
		if failed != nil && !errors.Is(failed, io.EOF) {
			source, err = failed, failed
			break
		}
		if got > 0 {
			err = b.write(ctx, "put", name, func(ctx context.Context) error {
				_, err := b.chunks.InsertOne(ctx, chunkDoc{ID: f.chunkID(n), File: f.ID, N: n, Bytes: buf[:got]})
				return err
			})
			f.Length += int64(got)
		}
		if failed != nil {
			break
		}
	}
	if err == nil {
		err = b.write(ctx, "put", name, func(ctx context.Context) error {
			_, err := b.files.InsertOne(ctx, f)
			return err
		})
	}
	if err == nil {
		return f.ID, nil
	}
	// The file's document may be there after all, if only the answer was lost.
	dropped := b.dropFile(context.WithoutCancel(ctx), name, f.ID)
	if source != nil {
		return f.ID, source
	}
	return f.ID, errors.Join(err, dropped)
}

// fill reads until buf is full and returns the reader's own error: io.EOF means
// that there is no more, everything else that something is missing.
func fill(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var got int
		got, err = r.Read(buf[n:])
		n += got
	}
	return n, err
}

// dropFile removes a file: its document first, so that nobody begins to read
// it.
func (b *Blobs) dropFile(ctx context.Context, name store.BlobName, id primitive.ObjectID) error {
	return b.do(ctx, "delete", name, func(ctx context.Context) error {
		if _, err := b.files.DeleteOne(ctx, bson.D{{Key: "_id", Value: id}}); err != nil {
			return err
		}
		_, err := b.chunks.DeleteMany(ctx, bson.D{{Key: "files_id", Value: id}})
		return err
	})
}

// removeOthers removes the files of a name whose id meets the condition.
func (b *Blobs) removeOthers(ctx context.Context, name store.BlobName, condition any) error {
	var old []fileDoc
	err := b.do(ctx, "delete", name, func(ctx context.Context) (err error) {
		old, err = collect[fileDoc](ctx, b.files, bson.D{{Key: "filename", Value: fileName(name)}, {Key: "_id", Value: condition}})
		return err
	})
	for _, f := range old {
		err = errors.Join(err, b.dropFile(ctx, name, f.ID))
	}
	return err
}

// newest returns the file that counts. Returns store.ErrNotFound.
func (b *Blobs) newest(ctx context.Context, name store.BlobName) (f fileDoc, err error) {
	err = b.files.FindOne(ctx, bson.D{{Key: "filename", Value: fileName(name)}},
		options.FindOne().SetSort(bson.D{{Key: "_id", Value: -1}})).Decode(&f)
	if errors.Is(err, driver.ErrNoDocuments) {
		return f, store.ErrNotFound
	}
	return f, err
}

func (f *fileDoc) info(name store.BlobName) store.BlobInfo {
	return store.BlobInfo{Name: name, Size: f.Length, Written: f.ID.Timestamp().UTC()}
}

// Move implements store.Blobs. A part becomes a file by being copied.
func (b *Blobs) Move(ctx context.Context, from, to store.BlobName) error {
	if !to.Valid() || to.Kind == store.Parts {
		return misuse("%q is no name to move a blob to", to)
	}
	if from.Kind == store.Parts {
		return b.promote(ctx, from, to)
	}
	var moved fileDoc
	err := b.write(ctx, "move", from, func(ctx context.Context) (err error) {
		if moved, err = b.newest(ctx, from); err != nil {
			return err
		}
		_, err = b.files.UpdateOne(ctx, bson.D{{Key: "_id", Value: moved.ID}},
			bson.D{{Key: "$set", Value: bson.D{{Key: "filename", Value: fileName(to)}}}})
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		_, err = b.Stat(ctx, to)
		return err
	}
	if err != nil {
		return err
	}
	return b.removeOthers(ctx, to, bson.D{{Key: "$ne", Value: moved.ID}})
}

// promote makes a file of a part. A crash before the part is gone leaves both,
// and doing it again is no error.
func (b *Blobs) promote(ctx context.Context, from, to store.BlobName) error {
	r, err := b.Open(ctx, from, 0, maxRead)
	if errors.Is(err, store.ErrNotFound) {
		_, err = b.Stat(ctx, to)
		return err
	}
	if err != nil {
		return err
	}
	if err := errors.Join(b.Put(ctx, to, r), r.Close()); err != nil {
		return err
	}
	return b.Delete(ctx, from)
}

const maxRead = 1 << 62

// Stat implements store.Blobs.
func (b *Blobs) Stat(ctx context.Context, name store.BlobName) (info store.BlobInfo, err error) {
	err = b.do(ctx, "stat", name, func(ctx context.Context) error {
		if name.Kind == store.Parts {
			info, err = b.statPart(ctx, name)
			return err
		}
		f, err := b.newest(ctx, name)
		info = f.info(name)
		return err
	})
	if err != nil {
		return store.BlobInfo{}, err
	}
	return info, nil
}

// Delete implements store.Blobs.
func (b *Blobs) Delete(ctx context.Context, name store.BlobName) error {
	if name.Kind == store.Parts {
		return b.write(ctx, "delete", name, func(ctx context.Context) error {
			_, err := b.parts.DeleteMany(ctx, partRange(name, 0))
			if err == nil {
				_, err = b.parts.DeleteOne(ctx, bson.D{{Key: "_id", Value: partMark(name)}})
			}
			return err
		})
	}
	if err := b.write(ctx, "delete", name, func(context.Context) error { return nil }); err != nil {
		return err
	}
	return b.removeOthers(ctx, name, bson.D{{Key: "$exists", Value: true}})
}

// Free implements store.Blobs: what the server says of its disk, if it does.
func (b *Blobs) Free(ctx context.Context) (free int64, err error) {
	err = b.s.within(ctx, "free space", func(ctx context.Context) error {
		var stats struct {
			Used  float64 `bson:"fsUsedSize"`
			Total float64 `bson:"fsTotalSize"`
		}
		if err := b.files.Database().RunCommand(ctx, bson.D{{Key: "dbStats", Value: 1}}).Decode(&stats); err != nil {
			return err
		}
		if free = -1; stats.Total > 0 {
			free = max(int64(stats.Total-stats.Used), 0)
		}
		return nil
	})
	return free, err
}
