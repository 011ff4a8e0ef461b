package mongo

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo/gridfs"
	"go.mongodb.org/mongo-driver/mongo/options"

	"gridpatrol/store"
	"gridpatrol/store/mongo/mongotest"
	"gridpatrol/store/storetest"
)

func openBlobs(t testing.TB, uri string) *Blobs {
	t.Helper()
	return openIn(t, uri).Blobs()
}

func TestBlobsContract(t *testing.T) {
	storetest.RunBlobs(t, func(t *testing.T) func() store.Blobs {
		uri := mongotest.Database(t)
		return func() store.Blobs { return openBlobs(t, uri) }
	})
}

var picture = store.BlobName{Kind: store.Originals, Key: strings.Repeat("ab12", 16)}

// TestGridFSReadsBlobs: a file is one of GridFS, which the driver's own code
// reads.
func TestGridFSReadsBlobs(t *testing.T) {
	b := openBlobs(t, mongotest.Database(t))
	data := bytes.Repeat([]byte("picture"), 400_000)
	if err := b.Put(t.Context(), picture, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	bucket, err := gridfs.NewBucket(b.files.Database(), options.GridFSBucket().SetName("photos"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := bucket.OpenDownloadStreamByName(fileName(picture))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes of %d, %v", len(got), len(data), err)
	}
}

// TestNothingIsLeft: replaced, moved and deleted blobs leave no chunk behind.
func TestNothingIsLeft(t *testing.T) {
	b := openBlobs(t, mongotest.Database(t))
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	part := store.BlobName{Kind: store.Parts, Key: picture.Key}
	for range 2 {
		must(b.Put(ctx, picture, strings.NewReader(strings.Repeat("x", 3*chunkBytes))))
	}
	_, err := b.Append(ctx, part, 0, strings.NewReader(strings.Repeat("y", 2*pieceBytes)))
	must(err)
	must(b.Move(ctx, part, picture))
	must(b.Delete(ctx, picture))
	for _, c := range []string{"photos.files", "photos.chunks", "photos.parts"} {
		if n, err := b.files.Database().Collection(c).CountDocuments(ctx, bson.D{}); n != 0 || err != nil {
			t.Errorf("%s holds %d, %v", c, n, err)
		}
	}
}
