package sqlite

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// What lists read, kept with the records:
//
// A record's place is where it stands in a list, as bytes that sort like it:
// its start, then its id: the 16 bytes of a UUID, the text of any other.
//
// A shelf is an area's part of a collection, and a facet one combination of
// what lists filter by on a shelf: there are some dozens of them, whatever the
// number of records. Each has a row with how many records it holds now, so
// totals are sums; and the records of each are in order of place, so a page of
// any filter is made of the heads of sorted streams. A facet also knows the
// newest place that it ever held, so that most streams need not be looked at.
//
// A word is a term that many records may carry. The words' table is cut into
// blocks of records in order of their arrival, and a block knows the newest and
// the oldest place in it. A search for what three records carry looks into each
// block once; for what a hundredth of them carry, the newest blocks will do;
// for what half of them carry, a walk through the newest records, whose index
// shows their words, finds a page soonest.

// cuts are where ways of reading lists part. Other blockBits need a migration.
type cuts struct {
	// blockBits: a block holds 2^blockBits records.
	blockBits int
	// few is how many records may be looked at one by one.
	few int64
	// dense: where more than one in so many carries a word, a search walks
	// through the records.
	dense int64
	// scattered is how many matches are taken wherever they lie.
	scattered int
	// streams is how many facets are merged at first.
	streams int
}

// lists is what the writer knows of lists. Only its goroutine may use it, but
// for the cuts, which never change.
type lists struct {
	cuts
	facets map[facet]int64 // numbers of facets that were written before
}

// maxRemembered bounds the facets that are remembered.
const maxRemembered = 10_000

func newLists() *lists { return &lists{cuts: usualCuts, facets: map[facet]int64{}} }

// write writes the records with all that lists and look-ups read of them.
func (l *lists) write(ctx context.Context, q *statements, rows map[inspection.DocID]int64, before, after map[inspection.DocID]store.Record) error {
	facets, err := l.count(ctx, q, tallies(facetOf, before, after))
	if err != nil {
		return err
	}
	if err := countShelves(ctx, q, tallies(shelfOf, before, after)); err != nil {
		return err
	}
	blocks := spans{}
	for _, id := range slices.Sorted(maps.Keys(after)) {
		was, is := before[id], after[id]
		row, err := writeRecord(ctx, q, rows[id], is, facets[facetOf(is)])
		if err != nil {
			return err
		}
		if err := writeTerms(ctx, q, id, links(was.Index.Terms), links(is.Index.Terms)); err != nil {
			return err
		}
		block := l.block(row)
		changed, err := writeWords(ctx, q, block, row, wordsOf(was, facets), wordsOf(is, facets))
		if err != nil {
			return err
		}
		blocks.note(block, placeOf(is), changed)
	}
	return blocks.write(ctx, q)
}

var usualCuts = cuts{blockBits: 15, few: 2000, dense: 25, scattered: 200, streams: 64}

func (c cuts) block(row int64) int64 { return row >> c.blockBits }

// placeOf returns where the record stands in a list.
func placeOf(r store.Record) []byte { return placeAt(r.ListMark()) }

func placeAt(m store.ListMark) []byte {
	place := placeBefore(m.Started)
	if id, err := inspection.ParseDocID(string(m.ID)); err == nil {
		if whole, err := hex.AppendDecode(place, []byte(strings.ReplaceAll(string(id), "-", ""))); err == nil {
			return whole
		}
	}
	return append(place, m.ID...) // reference documents have names
}

// placeBefore returns what lies before all places of the time and after those
// of all earlier times.
func placeBefore(t time.Time) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 0, 8+16), uint64(toNanos(t))^1<<63)
}

// startOf returns the time of a place.
func startOf(place []byte) time.Time {
	if len(place) < 8 {
		return time.Time{}
	}
	return fromNanos(int64(binary.BigEndian.Uint64(place) ^ 1<<63))
}

type facet struct {
	area                               inspection.Area
	collection                         inspection.Collection
	template, verdict, state, evidence string
}

func shelfOf(r store.Record) shelf { return shelf{r.Area, r.Collection} }

func facetOf(r store.Record) facet {
	return facet{r.Area, r.Collection, r.Index.Subject(), r.Index.Verdict, r.Index.State, r.Index.Evidence}
}

type shelf struct {
	area       inspection.Area
	collection inspection.Collection
}

// tally is how a commit changes a facet or a shelf.
type tally struct {
	n      int64
	newest []byte
}

// tallies goes from the records before a commit to those after it.
func tallies[K comparable](key func(store.Record) K, before, after map[inspection.DocID]store.Record) map[K]tally {
	change := map[K]tally{}
	for id, r := range after {
		if was, known := before[id]; known {
			t := change[key(was)]
			t.n -= present(was)
			change[key(was)] = t
		}
		t := change[key(r)]
		t.n += present(r)
		if place := placeOf(r); bytes.Compare(place, t.newest) > 0 {
			t.newest = place
		}
		change[key(r)] = t
	}
	return change
}

// count brings the facets' rows up to date and returns the number of each
// facet.
func (l *lists) count(ctx context.Context, q *statements, change map[facet]tally) (map[facet]int64, error) {
	numbers := make(map[facet]int64, len(change))
	for f, t := range change {
		number, err := l.countFacet(ctx, q, f, t)
		if err != nil {
			return nil, err
		}
		numbers[f] = number
	}
	return numbers, nil
}

