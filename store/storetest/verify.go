package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// everything lists all collections.
var everything = slices.Concat(inspection.FieldCollections, inspection.ReferenceCollections,
	[]inspection.Collection{inspection.Users, inspection.Quarantine, inspection.Closings})

// Verify checks the whole store, at rest: each area's log is gapless, chained
// and in order of time, records, changes and receipts are what a fold of the
// logs makes of them, and the engine finds no fault in itself.
func Verify(t T, st store.Store) {
	t.Helper()
	heads, err := st.Heads(background())
	if err != nil {
		t.Fatalf("Heads: %v", err)
	}
	book := newLedger()
	for area, head := range heads {
		if err := book.read(background(), st, area, head); err != nil {
			t.Fatalf("area %s: %v", area, err)
		}
	}
	if err := book.compare(background(), st); err != nil {
		t.Fatalf("%v", err)
	}
	if faults, err := st.SelfCheck(background()); err != nil || len(faults) > 0 {
		t.Fatalf("SelfCheck finds %q, %v", faults, err)
	}
}

// ledger is the fold of logs, made independently of the engine.
type ledger struct {
	entries  map[inspection.Area][]store.Entry
	records  map[inspection.DocID]store.Record
	receipts map[receiptKey][]store.Receipt // the first of each area
}

type receiptKey struct {
	device inspection.Device
	n      int64
}

func newLedger() *ledger {
	return &ledger{
		entries:  map[inspection.Area][]store.Entry{},
		records:  map[inspection.DocID]store.Record{},
		receipts: map[receiptKey][]store.Receipt{},
	}
}

// read walks the chain of one area up to its head.
func (l *ledger) read(ctx context.Context, st store.Store, area inspection.Area, head store.Head) error {
	var at store.Head
	for {
		const page = 7
		commits, err := st.Commits(ctx, area, at.Seq, page)
		if err != nil {
			return err
		}
		for _, c := range commits {
			if err := checkLink(area, at, c); err != nil {
				return err
			}
			l.fold(area, c)
			at = c.Head()
		}
		if len(commits) < page {
			break
		}
	}
	projected, err := st.Head(ctx, area)
	if err != nil {
		return err
	}
	for _, h := range []store.Head{head, projected} {
		if h.Seq != at.Seq || h.Hash != at.Hash || !sameTime(h.At, at.At) {
			return fmt.Errorf("the head is %v, the log ends at %v", h, at)
		}
	}
	return nil
}

func checkLink(area inspection.Area, before store.Head, c *store.Commit) error {
	switch {
	case c.Area != area:
		return fmt.Errorf("commit %d is of area %s", c.First, c.Area)
	case c.First != before.Seq+1:
		return fmt.Errorf("a commit begins at %d after %d", c.First, before.Seq)
	case c.Last != c.First+int64(len(c.Entries))-1:
		return fmt.Errorf("commit %d ends at %d and has %d entries", c.First, c.Last, len(c.Entries))
	case c.Previous != before.Hash:
		return fmt.Errorf("commit %d follows another commit than the one before it", c.First)
	case c.Hash != store.Chain(before.Hash, area, c.First, c.Bytes):
		return fmt.Errorf("commit %d has another hash than its bytes", c.First)
	case c.At.Before(before.At):
		return fmt.Errorf("time runs backwards at commit %d", c.First)
	}
	return nil
}

func (l *ledger) fold(area inspection.Area, c *store.Commit) {
	l.entries[area] = append(l.entries[area], c.Entries...)
	for i := range c.Entries {
		e := &c.Entries[i]
		if e.TouchesRecord() {
			var before *store.Record
			if r, ok := l.records[e.ID]; ok {
				before = &r
			}
			l.records[e.ID] = store.Fold(before, area, e)
		}
		if e.HasReceipt() {
			l.receive(e.Receipt(area))
		}
	}
}

func (l *ledger) receive(r store.Receipt) {
	key := receiptKey{r.Device, r.N}
	for _, old := range l.receipts[key] {
		if old.Area == r.Area {
			return
		}
	}
	l.receipts[key] = append(l.receipts[key], r)
}

// compare checks the views of the areas that were read.
func (l *ledger) compare(ctx context.Context, st store.Store) error {
	if err := l.compareRecords(ctx, st); err != nil {
		return err
	}
	for area := range l.entries {
		if err := errors.Join(l.compareChanges(ctx, st, area), l.compareLists(ctx, st, area)); err != nil {
			return err
		}
	}
	if err := l.compareTerms(ctx, st); err != nil {
		return err
	}
	return l.compareReceipts(ctx, st)
}

