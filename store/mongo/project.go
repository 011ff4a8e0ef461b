package mongo

import (
	"context"
	"errors"
	"maps"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
	driver "go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// projectTries bounds how often a projection is sent again because someone
// else wrote the same at the same time.
const projectTries = 20

// project writes what a commit means to the views and moves the area's mark:
// all in one command, in order, but for shards, where the mark waits until the
// rest is safe. The views are at the commit before it; before
// holds the commit's records as they are then, nil if they have to be read.
func (s *Store) project(ctx context.Context, c *store.Commit, before map[inspection.DocID]store.Record) error {
	if before == nil {
		var err error
		if before, err = s.readRecords(ctx, touchedIDs(c)); err != nil {
			return err
		}
	}
	after := fold(c, before)
	err := s.sendProjection(ctx, c, after, true)
	var bulk driver.BulkWriteException
	if errors.As(err, &bulk) && len(bulk.WriteErrors) > 0 {
		// A server that doesn't take a readable copy must not hold up a street.
		err = s.sendProjection(ctx, c, after, false)
	}
	return err
}

// fold returns the commit's records after it.
func fold(c *store.Commit, before map[inspection.DocID]store.Record) map[inspection.DocID]store.Record {
	after := map[inspection.DocID]store.Record{}
	for i := range c.Entries {
		e := &c.Entries[i]
		if !e.TouchesRecord() {
			continue
		}
		r, known := after[e.ID]
		if !known {
			r, known = before[e.ID]
			known = known && r.Rev > 0
		}
		var last *store.Record
		if known {
			last = &r
		}
		after[e.ID] = store.Fold(last, c.Area, e)
	}
	return after
}

func (s *Store) sendProjection(ctx context.Context, c *store.Commit, after map[inspection.DocID]store.Record, copies bool) error {
	models := s.projection(c, after, copies)
	if s.tweaks.cut != nil {
		models = s.tweaks.cut(models)
	}
	if s.quirks.sharded && len(models) > 1 {
		mark := len(models) - 1
		if err := s.writeViews(ctx, models[:mark], false); err != nil {
			return err
		}
		models = models[mark:]
	}
	return s.writeViews(ctx, models, true)
}

// writeViews retries while others insert the same documents: what they insert
// is what this would have.
func (s *Store) writeViews(ctx context.Context, models []driver.WriteModel, ordered bool) error {
	if len(models) == 0 {
		return nil
	}
	for try := 1; ; try++ {
		_, err := s.views.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(ordered))
		if !driver.IsDuplicateKeyError(err) || try == projectTries {
			return err
		}
	}
}

// projection returns the statements: records, receipts, and the mark last.
func (s *Store) projection(c *store.Commit, after map[inspection.DocID]store.Record, copies bool) []driver.WriteModel {
	models := make([]driver.WriteModel, 0, len(after)+len(c.Entries)+1)
	for _, id := range slices.Sorted(maps.Keys(after)) {
		r := after[id]
		models = append(models, s.upsert(recordKey(id), bson.D{
			{Key: "$max", Value: bson.D{{Key: "latest", Value: newest(&r, copies)}}},
			{Key: "$setOnInsert", Value: bson.D{{Key: "area", Value: c.Area}}},
		}))
	}
	seen := map[string]bool{}
	for i := range c.Entries {
		e := &c.Entries[i]
		key := receiptKey(e.By(), e.N)
		if !e.HasReceipt() || seen[key] {
			continue
		}
		seen[key] = true
		models = append(models, s.upsert(key, bson.D{
			{Key: "$setOnInsert", Value: bson.D{{Key: "receipt", Value: encodeReceipt(e.Receipt(c.Area))}}},
		}))
	}
	return append(models, s.upsert(markKey(c.Area), bson.D{
		{Key: "$max", Value: bson.D{{Key: "applied", Value: encodeHead(c.Head())}}},
	}))
}

func newest(r *store.Record, copies bool) *latest {
	l := encodeRecord(r)
	l.Unread = unreadOther
	if copies {
		l.Doc, l.Unread = readable(r.Doc)
	}
	return l
}

func (s *Store) upsert(key string, update bson.D) driver.WriteModel {
	filter := bson.D{{Key: "_id", Value: key}}
	if s.quirks.many {
		return driver.NewUpdateManyModel().SetFilter(filter).SetUpdate(update).SetUpsert(true)
	}
	return driver.NewUpdateOneModel().SetFilter(filter).SetUpdate(update).SetUpsert(true)
}
