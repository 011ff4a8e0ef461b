package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Append implements store.Log. If COMMIT itself fails, the error is
// CodeUnavailable and whether the commit is durable is unknown; reading the
// head tells.
func (s *Store) Append(ctx context.Context, c *store.Commit) error {
	if err := checkCommit(c); err != nil {
		return err
	}
	return s.write(ctx, "append", len(c.Bytes), func(ctx context.Context, q *statements) error {
		return appendCommit(ctx, q, c, s.lists)
	})
}

// checkCommit refuses what Seal would never make, since a log can't be
// corrected later.
func checkCommit(c *store.Commit) error {
	if len(c.Entries) == 0 || c.First < 1 || c.Last-c.First+1 != int64(len(c.Entries)) {
		return fmt.Errorf("sqlite: append: a commit of %d entries says that it spans %d to %d", len(c.Entries), c.First, c.Last)
	}
	if len(c.Bytes) > store.MaxCommitBytes {
		return fmt.Errorf("sqlite: append: a commit of %d bytes is over the bound of %d", len(c.Bytes), store.MaxCommitBytes)
	}
	for i := range c.Entries {
		if !inRange(c.Entries[i].At) {
			return fmt.Errorf("sqlite: append: entry %d: %w", c.Entries[i].Seq, errTime)
		}
	}
	return nil
}

// inRange reports whether toNanos is exact for t.
func inRange(t time.Time) bool {
	return t.IsZero() || fromNanos(toNanos(t)).Equal(t)
}

func appendCommit(ctx context.Context, q *statements, c *store.Commit, l *lists) error {
	head, err := readHead(ctx, q, c.Area)
	if err != nil {
		return err
	}
	if head.Seq != c.First-1 || head.Hash != c.Previous {
		return store.ErrStale
	}
	if err := l.update(ctx, q, c); err != nil {
		return err
	}
	if err := insertReceipts(ctx, q, c); err != nil {
		return err
	}
	err = q.exec(ctx, `INSERT INTO log (area, first, last, at, previous, hash, bytes) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		string(c.Area), c.First, c.Last, toNanos(c.At), c.Previous[:], c.Hash[:], c.Bytes)
	if err != nil {
		return err
	}
	return q.exec(ctx, `INSERT INTO heads (area, seq, hash, at) VALUES (?, ?, ?, ?)
		ON CONFLICT (area) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, at = excluded.at`,
		string(c.Area), c.Last, c.Hash[:], toNanos(c.At))
}

// update folds the entries into the records that they touch and writes each of
// these once.
func (l *lists) update(ctx context.Context, q *statements, c *store.Commit) error {
	ids := map[inspection.DocID]bool{}
	for i := range c.Entries {
		if e := &c.Entries[i]; e.TouchesRecord() {
			ids[e.ID] = true
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, records, err := readRows(ctx, q, slices.Sorted(maps.Keys(ids)))
	if err != nil {
		return err
	}
	for id := range records {
		if records[id].Area != c.Area {
			return store.ErrStale
		}
	}
	before := maps.Clone(records)
	foldEntries(records, c)
	return l.write(ctx, q, rows, before, records)
}

// readRows returns the records, and the row of each, which it keeps for ever.
func readRows(ctx context.Context, q *statements, ids []inspection.DocID) (map[inspection.DocID]int64, map[inspection.DocID]store.Record, error) {
	list, err := jsonList(ids)
	if err != nil {
		return nil, nil, err
	}
	rows, records := map[inspection.DocID]int64{}, map[inspection.DocID]store.Record{}
	_, err = collect(ctx, q, func(found *sql.Rows) (struct{}, error) {
		var row int64
		r, err := scanRecordAnd(found, &row)
		rows[r.ID], records[r.ID] = row, r
		return struct{}{}, err
	}, `SELECT `+recordColumns+`, row FROM records INDEXED BY records_by_id
		WHERE id IN (SELECT value FROM json_each(?))`, list)
	return rows, records, err
}

func foldEntries(records map[inspection.DocID]store.Record, c *store.Commit) {
	for i := range c.Entries {
		e := &c.Entries[i]
		if !e.TouchesRecord() {
			continue
		}
		var before *store.Record
		if r, known := records[e.ID]; known {
			before = &r
		}
		records[e.ID] = store.Fold(before, c.Area, e)
	}
}

// insertReceipts keeps the receipt that is there: the first result wins.
func insertReceipts(ctx context.Context, q *statements, c *store.Commit) error {
	for i := range c.Entries {
		e := &c.Entries[i]
		if !e.HasReceipt() {
			continue
		}
		r := e.Receipt(c.Area)
		err := q.exec(ctx, `INSERT INTO receipts
			(actor, device, n, content, area, collection, id, rev, seq, status, code, detail)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (actor, device, n) DO NOTHING`,
			string(r.Device.User), string(r.Device.ID), r.N, r.Content, string(r.Area), string(r.Collection),
			string(r.ID), r.Rev, r.Seq, string(r.Status), string(r.Code), r.Detail)
		if err != nil {
			return err
		}
	}
	return nil
}
