package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"slices"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// List implements store.Views.
func (s *Store) List(ctx context.Context, q store.ListQuery) (store.List, error) {
	var out store.List
	err := s.snapshot(ctx, "list", func(at querier) error {
		l, err := newListing(ctx, at, s.cuts, q)
		if err != nil || l.matching == 0 {
			return err
		}
		out, err = l.run(ctx)
		return err
	})
	return out, err
}

// listing is one query, read from one snapshot.
type listing struct {
	store.ListQuery
	at     querier
	cut    cuts
	areas  string // as JSON
	facets string // the numbers of those that match, as JSON
	// matching is how many records have one of the facets.
	matching int64
	// Places from low, and below high, are in the list; those below next in
	// this page.
	low, high, next []byte
	// Terms from first, and below last, are asked for.
	first, last string
}

// highest lies behind all places.
var highest = bytes.Repeat([]byte{0xff}, 9)

func newListing(ctx context.Context, at querier, cut cuts, q store.ListQuery) (*listing, error) {
	q.Limit, q.Count = max(q.Limit, 0), max(q.Count, 0)
	l := &listing{ListQuery: q, at: at, cut: cut, low: []byte{}, high: highest, first: q.Term, last: q.Term + "\x00"}
	if !q.From.IsZero() {
		l.low = placeBefore(q.From)
	}
	if !q.To.IsZero() {
		l.high = placeBefore(q.To)
	}
	l.next = l.high
	if q.After != nil {
		if mark := placeAt(*q.After); bytes.Compare(mark, l.next) < 0 {
			l.next = mark
		}
	}
	if q.Prefix {
		l.last = q.Term + "\xff" // no UTF-8 text has this byte
	}
	var err error
	if l.areas, err = jsonList(slices.Compact(slices.Sorted(slices.Values(q.Areas)))); err != nil {
		return nil, err
	}
	return l, l.findFacets(ctx)
}

// counted is a facet, or a block, with a count or a bound.
type counted struct{ id, n int64 }

func scanCounted(rows *sql.Rows) (counted, error) {
	var c counted
	err := rows.Scan(&c.id, &c.n)
	return c, err
}

func (l *listing) findFacets(ctx context.Context) error {
	found, err := collect(ctx, l.at, scanCounted, `SELECT facet, n FROM facets INDEXED BY facets_by_values
		WHERE area IN (SELECT value FROM json_each(?1)) AND collection = ?2
		AND (?3 = '' OR template = ?3) AND (?4 = '' OR verdict = ?4)
		AND (?5 = '' OR state = ?5) AND (?6 = '' OR evidence = ?6) AND n > 0`,
		l.areas, string(l.Collection), l.Template, l.Verdict, l.State, l.Evidence)
	if err != nil {
		return err
	}
	numbers := make([]int64, len(found))
	for i, f := range found {
		numbers[i] = f.id
		l.matching += f.n
	}
	l.facets, err = jsonList(numbers)
	return err
}

func (l *listing) run(ctx context.Context) (store.List, error) {
	switch {
	case l.Term == "":
		return l.plain(ctx)
	case store.IsLink(l.Term):
		return l.chosen(ctx, pageOfLinks, countOfLinks, l.first, l.last)
	case l.matching <= l.cut.few:
		needle := "\n" + l.Term
		if !l.Prefix {
			needle += "\n"
		}
		return l.chosen(ctx, pageOfFew, countOfFew, needle, nil)
	}
	return l.search(ctx)
}

// plain lists without a term: a merge of the areas' streams if nothing is
// filtered, else of the facets'.
func (l *listing) plain(ctx context.Context) (store.List, error) {
	text, streams := mergeOfFacets, l.facets
	if l.Template == "" && l.Verdict == "" && l.State == "" && l.Evidence == "" {
		text, streams = mergeOfAreas, l.areas
	}
	records, err := collect(ctx, l.at, scanRecord, text, streams, l.low, l.next, l.Limit, string(l.Collection))
	if err != nil {
		return store.List{}, err
	}
	slices.SortFunc(records, newestFirst)
	total, err := l.plainTotal(ctx)
	return store.List{Records: records, Total: total}, err
}

