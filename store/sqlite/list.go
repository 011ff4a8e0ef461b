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
		l, err := newListing(at, s.cuts, s.memory, q)
		if err != nil {
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
	memory *wordMemory
	areas  string // as JSON
	// facets are those that match, the one with the newest place first.
	facets []facetRow
	// streams are their numbers, as JSON.
	streams string
	// matching is how many records are in the areas and pass the filters.
	matching int64
	// Places from low, and below high, are in the list; those below next in
	// this page.
	low, high, next []byte
	// Terms from first, and below last, are asked for.
	first, last string
}

// facetRow is what a list reads of a facet.
type facetRow struct {
	number, n int64
	newest    []byte
}

// highest lies behind all places.
var highest = bytes.Repeat([]byte{0xff}, 9)

func newListing(at querier, cut cuts, m *wordMemory, q store.ListQuery) (*listing, error) {
	q.Limit, q.Count = max(q.Limit, 0), max(q.Count, 0)
	l := &listing{ListQuery: q, at: at, cut: cut, memory: m, low: []byte{}, high: highest, first: q.Term, last: q.Term + "\x00"}
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
	if !store.IsLink(q.Term) {
		l.first, l.last = wordTerm(q.Collection, l.first), wordTerm(q.Collection, l.last)
	}
	l.Areas = slices.Compact(slices.Sorted(slices.Values(q.Areas)))
	var err error
	l.areas, err = jsonList(l.Areas)
	return l, err
}

func (l *listing) filtered() bool {
	return l.Subject() != "" || l.Verdict != "" || l.State != "" || l.Evidence != ""
}

// ranged reports whether a range of time is asked for.
func (l *listing) ranged() bool { return !l.From.IsZero() || !l.To.IsZero() }

func (l *listing) run(ctx context.Context) (store.List, error) {
	if store.IsLink(l.Term) {
		return l.linked(ctx)
	}
	everything := !l.filtered()
	if everything && l.Term != "" {
		var err error
		if everything, err = l.everywhere(ctx); err != nil {
			return store.List{}, err
		}
	}
	measure := l.findFacets
	switch {
	case everything:
		measure = l.weigh
	case l.Term != "":
		measure = l.sumFacets
	}
	if err := measure(ctx); err != nil || l.matching == 0 {
		return store.List{}, err
	}
	switch {
	case l.Term == "" && everything:
		return l.allOf(ctx)
	case l.Term == "":
		return l.someOf(ctx)
	case everything:
		return l.search(ctx, wordsOfAll)
	case l.matching <= l.cut.few:
		return l.among(ctx)
	}
	return l.search(ctx, wordsOfSome)
}

// everywhere reports whether no area is left out.
func (l *listing) everywhere(ctx context.Context) (bool, error) {
	left, err := l.one(ctx, `SELECT count(*) FROM heads WHERE area NOT IN (SELECT value FROM json_each(?1)) AND area <> ?2`,
		l.areas, string(inspection.ReferenceArea))
	return left == 0, err
}

// weigh finds how many records there are.
func (l *listing) weigh(ctx context.Context) error {
	n, err := l.one(ctx, `SELECT coalesce(sum(n), 0) FROM shelves
		WHERE area IN (SELECT value FROM json_each(?1)) AND collection = ?2`, l.areas, string(l.Collection))
	l.matching = int64(n)
	return err
}

const (
	fromLinks = ` FROM (SELECT DISTINCT id AS linked FROM terms WHERE term >= ?2 AND term < ?3) t
		CROSS JOIN records r INDEXED BY records_by_id WHERE r.id = t.linked
		AND r.deleted = 0 AND r.area IN (SELECT value FROM json_each(?1)) AND r.place >= ?4 AND r.place < ?5
		AND r.collection = ?7 AND (?8 = '' OR r.template = ?8) AND (?9 = '' OR r.verdict = ?9)
		AND (?10 = '' OR r.state = ?10) AND (?11 = '' OR r.evidence = ?11)`
	pageOfLinks  = `SELECT ` + recordColumns + fromLinks + ` ORDER BY r.place DESC LIMIT ?6`
	countOfLinks = `SELECT count(*) FROM (SELECT 1` + fromLinks + ` LIMIT ?6)`

	fromAmong = ` FROM (SELECT value AS stream FROM json_each(?1)) f CROSS JOIN records r INDEXED BY records_by_facet
		WHERE r.facet = f.stream AND r.deleted = 0 AND r.place >= ?3 AND r.place < ?4
		AND instr(char(10) || r.words || char(10), ?2) > 0`
	pageOfAmong  = `SELECT r.row, r.place` + fromAmong + ` ORDER BY r.place DESC LIMIT ?5`
	countOfAmong = `SELECT count(*) FROM (SELECT 1` + fromAmong + ` LIMIT ?5)`
)

// linked lists what names one thing.
func (l *listing) linked(ctx context.Context) (store.List, error) {
	before, after := []any{l.areas, l.first, l.last}, []any{string(l.Collection), l.Subject(), l.Verdict, l.State, l.Evidence}
	records, err := collect(ctx, l.at, scanRecord, pageOfLinks, slices.Concat(before, []any{l.low, l.next, l.Limit}, after)...)
	if err != nil {
		return store.List{}, err
	}
	total, err := l.one(ctx, countOfLinks, slices.Concat(before, []any{l.low, l.high, l.Count}, after)...)
	return store.List{Records: records, Total: total}, err
}

