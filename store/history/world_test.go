package history_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/store/history"
	"gridpatrol/store/storetest"
)

var morning = time.Date(2026, 10, 12, 1, 31, 7, 123456789, time.UTC)

var streets = []inspection.Area{"610102001", "610102002", "610102003"}

func documentID(n int) inspection.DocID {
	return inspection.DocID(fmt.Sprintf("0192f3c1-0000-7000-8000-%012x", n))
}

func phoneOf(n int) inspection.Device {
	return inspection.Device{
		User: inspection.UserID(fmt.Sprintf("u-%d", n)), ID: inspection.DeviceID(documentID(1<<20 + n)),
	}
}

// put is a phone's edit. Seq, Rev and At are set by commit.
func put(id inspection.DocID, from inspection.Device, n int64) store.Entry {
	return store.Entry{
		Collection: inspection.Inspections, ID: id, Kind: store.KindPut, Actor: from.User, Device: from.ID, N: n,
		Status: store.Applied, Content: fmt.Sprintf("digest-%d", n),
		Doc: fmt.Appendf(nil, `{"id":"%s","by":"%s","n":%d,%s}`, id, from.User, n, indexed(n)),
	}
}

// indexed is what a document is listed and found by.
func indexed(n int64) string {
	return fmt.Sprintf(`"template":"diesel_roadside","session":"%s","answers":{"plate":"陕A %d"},
		"photos":[{"field":"f","sha256":"%064x"}],"name":"wörd %d",
		"server":{"verdict":"pass","review":{"state":"received"},"evidence":{"complete":true},"received_at":"2026-10-12T09:31:%02d+08:00"}`,
		documentID(int(n%5)), n, n, n%3, n%60)
}

// commit appends entries and fails the test if it can't.
func commit(t testing.TB, st store.Store, area inspection.Area, entries ...store.Entry) *store.Commit {
	t.Helper()
	c, err := tryCommit(t.Context(), st, area, entries)
	fatal(t, err)
	return c
}

// tryCommit appends entries, whoever else does so meanwhile.
func tryCommit(ctx context.Context, st store.Store, area inspection.Area, entries []store.Entry) (*store.Commit, error) {
	return store.AppendDecided(ctx, st, area, func(ctx context.Context) (store.Decision, error) {
		head, err := st.Head(ctx, area)
		if err != nil {
			return store.Decision{}, err
		}
		d := store.Decision{Head: head, Entries: slices.Clone(entries)}
		for i := range d.Entries {
			d.Entries[i].At = morning.Add(time.Duration(head.Seq+1+int64(i)) * time.Second)
		}
		return d, storetest.Number(ctx, st, head, d.Entries)
	})
}

// populate fills a database with some of everything.
func populate(t testing.TB, st store.Store) {
	t.Helper()
	for k, area := range streets {
		for n := range 8 {
			id, phone := documentID(100*k+n), phoneOf(k)
			commit(t, st, area, put(id, phone, int64(3*n+1)), put(documentID(100*k), phone, int64(3*n+2)))
			if n%3 == 0 {
				commit(t, st, area, serverEntries(id)...)
			}
		}
		gone := put(documentID(100*k+1), phoneOf(9), int64(k+1))
		gone.Kind, gone.Deleted, gone.Status, gone.Sent = store.KindDelete, true, store.Conflicted, []byte(`{"a": 1}`)
		commit(t, st, area, gone)
	}
	commit(t, st, inspection.ReferenceArea, referenceEntries()...)
	// A number that was used twice: both entries are kept, the first one
	// made the receipt.
	commit(t, st, inspection.ReferenceArea, quarantined(phoneOf(0), 1))
	for _, table := range store.AllTables {
		for n := range 3 {
			row(t, st, table, fmt.Sprintf("%s/é %d", table, n), fmt.Sprintf("\x00%s %d\n", table, n))
		}
	}
}

// sample fills a database with as little of everything as will do.
func sample(t testing.TB, st store.Store) {
	t.Helper()
	for k, area := range streets[:2] {
		commit(t, st, area, put(documentID(100*k), phoneOf(k), 1), put(documentID(100*k+1), phoneOf(k), 2))
		commit(t, st, area, serverEntries(documentID(100*k))...)
	}
	commit(t, st, inspection.ReferenceArea, quarantined(phoneOf(0), 1))
	for _, table := range store.AllTables {
		row(t, st, table, fmt.Sprintf("%s/é 1", table), "value")
	}
}

