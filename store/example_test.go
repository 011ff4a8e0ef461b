package store_test

import (
	"encoding/hex"
	"fmt"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// A street's log is a chain: each commit is sealed onto the head that the one
// before left, and who reads it computes the same hash from the stored bytes.
// Changing a byte of the past changes every head after it.
func ExampleSeal() {
	area, head := inspection.Area("610102003"), store.Head{}
	first := time.Date(2026, 10, 12, 1, 30, 0, 0, time.UTC)
	for seq := int64(1); seq <= 2; seq++ {
		commit, err := store.Seal(area, head, []store.Entry{{
			Seq: seq, Collection: inspection.Inspections, ID: "0192f3c1-0000-7000-8000-000000000001", Rev: seq,
			Kind: store.KindPut, Actor: "li", Status: store.Applied, At: first.Add(time.Duration(seq) * time.Minute),
			Doc: fmt.Appendf(nil, `{"answers":{"count":%d}}`, seq),
		}})
		if err != nil {
			fmt.Println(err)
			return
		}
		head = commit.Head()
		fmt.Println(head.Seq, hex.EncodeToString(head.Hash[:4]), "after", hex.EncodeToString(commit.Previous[:4]))

		_, err = store.Open(area, commit.First, commit.Previous, commit.Bytes)
		again := store.Chain(commit.Previous, area, commit.First, commit.Bytes)
		fmt.Println("read again:", err, again == commit.Hash)
	}
	// A commit that doesn't follow its head is no commit.
	_, err := store.Seal(area, head, []store.Entry{{Seq: 7, At: first}})
	fmt.Println(err)
	// Output:
	// 1 9db80b42 after 00000000
	// read again: <nil> true
	// 2 c658a45c after 9db80b42
	// read again: <nil> true
	// store: entry 7 is out of order
}
