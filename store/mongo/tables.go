package mongo

import (
	"context"
	"errors"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/bson"
	driver "go.mongodb.org/mongo-driver/mongo"

	"gridpatrol/store"
)

// storedRow is a row of a plain table. Keys of one table sort like their rows'.
type storedRow struct {
	ID      string      `bson:"_id"`
	Table   store.Table `bson:"table"`
	Key     string      `bson:"key"`
	Version int64       `bson:"version"`
	Value   []byte      `bson:"value"`
}

func (r *storedRow) decode() store.Row {
	return store.Row{Key: r.Key, Version: r.Version, Value: r.Value}
}

func rowKey(table store.Table, key string) string { return string(table) + "/" + key }

func checkTable(table store.Table) error {
	if !slices.Contains(store.AllTables, table) {
		return misuse("there is no table %q", table)
	}
	return nil
}

// Get implements store.Tables.
func (s *Store) Get(ctx context.Context, table store.Table, key string) (store.Row, error) {
	var row storedRow
	err := s.within(ctx, "get", func(ctx context.Context) error {
		if err := checkTable(table); err != nil {
			return err
		}
		err := s.plain.FindOne(ctx, bson.D{{Key: "_id", Value: rowKey(table, key)}}).Decode(&row)
		if errors.Is(err, driver.ErrNoDocuments) {
			return store.ErrNotFound
		}
		return err
	})
	if err != nil {
		return store.Row{}, err
	}
	return row.decode(), nil
}

// Rows implements store.Tables.
func (s *Store) Rows(ctx context.Context, table store.Table, keys []string) ([]store.Row, error) {
	var list []store.Row
	err := s.within(ctx, "rows", func(ctx context.Context) error {
		if err := checkTable(table); err != nil || len(keys) == 0 {
			return err
		}
		ids := make([]string, len(keys))
		for i, key := range keys {
			ids[i] = rowKey(table, key)
		}
		found, err := collect[storedRow](ctx, s.plain, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}, findAll(len(ids)))
		for i := range found {
			list = append(list, found[i].decode())
		}
		return err
	})
	return list, err
}

// Put implements store.Tables: a new row by an insert, which fails where there
// is one, a row that is there by a change on the condition of its version.
func (s *Store) Put(ctx context.Context, table store.Table, row store.Row) (int64, error) {
	err := s.change(ctx, "put", table, func(ctx context.Context) error {
		value := append([]byte{}, row.Value...)
		id := rowKey(table, row.Key)
		if row.Version == 0 {
			_, err := s.plain.InsertOne(ctx, &storedRow{ID: id, Table: table, Key: row.Key, Version: 1, Value: value})
			if driver.IsDuplicateKeyError(err) {
				return store.ErrStale
			}
			return err
		}
		return s.inTurn(ctx, id, func() error {
			done, err := s.plain.UpdateOne(ctx,
				bson.D{{Key: "_id", Value: id}, {Key: "version", Value: row.Version}},
				bson.D{{Key: "$set", Value: bson.D{{Key: "version", Value: row.Version + 1}, {Key: "value", Value: value}}}})
			if err == nil && done.MatchedCount == 0 {
				return store.ErrStale
			}
			return err
		})
	})
	if err != nil {
		return 0, err
	}
	return row.Version + 1, nil
}

// Delete implements store.Tables.
func (s *Store) Delete(ctx context.Context, table store.Table, key string) error {
	return s.change(ctx, "delete", table, func(ctx context.Context) error {
		id := rowKey(table, key)
		return s.inTurn(ctx, id, func() error {
			_, err := s.plain.DeleteOne(ctx, bson.D{{Key: "_id", Value: id}})
			return err
		})
	})
}

// change runs a write to a table.
func (s *Store) change(ctx context.Context, op string, table store.Table, run func(context.Context) error) error {
	return s.within(ctx, op, func(ctx context.Context) error {
		if err := checkTable(table); err != nil {
			return err
		}
		if err := s.checkWritable(ctx); err != nil {
			return err
		}
		return run(ctx)
	})
}

// Scan implements store.Tables.
func (s *Store) Scan(ctx context.Context, table store.Table, prefix, after string, limit int) ([]store.Row, error) {
	var list []store.Row
	err := s.within(ctx, "scan", func(ctx context.Context) error {
		if err := checkTable(table); err != nil || limit <= 0 {
			return err
		}
		found, err := collect[storedRow](ctx, s.plain,
			bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: rowKey(table, after)}, {Key: "$gte", Value: rowKey(table, prefix)}}}},
			findAll(limit).SetSort(ascending("_id")).SetLimit(int64(limit)))
		for i := range found {
			// Keys with the prefix are neighbours: the first without it ends them.
			if found[i].Table != table || !strings.HasPrefix(found[i].Key, prefix) {
				break
			}
			list = append(list, found[i].decode())
		}
		return err
	})
	return list, err
}
