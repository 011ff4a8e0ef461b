package sqlite

import (
	"fmt"
	"slices"
	"testing"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// toVersion2 makes of a database what the program of schema 2 had written.
const toVersion2 = `
DROP INDEX records_by_place;
DROP INDEX records_by_facet;
CREATE TEMP TABLE texts AS SELECT DISTINCT place AS short, CAST(substr(place, 1, 8) || lower(
	substr(hex(place), 17, 8) || '-' || substr(hex(place), 25, 4) || '-' || substr(hex(place), 29, 4) || '-' ||
	substr(hex(place), 33, 4) || '-' || substr(hex(place), 37)) AS BLOB) AS long FROM records;
ALTER TABLE words RENAME TO lean;
CREATE TABLE words (
	block INTEGER NOT NULL, term TEXT NOT NULL, row INTEGER NOT NULL, before TEXT NOT NULL, facet INTEGER NOT NULL, place BLOB NOT NULL,
	PRIMARY KEY (block, term, row)
) STRICT, WITHOUT ROWID;
INSERT INTO words SELECT l.row >> 16, l.term, l.row,
	coalesce((SELECT max(term) FROM lean p WHERE p.row = l.row AND p.term < l.term), ''),
	CASE WHEN r.deleted THEN 0 ELSE l.facet END, (SELECT long FROM texts WHERE short = l.place)
	FROM lean l JOIN records r ON r.row = l.row;
DROP TABLE lean;
UPDATE records SET place = (SELECT long FROM texts WHERE short = place);
UPDATE facets SET newest = (SELECT long FROM texts WHERE short = newest);
DELETE FROM blocks;
ALTER TABLE blocks DROP COLUMN version;
INSERT INTO blocks (block, newest, oldest) SELECT row >> 16, max(place), x'' FROM records GROUP BY 1;
CREATE INDEX records_by_place ON records (area, collection, place, facet, words) WHERE deleted = 0;
CREATE INDEX records_by_facet ON records (facet, place, words) WHERE deleted = 0;
PRAGMA user_version = 2;
`

// TestFromVersion2: a database that an earlier program wrote lists the same
// when this one has opened it.
func TestFromVersion2(t *testing.T) {
	dir := t.TempDir()
	s := &searcher{T: t, st: patient{openIn(t, dir)}}
	for doc := range 12 {
		s.put(doc, 1, fmt.Sprintf("陕A%05d", doc), doc == 3)
	}
	words, want := s.read(`SELECT block, term, row, shared, facet, hex(place) FROM words ORDER BY 1, 2, 3`), s.all()
	if err := s.st.Close(); err != nil {
		t.Fatal(err)
	}
	alter(t, dir, toVersion2)
	s.st = patient{openIn(t, dir)}
	if faults, err := s.st.SelfCheck(t.Context()); err != nil || len(faults) > 0 {
		t.Errorf("the self check says %v, %v", faults, err)
	}
	if got := s.read(`SELECT block, term, row, shared, facet, hex(place) FROM words ORDER BY 1, 2, 3`); !slices.Equal(got, words) {
		t.Errorf("the words are\n%q, were\n%q", got, words)
	}
	if got := s.all(); !slices.Equal(got, want) {
		t.Errorf("the list is %v, was %v", got, want)
	}
	s.finds("陕A0", 11)
	s.put(3, 2, "陕A00003", false)
	s.finds("陕A", 12)
}

func (s *searcher) all() (ids []inspection.DocID) {
	s.Helper()
	list, err := s.st.List(s.Context(), store.ListQuery{
		Areas: []inspection.Area{street}, Collection: inspection.Inspections, Term: store.TermText, Prefix: true, Limit: 100,
	})
	if err != nil {
		s.Fatal(err)
	}
	for _, r := range list.Records {
		ids = append(ids, r.ID)
	}
	return ids
}

// read returns the rows as texts.
func (s *searcher) read(text string) (list []string) {
	s.Helper()
	rows, err := s.st.db.QueryContext(s.Context(), text)
	if err != nil {
		s.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		values := make([]any, 6)
		holes := make([]any, 6)
		for i := range values {
			holes[i] = &values[i]
		}
		if err := rows.Scan(holes...); err != nil {
			s.Fatal(err)
		}
		list = append(list, fmt.Sprint(values...))
	}
	if err := rows.Err(); err != nil {
		s.Fatal(err)
	}
	return list
}