func newestFirst(a, b store.Record) int { return bytes.Compare(placeOf(b), placeOf(a)) }

func (l *listing) plainTotal(ctx context.Context) (int, error) {
	if l.From.IsZero() && l.To.IsZero() || l.Count == 0 {
		return int(min(l.matching, int64(l.Count))), nil
	}
	return l.one(ctx, countOfFacets, l.facets, l.low, l.high, l.Count)
}

func (l *listing) one(ctx context.Context, text string, args ...any) (int, error) {
	list, err := collect(ctx, l.at, scanOne[int], text, args...)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	return list[0], nil
}

// The queue of a recursive query that is ordered is a priority queue: each
// stream's head goes in, the highest comes out, and the next of its stream
// takes its place. Reading stops at the limit.
const (
	mergeOfFacets = `WITH RECURSIVE page (stream, spot) AS (
			SELECT f.value, (SELECT max(place) FROM records INDEXED BY records_by_facet
				WHERE facet = f.value AND deleted = 0 AND place >= ?2 AND place < ?3)
			FROM json_each(?1) f
		UNION ALL
			SELECT p.stream, (SELECT max(place) FROM records INDEXED BY records_by_facet
				WHERE facet = p.stream AND deleted = 0 AND place >= ?2 AND place < p.spot)
			FROM page p WHERE p.spot IS NOT NULL
		ORDER BY 2 DESC LIMIT ?4
	) SELECT ` + recordColumns + ` FROM page CROSS JOIN records r INDEXED BY records_by_facet
		WHERE r.facet = stream AND r.deleted = 0 AND r.place = spot AND ?5 = ?5`

	mergeOfAreas = `WITH RECURSIVE page (stream, spot) AS (
			SELECT a.value, (SELECT max(place) FROM records INDEXED BY records_by_place
				WHERE area = a.value AND collection = ?5 AND deleted = 0 AND place >= ?2 AND place < ?3)
			FROM json_each(?1) a
		UNION ALL
			SELECT p.stream, (SELECT max(place) FROM records INDEXED BY records_by_place
				WHERE area = p.stream AND collection = ?5 AND deleted = 0 AND place >= ?2 AND place < p.spot)
			FROM page p WHERE p.spot IS NOT NULL
		ORDER BY 2 DESC LIMIT ?4
	) SELECT ` + recordColumns + ` FROM page CROSS JOIN records r INDEXED BY records_by_place
		WHERE r.area = stream AND r.collection = ?5 AND r.deleted = 0 AND r.place = spot`

	countOfFacets = `SELECT count(*) FROM (SELECT 1 FROM json_each(?1) f CROSS JOIN records r INDEXED BY records_by_facet
		WHERE r.facet = f.value AND r.deleted = 0 AND r.place >= ?2 AND r.place < ?3 LIMIT ?4)`
)

// Both ways of looking at few records have the same parameters: facets, two
// of their own, the range of places, the limit.
const (
	fromLinks = ` FROM (SELECT DISTINCT id AS linked FROM terms WHERE term >= ?2 AND term < ?3) t
		CROSS JOIN records r INDEXED BY records_by_id WHERE r.id = t.linked
		AND r.deleted = 0 AND r.facet IN (SELECT value FROM json_each(?1)) AND r.place >= ?4 AND r.place < ?5`
	pageOfLinks  = `SELECT ` + recordColumns + fromLinks + ` ORDER BY r.place DESC LIMIT ?6`
	countOfLinks = `SELECT count(*) FROM (SELECT 1` + fromLinks + ` LIMIT ?6)`

	fromFew = ` FROM (SELECT value AS stream FROM json_each(?1)) f CROSS JOIN records r INDEXED BY records_by_facet
		WHERE r.facet = f.stream AND r.deleted = 0 AND r.place >= ?4 AND r.place < ?5
		AND instr(char(10) || r.terms || char(10), ?2) > 0 AND ?3 IS NULL`
	pageOfFew  = `SELECT ` + recordColumns + fromFew + ` ORDER BY r.place DESC LIMIT ?6`
	countOfFew = `SELECT count(*) FROM (SELECT 1` + fromFew + ` LIMIT ?6)`
)

