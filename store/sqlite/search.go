package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"math"
	"slices"

	"gridpatrol/store"
)

// needle is what stands in the words of a record that has the term, if each
// word has the end of a line on both sides.
func (l *listing) needle() string {
	if l.Prefix {
		return "\n" + l.Term
	}
	return "\n" + l.Term + "\n"
}

// A search reads the words of some blocks (?6), within the range of places and
// without it. Of a record's words that begin as asked (with ?8 bytes), the
// first counts.
const (
	fromWords = ` FROM json_each(?6) b CROSS JOIN words w WHERE w.block = b.value
		AND w.term >= ?2 AND w.term < ?3 AND w.shared < ?8`
	withinPlaces = ` AND w.place >= ?4 AND w.place < ?5`
	ofSome       = ` AND substr(?1, facet + 1, 1) = x'01'`
	countWords   = `SELECT count(*) FROM (SELECT 1` + fromWords
	upto         = ` LIMIT ?7)`
	pageOfWords  = `SELECT w.row, w.place` + fromWords + withinPlaces
	newestWords  = ` ORDER BY w.place DESC LIMIT ?7`
	fromArea     = ` FROM records INDEXED BY records_by_place WHERE area = ?3 AND collection = ?7 AND deleted = 0
		AND place >= ?4 AND place < ?5 AND instr(char(10) || words || char(10), ?2) > 0`
	// walked are the places that lie so many (?4) records into the range.
	walked = `SELECT (SELECT place FROM records INDEXED BY records_by_place
			WHERE area = a.value AND collection = ?5 AND deleted = 0 AND place >= ?2 AND place < ?3
			ORDER BY place DESC LIMIT 1 OFFSET ?4)
		FROM json_each(?1) a`
)

// wordTexts are the statements that read words: of all records, or of those
// of some facets.
type wordTexts struct{ count, countIn, any, page, walk string }

var wordsOfSome = wordTexts{
	count:   countWords + ofSome + upto,
	countIn: countWords + ofSome + withinPlaces + upto,
	any:     pageOfWords + ofSome + ` LIMIT ?7`,
	page:    pageOfWords + ofSome + newestWords,
	walk:    `SELECT row, place` + fromArea + ofSome + ` ORDER BY place DESC LIMIT ?6`,
}

var wordsOfAll = wordTexts{
	count:   countWords + upto,
	countIn: countWords + withinPlaces + upto,
	any:     pageOfWords + ` LIMIT ?7`,
	page:    pageOfWords + newestWords,
	walk:    `SELECT row, place` + fromArea + ` ORDER BY place DESC LIMIT ?6`,
}

// search lists by a word. What a handful of records carry is taken wherever
// it lies; else the blocks are read from the newest on, or the records are,
// if many carry the word.
func (l *listing) search(ctx context.Context, texts wordTexts) (store.List, error) {
	blocks, err := l.blocks(ctx)
	if err != nil {
		return store.List{}, err
	}
	first := min(len(blocks), 2)
	if l.ranged() {
		first = min(len(blocks), 1)
	}
	w := wordSearch{listing: l, texts: texts, newest: blocks[:first], older: blocks[first:]}
	if w.marked, err = marks(l.streams); err != nil {
		return store.List{}, err
	}
	if err := w.look(ctx); err != nil {
		return store.List{}, err
	}
	list, err := both(func() ([]store.Record, error) { return w.page(ctx) },
		func() (int, error) { return w.countIn(ctx, w.uncounted, w.Count-w.inNewest) })
	list.Total += min(w.inNewest, w.Count)
	return list, err
}

// marks has a 1 at the number of each of the facets; it is nil for all.
func marks(streams string) ([]byte, error) {
	if streams == "" {
		return nil, nil
	}
	var numbers []int64
	if err := json.Unmarshal([]byte(streams), &numbers); err != nil {
		return nil, err
	}
	marked := make([]byte, slices.Max(append(numbers, 0))+1)
	for _, n := range numbers {
		marked[n] = 1
	}
	return marked, nil
}

// wordSearch goes through the one or two newest blocks first: their spots may
// be the page, and tell how many records carry the word.
type wordSearch struct {
	*listing
	texts         wordTexts
	marked        []byte
	newest, older []block
	// spots are all of the newest blocks, unless there are many.
	spots    []spot
	many     bool
	inNewest int
	// dense is a guess that a walk finds the page soonest. In a range of
	// time, the blocks don't tell.
	dense bool
	// uncounted are the blocks without those that inNewest is of.
	uncounted []block
}

