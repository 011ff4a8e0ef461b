package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// push is the least that a correct writer does: read the head, then receipts
// and records; drop what was received before (the outcome of an append may be
// unknown); decide; append; from the start if that was stale. It returns nil
// if nothing was left to append.
func push(ctx context.Context, st store.Store, area inspection.Area, entries []store.Entry) (*store.Commit, error) {
	for range maxAttempts {
		head, err := st.Head(ctx, area)
		if err != nil {
			return nil, err
		}
		left, err := unreceived(ctx, st, entries)
		if err != nil || len(left) == 0 {
			return nil, err
		}
		if err := Number(ctx, st, head, left); err != nil {
			return nil, err
		}
		c, err := store.Seal(area, head, left)
		if err != nil {
			return nil, err
		}
		if err = st.Append(ctx, c); !errors.Is(err, store.ErrStale) {
			return c, err
		}
	}
	return nil, fmt.Errorf("an append was stale %d times in a row", maxAttempts)
}

// maxAttempts bounds retries, so that an engine that always says ErrStale
// fails the suite. Each lost attempt means that another writer won.
const maxAttempts = 10_000

func unreceived(ctx context.Context, st store.Store, entries []store.Entry) ([]store.Entry, error) {
	ns := map[inspection.Device][]int64{}
	for i := range entries {
		if entries[i].HasReceipt() {
			ns[entries[i].By()] = append(ns[entries[i].By()], entries[i].N)
		}
	}
	left := slices.Clone(entries)
	for device, list := range ns {
		receipts, err := st.Receipts(ctx, device, list)
		if err != nil {
			return nil, err
		}
		left = slices.DeleteFunc(left, func(e store.Entry) bool {
			_, received := receipts[e.N]
			return received && e.By() == device
		})
	}
	return left, nil
}

// Number gives the entries their seqs, revisions and, where they have none,
// times.
func Number(ctx context.Context, st store.Store, head store.Head, entries []store.Entry) error {
	ids := make([]inspection.DocID, len(entries))
	for i := range entries {
		ids[i] = entries[i].ID
	}
	records, err := st.Records(ctx, ids)
	if err != nil {
		return err
	}
	revs := map[inspection.DocID]int64{}
	for id, r := range records {
		revs[id] = r.Rev
	}
	for i := range entries {
		e := &entries[i]
		e.Seq = head.Seq + 1 + int64(i)
		if e.At.IsZero() {
			e.At = receivedAt(e.Seq)
		}
		if e.TouchesRecord() {
			revs[e.ID]++
		}
		e.Rev = revs[e.ID]
	}
	return nil
}
