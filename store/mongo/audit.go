package mongo

import (
	"context"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
	driver "go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// pageRows bounds a page of a walk in documents; what bounds it in bytes comes
// from the caller.
const pageRows = 1000

// collectUpto decodes documents until their sizes fill the room: at least one
// if there is one.
func collectUpto[T any](ctx context.Context, c *driver.Collection, filter any, opts *options.FindOptions, room int, size func(*T) int) ([]T, error) {
	cursor, err := c.Find(ctx, filter, opts.SetLimit(pageRows))
	if err != nil {
		return nil, err
	}
	defer closeCursor(ctx, cursor)
	var list []T
	for cursor.Next(ctx) {
		var v T
		if err := cursor.Decode(&v); err != nil {
			return nil, err
		}
		if room -= size(&v); room < 0 && len(list) > 0 {
			return list, nil
		}
		list = append(list, v)
	}
	return list, cursor.Err()
}

// StoredAreas implements store.Audit.
func (s *Store) StoredAreas(ctx context.Context) ([]inspection.Area, error) {
	var areas []inspection.Area
	err := s.within(ctx, "stored areas", func(ctx context.Context) error {
		named, err := s.log.Distinct(ctx, "area", bson.D{})
		if err != nil {
			return err
		}
		for _, name := range named {
			if text, ok := name.(string); ok {
				areas = append(areas, inspection.Area(text))
			}
		}
		marks, err := collect[mark](ctx, s.views, bson.D{{Key: "applied.seq", Value: bson.D{{Key: "$exists", Value: true}}}})
		for i := range marks {
			areas = append(areas, marks[i].area())
		}
		return err
	})
	slices.Sort(areas)
	return slices.Compact(areas), err
}

// StoredCommits implements store.Audit.
func (s *Store) StoredCommits(ctx context.Context, name inspection.Area, after int64, room int) ([]store.StoredCommit, error) {
	var list []store.StoredCommit
	err := s.within(ctx, "stored commits", func(ctx context.Context) error {
		found, err := collectUpto(ctx, s.log,
			bson.D{{Key: "area", Value: name}, {Key: "first", Value: bson.D{{Key: "$gt", Value: after}}}},
			options.Find().SetSort(ascending("first")), room, func(c *storedCommit) int { return len(c.Bytes) })
		for i := range found {
			c := &found[i]
			list = append(list, store.StoredCommit{
				First: c.First, Last: c.Last, At: join(c.At, c.Nanos), Previous: c.Previous, Hash: c.Hash, Bytes: c.Bytes,
			})
		}
		return err
	})
	return list, err
}

// StoredRecords implements store.Audit.
func (s *Store) StoredRecords(ctx context.Context, after inspection.DocID, room int) ([]store.StoredRecord, error) {
	var list []store.StoredRecord
	err := s.within(ctx, "stored records", func(ctx context.Context) error {
		found, err := collectUpto(ctx, s.views,
			bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: recordKey(after)}, {Key: "$lt", Value: afterRecords}}}, {Key: "latest", Value: bson.D{{Key: "$exists", Value: true}}}},
			options.Find().SetSort(ascending("_id")).SetProjection(withoutCopies), room,
			func(r *storedRecord) int { return len(r.Latest.JSON) + 8*len(r.Latest.Revisions) })
		for i := range found {
			r, damaged := found[i].decode()
			if damaged != nil {
				r = store.Record{ID: r.ID}
			}
			list = append(list, store.StoredRecord{Record: r, Damaged: damaged})
		}
		return err
	})
	return list, err
}

// StoredReceipts implements store.Audit.
func (s *Store) StoredReceipts(ctx context.Context, after store.ReceiptKey, limit int) ([]store.Receipt, error) {
	var list []store.Receipt
	user, device := bson.E{Key: "receipt.user", Value: after.Device.User}, bson.E{Key: "receipt.device", Value: after.Device.ID}
	above := func(field string, v any) bson.E { return bson.E{Key: field, Value: bson.D{{Key: "$gt", Value: v}}} }
	err := s.within(ctx, "stored receipts", func(ctx context.Context) error {
		if limit <= 0 {
			return nil
		}
		found, err := collect[viewed](ctx, s.views, bson.D{{Key: "$or", Value: bson.A{
			bson.D{user, device, above("receipt.n", after.N)},
			bson.D{user, above("receipt.device", after.Device.ID)},
			bson.D{above("receipt.user", after.Device.User)},
		}}}, findAll(limit).SetSort(ascending("receipt.user", "receipt.device", "receipt.n")).SetLimit(int64(limit)))
		for i := range found {
			list = append(list, found[i].Receipt.decode())
		}
		return err
	})
	return list, err
}

// SelfCheck implements store.Audit. The server itself watches over its files
// and indexes; what it can't know is which indexes should be there.
func (s *Store) SelfCheck(ctx context.Context) ([]string, error) {
	var faults []string
	err := s.within(ctx, "self check", func(ctx context.Context) error {
		if s.quirks.idle {
			return nil
		}
		for c, list := range s.indexes() {
			there, err := c.Indexes().ListSpecifications(ctx)
			if err != nil {
				return err
			}
			for _, ix := range list {
				if !slices.ContainsFunc(there, func(t *driver.IndexSpecification) bool { return t.Name == ix.name }) {
					faults = append(faults, fmt.Sprintf("The index %s of the collection %s is missing.", ix.name, c.Name()))
				}
			}
		}
		return nil
	})
	slices.Sort(faults)
	return faults, err
}

// SetID implements store.Migratable.
func (s *Store) SetID(ctx context.Context, id string) error {
	return s.within(ctx, "set id", func(ctx context.Context) error {
		if err := s.checkWritable(ctx); err != nil {
			return err
		}
		return s.setMeta(ctx, idName, id)
	})
}
