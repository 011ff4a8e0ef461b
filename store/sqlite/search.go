package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"slices"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Both ways of looking at few records have the same parameters: what to look
// through, two of their own, the range of places, the limit.
const (
	fromLinks = ` FROM (SELECT DISTINCT id AS linked FROM terms WHERE term >= ?2 AND term < ?3) t
		CROSS JOIN records r INDEXED BY records_by_id WHERE r.id = t.linked
		AND r.deleted = 0 AND r.area IN (SELECT value FROM json_each(?1)) AND r.place >= ?4 AND r.place < ?5
		AND r.collection = ?7 AND (?8 = '' OR r.template = ?8) AND (?9 = '' OR r.verdict = ?9)
		AND (?10 = '' OR r.state = ?10) AND (?11 = '' OR r.evidence = ?11)`
	pageOfLinks  = `SELECT ` + recordColumns + fromLinks + ` ORDER BY r.place DESC LIMIT ?6`
	countOfLinks = `SELECT count(*) FROM (SELECT 1` + fromLinks + ` LIMIT ?6)`

	fromAmong = ` FROM (SELECT value AS stream FROM json_each(?1)) f CROSS JOIN records r INDEXED BY records_by_facet
		WHERE r.facet = f.stream AND r.deleted = 0 AND r.place >= ?4 AND r.place < ?5
		AND instr(char(10) || r.words || ?3, ?2) > 0`
	pageOfAmong  = `SELECT ` + recordColumns + fromAmong + ` ORDER BY r.place DESC LIMIT ?6`
	countOfAmong = `SELECT count(*) FROM (SELECT 1` + fromAmong + ` LIMIT ?6)`
)

// linked lists what names one thing.
func (l *listing) linked(ctx context.Context) (store.List, error) {
	return l.chosen(ctx, pageOfLinks, countOfLinks, []any{l.areas, l.first, l.last},
		[]any{string(l.Collection), l.Template, l.Verdict, l.State, l.Evidence})
}

// among looks for a term in all of the few records that pass the filters.
func (l *listing) among(ctx context.Context) (store.List, error) {
	streams, err := numbers(l.facets)
	if err != nil {
		return store.List{}, err
	}
	needle := "\n" + l.Term
	if !l.Prefix {
		needle += "\n"
	}
	return l.chosen(ctx, pageOfAmong, countOfAmong, []any{streams, needle, "\n"}, nil)
}

func (l *listing) chosen(ctx context.Context, page, count string, before, after []any) (store.List, error) {
	records, err := collect(ctx, l.at, scanRecord, page, slices.Concat(before, []any{l.low, l.next, l.Limit}, after)...)
	if err != nil {
		return store.List{}, err
	}
	total, err := l.one(ctx, count, slices.Concat(before, []any{l.low, l.high, l.Count}, after)...)
	return store.List{Records: records, Total: total}, err
}

const (
	someWords = ` w.term >= ?2 AND w.term < ?3 AND w.before < ?2 AND w.place >= ?4 AND w.place < ?5
		AND w.facet IN (SELECT value FROM json_each(?1))`
	allWords = ` w.term >= ?2 AND w.term < ?3 AND w.before < ?2 AND w.place >= ?4 AND w.place < ?5
		AND w.facet > 0 AND ?1 = ''`
	fromWords   = ` FROM blocks CROSS JOIN words w WHERE w.block = blocks.block AND`
	fromSome    = ` FROM json_each(?7) b CROSS JOIN words w WHERE w.block = b.value AND`
	newestWords = ` ORDER BY w.place DESC LIMIT ?6`
	fromArea    = ` FROM records INDEXED BY records_by_place WHERE area = ?3 AND collection = ?7 AND deleted = 0
		AND place >= ?4 AND place < ?5 AND instr(char(10) || words || char(10), ?2) > 0`
)

// wordTexts are the statements that read words: of all records, or of those
// of some facets.
type wordTexts struct{ first, count, page, walk string }

var wordsOfSome = wordTexts{
	first: `SELECT w.row, w.place` + fromWords + someWords + ` LIMIT ?6`,
	count: `SELECT count(*) FROM (SELECT 1` + fromWords + someWords + ` LIMIT ?6)`,
	page:  `SELECT w.row, w.place` + fromSome + someWords + newestWords,
	walk: `SELECT row, place` + fromArea + ` AND facet IN (SELECT value FROM json_each(?1))
		ORDER BY place DESC LIMIT ?6`,
}