// countFacet goes by the number that it remembers, if the row still is that of
// the facet: the transaction that made it may have been given up.
func (l *lists) countFacet(ctx context.Context, q *statements, f facet, t tally) (int64, error) {
	values := []any{t.n, blob(t.newest), string(f.area), string(f.collection), f.template, f.verdict, f.state, f.evidence}
	if number, known := l.facets[f]; known {
		changed, err := q.affect(ctx, `UPDATE facets SET n = n + ?, newest = max(newest, ?)
			WHERE area = ? AND collection = ? AND template = ? AND verdict = ? AND state = ? AND evidence = ? AND facet = ?`,
			append(values, number)...)
		if err != nil || changed == 1 {
			return number, err
		}
	}
	rows, err := collect(ctx, q, scanOne[int64], `INSERT INTO facets
		(n, newest, area, collection, template, verdict, state, evidence) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (area, collection, template, verdict, state, evidence) DO UPDATE SET
			n = n + excluded.n, newest = max(newest, excluded.newest)
		RETURNING facet`, values...)
	if err != nil {
		return 0, err
	}
	if len(l.facets) >= maxRemembered {
		clear(l.facets)
	}
	l.facets[f] = rows[0]
	return rows[0], nil
}

func countShelves(ctx context.Context, q *statements, change map[shelf]tally) error {
	for s, t := range change {
		if t.n == 0 {
			continue
		}
		err := q.exec(ctx, `INSERT INTO shelves (area, collection, n) VALUES (?, ?, ?)
			ON CONFLICT (area, collection) DO UPDATE SET n = n + excluded.n`, string(s.area), string(s.collection), t.n)
		if err != nil {
			return err
		}
	}
	return nil
}

// blob is b where the driver would bind a nil slice as NULL.
func blob(b []byte) []byte { return append([]byte{}, b...) }

func present(r store.Record) int64 {
	if r.Deleted {
		return 0
	}
	return 1
}

// links returns the terms that are kept by themselves, words those that are
// searched. Both stay sorted.
func links(terms []string) []string {
	return slices.DeleteFunc(slices.Clone(terms), func(t string) bool { return !store.IsLink(t) })
}

// word is a row of the words' table. Its term begins with the collection.
// shared is how many bytes it begins with like the record's word before it in
// order: of the words of one record that begin alike, the first shares less
// than that. No search asks for as many as a tombstone's words share.
type word struct {
	term   string
	shared int
	facet  int64
	place  []byte
}

// sharedByTombstones is more than any term has bytes, and stands in databases.
const sharedByTombstones = 1 << 20

func wordTerm(c inspection.Collection, term string) string { return string(c) + "/" + term }

func wordsOf(r store.Record, facets map[facet]int64) []word {
	var list []word
	f, place, before := facets[facetOf(r)], placeOf(r), ""
	for _, term := range r.Index.Terms {
		if store.IsLink(term) {
			continue
		}
		w := word{term: wordTerm(r.Collection, term), facet: f, place: place}
		w.shared = shared(before, w.term)
		if r.Deleted {
			w.shared = sharedByTombstones
		}
		list, before = append(list, w), w.term
	}
	return list
}

func shared(a, b string) (n int) {
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// writeWords changes only the words that came, went or changed, and reports
// whether any did.
func writeWords(ctx context.Context, q *statements, block, row int64, before, after []word) (changed bool, err error) {
	was := make(map[string]word, len(before))
	for _, w := range before {
		was[w.term] = w
	}
	for _, w := range after {
		old, there := was[w.term]
		delete(was, w.term)
		if there && old.shared == w.shared && old.facet == w.facet && bytes.Equal(old.place, w.place) {
			continue
		}
		changed = true
		if err := q.exec(ctx, `INSERT INTO words (block, term, row, shared, facet, place) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (block, term, row) DO UPDATE SET
				shared = excluded.shared, facet = excluded.facet, place = excluded.place`,
			block, w.term, row, w.shared, w.facet, w.place); err != nil {
			return changed, err
		}
	}
	for term := range was {
		if err := q.exec(ctx, `DELETE FROM words WHERE block = ? AND term = ? AND row = ?`, block, term, row); err != nil {
			return changed, err
		}
		changed = true
	}
	return changed, nil
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

// spans gathers the newest and the oldest place of each block that a commit
// touches, and whether words changed in it. What is stored are bounds: they
// never narrow when a record moves.
type spans map[int64]span

type span struct {
	newest, oldest []byte
	changed        bool
}

func (m spans) note(block int64, place []byte, changed bool) {
	s, known := m[block]
	if !known || bytes.Compare(place, s.newest) > 0 {
		s.newest = place
	}
	if !known || bytes.Compare(place, s.oldest) < 0 {
		s.oldest = place
	}
	s.changed = s.changed || changed
	m[block] = s
}

func (m spans) write(ctx context.Context, q *statements) error {
	for _, block := range slices.Sorted(maps.Keys(m)) {
		err := q.exec(ctx, `INSERT INTO blocks (block, newest, oldest, version) VALUES (?, ?, ?, ?)
			ON CONFLICT (block) DO UPDATE SET
				newest = max(newest, excluded.newest), oldest = min(oldest, excluded.oldest), version = version + excluded.version
			WHERE newest < excluded.newest OR oldest > excluded.oldest OR excluded.version > 0`,
			block, m[block].newest, m[block].oldest, m[block].changed)
		if err != nil {
			return err
		}
	}
	return nil
}
