package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// SelfCheck implements store.Audit. SQLite looks at every page and compares
// every index with its table; then what lists and look-ups read is compared
// with what append would write for the records that are there. It reads
// snapshots and holds no one up.
func (s *Store) SelfCheck(ctx context.Context) ([]string, error) {
	faults, err := s.checkFile(ctx)
	if err != nil {
		return faults, err
	}
	c := &listCheck{cut: s.cuts}
	for {
		err := s.snapshot(ctx, "self check", func(at querier) error { return c.block(ctx, at) })
		if err != nil || c.done {
			faults = append(faults, c.faults...)
			if err != nil {
				return faults, err
			}
			break
		}
	}
	strays, err := s.checkStrays(ctx)
	return append(faults, strays...), err
}

func (s *Store) checkFile(ctx context.Context) ([]string, error) {
	var faults []string
	err := s.view("self check", func(q querier) (err error) {
		faults, err = collect(ctx, q, scanOne[string], `PRAGMA integrity_check`)
		return err
	})
	if len(faults) == 1 && faults[0] == "ok" {
		faults = nil
	}
	return faults, err
}

// strays are statements that find rows which no record explains. Each names
// what it found; rows that belong to records are looked at block by block.
var strays = []string{
	`SELECT 'the count of facet ' || facet || ' is wrong' FROM facets f WHERE n <>
		(SELECT count(*) FROM records INDEXED BY records_by_facet WHERE facet = f.facet AND deleted = 0) LIMIT 20`,
	`SELECT 'lists may pass by facet ' || facet FROM facets f WHERE newest <
		(SELECT max(place) FROM records INDEXED BY records_by_facet WHERE facet = f.facet AND deleted = 0) LIMIT 20`,
	`SELECT 'the count of ' || collection || ' in ' || area || ' is wrong' FROM shelves s WHERE n <>
		(SELECT count(*) FROM records INDEXED BY records_by_place WHERE area = s.area AND collection = s.collection AND deleted = 0) LIMIT 20`,
	`SELECT 'the word row ' || block || '/' || row || ' has no record' FROM words w
		WHERE NOT EXISTS (SELECT 1 FROM records WHERE row = w.row) LIMIT 20`,
	`SELECT 'the term row of ' || id || ' is none of its terms' FROM terms t WHERE NOT EXISTS
		(SELECT 1 FROM records r INDEXED BY records_by_id WHERE r.id = t.id
			AND instr(char(10) || r.links || char(10), char(10) || t.term || char(10)) > 0) LIMIT 20`,
}

func (s *Store) checkStrays(ctx context.Context) ([]string, error) {
	var faults []string
	err := s.view("self check", func(q querier) error {
		for _, text := range strays {
			found, err := collect(ctx, q, scanOne[string], text)
			if err != nil {
				return err
			}
			faults = append(faults, found...)
		}
		return nil
	})
	return faults, err
}

// listCheck goes through the blocks, each in a snapshot of its own, so that
// the write-ahead log can be moved in between.
type listCheck struct {
	cut    cuts
	row    int64 // where the next block begins
	done   bool
	faults []string
}

func (c *listCheck) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

// listed is what lists read of a record.
type listed struct {
	row, facet int64
	place      []byte
	store.Record
}

// block compares the next block that holds a record.
func (c *listCheck) block(ctx context.Context, at querier) error {
	list, err := collect(ctx, at, scanOne[int64], `SELECT row FROM records WHERE row >= ? ORDER BY row LIMIT 1`, c.row)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		c.done = true
		return nil
	}
	block := c.cut.block(list[0])
	c.row = (block + 1) << c.cut.blockBits
	records, err := collect(ctx, at, scanListed, `SELECT row, id, area, collection, deleted,
		template, verdict, state, evidence, facet, links, words, place FROM records WHERE row >= ? AND row < ?`,
		block<<c.cut.blockBits, c.row)
	if err != nil {
		return err
	}
	facets, err := readFacets(ctx, at)
	if err != nil {
		return err
	}
	shelves, err := collect(ctx, at, scanShelf, `SELECT area, collection FROM shelves`)
	if err != nil {
		return err
	}
	c.places(records, facets, shelves)
	if err := c.words(ctx, at, block, records, facets); err != nil {
		return err
	}
	if err := c.bound(ctx, at, block, records); err != nil {
		return err
	}
	return c.links(ctx, at, records)
}

