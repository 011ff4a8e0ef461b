package mongo

import (
	"context"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo/options"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// withoutCopies leaves the readable copies where they are.
var withoutCopies = bson.D{{Key: "latest.doc", Value: 0}}

// Records implements store.Views.
func (s *Store) Records(ctx context.Context, ids []inspection.DocID) (map[inspection.DocID]store.Record, error) {
	var records map[inspection.DocID]store.Record
	err := s.within(ctx, "records", func(ctx context.Context) (err error) {
		records, err = s.readRecords(ctx, ids)
		return err
	})
	return records, err
}

func (s *Store) readRecords(ctx context.Context, ids []inspection.DocID) (map[inspection.DocID]store.Record, error) {
	records := make(map[inspection.DocID]store.Record, len(ids))
	if len(ids) == 0 {
		return records, nil
	}
	found, err := s.viewsAt(ctx, recordKeys(ids))
	if err != nil {
		return nil, err
	}
	for i := range found {
		r, err := found[i].record()
		if err != nil {
			return nil, err
		}
		records[r.ID] = r
	}
	return records, nil
}

// fewKeys is how many documents are read one by one where that is better.
const fewKeys = 24

// viewsAt reads the documents of the views that have one of the keys.
func (s *Store) viewsAt(ctx context.Context, keys []string) ([]viewed, error) {
	if !s.quirks.points || len(keys) > fewKeys {
		filter := bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: keys}}}}
		return collect[viewed](ctx, s.views, filter, findAll(len(keys)).SetProjection(withoutCopies))
	}
	var list []viewed
	for _, key := range slices.Compact(slices.Sorted(slices.Values(keys))) {
		found, err := collect[viewed](ctx, s.views, bson.D{{Key: "_id", Value: key}}, findAll(1).SetProjection(withoutCopies))
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	return list, nil
}

// findAll asks for up to n documents in one answer.
func findAll(n int) *options.FindOptions { return options.Find().SetBatchSize(int32(n) + 1) }

