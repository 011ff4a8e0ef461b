package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"gridpatrol/store"
)

func checkTable(table store.Table) error {
	if !slices.Contains(store.AllTables, table) {
		return fmt.Errorf("sqlite: there is no table %q", table)
	}
	return nil
}

// Get implements store.Tables.
func (s *Store) Get(ctx context.Context, table store.Table, key string) (store.Row, error) {
	if err := checkTable(table); err != nil {
		return store.Row{}, err
	}
	var row store.Row
	err := s.view("get", func(q querier) error {
		list, err := collect(ctx, q, scanRow, `SELECT key, version, value FROM plain WHERE tbl = ? AND key = ?`,
			string(table), key)
		if err == nil && len(list) == 0 {
			err = store.ErrNotFound
		}
		if err == nil {
			row = list[0]
		}
		return err
	})
	return row, err
}

// Rows implements store.Tables.
func (s *Store) Rows(ctx context.Context, table store.Table, keys []string) ([]store.Row, error) {
	if err := checkTable(table); err != nil {
		return nil, err
	}
	list, err := jsonList(keys)
	if err != nil {
		return nil, err
	}
	var found []store.Row
	err = s.view("rows", func(q querier) error {
		found, err = collect(ctx, q, scanRow, `SELECT key, version, value FROM plain
			WHERE tbl = ? AND key IN (SELECT value FROM json_each(?))`, string(table), list)
		return err
	})
	return found, err
}

func scanRow(rows *sql.Rows) (store.Row, error) {
	var r store.Row
	err := rows.Scan(&r.Key, &r.Version, &r.Value)
	return r, err
}

// Put implements store.Tables. Returns store.ErrReadOnly if the database takes
// no writes.
func (s *Store) Put(ctx context.Context, table store.Table, row store.Row) (int64, error) {
	if err := checkTable(table); err != nil {
		return 0, err
	}
	err := s.write(ctx, "put", len(row.Value), func(ctx context.Context, q *statements) error {
		changed, err := putRow(ctx, q, table, row)
		if err == nil && changed == 0 {
			err = store.ErrStale
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return row.Version + 1, nil
}

func putRow(ctx context.Context, q *statements, table store.Table, row store.Row) (int64, error) {
	// The driver binds a nil slice as NULL.
	value := append([]byte{}, row.Value...)
	if row.Version == 0 {
		return q.affect(ctx, `INSERT INTO plain (tbl, key, version, value) VALUES (?, ?, 1, ?)
			ON CONFLICT (tbl, key) DO NOTHING`, string(table), row.Key, value)
	}
	return q.affect(ctx, `UPDATE plain SET version = version + 1, value = ? WHERE tbl = ? AND key = ? AND version = ?`,
		value, string(table), row.Key, row.Version)
}

// Delete implements store.Tables. Returns store.ErrReadOnly if the database
// takes no writes.
func (s *Store) Delete(ctx context.Context, table store.Table, key string) error {
	if err := checkTable(table); err != nil {
		return err
	}
	return s.write(ctx, "delete", 0, func(ctx context.Context, q *statements) error {
		return q.exec(ctx, `DELETE FROM plain WHERE tbl = ? AND key = ?`, string(table), key)
	})
}

// Scan implements store.Tables.
func (s *Store) Scan(ctx context.Context, table store.Table, prefix, after string, limit int) ([]store.Row, error) {
	if err := checkTable(table); err != nil {
		return nil, err
	}
	var list []store.Row
	err := s.view("scan", func(q querier) (err error) {
		list, err = collect(ctx, q, scanRow, `SELECT key, version, value FROM plain
			WHERE tbl = ? AND key > ? AND key >= ? ORDER BY key LIMIT ?`,
			string(table), after, prefix, max(limit, 0))
		return err
	})
	if err != nil {
		return nil, err
	}
	// Keys with the prefix are neighbours: the first without it ends them.
	end := slices.IndexFunc(list, func(r store.Row) bool { return !strings.HasPrefix(r.Key, prefix) })
	if end >= 0 {
		list = list[:end]
	}
	return list, nil
}
