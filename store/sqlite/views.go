package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Records implements store.Views. There are no unfinished appends here, so no
// id is ever claimed only.
func (s *Store) Records(ctx context.Context, ids []inspection.DocID) (map[inspection.DocID]store.Record, error) {
	var records map[inspection.DocID]store.Record
	err := s.view("records", func(q querier) (err error) {
		records, err = readRecords(ctx, q, ids)
		return err
	})
	return records, err
}

func readRecords(ctx context.Context, q querier, ids []inspection.DocID) (map[inspection.DocID]store.Record, error) {
	list, err := jsonList(ids)
	if err != nil {
		return nil, err
	}
	found, err := collect(ctx, q, scanRecord, `SELECT `+recordColumns+` FROM records INDEXED BY records_by_id
		WHERE id IN (SELECT value FROM json_each(?))`, list)
	if err != nil {
		return nil, err
	}
	records := make(map[inspection.DocID]store.Record, len(ids))
	for _, r := range found {
		records[r.ID] = r
	}
	return records, nil
}

// jsonList is how a list becomes one parameter, so that statements for lists
// of all lengths are prepared once.
func jsonList[T any](list []T) (string, error) {
	if list == nil {
		return "[]", nil
	}
	b, err := json.Marshal(list)
	return string(b), err
}

const (
	termedLinks = `SELECT ` + recordColumns + ` FROM records INDEXED BY records_by_id
		WHERE id IN (SELECT id FROM terms WHERE term = ?1 AND id > ?2 ORDER BY id LIMIT ?3) ORDER BY id`
	termedWords = `SELECT ` + recordColumns + ` FROM records INDEXED BY records_by_id
		WHERE id > ?2 AND id IN (SELECT r.id FROM blocks CROSS JOIN words w CROSS JOIN records r
			WHERE w.block = blocks.block AND w.term IN (SELECT value FROM json_each(?1)) AND r.row = w.row)
		ORDER BY id LIMIT ?3`
)

// others are the collections that phones neither write nor read.
var others = []inspection.Collection{inspection.Users, inspection.Quarantine}

// ByTerm implements store.Views.
func (s *Store) ByTerm(ctx context.Context, term string, after inspection.DocID, limit int) ([]store.Record, error) {
	text, asked := termedLinks, term
	if !store.IsLink(term) {
		var words []string
		for _, c := range slices.Concat(inspection.FieldCollections, inspection.ReferenceCollections, others) {
			words = append(words, wordTerm(c, term))
		}
		list, err := jsonList(words)
		if err != nil {
			return nil, err
		}
		text, asked = termedWords, list
	}
	var list []store.Record
	err := s.view("termed", func(q querier) (err error) {
		list, err = collect(ctx, q, scanRecord, text, asked, string(after), max(limit, 0))
		return err
	})
	return list, err
}

// Changes implements store.Views. The head is read in the same snapshot as
// the records: what is committed while the page is read lies above its Seq.
func (s *Store) Changes(ctx context.Context, q store.ChangesQuery) (store.Changes, error) {
	var page store.Changes
	err := s.snapshot(ctx, "changes", func(at querier) error {
		head, err := readHead(ctx, at, q.Area)
		if err != nil {
			return err
		}
		upto := head.Seq
		if q.Upto > 0 {
			upto = min(q.Upto, head.Seq)
		}
		found, err := changed(ctx, at, q, upto)
		if err != nil {
			return err
		}
		page = q.Page(found, max(upto, q.After))
		return nil
	})
	if err != nil {
		return store.Changes{}, err
	}
	return page, nil
}

// changed returns up to one record more than the page holds: first the kept
// ones among the old, then all of the new.
func changed(ctx context.Context, q querier, query store.ChangesQuery, upto int64) ([]store.Record, error) {
	collections, err := jsonList(query.Collections)
	if err != nil {
		return nil, err
	}
	texts, scan := wholeRecords, scanRecord
	if query.Bare {
		texts, scan = bareRecords, scanBare
	}
	want := max(query.Limit, 0) + 1
	boundary := min(max(query.After, query.PinnedUpto), upto)
	var kept []store.Record
	if query.After < boundary {
		kept, err = collectSized(ctx, q, want, scan, texts.pinned, string(query.Area), query.After, boundary, collections, want)
		if err != nil {
			return nil, err
		}
	}
	if boundary >= upto {
		return kept, nil
	}
	rest, err := collectSized(ctx, q, want, scan, texts.rest, string(query.Area), boundary, upto, collections, want-len(kept))
	return append(kept, rest...), err
}

const (
	fromPinned = ` FROM records INDEXED BY records_kept WHERE area = ? AND seq > ? AND seq <= ? AND kept = 1
		AND collection IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT ?`
	fromSeq = ` FROM records INDEXED BY records_by_seq WHERE area = ? AND seq > ? AND seq <= ?
		AND collection IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT ?`
	bareColumns = `id, area, collection, seq, deleted, kept, doc`
)

// changeTexts read what changed: the pinned records of an old range, and all.
type changeTexts struct{ pinned, rest string }

var (
	wholeRecords = changeTexts{`SELECT ` + recordColumns + fromPinned, `SELECT ` + recordColumns + fromSeq}
	bareRecords  = changeTexts{`SELECT ` + bareColumns + fromPinned, `SELECT ` + bareColumns + fromSeq}
)

func scanBare(rows *sql.Rows) (store.Record, error) {
	var r store.Record
	err := rows.Scan(&r.ID, &r.Area, &r.Collection, &r.Seq, &r.Deleted, &r.Pinned, &r.Doc)
	return r, err
}

const receiptColumns = `actor, device, n, content, area, collection, id, rev, seq, status, code, detail`

// Receipts implements store.Views.
func (s *Store) Receipts(ctx context.Context, device inspection.Device, ns []int64) (map[int64]store.Receipt, error) {
	list, err := jsonList(ns)
	if err != nil {
		return nil, err
	}
	receipts := make(map[int64]store.Receipt, len(ns))
	err = s.view("receipts", func(q querier) error {
		found, err := collect(ctx, q, scanReceipt, `SELECT `+receiptColumns+` FROM receipts
			WHERE actor = ? AND device = ? AND n IN (SELECT value FROM json_each(?))`,
			string(device.User), string(device.ID), list)
		for _, r := range found {
			receipts[r.N] = r
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return receipts, nil
}

func scanReceipt(rows *sql.Rows) (store.Receipt, error) {
	var r store.Receipt
	err := rows.Scan(&r.Device.User, &r.Device.ID, &r.N, &r.Content, &r.Area, &r.Collection,
		&r.ID, &r.Rev, &r.Seq, &r.Status, &r.Code, &r.Detail)
	return r, err
}

// LastN implements store.Views.
func (s *Store) LastN(ctx context.Context, device inspection.Device) (int64, error) {
	var last int64
	err := s.view("last n", func(q querier) error {
		list, err := collect(ctx, q, scanOne[int64], `SELECT n FROM receipts
			WHERE actor = ? AND device = ? ORDER BY n DESC LIMIT 1`, string(device.User), string(device.ID))
		if err == nil && len(list) > 0 {
			last = max(list[0], 0)
		}
		return err
	})
	return last, err
}