// among looks for a term in all of the few records that pass the filters.
func (l *listing) among(ctx context.Context) (store.List, error) {
	page := func() ([]store.Record, error) {
		found, err := collect(ctx, l.at, scanSpot, pageOfAmong, l.streams, l.needle(), l.low, l.next, l.Limit)
		if err != nil {
			return nil, err
		}
		return l.read(ctx, found)
	}
	return both(page, func() (int, error) {
		return l.one(ctx, countOfAmong, l.streams, l.needle(), l.low, l.high, l.Count)
	})
}

const fromFacets = ` FROM facets INDEXED BY facets_by_values
	WHERE area IN (SELECT value FROM json_each(?1)) AND collection = ?2
	AND (?3 = '' OR template = ?3) AND (?4 = '' OR verdict = ?4)
	AND (?5 = '' OR state = ?5) AND (?6 = '' OR evidence = ?6) AND n > 0`

// sumFacets finds what matches in any order.
func (l *listing) sumFacets(ctx context.Context) error {
	found, err := collect(ctx, l.at, func(rows *sql.Rows) (string, error) {
		var streams string
		err := rows.Scan(&l.matching, &streams)
		return streams, err
	}, `SELECT coalesce(sum(n), 0), json_group_array(facet)`+fromFacets,
		l.areas, string(l.Collection), l.Subject(), l.Verdict, l.State, l.Evidence)
	if err == nil {
		l.streams = found[0]
	}
	return err
}

// findFacets finds what matches, the newest first.
func (l *listing) findFacets(ctx context.Context) error {
	found, err := collect(ctx, l.at, scanFacet, `SELECT facet, n, newest`+fromFacets,
		l.areas, string(l.Collection), l.Subject(), l.Verdict, l.State, l.Evidence)
	if err != nil {
		return err
	}
	slices.SortFunc(found, func(a, b facetRow) int { return bytes.Compare(b.newest, a.newest) })
	for _, f := range found {
		l.matching += f.n
	}
	l.facets = found
	return nil
}

func scanFacet(rows *sql.Rows) (facetRow, error) {
	var f facetRow
	err := rows.Scan(&f.number, &f.n, &f.newest)
	return f, err
}

// numbers returns the facets' numbers as JSON.
func numbers(facets []facetRow) (string, error) {
	list := make([]int64, len(facets))
	for i, f := range facets {
		list[i] = f.number
	}
	return jsonList(list)
}

// one reads a single number.
func (l *listing) one(ctx context.Context, text string, args ...any) (int, error) {
	list, err := collect(ctx, l.at, scanOne[int], text, args...)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	return list[0], nil
}

// counted adds the total, which must be counted if there is a range of time.
func (l *listing) counted(ctx context.Context, text, streams string, page func() ([]store.Record, error)) (store.List, error) {
	if !l.ranged() || l.Count == 0 {
		records, err := page()
		return store.List{Records: records, Total: int(min(l.matching, int64(l.Count)))}, err
	}
	return both(page, func() (int, error) {
		return l.one(ctx, text, streams, l.low, l.high, l.Count, string(l.Collection))
	})
}

func both(page func() ([]store.Record, error), count func() (int, error)) (store.List, error) {
	records, err := page()
	if err != nil {
		return store.List{}, err
	}
	total, err := count()
	return store.List{Records: records, Total: total}, err
}

// allOf lists what is in the areas.
func (l *listing) allOf(ctx context.Context) (store.List, error) {
	return l.counted(ctx, countOfAreas, l.areas, func() ([]store.Record, error) {
		return l.merge(ctx, mergeOfAreas, l.areas)
	})
}

// someOf lists what passes filters.
func (l *listing) someOf(ctx context.Context) (store.List, error) {
	streams, err := numbers(l.facets)
	if err != nil {
		return store.List{}, err
	}
	return l.counted(ctx, countOfFacets, streams, func() ([]store.Record, error) { return l.pageOfSome(ctx) })
}

// pageOfSome: a first page is most likely made of the facets that hold the
// newest places; it stands if nothing in the others can be newer than its end.
func (l *listing) pageOfSome(ctx context.Context) ([]store.Record, error) {
	size := l.cut.streams
	if l.After != nil {
		size = len(l.facets)
	}
	for ; ; size *= 4 {
		first := l.facets[:min(size, len(l.facets))]
		streams, err := numbers(first)
		if err != nil {
			return nil, err
		}
		records, err := l.merge(ctx, mergeOfFacets, streams)
		if err != nil || l.Limit == 0 || len(first) == len(l.facets) ||
			len(records) == l.Limit && bytes.Compare(placeOf(records[l.Limit-1]), l.facets[len(first)].newest) >= 0 {
			return records, err
		}
	}
}

func (l *listing) merge(ctx context.Context, text, streams string) ([]store.Record, error) {
	records, err := collect(ctx, l.at, scanRecord, text, streams, l.low, l.next, l.Limit, string(l.Collection))
	sortByPlace(records)
	return records, err
}

func sortByPlace(records []store.Record) {
	places := make(map[inspection.DocID][]byte, len(records))
	for _, r := range records {
		places[r.ID] = placeOf(r)
	}
	slices.SortFunc(records, func(a, b store.Record) int { return bytes.Compare(places[b.ID], places[a.ID]) })
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
		WHERE r.facet = stream AND r.deleted = 0 AND r.place = spot AND r.collection = ?5`

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
		WHERE r.facet = f.value AND r.deleted = 0 AND r.place >= ?2 AND r.place < ?3 LIMIT ?4) WHERE ?5 <> ''`

	countOfAreas = `SELECT count(*) FROM (SELECT 1 FROM json_each(?1) a CROSS JOIN records r INDEXED BY records_by_place
		WHERE r.area = a.value AND r.collection = ?5 AND r.deleted = 0 AND r.place >= ?2 AND r.place < ?3 LIMIT ?4)`
)
