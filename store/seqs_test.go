package store_test

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"gridpatrol/store"
)

func TestSeqsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOf(rapid.Int64()).Draw(t, "seqs")
		got, err := store.UnpackSeqs(store.PackSeqs(want))
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%v came back as %v, %v", want, got, err)
		}
	})
}

func FuzzUnpackSeqs(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0xff})
	f.Add(store.PackSeqs([]int64{1, 2, 900, 1 << 40}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 'x'})
	f.Fuzz(func(t *testing.T, data []byte) {
		seqs, err := store.UnpackSeqs(data)
		if err != nil {
			if !errors.Is(err, store.ErrDamaged) {
				t.Fatalf("%x gives %v", data, err)
			}
			return
		}
		packed := store.PackSeqs(seqs)
		again, err := store.UnpackSeqs(packed)
		if err != nil || !slices.Equal(again, seqs) || len(packed) > len(data) {
			t.Fatalf("%v takes %d bytes, was read from %d, and reads as %v, %v", seqs, len(packed), len(data), again, err)
		}
	})
}
