package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"gridpatrol/store"
)

// BlobsFactory makes a new, empty place for blobs and returns what opens it.
// Opening it again acts as a second process, or as a restart.
type BlobsFactory func(t *testing.T) (open func() store.Blobs)

// RunBlobs tests that the factory's blobs keep the contract of store.Blobs.
func RunBlobs(t *testing.T, factory BlobsFactory) {
	for _, s := range []struct {
		name string
		run  func(*blobLab)
	}{
		{"PutAndOpen", testBlobPut},
		{"PutWholeOrNot", testBlobPutFails},
		{"Replace", testBlobReplace},
		{"Grow", testBlobGrow},
		{"GrowCut", testBlobGrowCut},
		{"Truncate", testBlobTruncate},
		{"Move", testBlobMove},
		{"Delete", testBlobDelete},
		{"List", testBlobList},
		{"Names", testBlobNames},
		{"Cancelled", testBlobCancelled},
		{"Contended", testBlobContended},
		{"Free", testBlobFree},
	} {
		t.Run(s.name, func(t *testing.T) {
			open := factory(t)
			s.run(&blobLab{T: t, Blobs: open(), reopen: open})
		})
	}
}

// blobLab is one test's place for blobs.
type blobLab struct {
	*testing.T
	store.Blobs
	reopen func() store.Blobs
}

func (l *blobLab) must(what string, err error) {
	l.Helper()
	if err != nil {
		l.Fatalf("%s: %v", what, err)
	}
}

// key is a key like a SHA-256 in hex.
func key(n int) string { return strings.Repeat(fmt.Sprintf("%04x", n*7919%65536), 16) }

func original(n int) store.BlobName { return store.BlobName{Kind: store.Originals, Key: key(n)} }

func part(n int) store.BlobName { return store.BlobName{Kind: store.Parts, Key: key(n)[:32]} }