func (w *wordSearch) want() wanted {
	want := wanted{first: w.first, last: w.last, low: moment(w.low), high: math.MaxUint64, marked: w.marked}
	if !w.To.IsZero() {
		want.high = max(moment(w.high), 1) - 1
	}
	return want
}

// look finds out about the newest blocks.
func (w *wordSearch) look(ctx context.Context) (err error) {
	few := 2 * w.cut.scattered
	w.uncounted = w.older
	if w.spots, err = w.spotsIn(ctx, w.texts.any, w.newest, w.high, few); err != nil {
		return err
	}
	if w.inNewest = len(w.spots); w.inNewest < few {
		return nil
	}
	w.spots, w.many = nil, true
	return w.weighNewest(ctx)
}

// weighNewest tells whether many carry the word: it knows when so many do.
func (w *wordSearch) weighNewest(ctx context.Context) (err error) {
	dense := int(rowsOf(w.newest)/w.cut.dense) + 1
	if !w.ranged() {
		w.inNewest, err = w.countIn(ctx, w.newest, dense)
	}
	if w.dense = w.ranged() || w.inNewest == dense; w.dense {
		w.inNewest, w.uncounted = 0, w.byShare(slices.Concat(w.newest, w.older))
	}
	return err
}

// byShare puts the blocks first of which most lies in the range: a count up to
// a number reads the least.
func (w *wordSearch) byShare(blocks []block) []block {
	share := func(b block) float64 {
		oldest, newest := float64(moment(b.oldest)), float64(moment(b.newest))
		return (min(newest, float64(moment(w.high))) - max(oldest, float64(moment(w.low)))) / max(newest-oldest, 1)
	}
	slices.SortStableFunc(blocks, func(a, b block) int { return cmp.Compare(share(b), share(a)) })
	return blocks
}

func (w *wordSearch) page(ctx context.Context) ([]store.Record, error) {
	spots, err := w.find(ctx)
	if err != nil {
		return nil, err
	}
	return w.read(ctx, spots)
}

func (w *wordSearch) find(ctx context.Context) ([]spot, error) {
	if w.Limit == 0 {
		return nil, nil
	}
	if w.dense {
		if page, err := w.walk(ctx); err != nil || len(page) == w.Limit {
			return page, err
		}
	}
	if w.many {
		return w.searchBlocks(ctx, nil, slices.Concat(w.newest, w.older), 1)
	}
	// Where there is little among the newest, there is little elsewhere.
	size := 1
	if len(w.spots) < w.cut.scattered/10 {
		size = len(w.older)
	}
	return w.searchBlocks(ctx, w.pageOf(w.spots), w.older, size)
}

// block is a part of the words' table with the bounds of its places.
type block struct {
	span
	number, rows, version int64
	// recent: records still arrive in it, or are about to be reviewed.
	recent bool
}

// blocks returns those that may hold something in the range, from the one with
// the newest place in it on. Of those that reach beyond the range, the first
// holds most of its end: what arrived when it was over are late comers.
func (l *listing) blocks(ctx context.Context) ([]block, error) {
	last, err := l.one(ctx, `SELECT coalesce(max(row), 0) FROM records`)
	if err != nil {
		return nil, err
	}
	blocks, err := collect(ctx, l.at, func(rows *sql.Rows) (block, error) {
		var b block
		err := rows.Scan(&b.number, &b.newest, &b.oldest, &b.version)
		b.recent = b.number+1 >= l.cut.block(int64(last))
		b.rows = min(int64(last)-b.number<<l.cut.blockBits+1, 1<<l.cut.blockBits)
		return b, err
	}, `SELECT block, newest, oldest, version FROM blocks WHERE newest >= ? AND oldest < ?`, l.low, l.high)
	slices.SortFunc(blocks, func(a, b block) int {
		if bytes.Compare(a.newest, l.high) >= 0 && bytes.Compare(b.newest, l.high) >= 0 {
			return bytes.Compare(a.newest, b.newest)
		}
		return bytes.Compare(b.newest, a.newest)
	})
	return blocks, err
}

func rowsOf(blocks []block) (n int64) {
	for _, b := range blocks {
		n += b.rows
	}
	return n
}