// compareTerms looks every term up that a record of these areas has.
func (l *ledger) compareTerms(ctx context.Context, st store.Store) error {
	want := map[string][]inspection.DocID{}
	for id, r := range l.records {
		for _, term := range r.Index.Terms {
			want[term] = append(want[term], id)
		}
	}
	for term, ids := range want {
		slices.Sort(ids)
		found, err := l.termed(ctx, st, term)
		if err != nil {
			return err
		}
		if !slices.Equal(found, ids) {
			return fmt.Errorf("the term %s finds %v, the log has %v", term, found, ids)
		}
	}
	return nil
}

func (l *ledger) termed(ctx context.Context, st store.Store, term string) ([]inspection.DocID, error) {
	var ids []inspection.DocID
	const page = 100
	for after := inspection.DocID(""); ; {
		records, err := st.ByTerm(ctx, term, after, page)
		if err != nil {
			return nil, err
		}
		for i := range records {
			if _, read := l.entries[records[i].Area]; read {
				ids = append(ids, records[i].ID)
			}
		}
		if len(records) < page {
			return ids, nil
		}
		after = records[page-1].ID
	}
}

func (l *ledger) compareRecords(ctx context.Context, st store.Store) error {
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(l.records)), 500) {
		stored, err := st.Records(ctx, ids)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := sameRecord(stored[id], l.records[id]); err != nil {
				return err
			}
		}
	}
	return nil
}

// compareChanges finds records that the log doesn't know, too.
func (l *ledger) compareChanges(ctx context.Context, st store.Store, area inspection.Area) error {
	q := store.ChangesQuery{Area: area, Collections: everything, Limit: 100}
	found := 0
	for {
		page, err := st.Changes(ctx, q)
		if err != nil {
			return err
		}
		for _, r := range page.Records {
			if err := sameRecord(r, l.records[r.ID]); err != nil {
				return fmt.Errorf("changes: %w", err)
			}
		}
		found += len(page.Records)
		if !page.More {
			break
		}
		q.After = page.Seq
	}
	want := 0
	for _, r := range l.records {
		if r.Area == area {
			want++
		}
	}
	if found != want {
		return fmt.Errorf("changes of area %s: %d records, the log has %d", area, found, want)
	}
	return nil
}

func (l *ledger) compareReceipts(ctx context.Context, st store.Store) error {
	ns := map[inspection.Device][]int64{}
	for key := range l.receipts {
		ns[key.device] = append(ns[key.device], key.n)
	}
	for device, list := range ns {
		last, err := st.LastN(ctx, device)
		if err != nil {
			return err
		}
		if want := slices.Max(list); last < want {
			return fmt.Errorf("LastN of %v is %d, the log has %d", device, last, want)
		}
		receipts, err := st.Receipts(ctx, device, list)
		if err != nil {
			return err
		}
		for _, n := range list {
			if candidates := l.receipts[receiptKey{device, n}]; !slices.Contains(candidates, receipts[n]) {
				return fmt.Errorf("receipt %d of %v is %+v, the log has %+v", n, device, receipts[n], candidates)
			}
		}
	}
	return nil
}

// sameTime compares as exactly as an engine must.
func sameTime(a, b time.Time) bool {
	return a.Truncate(time.Millisecond).Equal(b.Truncate(time.Millisecond))
}

func sameRecord(got, want store.Record) error {
	same := got.Area == want.Area && got.Collection == want.Collection && got.ID == want.ID &&
		got.Rev == want.Rev && got.Seq == want.Seq && sameTime(got.At, want.At) &&
		got.Deleted == want.Deleted && got.Pinned == want.Pinned &&
		slices.Equal(got.Revisions, want.Revisions) && slices.Equal(got.Marks, want.Marks) &&
		sameIndex(got.Index, want.Index)
	if same && string(got.Doc) == string(want.Doc) {
		return nil
	}
	got.Doc, want.Doc = clip(got.Doc), clip(want.Doc)
	return fmt.Errorf("record %s is\n%+v\nand the log makes it\n%+v", want.ID, got, want)
}

func sameIndex(got, want store.Index) bool {
	return got.Template == want.Template && got.Verdict == want.Verdict && got.State == want.State &&
		got.Evidence == want.Evidence && sameTime(got.Started, want.Started) && slices.Equal(got.Terms, want.Terms)
}

// clip keeps messages about big documents readable.
func clip(doc []byte) []byte { return doc[:min(len(doc), 200)] }