// content is size bytes that differ from seed to seed.
func content(seed uint64, size int) []byte {
	b := make([]byte, size)
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func (l *blobLab) put(name store.BlobName, b []byte) {
	l.Helper()
	l.must("Put", l.Put(l.Context(), name, bytes.NewReader(b)))
}

// read returns a range of a blob.
func (l *blobLab) read(from store.Blobs, name store.BlobName, offset, length int64) []byte {
	l.Helper()
	ctx, cancel := context.WithCancel(l.Context())
	r, err := from.Open(ctx, name, offset, length)
	cancel() // the reader outlives the context
	l.must("Open", err)
	defer r.Close()
	b, err := io.ReadAll(r)
	l.must("reading", err)
	return b
}

const beyond = 1 << 40

// holds checks a blob's content, also after a restart.
func (l *blobLab) holds(name store.BlobName, want []byte) {
	l.Helper()
	for _, b := range []store.Blobs{l.Blobs, l.reopen()} {
		if got := l.read(b, name, 0, beyond); !bytes.Equal(got, want) {
			l.Errorf("%v holds %d bytes, want %d, or other ones", name, len(got), len(want))
		}
		if info, err := b.Stat(l.Context(), name); err != nil || info.Size != int64(len(want)) || info.Name != name || info.Written.IsZero() {
			l.Errorf("Stat gives %+v, %v", info, err)
		}
	}
}

// lacks checks that there is no such blob.
func (l *blobLab) lacks(name store.BlobName) {
	l.Helper()
	_, statErr := l.Stat(l.Context(), name)
	_, openErr := l.Open(l.Context(), name, 0, 1)
	if !errors.Is(statErr, store.ErrNotFound) || !errors.Is(openErr, store.ErrNotFound) {
		l.Errorf("a blob that isn't there gives %v and %v", statErr, openErr)
	}
}

func testBlobPut(l *blobLab) {
	for n, size := range []int{0, 1, 255 << 10, 3<<20 + 17} {
		b := content(uint64(n), size)
		l.lacks(original(n))
		l.put(original(n), b)
		l.holds(original(n), b)
		for _, r := range [][2]int{{0, 1}, {size / 3, size / 3}, {size - 1, 5}, {size, 5}, {size + 9, 5}, {0, 0}} {
			from := min(max(r[0], 0), size)
			want := b[from:min(from+r[1], size)]
			if got := l.read(l.Blobs, original(n), int64(max(r[0], 0)), int64(r[1])); !bytes.Equal(got, want) {
				l.Errorf("%d bytes: range %v gives %d bytes, want %d, or other ones", size, r, len(got), len(want))
			}
		}
	}
}

var errReader = errors.New("the reader fails")

// failing gives b, then an error.
func failing(b []byte) io.Reader {
	return io.MultiReader(bytes.NewReader(b), iotest.ErrReader(errReader))
}

func testBlobPutFails(l *blobLab) {
	if err := l.Put(l.Context(), original(1), failing(content(1, 1<<20))); !errors.Is(err, errReader) {
		l.Errorf("Put of a failing reader gives %v", err)
	}
	l.lacks(original(1))
	l.put(original(1), []byte("old"))
	if err := l.Put(l.Context(), original(1), failing([]byte("new"))); !errors.Is(err, errReader) {
		l.Errorf("Put of a failing reader gives %v", err)
	}
	l.holds(original(1), []byte("old"))
	if list, err := l.List(l.Context(), store.Originals, "", 9); err != nil || len(list) != 1 {
		l.Errorf("%v, %v", list, err)
	}
}

func testBlobReplace(l *blobLab) {
	l.put(original(1), content(1, 100_000))
	r, err := l.Open(l.Context(), original(1), 0, beyond)
	l.must("Open", err)
	defer r.Close()
	l.put(original(1), []byte("new"))
	l.holds(original(1), []byte("new"))
}

func testBlobGrow(l *blobLab) {
	whole := content(7, 700_001)
	got := 0
	for _, size := range []int{0, 1, 299_999, 0, 400_001} {
		n, err := l.Append(l.Context(), part(1), int64(got), bytes.NewReader(whole[got:got+size]))
		if err != nil || n != int64(size) {
			l.Fatalf("Append of %d gives %d, %v", size, n, err)
		}
		got += size
		l.holds(part(1), whole[:got])
		for _, wrong := range []int64{int64(got) + 1, int64(got) - 1, -1} {
			if n, err := l.Append(l.Context(), part(1), wrong, strings.NewReader("x")); !errors.Is(err, store.ErrStale) || n != 0 {
				if got > 0 || wrong != 0 {
					l.Errorf("Append at %d of %d gives %d, %v", wrong, got, n, err)
				}
			}
		}
	}
	if n, err := l.Append(l.Context(), part(2), 1, strings.NewReader("x")); !errors.Is(err, store.ErrStale) || n != 0 {
		l.Errorf("Append behind nothing gives %d, %v", n, err)
	}
	l.lacks(part(2))
}

// testBlobGrowCut: what came before the reader failed is kept.
func testBlobGrowCut(l *blobLab) {
	whole := content(8, 300_000)
	n, err := l.Append(l.Context(), part(1), 0, failing(whole[:123_456]))
	if n != 123_456 || !errors.Is(err, errReader) {
		l.Fatalf("Append of a failing reader gives %d, %v", n, err)
	}
	l.holds(part(1), whole[:n])
	_, err = l.reopen().Append(l.Context(), part(1), n, bytes.NewReader(whole[n:]))
	l.must("Append", err)
	l.holds(part(1), whole)
}

func testBlobTruncate(l *blobLab) {
	if err := l.Truncate(l.Context(), part(1), 0); !errors.Is(err, store.ErrNotFound) {
		l.Errorf("Truncate of nothing gives %v", err)
	}
	whole := content(9, 500_000)
	_, err := l.Append(l.Context(), part(1), 0, bytes.NewReader(whole))
	l.must("Append", err)
	for _, size := range []int64{900_000, 300_000, 300_000, 1, 0} {
		l.must("Truncate", l.Truncate(l.Context(), part(1), size))
		l.holds(part(1), whole[:min(size, 500_000)])
	}
	_, err = l.Append(l.Context(), part(1), 0, bytes.NewReader(whole[:10]))
	l.must("Append", err)
	l.holds(part(1), whole[:10])
}

func testBlobMove(l *blobLab) {
	b := content(10, 400_000)
	_, err := l.Append(l.Context(), part(1), 0, bytes.NewReader(b))
	l.must("Append", err)
	for range 2 { // moving what was moved is no error
		l.must("Move", l.Move(l.Context(), part(1), original(1)))
		l.lacks(part(1))
		l.holds(original(1), b)
	}
	l.put(original(2), []byte("old"))
	l.must("Move", l.Move(l.Context(), original(1), original(2)))
	l.holds(original(2), b)
	l.lacks(original(1))
	if err := l.Move(l.Context(), part(3), original(3)); !errors.Is(err, store.ErrNotFound) {
		l.Errorf("Move of nothing gives %v", err)
	}
}

func testBlobDelete(l *blobLab) {
	l.put(original(1), []byte("x"))
	for range 2 {
		l.must("Delete", l.Delete(l.Context(), original(1)))
		l.lacks(original(1))
	}
	l.put(original(1), []byte("again"))
	l.holds(original(1), []byte("again"))
}

func testBlobList(l *blobLab) {
	var keys []string
	for n := range 40 {
		l.put(original(n), content(uint64(n), n))
		keys = append(keys, key(n))
	}
	// Neighbours in the same folder, however an engine lays them out.
	for _, k := range []string{key(3)[:63] + "0", key(3)[:63] + "f", key(3)[:16]} {
		l.put(store.BlobName{Kind: store.Originals, Key: k}, []byte("x"))
		keys = append(keys, k)
	}
	l.put(part(1), []byte("x"))
	slices.Sort(keys)
	keys = slices.Compact(keys)
	for _, after := range append([]string{"", "0", "7fff", "ffffff"}, keys...) {
		for _, limit := range []int{0, 1, 7, 100} {
			want := slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return k <= after })
			want = want[:min(limit, len(want))]
			list, err := l.List(l.Context(), store.Originals, after, limit)
			l.must("List", err)
			if !slices.EqualFunc(list, want, func(i store.BlobInfo, k string) bool { return i.Name == store.BlobName{Kind: store.Originals, Key: k} }) {
				l.Fatalf("List after %q limit %d gives %d, want %d", after, limit, len(list), len(want))
			}
		}
	}
	if list, err := l.List(l.Context(), store.Trash, "", 9); err != nil || len(list) != 0 {
		l.Errorf("another kind has %v, %v", list, err)
	}
}