func (s *Store) findRecords(ctx context.Context, filter bson.D, opts *options.FindOptions) ([]store.Record, error) {
	found, err := collect[storedRecord](ctx, s.views, filter, opts.SetProjection(withoutCopies))
	if err != nil {
		return nil, err
	}
	list := make([]store.Record, len(found))
	for i := range found {
		if list[i], err = found[i].decode(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Receipts implements store.Views.
func (s *Store) Receipts(ctx context.Context, device inspection.Device, ns []int64) (map[int64]store.Receipt, error) {
	receipts := make(map[int64]store.Receipt, len(ns))
	err := s.within(ctx, "receipts", func(ctx context.Context) error {
		if len(ns) == 0 {
			return nil
		}
		keys := make([]string, len(ns))
		for i, n := range ns {
			keys[i] = receiptKey(device, n)
		}
		found, err := s.viewsAt(ctx, keys)
		for i := range found {
			r := found[i].Receipt.decode()
			receipts[r.N] = r
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return receipts, nil
}

// LastN implements store.Views.
func (s *Store) LastN(ctx context.Context, device inspection.Device) (int64, error) {
	var last int64
	err := s.within(ctx, "last n", func(ctx context.Context) error {
		found, err := collect[viewed](ctx, s.views,
			bson.D{{Key: "receipt.user", Value: device.User}, {Key: "receipt.device", Value: device.ID}},
			options.Find().SetSort(bson.D{{Key: "receipt.n", Value: -1}}).SetLimit(1))
		if err == nil && len(found) > 0 {
			last = max(found[0].Receipt.N, 0)
		}
		return err
	})
	return last, err
}

// ByTerm implements store.Views.
func (s *Store) ByTerm(ctx context.Context, term string, after inspection.DocID, limit int) ([]store.Record, error) {
	var list []store.Record
	err := s.within(ctx, "termed", func(ctx context.Context) (err error) {
		if limit <= 0 {
			return nil
		}
		list, err = s.findRecords(ctx,
			bson.D{{Key: "latest.terms", Value: term}, {Key: "_id", Value: bson.D{{Key: "$gt", Value: recordKey(after)}}}},
			findAll(limit).SetSort(ascending("_id")).SetLimit(int64(limit)))
		return err
	})
	return list, err
}

// viewed is any document of the views.
type viewed struct {
	ID      string          `bson:"_id"`
	Area    inspection.Area `bson:"area"`
	Latest  *latest         `bson:"latest"`
	Receipt *storedReceipt  `bson:"receipt"`
	Applied *storedHead     `bson:"applied"`
}

func (v *viewed) record() (store.Record, error) {
	return (&storedRecord{ID: v.ID, Area: v.Area, Latest: v.Latest}).decode()
}

// snapshotTries bounds how often a snapshot is read again because the area grew.
const snapshotTries = 5

// ReadSnapshot implements store.SnapshotReader. The head is the one that is known here, and
// the area's mark, which is read with everything else, must agree with it:
// then what was read is of that head or newer. An append right after the head
// finds out about the rest.
func (s *Store) ReadSnapshot(ctx context.Context, q store.ReadSet) (store.Snapshot, error) {
	var snap store.Snapshot
	err := s.within(ctx, "look", func(ctx context.Context) error {
		a := s.area(q.Area)
		for range snapshotTries {
			head, known := a.peek()
			if !known {
				var err error
				if head, err = s.fresh(ctx, q.Area); err != nil {
					return err
				}
			}
			mark, err := s.readSnapshot(ctx, q, &snap)
			if err != nil {
				return err
			}
			snap.Head = head
			switch {
			case mark.Seq == head.Seq && mark.Hash == head.Hash:
				return nil
			case mark.Seq > head.Seq:
				a.advance(mark)
			default:
				a.forget() // this is another database than a moment ago
			}
		}
		return store.ErrStale
	})
	return snap, err
}

// readSnapshot reads everything with one command and returns the area's mark.
func (s *Store) readSnapshot(ctx context.Context, q store.ReadSet, snap *store.Snapshot) (store.Head, error) {
	keys := append(recordKeys(q.IDs), markKey(q.Area))
	for device, ns := range q.Receipts {
		for _, n := range ns {
			keys = append(keys, receiptKey(device, n))
		}
	}
	found, err := s.viewsAt(ctx, keys)
	if err != nil {
		return store.Head{}, err
	}
	snap.Records = make(map[inspection.DocID]store.Record, len(q.IDs))
	snap.Receipts = make(map[inspection.Device]map[int64]store.Receipt, len(q.Receipts))
	for device := range q.Receipts {
		snap.Receipts[device] = map[int64]store.Receipt{}
	}
	mark := store.Head{}
	for i := range found {
		switch v := &found[i]; {
		case v.Applied != nil:
			mark, err = v.Applied.decode()
		case v.Receipt != nil:
			r := v.Receipt.decode()
			snap.Receipts[r.Device][r.N] = r
		case strings.HasPrefix(v.ID, recordPrefix):
			var r store.Record
			r, err = v.record()
			snap.Records[r.ID] = r
		}
		if err != nil {
			return mark, err
		}
	}
	return mark, nil
}

// Changes implements store.Views. It takes two commands: one makes sure of the
// head, one reads the page. What changes in between lies above the head.
func (s *Store) Changes(ctx context.Context, q store.ChangesQuery) (store.Changes, error) {
	var page store.Changes
	err := s.within(ctx, "changes", func(ctx context.Context) error {
		head, err := s.fresh(ctx, q.Area)
		if err != nil {
			return err
		}
		upto := head.Seq
		if q.Upto > 0 {
			upto = min(q.Upto, head.Seq)
		}
		found, err := s.changed(ctx, q, upto)
		page = q.Page(found, max(upto, q.After))
		return err
	})
	if err != nil {
		return store.Changes{}, err
	}
	return page, nil
}

// changed returns up to one record more than the page holds: the kept ones
// among the old and all of the new.
func (s *Store) changed(ctx context.Context, q store.ChangesQuery, upto int64) ([]store.Record, error) {
	if len(q.Collections) == 0 || q.After >= upto {
		return nil, nil
	}
	boundary := min(max(q.After, q.PinnedUpto), upto)
	filter := between(q, boundary, upto)
	if q.After < boundary {
		kept := append(between(q, q.After, boundary), bson.E{Key: "latest.kept", Value: true})
		filter = bson.D{{Key: "$or", Value: bson.A{kept, filter}}}
	}
	want := max(q.Limit, 0) + 1
	return s.findRecords(ctx, filter, findAll(want).SetSort(ascending("latest.seq")).SetLimit(int64(want)))
}

func between(q store.ChangesQuery, after, upto int64) bson.D {
	return bson.D{
		{Key: "area", Value: q.Area},
		{Key: "latest.seq", Value: bson.D{{Key: "$gt", Value: after}, {Key: "$lte", Value: upto}}},
		{Key: "latest.collection", Value: bson.D{{Key: "$in", Value: q.Collections}}},
	}
}
