package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/bson"

	"gridpatrol/store"
)

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
