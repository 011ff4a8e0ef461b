package history_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"gridpatrol/store"
	"gridpatrol/store/files"
	"gridpatrol/store/history"
)

// TestPicturesAreCarried: originals come along bit for bit, by backup and by
// migration; what can be made or sent again doesn't.
func TestPicturesAreCarried(t *testing.T) {
	folder := func() *files.Blobs {
		b, err := files.Open(t.TempDir(), time.Now())
		fatal(t, err)
		return b
	}
	from, restored, moved := folder(), folder(), folder()
	put := func(kind store.BlobKind, key, content string) {
		fatal(t, from.Put(t.Context(), store.BlobName{Kind: kind, Key: key}, strings.NewReader(content)))
	}
	one, two := strings.Repeat("a1", 32), strings.Repeat("b2", 32)
	put(store.Originals, one, strings.Repeat("picture", 200_000))
	put(store.Originals, two, "")
	put(store.Small, one, "made from it")
	put(store.Parts, two, "half of one")
	source := engines[0].fresh(t)
	populate(t, source)
	whole := history.Database{Store: source, Beside: []history.Part{history.Pictures(from)}}
	var file bytes.Buffer
	c, err := history.Backup(t.Context(), whole, &file, options)
	fatal(t, err)
	if c.Items["pictures"] != 2 {
		t.Errorf("carried %v", c.Items)
	}
	for i, to := range []*files.Blobs{restored, moved} {
		target := history.Database{Store: engines[0].fresh(t), Beside: []history.Part{history.Pictures(to)}}
		if i == 0 {
			_, err = history.Restore(t.Context(), bytes.NewReader(file.Bytes()), target, options)
		} else {
			_, err = history.Migrate(t.Context(), whole, target, options)
		}
		fatal(t, err)
		for _, key := range []string{one, two} {
			name := store.BlobName{Kind: store.Originals, Key: key}
			if got, want := content(t, to, name), content(t, from, name); !bytes.Equal(got, want) {
				t.Errorf("%s: %d bytes, want %d, or other ones", key, len(got), len(want))
			}
		}
		for _, kind := range []store.BlobKind{store.Small, store.Parts} {
			if list, err := to.List(t.Context(), kind, "", 9); err != nil || len(list) != 0 {
				t.Errorf("%s: %v, %v", kind, list, err)
			}
		}
	}
}

func content(t *testing.T, b *files.Blobs, name store.BlobName) []byte {
	t.Helper()
	r, err := b.Open(t.Context(), name, 0, 1<<30)
	fatal(t, err)
	defer r.Close()
	data, err := io.ReadAll(r)
	fatal(t, err)
	return data
}