func scanListed(rows *sql.Rows) (listed, error) {
	var l listed
	var subject, links, words string
	err := rows.Scan(&l.row, &l.ID, &l.Area, &l.Collection, &l.Deleted, &subject, &l.Index.Verdict,
		&l.Index.State, &l.Index.Evidence, &l.facet, &links, &words, &l.place)
	l.Index.SetSubject(l.Collection, subject)
	l.Index.Started, l.Index.Terms = startOf(l.place), splitTerms(links, words)
	return l, err
}

func readFacets(ctx context.Context, at querier) (map[facet]int64, error) {
	type numbered struct {
		facet
		number int64
	}
	list, err := collect(ctx, at, func(rows *sql.Rows) (n numbered, err error) {
		err = rows.Scan(&n.number, &n.area, &n.collection, &n.template, &n.verdict, &n.state, &n.evidence)
		return n, err
	}, `SELECT facet, area, collection, template, verdict, state, evidence FROM facets`)
	facets := make(map[facet]int64, len(list))
	for _, n := range list {
		facets[n.facet] = n.number
	}
	return facets, err
}

func scanShelf(rows *sql.Rows) (s shelf, err error) {
	err = rows.Scan(&s.area, &s.collection)
	return s, err
}

func (c *listCheck) places(records []listed, facets map[facet]int64, shelves []shelf) {
	for _, l := range records {
		if !l.Deleted && !slices.Contains(shelves, shelfOf(l.Record)) {
			c.fault("record %s is on no shelf", l.ID)
		}
		if !bytes.Equal(l.place, placeOf(l.Record)) {
			c.fault("record %s has another record's place in lists", l.ID)
		}
		if number, known := facets[facetOf(l.Record)]; !known || number != l.facet {
			c.fault("record %s is listed under another facet than its own", l.ID)
		}
	}
}

type wordKey struct {
	term string
	row  int64
}

// words compares the block's words with those of its records.
func (c *listCheck) words(ctx context.Context, at querier, block int64, records []listed, facets map[facet]int64) error {
	type kept struct {
		wordKey
		word
	}
	list, err := collect(ctx, at, func(rows *sql.Rows) (k kept, err error) {
		err = rows.Scan(&k.word.term, &k.row, &k.shared, &k.facet, &k.place)
		k.wordKey.term = k.word.term
		return k, err
	}, `SELECT term, row, shared, facet, place FROM words WHERE block = ?`, block)
	if err != nil {
		return err
	}
	there := make(map[wordKey]word, len(list))
	for _, k := range list {
		there[k.wordKey] = k.word
	}
	for _, l := range records {
		for _, want := range wordsOf(l.Record, facets) {
			key := wordKey{want.term, l.row}
			got, found := there[key]
			delete(there, key)
			if !found || got.shared != want.shared || got.facet != want.facet || !bytes.Equal(got.place, want.place) {
				c.fault("record %s can't be found by one of its words", l.ID)
			}
		}
	}
	if len(there) > 0 {
		c.fault("%d words of block %d are of no record", len(there), block)
	}
	return nil
}

// bound: a search that passes a block by misses nothing in it.
func (c *listCheck) bound(ctx context.Context, at querier, block int64, records []listed) error {
	list, err := collect(ctx, at, scanSpan, `SELECT newest, oldest FROM blocks WHERE block = ?`, block)
	if err != nil {
		return err
	}
	for _, l := range records {
		if len(list) == 0 || bytes.Compare(list[0].newest, l.place) < 0 || bytes.Compare(list[0].oldest, l.place) > 0 {
			c.fault("searches may pass by block %d", block)
			return nil
		}
	}
	return nil
}

func scanSpan(rows *sql.Rows) (span, error) {
	var s span
	err := rows.Scan(&s.newest, &s.oldest)
	return s, err
}

// links asks for the links of the block's records, a thousand at a time.
func (c *listCheck) links(ctx context.Context, at querier, records []listed) error {
	var wanted [][2]string
	for _, l := range records {
		for _, term := range links(l.Index.Terms) {
			wanted = append(wanted, [2]string{term, string(l.ID)})
		}
	}
	for chunk := range slices.Chunk(wanted, 1000) {
		pairs, err := json.Marshal(chunk)
		if err != nil {
			return err
		}
		missing, err := collect(ctx, at, scanOne[inspection.DocID], `SELECT e.value ->> 1 FROM json_each(?) e
			WHERE NOT EXISTS (SELECT 1 FROM terms WHERE term = e.value ->> 0 AND id = e.value ->> 1)`, string(pairs))
		if err != nil {
			return err
		}
		for _, id := range missing {
			c.fault("record %s can't be found by one of its links", id)
		}
	}
	return nil
}