func (l *listing) chosen(ctx context.Context, page, count string, a, b any) (store.List, error) {
	records, err := collect(ctx, l.at, scanRecord, page, l.facets, a, b, l.low, l.next, l.Limit)
	if err != nil {
		return store.List{}, err
	}
	total, err := l.one(ctx, count, l.facets, a, b, l.low, l.high, l.Count)
	return store.List{Records: records, Total: total}, err
}

const (
	wordRange = ` w.term >= ?2 AND w.term < ?3 AND w.before < ?2
		AND w.facet IN (SELECT value FROM json_each(?1)) AND w.place >= ?4 AND w.place < ?5`
	countOfWords = `SELECT count(*) FROM (SELECT 1 FROM blocks CROSS JOIN words w
		WHERE w.block = blocks.block AND` + wordRange + ` LIMIT ?6)`
	wordsOfAll = `SELECT w.row, w.place FROM blocks CROSS JOIN words w
		WHERE w.block = blocks.block AND` + wordRange + ` ORDER BY w.place DESC LIMIT ?6`
	wordsOfBlock = `SELECT w.row, w.place FROM words w
		WHERE w.block = ?7 AND` + wordRange + ` ORDER BY w.place DESC LIMIT ?6`
)

// search lists by a word. What few records carry is looked up in all blocks
// at once; else the blocks are read from the newest on until none that is
// left can hold anything newer than the page.
func (l *listing) search(ctx context.Context) (store.List, error) {
	scattered := l.cut.scattered()
	found, err := l.one(ctx, countOfWords, l.facets, l.first, l.last, l.low, l.high, max(l.Count, scattered))
	if err != nil || found == 0 {
		return store.List{}, err
	}
	var spots []spot
	if found < scattered {
		spots, err = collect(ctx, l.at, scanSpot, wordsOfAll, l.facets, l.first, l.last, l.low, l.next, l.Limit)
	} else {
		spots, err = l.searchBlocks(ctx)
	}
	if err != nil {
		return store.List{}, err
	}
	records, err := l.read(ctx, spots)
	return store.List{Records: records, Total: min(found, l.Count)}, err
}

// spot is a record's row and place, or a block and its newest place.
type spot struct {
	row   int64
	place []byte
}

func scanSpot(rows *sql.Rows) (spot, error) {
	var s spot
	err := rows.Scan(&s.row, &s.place)
	return s, err
}

func highestFirst(a, b spot) int { return bytes.Compare(b.place, a.place) }

func (l *listing) searchBlocks(ctx context.Context) ([]spot, error) {
	blocks, err := collect(ctx, l.at, scanSpot, `SELECT block, newest FROM blocks`)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(blocks, highestFirst)
	var page []spot
	for _, b := range blocks {
		low := l.low
		if len(page) == l.Limit && l.Limit > 0 {
			low = page[l.Limit-1].place
		}
		if l.Limit == 0 || bytes.Compare(b.place, low) < 0 {
			break
		}
		more, err := collect(ctx, l.at, scanSpot, wordsOfBlock, l.facets, l.first, l.last, low, l.next, l.Limit, b.row)
		if err != nil {
			return nil, err
		}
		page = append(page, more...)
		slices.SortFunc(page, highestFirst)
		page = slices.CompactFunc(page, func(a, b spot) bool { return a.row == b.row })
		page = page[:min(len(page), l.Limit)]
	}
	return page, nil
}

// read returns the records of the spots, in their order.
func (l *listing) read(ctx context.Context, spots []spot) ([]store.Record, error) {
	ids := make([]inspection.DocID, len(spots))
	for i, s := range spots {
		ids[i] = inspection.DocID(s.place[8:])
	}
	records, err := readRecords(ctx, l.at, ids)
	if err != nil {
		return nil, err
	}
	list := make([]store.Record, len(ids))
	for i, id := range ids {
		list[i] = records[id]
	}
	return list, nil
}