func numbersOf(blocks []block) (string, error) {
	list := make([]int64, len(blocks))
	for i, b := range blocks {
		list[i] = b.number
	}
	return jsonList(list)
}

// countIn counts what the blocks hold, up to a number: first in memory, then
// in the rows of the others.
func (w *wordSearch) countIn(ctx context.Context, blocks []block, limit int) (n int, err error) {
	kept, others := w.memory.split(blocks)
	want := w.want()
	for _, c := range kept {
		n += c.count(want, limit-n)
	}
	if len(others) == 0 || n >= limit {
		return n, nil
	}
	w.memory.ask(ctx, slices.DeleteFunc(slices.Clone(others), func(b block) bool { return b.recent }))
	more, err := w.countRows(ctx, others, limit-n)
	return n + more, err
}

func (w *wordSearch) countRows(ctx context.Context, blocks []block, limit int) (int, error) {
	list, err := numbersOf(blocks)
	if err != nil {
		return 0, err
	}
	text := w.texts.countIn
	if !w.ranged() {
		text = w.texts.count
	}
	return w.one(ctx, text, w.marked, w.first, w.last, w.low, w.high, list, limit, len(w.first))
}

// spotsIn returns spots of the blocks that lie below a place.
func (w *wordSearch) spotsIn(ctx context.Context, text string, blocks []block, below []byte, limit int) ([]spot, error) {
	list, err := numbersOf(blocks)
	if err != nil {
		return nil, err
	}
	return collect(ctx, w.at, scanSpot, text, w.marked, w.first, w.last, w.low, below, list, limit, len(w.first))
}

// spot is a record's row and place.
type spot struct {
	row   int64
	place []byte
}

func scanSpot(rows *sql.Rows) (spot, error) {
	var s spot
	err := rows.Scan(&s.row, &s.place)
	return s, err
}

// pageOf takes the page out of spots in any order.
func (l *listing) pageOf(spots []spot) []spot {
	spots = slices.DeleteFunc(spots, func(s spot) bool { return bytes.Compare(s.place, l.next) >= 0 })
	slices.SortFunc(spots, func(a, b spot) int { return bytes.Compare(b.place, a.place) })
	return spots[:min(len(spots), l.Limit)]
}

// walk looks for the page among the newest records of each area: twice as many
// as it should take.
func (w *wordSearch) walk(ctx context.Context) ([]spot, error) {
	each := 2*int64(w.Limit)*w.cut.dense/int64(len(w.Areas)) + 1
	bounds, err := collect(ctx, w.at, scanOne[[]byte], walked, w.areas, w.low, w.next, each, string(w.Collection))
	if err != nil {
		return nil, err
	}
	low := w.low
	for _, bound := range bounds {
		if bytes.Compare(bound, low) > 0 {
			low = bound
		}
	}
	var page []spot
	for _, area := range w.Areas {
		if len(page) == w.Limit {
			low = page[w.Limit-1].place
		}
		more, err := collect(ctx, w.at, scanSpot, w.texts.walk, w.marked, w.needle(), string(area), low, w.next, w.Limit, string(w.Collection))
		if err != nil {
			return nil, err
		}
		page = w.pageOf(append(page, more...))
	}
	return page, nil
}

// searchBlocks adds to a page from so many blocks, then twice as many, and so
// on, until nothing that is left can hold anything newer than its end.
func (w *wordSearch) searchBlocks(ctx context.Context, page []spot, blocks []block, size int) ([]spot, error) {
	for ; len(blocks) > 0; size *= 2 {
		if len(page) == w.Limit && bytes.Compare(blocks[0].newest, page[w.Limit-1].place) < 0 {
			break
		}
		size = min(size, len(blocks))
		more, err := w.spotsIn(ctx, w.texts.page, blocks[:size], w.next, w.Limit)
		if err != nil {
			return nil, err
		}
		page, blocks = w.pageOf(append(page, more...)), blocks[size:]
	}
	return page, nil
}

// read returns the records of the spots, in their order.
func (l *listing) read(ctx context.Context, spots []spot) ([]store.Record, error) {
	rows := make([]int64, len(spots))
	for i, s := range spots {
		rows[i] = s.row
	}
	list, err := jsonList(rows)
	if err != nil {
		return nil, err
	}
	records, err := collect(ctx, l.at, scanRecord, `SELECT `+recordColumns+` FROM records
		WHERE row IN (SELECT value FROM json_each(?))`, list)
	sortByPlace(records)
	return records, err
}