// testBlobNames: what is no name is refused, so no key leaves its folder.
func testBlobNames(l *blobLab) {
	for _, name := range []store.BlobName{
		{}, {Kind: store.Originals}, {Kind: "other", Key: key(1)}, {Kind: store.Originals, Key: "../../../../etc/passwd"},
		{Kind: store.Originals, Key: strings.ToUpper("ab" + key(1)[2:])}, {Kind: store.Originals, Key: "abc"},
		{Kind: "../originals", Key: key(1)}, {Kind: store.Originals, Key: strings.Repeat("a", 129)},
	} {
		_, appendErr := l.Append(l.Context(), name, 0, strings.NewReader("x"))
		_, statErr := l.Stat(l.Context(), name)
		_, openErr := l.Open(l.Context(), name, 0, 1)
		for _, err := range []error{
			l.Put(l.Context(), name, strings.NewReader("x")), appendErr, statErr, openErr,
			l.Truncate(l.Context(), name, 0), l.Delete(l.Context(), name),
			l.Move(l.Context(), name, original(1)), l.Move(l.Context(), original(1), name),
		} {
			if err == nil || errors.Is(err, store.ErrNotFound) && name != original(1) && !name.Valid() && name.Kind != store.Originals {
				l.Errorf("%q gives %v", name, err)
			}
		}
	}
	if _, err := l.List(l.Context(), "other", "", 1); err == nil {
		l.Error("an unknown kind is listed")
	}
}

func testBlobCancelled(l *blobLab) {
	l.put(original(1), []byte("x"))
	ctx, cancel := context.WithCancel(l.Context())
	cancel()
	_, appendErr := l.Append(ctx, part(1), 0, strings.NewReader("x"))
	_, statErr := l.Stat(ctx, original(1))
	_, openErr := l.Open(ctx, original(1), 0, 1)
	_, listErr := l.List(ctx, store.Originals, "", 1)
	_, freeErr := l.Free(ctx)
	for i, err := range []error{
		l.Put(ctx, original(2), strings.NewReader("x")), appendErr, statErr, openErr, listErr, freeErr,
		l.Truncate(ctx, original(1), 0), l.Move(ctx, original(1), original(2)), l.Delete(ctx, original(1)),
	} {
		if !errors.Is(err, context.Canceled) {
			l.Errorf("cancelled call %d returned %v", i, err)
		}
	}
	l.lacks(original(2))
	l.holds(original(1), []byte("x"))
}

// testBlobContended: writers of one name, through two handles, leave one of
// their contents whole; readers never see a mixture.
func testBlobContended(l *blobLab) {
	handles := []store.Blobs{l.Blobs, l.reopen()}
	contents := [][]byte{content(1, 200_000), content(2, 250_000), content(3, 150_000)}
	l.put(original(1), contents[0])
	var group sync.WaitGroup
	for w := range 6 {
		group.Go(func() {
			for i := range 5 {
				if w < 3 {
					l.put(original(1), contents[(w+i)%3])
				} else if b := l.read(handles[w%2], original(1), 0, beyond); !slices.ContainsFunc(contents, func(c []byte) bool { return bytes.Equal(b, c) }) {
					l.Errorf("a reader saw %d bytes of no one", len(b))
				}
			}
		})
	}
	group.Wait()
}

func testBlobFree(l *blobLab) {
	if free, err := l.Free(l.Context()); err != nil || free == 0 {
		l.Errorf("Free gives %d, %v", free, err)
	}
}
