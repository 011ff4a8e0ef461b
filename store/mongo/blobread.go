package mongo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.mongodb.org/mongo-driver/bson"
	driver "go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"gridpatrol/store"
)

// Open implements store.Blobs. What the first read needs is fetched here: from
// a file of one chunk, nothing can be taken away any more.
func (b *Blobs) Open(ctx context.Context, name store.BlobName, offset, length int64) (io.ReadCloser, error) {
	var r *blobReader
	err := b.do(ctx, "open", name, func(ctx context.Context) error {
		for range openTries {
			next, size, err := b.source(ctx, name)
			if err != nil {
				return err
			}
			from := min(max(offset, 0), size)
			r = &blobReader{b: b, next: next, at: from, left: min(max(length, 0), size-from)}
			if err = r.fill(ctx); !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		return store.ErrNotFound
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// openTries is how often a file may be replaced while it is opened.
const openTries = 20

// source finds a blob. next returns the bytes from a place on, as many as there
// are in one piece; store.ErrNotFound if they are gone.
func (b *Blobs) source(ctx context.Context, name store.BlobName) (next func(context.Context, int64) ([]byte, error), size int64, err error) {
	if name.Kind == store.Parts {
		info, err := b.statPart(ctx, name)
		return func(ctx context.Context, at int64) ([]byte, error) { return b.readPart(ctx, name, at) }, info.Size, err
	}
	f, err := b.newest(ctx, name)
	return func(ctx context.Context, at int64) ([]byte, error) { return b.readChunk(ctx, &f, at) }, f.Length, err
}

func (b *Blobs) readChunk(ctx context.Context, f *fileDoc, at int64) ([]byte, error) {
	var c chunkDoc
	size := int64(f.ChunkSize)
	filter := bson.D{{Key: "files_id", Value: f.ID}, {Key: "n", Value: at / size}}
	if at < size {
		filter = append(filter, bson.E{Key: "_id", Value: f.ID})
	}
	err := b.chunks.FindOne(ctx, filter).Decode(&c)
	if errors.Is(err, driver.ErrNoDocuments) || err == nil && at%size >= int64(len(c.Bytes)) {
		return nil, store.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return c.Bytes[at%size:], nil
}

// blobReader reads piece by piece. It outlives the call that opened it.
type blobReader struct {
	b        *Blobs
	next     func(context.Context, int64) ([]byte, error)
	at, left int64
	piece    []byte
}

// fill fetches the next piece.
func (r *blobReader) fill(ctx context.Context) error {
	if r.left == 0 {
		return nil
	}
	piece, err := r.next(ctx, r.at)
	if err != nil {
		return err
	}
	r.piece = piece[:min(int64(len(piece)), r.left)]
	r.at += int64(len(r.piece))
	r.left -= int64(len(r.piece))
	return nil
}

func (r *blobReader) Read(p []byte) (int, error) {
	if len(r.piece) == 0 {
		if r.left == 0 {
			return 0, io.EOF
		}
		if err := r.b.s.within(context.Background(), "read", r.fill); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.piece)
	r.piece = r.piece[n:]
	return n, nil
}

func (r *blobReader) Close() error { return nil }

// List implements store.Blobs.
func (b *Blobs) List(ctx context.Context, kind store.BlobKind, after string, limit int) (list []store.BlobInfo, err error) {
	err = b.s.within(ctx, "list", func(ctx context.Context) error {
		known := false
		for _, k := range store.AllBlobKinds {
			known = known || k == kind
		}
		if !known {
			return misuse("there is no kind %q of blobs", kind)
		}
		if limit <= 0 {
			return nil
		}
		if kind == store.Parts {
			list, err = b.listParts(ctx, after, limit)
		} else {
			list, err = b.listFiles(ctx, kind, after, limit)
		}
		return err
	})
	return list, err
}

func (b *Blobs) listFiles(ctx context.Context, kind store.BlobKind, after string, limit int) ([]store.BlobInfo, error) {
	cursor, err := b.files.Find(ctx,
		bson.D{{Key: "filename", Value: bson.D{{Key: "$gt", Value: string(kind) + "/" + after}, {Key: "$lt", Value: string(kind) + "0"}}}},
		options.Find().SetSort(ascending("filename", "_id")).SetBatchSize(int32(min(limit, pageRows))+1))
	if err != nil {
		return nil, err
	}
	defer closeCursor(ctx, cursor)
	var list []store.BlobInfo
	for cursor.Next(ctx) {
		var f fileDoc
		if err := cursor.Decode(&f); err != nil {
			return nil, err
		}
		_, key, _ := strings.Cut(f.Filename, "/")
		info := f.info(store.BlobName{Kind: kind, Key: key})
		if n := len(list); n > 0 && list[n-1].Name == info.Name {
			list[n-1] = info // the newest of one name counts
		} else if n == limit {
			break
		} else {
			list = append(list, info)
		}
	}
	return list, cursor.Err()
}

// A part is a mark that it exists, and pieces by where they begin. Keys of one
// part sort by that, the mark first.
func partMark(name store.BlobName) string { return name.Key + "/" }

func pieceKey(name store.BlobName, offset int64) string {
	return fmt.Sprintf("%s/%012d", name.Key, offset)
}

// partRange selects the pieces that begin at offset or later.
func partRange(name store.BlobName, offset int64) bson.D {
	return bson.D{{Key: "_id", Value: bson.D{{Key: "$gte", Value: pieceKey(name, offset)}, {Key: "$lt", Value: name.Key + "0"}}}}
}

// lastPiece returns the newest piece of a part that begins at upto or before;
// that of the mark has no bytes. Returns store.ErrNotFound.
func (b *Blobs) lastPiece(ctx context.Context, name store.BlobName, upto int64) (p piece, err error) {
	err = b.parts.FindOne(ctx,
		bson.D{{Key: "_id", Value: bson.D{{Key: "$gte", Value: partMark(name)}, {Key: "$lte", Value: pieceKey(name, upto)}}}},
		options.FindOne().SetSort(bson.D{{Key: "_id", Value: -1}})).Decode(&p)
	if errors.Is(err, driver.ErrNoDocuments) {
		return p, store.ErrNotFound
	}
	return p, err
}

// maxPart is beyond any part: keys have twelve digits.
const maxPart = 999_999_999_999

func (b *Blobs) statPart(ctx context.Context, name store.BlobName) (store.BlobInfo, error) {
	p, err := b.lastPiece(ctx, name, maxPart)
	return store.BlobInfo{Name: name, Size: p.Offset + int64(len(p.Bytes)), Written: p.Stamp.Timestamp().UTC()}, err
}

func (b *Blobs) readPart(ctx context.Context, name store.BlobName, at int64) ([]byte, error) {
	p, err := b.lastPiece(ctx, name, at)
	if err != nil {
		return nil, err
	}
	if at-p.Offset >= int64(len(p.Bytes)) {
		return nil, store.ErrNotFound
	}
	return p.Bytes[at-p.Offset:], nil
}

func (b *Blobs) listParts(ctx context.Context, after string, limit int) ([]store.BlobInfo, error) {
	var list []store.BlobInfo
	for len(list) < limit {
		var p piece
		err := b.parts.FindOne(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$gte", Value: after + "0"}}}},
			options.FindOne().SetSort(ascending("_id"))).Decode(&p)
		if errors.Is(err, driver.ErrNoDocuments) {
			break
		}
		if err != nil {
			return nil, err
		}
		after, _, _ = strings.Cut(p.ID, "/")
		info, err := b.statPart(ctx, store.BlobName{Kind: store.Parts, Key: after})
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		if err == nil {
			list = append(list, info)
		}
	}
	return list, nil
}