func serverEntries(id inspection.DocID) []store.Entry {
	var list []store.Entry
	for _, kind := range []store.Kind{store.KindEvidence, store.KindReview} {
		list = append(list, store.Entry{
			Collection: inspection.Inspections, ID: id, Kind: kind, Actor: "u-supervisor", Pinned: true,
			Doc: fmt.Appendf(nil, `{"id":"%s","kind":%q}`, id, kind),
		})
	}
	return list
}

func referenceEntries() []store.Entry {
	list := []store.Entry{{Kind: store.KindNote, Actor: "u-1", Device: phoneOf(1).ID, N: 90, Status: store.Applied, Collection: "sites", ID: documentID(999)}}
	for i, c := range append(slices.Clone(inspection.ReferenceCollections), inspection.Users) {
		list = append(list, store.Entry{
			Collection: c, ID: inspection.DocID(fmt.Sprintf("%s-%d", c, i)), Kind: store.KindReference, Doc: []byte(`{"v": 1}`),
		})
	}
	return append(list, quarantined(phoneOf(2), 91), store.Entry{
		Collection: inspection.Quarantine, ID: "q-u-2-91", Kind: store.KindSettled, Actor: "u-admin", Doc: []byte(`{"state":"discarded"}`),
	})
}

func quarantined(from inspection.Device, n int64) store.Entry {
	return store.Entry{
		Collection: inspection.Quarantine, ID: inspection.DocID(fmt.Sprintf("q-%s-%d", from.User, n)),
		Kind: store.KindQuarantine, Actor: from.User, Device: from.ID, N: n, Status: store.Rejected,
		Code: inspection.CodeNReused, Detail: "详情", Content: "other", Doc: []byte(`{"mutation":{"n":1.0}}`),
	}
}

func row(t testing.TB, st store.Store, table store.Table, key, value string) {
	t.Helper()
	if _, err := st.Put(t.Context(), table, store.Row{Key: key, Value: []byte(value)}); err != nil {
		t.Fatal(err)
	}
}

// whole is everything that a database holds, as text, but for its id and the
// versions of rows.
func whole(t testing.TB, st store.Store) []string {
	t.Helper()
	ctx := t.Context()
	var list []string
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	heads, err := st.Heads(ctx)
	fatal(t, err)
	for _, area := range slices.Sorted(maps.Keys(heads)) {
		commits, err := st.Commits(ctx, area, 0, 10_000)
		fatal(t, err)
		for _, c := range commits {
			add("%s %d %d %s %s", area, c.First, c.Last, c.Hash, c.Bytes)
		}
		add("%s head %d %s", area, heads[area].Seq, heads[area].Hash)
	}
	for after := inspection.DocID(""); ; {
		page, err := st.StoredRecords(ctx, after, 1<<20)
		fatal(t, err)
		for _, r := range page {
			r.At = r.At.Truncate(time.Millisecond)
			add("%+v", r.Record)
			after = r.ID
		}
		if len(page) == 0 {
			break
		}
	}
	for after := (store.ReceiptKey{}); ; {
		page, err := st.StoredReceipts(ctx, after, 1000)
		fatal(t, err)
		for _, r := range page {
			add("%+v", r)
			after = r.Key()
		}
		if len(page) == 0 {
			break
		}
	}
	for _, table := range store.AllTables {
		rows, err := st.Scan(ctx, table, "", "", 10_000)
		fatal(t, err)
		for _, r := range rows {
			add("%s %q %q", table, r.Key, r.Value)
		}
	}
	return list
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sameWhole compares two databases.
func sameWhole(t testing.TB, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("there are %d things, want %d", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("there is\n%.300s\nwant\n%.300s", got[i], want[i])
		}
	}
}

// sound checks a database with the contract's own eyes and with Verify.
func sound(t testing.TB, st store.Store) {
	t.Helper()
	storetest.Verify(t, st)
	report, err := history.Verify(t.Context(), st, history.VerifyOptions{})
	fatal(t, err)
	for _, d := range report.Damage {
		t.Errorf("%s", d)
	}
}
