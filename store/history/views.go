package history

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// folded is what the logs make of a document. Its content is kept as a digest.
type folded struct {
	store.Record
	doc [sha256.Size]byte
}

// origin is the receipt that an area's log gives a mutation. Areas have no
// order between them, so with two of them either may be the first.
type origin struct {
	area   inspection.Area
	digest [sha256.Size]byte
}

func digestOf(r store.Receipt) [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%#v", r))
}

// name returns the one copy of a text that comes again and again.
func (v *verifier) name(s string) string {
	if known, ok := v.names[s]; ok {
		return known
	}
	v.names[s] = s
	return s
}

// noIndex keeps Fold from taking the index of every revision from its
// document: that of the newest one is enough, see differences.
var noIndex = &store.Index{}

// fold takes in what entries say of the documents and mutations in range.
func (v *verifier) fold(area inspection.Area, entries []store.Entry) {
	for i := range entries {
		e := &entries[i]
		e.Actor = inspection.UserID(v.name(string(e.Actor)))
		e.Device = inspection.DeviceID(v.name(string(e.Device)))
		e.Collection = inspection.Collection(v.name(string(e.Collection)))
		if e.TouchesRecord() && v.records.holds(e.ID) {
			v.foldRecord(area, e)
		}
		if !e.HasReceipt() {
			continue
		}
		if r := e.Receipt(area); v.receipts.holds(r.Key()) {
			v.foldReceipt(r)
		}
	}
}

func (v *verifier) foldRecord(area inspection.Area, e *store.Entry) {
	old, known := v.records.items[e.ID]
	if known && old.Area != area {
		v.report.addFinding(InLog, area, string(e.ID), "entry %d is of a document of area %s", e.Seq, old.Area)
		return
	}
	v.records.put(e.ID, old.with(known, area, e))
}

// with returns the fold after the entry.
func (f folded) with(known bool, area inspection.Area, e *store.Entry) folded {
	var before *store.Record
	if known {
		before = &f.Record
	}
	e.Index = noIndex
	after := folded{Record: store.Fold(before, area, e), doc: f.doc}
	if after.Seq == e.Seq {
		after.doc = sha256.Sum256(e.Doc)
	}
	after.Doc = nil
	return after
}

func (v *verifier) foldReceipt(r store.Receipt) {
	known := v.receipts.items[r.Key()]
	if slices.ContainsFunc(known, func(o origin) bool { return o.area == r.Area }) {
		return
	}
	v.receipts.put(r.Key(), append(known, origin{area: r.Area, digest: digestOf(r)}))
}

// compareRecords walks the records in range.
func (v *verifier) compareRecords(ctx context.Context) error {
	err := eachInRange(v.records, func(after inspection.DocID) ([]store.StoredRecord, error) {
		v.o.tell("records", v.report.Records, 0)
		return v.st.StoredRecords(ctx, after, pageBytes)
	}, func(r *store.StoredRecord) inspection.DocID { return r.ID }, func(r *store.StoredRecord) error {
		return v.compareRecord(ctx, r)
	})
	if err != nil {
		return err
	}
	for _, id := range sortedKeys(v.records) {
		v.report.addFinding(InRecord, v.records.items[id].Area, string(id), "it is missing")
	}
	return nil
}

