package sqlite

import (
	"bytes"
	"context"
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// What lists read, kept with the records:
//
// A record's place is where it stands in a list, as bytes that sort like it:
// its start, then its id.
//
// A facet is one combination of what lists filter by. There are some dozens
// in a street, whatever the number of records. Each has a row with the number
// of records that have it now, so totals are sums; and the records of each
// facet are in order of place, so a page of any filter is the head of a few
// sorted streams.
//
// A word is a term that many records may carry. The words' table is cut into
// blocks of some thousand records in order of their arrival, and a block
// knows the newest place in it: a page of a search for what half of all
// records carry reads a block or two, a search for what three carry looks
// into each block once.

// cuts are where ways of reading lists part. A database keeps its blockBits
// for ever.
type cuts struct {
	// blockBits: a block holds 2^blockBits records.
	blockBits int
	// few is how many records may be looked at one by one.
	few int64
}

var usualCuts = cuts{blockBits: 12, few: 2000}

func (c cuts) block(row int64) int64 { return row >> c.blockBits }

// scattered is how many matches may be sorted at once, wherever they lie.
func (c cuts) scattered() int { return 2 << c.blockBits }

// placeOf returns where the record stands in a list.
func placeOf(r store.Record) []byte { return placeAt(r.Place()) }

func placeAt(m store.ListMark) []byte {
	return append(placeBefore(m.Started), m.ID...)
}

// placeBefore returns what lies before all places of the time and after those
// of all earlier times.
func placeBefore(t time.Time) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 0, 8+36), uint64(toNanos(t))^1<<63)
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

func facetOf(r store.Record) facet {
	return facet{r.Area, r.Collection, r.Index.Template, r.Index.Verdict, r.Index.State, r.Index.Evidence}
}

// countFacets brings the facets' counts from the records before to those
// after and returns the number of each facet.
func countFacets(ctx context.Context, q *statements, before, after map[inspection.DocID]store.Record) (map[facet]int64, error) {
	change := map[facet]int64{}
	for _, r := range before {
		change[facetOf(r)] -= present(r)
	}
	for _, r := range after {
		change[facetOf(r)] += present(r)
	}
	numbers := make(map[facet]int64, len(change))
	for f, n := range change {
		rows, err := collect(ctx, q, scanOne[int64], `INSERT INTO facets
			(area, collection, template, verdict, state, evidence, n) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (area, collection, template, verdict, state, evidence) DO UPDATE SET n = n + excluded.n
			RETURNING facet`,
			string(f.area), string(f.collection), f.template, f.verdict, f.state, f.evidence, n)
		if err != nil {
			return nil, err
		}
		numbers[f] = rows[0]
	}
	return numbers, nil
}

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

// word is a row of the words' table. before is the record's word before it in
// order, "" for the first: of the words of one record in a range, the first
// is the one whose predecessor lies before the range. A tombstone's facet is
// 0, which no list asks for.
type word struct {
	term, before string
	facet        int64
	place        []byte
}

func wordsOf(r store.Record, facets map[facet]int64) []word {
	var list []word
	f := facets[facetOf(r)]
	if r.Deleted {
		f = 0
	}
	before := ""
	for _, term := range r.Index.Terms {
		if !store.IsLink(term) {
			list = append(list, word{term: term, before: before, facet: f, place: placeOf(r)})
			before = term
		}
	}
	return list
}

// writeWords changes only the words that came, went or changed.
func writeWords(ctx context.Context, q *statements, block, row int64, before, after []word) error {
	was := make(map[string]word, len(before))
	for _, w := range before {
		was[w.term] = w
	}
	for _, w := range after {
		old, there := was[w.term]
		delete(was, w.term)
		if there && old.before == w.before && old.facet == w.facet && bytes.Equal(old.place, w.place) {
			continue
		}
		if err := q.exec(ctx, `INSERT INTO words (block, term, row, before, facet, place) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (block, term, row) DO UPDATE SET
				before = excluded.before, facet = excluded.facet, place = excluded.place`,
			block, w.term, row, w.before, w.facet, w.place); err != nil {
			return err
		}
	}
	for term := range was {
		if err := q.exec(ctx, `DELETE FROM words WHERE block = ? AND term = ? AND row = ?`, block, term, row); err != nil {
			return err
		}
	}
	return nil
}

// newest gathers the newest place of each block that a commit touches. What
// is stored is a bound: it never moves back when a record does.
type newest map[int64][]byte

func (n newest) note(block int64, place []byte) {
	if bytes.Compare(place, n[block]) > 0 {
		n[block] = place
	}
}

func (n newest) write(ctx context.Context, q *statements) error {
	for _, block := range slices.Sorted(maps.Keys(n)) {
		err := q.exec(ctx, `INSERT INTO blocks (block, newest) VALUES (?, ?)
			ON CONFLICT (block) DO UPDATE SET newest = excluded.newest WHERE newest < excluded.newest`, block, n[block])
		if err != nil {
			return err
		}
	}
	return nil
}
