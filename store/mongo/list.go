package mongo

import (
	"context"
	"regexp"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo/options"

	"gridpatrol/store"
)

// List implements store.Views: one command for the page, one for the total.
func (s *Store) List(ctx context.Context, q store.ListQuery) (store.List, error) {
	var list store.List
	err := s.within(ctx, "list", func(ctx context.Context) error {
		if len(q.Areas) == 0 {
			return nil
		}
		if q.Count > 0 {
			total, err := s.views.CountDocuments(ctx, matching(q), options.Count().SetLimit(int64(q.Count)))
			if err != nil || total == 0 {
				return err
			}
			list.Total = int(total)
		}
		if q.Limit <= 0 {
			return nil
		}
		filter := matching(q)
		if q.After != nil {
			filter = bson.D{{Key: "$and", Value: bson.A{filter, behind(*q.After)}}}
		}
		var err error
		list.Records, err = s.findRecords(ctx, filter, findAll(q.Limit).SetSort(newestFirst).SetLimit(int64(q.Limit)))
		return err
	})
	if err != nil {
		return store.List{}, err
	}
	return list, nil
}

// matching is what a document of the list must be, wherever it stands in it.
func matching(q store.ListQuery) bson.D {
	filter := bson.D{
		{Key: "area", Value: bson.D{{Key: "$in", Value: q.Areas}}},
		{Key: "latest.collection", Value: q.Collection},
		{Key: "latest.deleted", Value: false},
	}
	for _, f := range []bson.E{
		{Key: "latest.template", Value: q.Subject()}, {Key: "latest.verdict", Value: q.Verdict},
		{Key: "latest.state", Value: q.State}, {Key: "latest.evidence", Value: q.Evidence},
	} {
		if f.Value != "" {
			filter = append(filter, f)
		}
	}
	if started := span(q.From, q.To); len(started) > 0 {
		filter = append(filter, bson.E{Key: "latest.started", Value: started})
	}
	switch {
	case q.Term != "" && q.Prefix:
		filter = append(filter, bson.E{Key: "latest.terms", Value: primitive.Regex{Pattern: "^" + regexp.QuoteMeta(q.Term)}})
	case q.Term != "":
		filter = append(filter, bson.E{Key: "latest.terms", Value: q.Term})
	}
	return filter
}

func span(from, to time.Time) bson.D {
	var d bson.D
	if !from.IsZero() {
		d = append(d, bson.E{Key: "$gte", Value: ceiling(from)})
	}
	if !to.IsZero() {
		d = append(d, bson.E{Key: "$lt", Value: ceiling(to)})
	}
	return d
}

// ceiling rounds up: starts are whole milliseconds, bounds need not be.
func ceiling(t time.Time) primitive.DateTime {
	at, nanos := split(t)
	if nanos > 0 {
		at++
	}
	return at
}

// behind is what stands behind a place in a list.
func behind(m store.ListMark) bson.D {
	at := primitive.NewDateTimeFromTime(m.Started)
	return bson.D{{Key: "$or", Value: bson.A{
		bson.D{{Key: "latest.started", Value: bson.D{{Key: "$lt", Value: at}}}},
		bson.D{{Key: "latest.started", Value: at}, {Key: "_id", Value: bson.D{{Key: "$lt", Value: recordKey(m.ID)}}}},
	}}}
}
