package sqlite

import (
	"context"
	"database/sql"
	"slices"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// pageRows bounds a page of a walk in rows; what bounds it in bytes comes from
// the caller.
const pageRows = 1000

// StoredAreas implements store.Audit. The areas of the log are found one after
// the other, each by a seek of its index.
func (s *Store) StoredAreas(ctx context.Context) ([]inspection.Area, error) {
	var areas []inspection.Area
	err := s.view("stored areas", func(q querier) (err error) {
		if areas, err = collect(ctx, q, scanOne[inspection.Area], `SELECT area FROM heads`); err != nil {
			return err
		}
		list, err := nextArea(ctx, q, `SELECT area FROM log INDEXED BY log_by_first WHERE area >= '' ORDER BY area LIMIT 1`)
		for err == nil && len(list) > 0 {
			areas = append(areas, list[0])
			list, err = nextArea(ctx, q, `SELECT area FROM log INDEXED BY log_by_first WHERE area > ? ORDER BY area LIMIT 1`, string(list[0]))
		}
		return err
	})
	slices.Sort(areas)
	return slices.Compact(areas), err
}

func nextArea(ctx context.Context, q querier, text string, args ...any) ([]inspection.Area, error) {
	return collect(ctx, q, scanOne[inspection.Area], text, args...)
}

// StoredCommits implements store.Audit.
func (s *Store) StoredCommits(ctx context.Context, area inspection.Area, after int64, room int) ([]store.StoredCommit, error) {
	var list []store.StoredCommit
	err := s.view("stored commits", func(q querier) (err error) {
		size := func(c store.StoredCommit) int { return len(c.Bytes) }
		list, err = collectUpto(ctx, q, room, size, scanStoredCommit, `SELECT first, last, at, previous, hash, bytes
			FROM log INDEXED BY log_by_first WHERE area = ? AND first > ? ORDER BY first LIMIT ?`, string(area), after, pageRows)
		return err
	})
	return list, err
}

func scanStoredCommit(rows *sql.Rows) (store.StoredCommit, error) {
	var c store.StoredCommit
	var at int64
	err := rows.Scan(&c.First, &c.Last, &at, &c.Previous, &c.Hash, &c.Bytes)
	c.At = fromNanos(at)
	return c, err
}

// StoredRecords implements store.Audit.
func (s *Store) StoredRecords(ctx context.Context, after inspection.DocID, room int) ([]store.StoredRecord, error) {
	var list []store.StoredRecord
	err := s.view("stored records", func(q querier) (err error) {
		size := func(r store.StoredRecord) int { return len(r.Doc) + 8*len(r.Revisions) }
		list, err = collectUpto(ctx, q, room, size, scanStoredRecord, `SELECT `+recordColumns+` FROM records INDEXED BY records_by_id
			WHERE id > ? ORDER BY id LIMIT ?`, string(after), pageRows)
		return err
	})
	return list, err
}

func scanStoredRecord(rows *sql.Rows) (store.StoredRecord, error) {
	r, err := scanRecord(rows)
	if err != nil && r.ID != "" {
		return store.StoredRecord{Record: store.Record{ID: r.ID}, Damaged: err}, nil
	}
	return store.StoredRecord{Record: r}, err
}

// StoredReceipts implements store.Audit.
func (s *Store) StoredReceipts(ctx context.Context, after store.ReceiptKey, limit int) ([]store.Receipt, error) {
	var list []store.Receipt
	err := s.view("stored receipts", func(q querier) (err error) {
		list, err = collect(ctx, q, scanReceipt, `SELECT `+receiptColumns+` FROM receipts
			WHERE (actor, device, n) > (?, ?, ?) ORDER BY actor, device, n LIMIT ?`,
			string(after.Device.User), string(after.Device.ID), after.N, max(limit, 0))
		return err
	})
	return list, err
}