var wordsOfAll = wordTexts{
	first: `SELECT w.row, w.place` + fromWords + allWords + ` LIMIT ?6`,
	count: `SELECT count(*) FROM (SELECT 1` + fromWords + allWords + ` LIMIT ?6)`,
	page:  `SELECT w.row, w.place` + fromSome + allWords + newestWords,
	walk:  `SELECT row, place` + fromArea + ` AND ?1 = '' ORDER BY place DESC LIMIT ?6`,
}

// search lists by a word. What a handful of records carry is taken wherever
// it lies; else the blocks are read from the newest on.
func (l *listing) search(ctx context.Context, everything bool) (store.List, error) {
	texts, facets := wordsOfAll, ""
	if !everything {
		var err error
		if facets, err = numbers(l.facets); err != nil {
			return store.List{}, err
		}
		texts = wordsOfSome
	}
	found, err := collect(ctx, l.at, scanSpot, texts.first, facets, l.first, l.last, l.low, l.high, l.cut.scattered)
	if err != nil {
		return store.List{}, err
	}
	total := len(found)
	if total == l.cut.scattered {
		total, err = l.one(ctx, texts.count, facets, l.first, l.last, l.low, l.high, max(l.Count, l.cut.dense))
		if err != nil {
			return store.List{}, err
		}
		if found, err = l.searchMany(ctx, texts, facets, total); err != nil {
			return store.List{}, err
		}
	}
	records, err := l.read(ctx, l.pageOf(found))
	return store.List{Records: records, Total: min(total, l.Count)}, err
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

// pageOf takes the page out of spots in any order.
func (l *listing) pageOf(spots []spot) []spot {
	spots = slices.DeleteFunc(spots, func(s spot) bool { return bytes.Compare(s.place, l.next) >= 0 })
	slices.SortFunc(spots, highestFirst)
	return spots[:min(len(spots), l.Limit)]
}

// searchMany returns a page of what many records carry.
func (l *listing) searchMany(ctx context.Context, texts wordTexts, facets string, total int) ([]spot, error) {
	blocks, err := collect(ctx, l.at, scanSpot, `SELECT block, newest FROM blocks`)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(blocks, highestFirst)
	if total >= l.cut.dense || int64(total) >= l.matching/20 {
		page, err := l.walk(ctx, texts.walk, facets, blocks)
		if err != nil || len(page) == l.Limit {
			return page, err
		}
	}
	return l.searchBlocks(ctx, texts.page, facets, blocks)
}

// walk looks for the page among the newest records: those that are newer than
// all but two blocks.
func (l *listing) walk(ctx context.Context, text, facets string, blocks []spot) ([]spot, error) {
	low := l.low
	if len(blocks) > 2 && bytes.Compare(blocks[2].place, low) > 0 {
		low = blocks[2].place
	}
	needle := "\n" + l.Term
	if !l.Prefix {
		needle += "\n"
	}
	var page []spot
	for _, area := range l.Areas {
		if len(page) == l.Limit && l.Limit > 0 {
			low = page[l.Limit-1].place
		}
		more, err := collect(ctx, l.at, scanSpot, text, facets, needle, string(area), low, l.next, l.Limit, string(l.Collection))
		if err != nil {
			return nil, err
		}
		page = l.pageOf(append(page, more...))
	}
	return page, nil
}

// searchBlocks reads one block, then four, and so on, until nothing that is
// left can hold anything newer than the end of the page.
func (l *listing) searchBlocks(ctx context.Context, text, facets string, blocks []spot) ([]spot, error) {
	var page []spot
	for size := 1; len(blocks) > 0 && l.Limit > 0; size *= 4 {
		if len(page) == l.Limit && bytes.Compare(blocks[0].place, page[l.Limit-1].place) < 0 {
			break
		}
		size = min(size, len(blocks))
		chunk := make([]int64, size)
		for i, b := range blocks[:size] {
			chunk[i] = b.row
		}
		list, err := jsonList(chunk)
		if err != nil {
			return nil, err
		}
		more, err := collect(ctx, l.at, scanSpot, text, facets, l.first, l.last, l.low, l.next, l.Limit, list)
		if err != nil {
			return nil, err
		}
		page, blocks = l.pageOf(append(page, more...)), blocks[size:]
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
