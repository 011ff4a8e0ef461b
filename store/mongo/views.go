package mongo

import (
	"context"
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
	list, err := s.findRecords(ctx, in("_id", recordKeys(ids)), findAll(len(ids)))
	for i := range list {
		records[list[i].ID] = list[i]
	}
	return records, err
}

// in asks for the documents whose field has one of the values.
func in[T any](field string, values []T) bson.D {
	if len(values) == 1 {
		return bson.D{{Key: field, Value: values[0]}}
	}
	return bson.D{{Key: field, Value: bson.D{{Key: "$in", Value: values}}}}
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
		found, err := collect[viewed](ctx, s.views, in("_id", keys), findAll(len(ns)))
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

// Termed implements store.Views.
func (s *Store) Termed(ctx context.Context, term string, after inspection.DocID, limit int) ([]store.Record, error) {
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

// lookTries bounds how often a look is repeated because the area grew.
const lookTries = 5

// Look implements store.Looker. The head is the one that is known here, and
// the area's mark, which is read with everything else, must agree with it:
// then what was read is of that head or newer. An append right after the head
// finds out about the rest.
func (s *Store) Look(ctx context.Context, q store.Question) (store.Sight, error) {
	var sight store.Sight
	err := s.within(ctx, "look", func(ctx context.Context) error {
		a := s.area(q.Area)
		for range lookTries {
			head, known := a.peek()
			if !known {
				var err error
				if head, err = s.fresh(ctx, q.Area); err != nil {
					return err
				}
			}
			mark, err := s.look(ctx, q, &sight)
			if err != nil {
				return err
			}
			sight.Head = head
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
	return sight, err
}

// look reads everything with one command and returns the area's mark.
func (s *Store) look(ctx context.Context, q store.Question, sight *store.Sight) (store.Head, error) {
	keys := append(recordKeys(q.IDs), markKey(q.Area))
	for device, ns := range q.Receipts {
		for _, n := range ns {
			keys = append(keys, receiptKey(device, n))
		}
	}
	found, err := collect[viewed](ctx, s.views, in("_id", keys), findAll(len(keys)).SetProjection(withoutCopies))
	if err != nil {
		return store.Head{}, err
	}
	sight.Records = make(map[inspection.DocID]store.Record, len(q.IDs))
	sight.Receipts = make(map[inspection.Device]map[int64]store.Receipt, len(q.Receipts))
	for device := range q.Receipts {
		sight.Receipts[device] = map[int64]store.Receipt{}
	}
	mark := store.Head{}
	for i := range found {
		switch v := &found[i]; {
		case v.Applied != nil:
			mark, err = v.Applied.decode()
		case v.Receipt != nil:
			r := v.Receipt.decode()
			sight.Receipts[r.Device][r.N] = r
		case strings.HasPrefix(v.ID, recordPrefix):
			var r store.Record
			r, err = (&storedRecord{v.ID, v.Area, v.Latest}).decode()
			sight.Records[r.ID] = r
		}
		if err != nil {
			return mark, err
		}
	}
	return mark, nil
}
