package storetest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

var auditTests = []contractTest{
	{"SetID", testSetID},
	{"Stored", testStored},
	{"StoredEmpty", testStoredEmpty},
}

// testStored: the walks over what is stored show all of it, in order, once.
func testStored(l *lab) {
	st := l.open()
	colleague := inspection.Device{User: "a-colleague", ID: phone.ID}
	l.fill(st, street, 9)
	l.push(st, "610102004", put(l.id(), colleague, 5), put(l.id(), colleague, -7), put(l.id(), phone, 0))
	l.push(st, inspection.ReferenceArea, store.Entry{
		Collection: inspection.Areas, ID: "610102003", Kind: store.KindReference, Doc: []byte(`{}`),
	})
	l.appendAnyway(st, street, put(docID(2), inspection.Device{User: "u", ID: "字"}, 1<<40))
	l.checkStoredAreas(st)
	for _, room := range []int{0, 1, 300, 1 << 20} {
		l.checkStoredCommits(st, room)
		l.checkStoredRecords(st, room)
	}
	for _, limit := range []int{1, 4, 1000} {
		l.checkStoredReceipts(st, limit)
	}
	faults, err := st.SelfCheck(l.Context())
	if err != nil || len(faults) > 0 {
		l.Errorf("SelfCheck finds %q, %v", faults, err)
	}
}

func (l *lab) checkStoredAreas(st store.Store) {
	l.Helper()
	areas, err := st.StoredAreas(l.Context())
	if want := []inspection.Area{"610102003", "610102004", "_"}; err != nil || !slices.Equal(areas, want) {
		l.Errorf("StoredAreas is %v, %v; want %v", areas, err, want)
	}
}

// checkStoredCommits compares with what Commits returns.
func (l *lab) checkStoredCommits(st store.Store, room int) {
	l.Helper()
	for _, area := range []inspection.Area{street, "610102004", inspection.ReferenceArea, "610102009"} {
		want, err := st.Commits(l.Context(), area, 0, 1000)
		l.must("Commits", err)
		after := int64(math.MinInt64)
		eachPage(l, "StoredCommits", func() ([]store.StoredCommit, error) {
			return st.StoredCommits(l.Context(), area, after, room)
		}, func(page []store.StoredCommit) {
			l.checkRoom(room, len(page), func(i int) int { return len(page[i].Bytes) })
			for _, c := range page {
				if len(want) == 0 || !sameStored(c, want[0]) {
					l.Fatalf("area %s: commit %d to %d at %v isn't the next one", area, c.First, c.Last, c.At)
				}
				after, want = c.First, want[1:]
			}
		})
		if len(want) > 0 {
			l.Errorf("area %s, room %d: StoredCommits ends %d commits early", area, room, len(want))
		}
	}
}

// eachPage gives check all pages up to the empty one.
func eachPage[R any](l *lab, what string, read func() ([]R, error), check func(page []R)) {
	l.Helper()
	for {
		page, err := read()
		l.must(what, err)
		if len(page) == 0 {
			return
		}
		check(page)
	}
}

func sameStored(got store.StoredCommit, want *store.Commit) bool {
	return got.First == want.First && got.Last == want.Last && sameTime(got.At, want.At) &&
		bytes.Equal(got.Previous, want.Previous[:]) && bytes.Equal(got.Hash, want.Hash[:]) && bytes.Equal(got.Bytes, want.Bytes)
}

// checkRoom: a page holds one row, or what fits.
func (l *lab) checkRoom(room, rows int, size func(int) int) {
	l.Helper()
	total := 0
	for i := range rows {
		total += size(i)
	}
	if rows > 1 && total > room {
		l.Errorf("a page of %d rows has %d bytes in a room of %d", rows, total, room)
	}
}

// checkStoredRecords compares with what Records returns.
func (l *lab) checkStoredRecords(st store.Store, room int) {
	l.Helper()
	var last inspection.DocID
	seen := 0
	eachPage(l, "StoredRecords", func() ([]store.StoredRecord, error) {
		return st.StoredRecords(l.Context(), last, room)
	}, func(page []store.StoredRecord) {
		l.checkRoom(room, len(page), func(i int) int { return len(page[i].Doc) })
		for _, r := range page {
			if r.ID <= last || r.Damaged != nil {
				l.Fatalf("record %s follows %s: %v", r.ID, last, r.Damaged)
			}
			if err := sameRecord(r.Record, l.record(st, r.ID)); err != nil {
				l.Errorf("StoredRecords: %v", err)
			}
			last = r.ID
			seen++
		}
	})
	if want := l.ids + 1; seen != want {
		l.Errorf("room %d: %d stored records, there are %d", room, seen, want)
	}
}

// checkStoredReceipts compares with what Receipts returns.
func (l *lab) checkStoredReceipts(st store.Store, limit int) {
	l.Helper()
	var after store.ReceiptKey
	seen := 0
	eachPage(l, "StoredReceipts", func() ([]store.Receipt, error) {
		return st.StoredReceipts(l.Context(), after, limit)
	}, func(page []store.Receipt) {
		if len(page) > limit {
			l.Fatalf("%d receipts in a page of %d", len(page), limit)
		}
		for _, r := range page {
			if compareKeys(r.Key(), after) <= 0 {
				l.Fatalf("receipt %v follows %v", r.Key(), after)
			}
			same, err := st.Receipts(l.Context(), r.Device, []int64{r.N})
			if err != nil || same[r.N] != r {
				l.Errorf("StoredReceipts has %+v, Receipts %+v, %v", r, same[r.N], err)
			}
			after = r.Key()
			seen++
		}
	})
	if want := 18 + 3 + 1; seen != want {
		l.Errorf("limit %d: %d stored receipts, there are %d", limit, seen, want)
	}
}

func compareKeys(a, b store.ReceiptKey) int {
	return cmp.Or(cmp.Compare(a.Device.User, b.Device.User), cmp.Compare(a.Device.ID, b.Device.ID), cmp.Compare(a.N, b.N))
}

// testStoredEmpty: an empty database has nothing to show.
func testStoredEmpty(l *lab) {
	st, ctx := l.open(), l.Context()
	areas, areasErr := st.StoredAreas(ctx)
	commits, commitsErr := st.StoredCommits(ctx, street, 0, 1000)
	records, recordsErr := st.StoredRecords(ctx, "", 1000)
	receipts, receiptsErr := st.StoredReceipts(ctx, store.ReceiptKey{}, 1000)
	l.must("walks", errors.Join(areasErr, commitsErr, recordsErr, receiptsErr))
	if n := len(areas) + len(commits) + len(records) + len(receipts); n != 0 {
		l.Errorf("an empty store shows %v %v %v %v", areas, commits, records, receipts)
	}
}

// testSetID: another identity is that of all processes, for good.
func testSetID(l *lab) {
	st, other := l.open(), l.open()
	c := l.push(st, street, put(l.id(), phone, 1))
	for n := range 2 {
		id := fmt.Sprintf("0192f3c1-0000-7000-9000-%012x", n)
		l.must("SetID", st.SetID(l.Context(), id))
		for name, st := range map[string]store.Store{"same": st, "other": other, "restarted": l.open()} {
			if got := l.databaseID(st); got != id {
				l.Errorf("%s: the id is %s, was set to %s", name, got, id)
			}
		}
	}
	if head := l.head(st, street); head.Hash != c.Hash {
		l.Errorf("SetID moved the head to %v", head)
	}
	Verify(l, st)
}
