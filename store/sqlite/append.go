package sqlite

import (
	"context"
	"fmt"
	"maps"
	"slices"

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
		return appendCommit(ctx, q, c, s.cuts)
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

func appendCommit(ctx context.Context, q *statements, c *store.Commit, cut cuts) error {
	head, err := readHead(ctx, q, c.Area)
	if err != nil {
		return err
	}
	if head.Seq != c.First-1 || head.Hash != c.Previous {
		return store.ErrStale
	}
	if err := updateRecords(ctx, q, c, cut); err != nil {
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

// updateRecords folds the entries into the records that they touch and writes
// each of these once.
func updateRecords(ctx context.Context, q *statements, c *store.Commit, cut cuts) error {
	ids := map[inspection.DocID]bool{}
	for i := range c.Entries {
		if e := &c.Entries[i]; e.TouchesRecord() {
			ids[e.ID] = true
		}
	}
	if len(ids) == 0 {
		return nil
	}
	records, err := readRecords(ctx, q, slices.Sorted(maps.Keys(ids)))
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
	return writeRecords(ctx, q, cut, before, records)
}

// writeRecords writes the records with all that lists and look-ups read of
// them.
func writeRecords(ctx context.Context, q *statements, cut cuts, before, after map[inspection.DocID]store.Record) error {
	facets, err := countFacets(ctx, q, tallies(facetOf, before, after))
	if err != nil {
		return err
	}
	if err := countShelves(ctx, q, tallies(shelfOf, before, after)); err != nil {
		return err
	}
	blocks := newest{}
	for _, id := range slices.Sorted(maps.Keys(after)) {
		was, is := before[id], after[id]
		row, err := writeRecord(ctx, q, is, facets[facetOf(is)])
		if err != nil {
			return err
		}
		if err := writeTerms(ctx, q, id, links(was.Index.Terms), links(is.Index.Terms)); err != nil {
			return err
		}
		block := cut.block(row)
		if err := writeWords(ctx, q, block, row, wordsOf(was, facets), wordsOf(is, facets)); err != nil {
			return err
		}
		blocks.note(block, placeOf(is))
	}
	return blocks.write(ctx, q)
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

// writeRecord returns the record's row, which it keeps for ever.
func writeRecord(ctx context.Context, q *statements, r store.Record, facet int64) (int64, error) {
	links, words := joinTerms(r.Index.Terms)
	rows, err := collect(ctx, q, scanOne[int64], `INSERT INTO records
		(id, area, collection, rev, seq, at, deleted, kept, revisions, marks,
			template, verdict, state, evidence, place, facet, links, words, doc)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET
			collection = excluded.collection, rev = excluded.rev, seq = excluded.seq, at = excluded.at,
			deleted = excluded.deleted, kept = excluded.kept,
			revisions = excluded.revisions, marks = excluded.marks,
			template = excluded.template, verdict = excluded.verdict, state = excluded.state,
			evidence = excluded.evidence, place = excluded.place, facet = excluded.facet,
			links = excluded.links, words = excluded.words, doc = excluded.doc
		RETURNING row`,
		string(r.ID), string(r.Area), string(r.Collection), r.Rev, r.Seq, toNanos(r.At), r.Deleted, r.Kept,
		store.PackSeqs(r.Revisions), encodeMarks(r.Marks),
		r.Index.Template, r.Index.Verdict, r.Index.State, r.Index.Evidence, placeOf(r), facet,
		links, words, r.Doc)
	if err != nil {
		return 0, err
	}
	return rows[0], nil
}

// writeTerms changes only the terms that came or went. Both lists are sorted.
func writeTerms(ctx context.Context, q *statements, id inspection.DocID, before, after []string) error {
	for _, term := range before {
		if _, stays := slices.BinarySearch(after, term); stays {
			continue
		}
		if err := q.exec(ctx, `DELETE FROM terms WHERE term = ? AND id = ?`, term, string(id)); err != nil {
			return err
		}
	}
	for _, term := range after {
		if _, there := slices.BinarySearch(before, term); there {
			continue
		}
		if err := q.exec(ctx, `INSERT INTO terms (term, id) VALUES (?, ?)`, term, string(id)); err != nil {
			return err
		}
	}
	return nil
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