// eachInRange calls each for what a view holds in the batch's range. read
// returns a page of what is above a key, in order; an empty one is the end.
func eachInRange[K comparable, V, R any](b *batch[K, V], read func(after K) ([]R, error), key func(*R) K, each func(*R) error) error {
	for after := b.after; !b.done; {
		page, err := read(after)
		if err != nil || len(page) == 0 {
			return err
		}
		for i := range page {
			if after = key(&page[i]); b.beyond(after) {
				return nil
			}
			if err := each(&page[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func sortedKeys[K comparable, V any](b *batch[K, V]) []K {
	keys := make([]K, 0, len(b.items))
	for k := range b.items {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, b.compare)
	return keys
}

func (v *verifier) compareRecord(ctx context.Context, r *store.StoredRecord) error {
	want, known := v.records.items[r.ID]
	delete(v.records.items, r.ID)
	v.report.Records++
	switch {
	case r.Damaged != nil:
		v.report.addFinding(InRecord, want.Area, string(r.ID), "it can't be read: %v", r.Damaged)
	case r.Seq > v.heads[r.Area].Seq:
		return v.lookAt(InRecord, r.Area, string(r.ID), v.compareNewRecord(ctx, want, known, &r.Record))
	default:
		v.reportDifferences(want, known, &r.Record)
	}
	return nil
}

// reportDifferences tells how a record isn't what the logs make it.
func (v *verifier) reportDifferences(want folded, known bool, r *store.Record) {
	if !known {
		v.report.addFinding(InRecord, r.Area, string(r.ID), "no log knows it")
	} else if fields := want.differences(r); len(fields) > 0 {
		v.report.addFinding(InRecord, want.Area, string(r.ID), "it differs from its log in %s", strings.Join(fields, ", "))
	}
}

// entriesAtOnce bounds how many entries are read by their seqs.
const entriesAtOnce = 16

// compareNewRecord checks one that changed after the walk of the log began: it
// folds what came since.
func (v *verifier) compareNewRecord(ctx context.Context, f folded, known bool, r *store.Record) error {
	head := v.heads[r.Area].Seq
	newer := slices.DeleteFunc(slices.Clone(r.Revisions), func(seq int64) bool { return seq <= head })
	for seqs := range slices.Chunk(newer, entriesAtOnce) {
		entries, err := v.st.Entries(ctx, r.Area, seqs)
		if errors.Is(err, store.ErrNotFound) {
			v.report.addFinding(InRecord, r.Area, string(r.ID), "it names revisions that its log doesn't have")
			return nil
		}
		if err != nil {
			return err
		}
		for i := range entries {
			if e := &entries[i]; e.TouchesRecord() && e.ID == r.ID {
				f = f.with(known, r.Area, e)
				known = true
			}
		}
	}
	v.reportDifferences(f, known, r)
	return nil
}

// differences names the fields in which a record isn't what the log makes it.
func (f *folded) differences(r *store.Record) []string {
	var fields []string
	check := func(field string, same bool) {
		if !same {
			fields = append(fields, field)
		}
	}
	check("area", r.Area == f.Area)
	check("collection", r.Collection == f.Collection)
	check("rev", r.Rev == f.Rev)
	check("seq", r.Seq == f.Seq)
	check("at", sameTime(r.At, f.At))
	check("deleted", r.Deleted == f.Deleted)
	check("kept", r.Pinned == f.Pinned)
	check("revisions", slices.Equal(r.Revisions, f.Revisions))
	check("marks", slices.Equal(r.Marks, f.Marks))
	digest := sha256.Sum256(r.Doc)
	check("doc", bytes.Equal(digest[:], f.doc[:]))
	index := store.Fold(nil, r.Area, &store.Entry{Seq: 1, Collection: r.Collection, Doc: r.Doc}).Index
	check("index", reflect.DeepEqual(normal(r.Index), normal(index)))
	return fields
}

// normal is an index in the one form that DeepEqual takes for the same.
func normal(ix store.Index) store.Index {
	ix.Started = ix.Started.UTC()
	if len(ix.Terms) == 0 {
		ix.Terms = nil
	}
	return ix
}

// receiptRows bounds a page of receipts; one is some 300 bytes.
const receiptRows = 1000

// compareReceipts walks the receipts in range.
func (v *verifier) compareReceipts(ctx context.Context) error {
	err := eachInRange(v.receipts, func(after store.ReceiptKey) ([]store.Receipt, error) {
		v.o.tell("receipts", v.report.Receipts, 0)
		return v.st.StoredReceipts(ctx, after, receiptRows)
	}, (*store.Receipt).Key, func(r *store.Receipt) error { return v.compareReceipt(ctx, *r) })
	if err != nil {
		return err
	}
	for _, key := range sortedKeys(v.receipts) {
		v.report.addFinding(InReceipt, v.receipts.items[key][0].area, keyText(key), "it is missing")
	}
	return nil
}

func keyText(k store.ReceiptKey) string {
	return fmt.Sprintf("%s/%s/%d", k.Device.User, k.Device.ID, k.N)
}

func (v *verifier) compareReceipt(ctx context.Context, r store.Receipt) error {
	key := r.Key()
	origins, known := v.receipts.items[key]
	delete(v.receipts.items, key)
	v.report.Receipts++
	if !known {
		return v.lookAt(InReceipt, r.Area, keyText(key), v.compareNewReceipt(ctx, r))
	}
	digest := digestOf(r)
	if !slices.ContainsFunc(origins, func(o origin) bool { return o.digest == digest }) {
		v.report.addFinding(InReceipt, origins[0].area, keyText(key), "it differs from its log")
	}
	return nil
}

// compareNewReceipt checks one that came after the walk of the log began.
func (v *verifier) compareNewReceipt(ctx context.Context, r store.Receipt) error {
	if r.Seq <= v.heads[r.Area].Seq {
		v.report.addFinding(InReceipt, r.Area, keyText(r.Key()), "no log knows it")
		return nil
	}
	entries, err := v.st.Entries(ctx, r.Area, []int64{r.Seq})
	if errors.Is(err, store.ErrNotFound) {
		v.report.addFinding(InReceipt, r.Area, keyText(r.Key()), "it names an entry that its log doesn't have")
		return nil
	}
	if err == nil && (!entries[0].HasReceipt() || entries[0].Receipt(r.Area) != r) {
		v.report.addFinding(InReceipt, r.Area, keyText(r.Key()), "it differs from its log")
	}
	return err
}
