package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"gridpatrol/inspection"
)

// applicationID marks the file as ours: "GRDP".
const applicationID = 0x47524450

// migrations lead from each schema version to the next; version n is the
// schema after the first n. A released one never changes.
//
// Times are nanoseconds since 1970, UTC. Keys and ids compare bytewise. The
// log's and the records' tables have rowids because their rows are big. What
// lists read (places, facets, shelves, words, blocks) is told in listed.go.
var migrations = []string{`
CREATE TABLE meta (
	name  TEXT NOT NULL PRIMARY KEY,
	value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE heads (
	area TEXT NOT NULL PRIMARY KEY,
	seq  INTEGER NOT NULL,
	hash BLOB NOT NULL,
	at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE log (
	area     TEXT NOT NULL,
	first    INTEGER NOT NULL,
	last     INTEGER NOT NULL,
	at       INTEGER NOT NULL,
	previous BLOB NOT NULL,
	hash     BLOB NOT NULL,
	bytes    BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX log_by_first ON log (area, first);
CREATE UNIQUE INDEX log_by_last ON log (area, last);
CREATE INDEX log_by_time ON log (area, at, last);

CREATE TABLE records (
	row        INTEGER PRIMARY KEY,
	id         TEXT NOT NULL,
	area       TEXT NOT NULL,
	collection TEXT NOT NULL,
	rev        INTEGER NOT NULL,
	seq        INTEGER NOT NULL,
	at         INTEGER NOT NULL,
	deleted    INTEGER NOT NULL,
	kept       INTEGER NOT NULL,
	revisions  BLOB NOT NULL,
	marks      BLOB NOT NULL,
	template   TEXT NOT NULL,
	verdict    TEXT NOT NULL,
	state      TEXT NOT NULL,
	evidence   TEXT NOT NULL,
	place      BLOB NOT NULL,
	facet      INTEGER NOT NULL,
	links      TEXT NOT NULL,
	words      TEXT NOT NULL,
	doc        BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX records_by_id ON records (id);
CREATE UNIQUE INDEX records_by_seq ON records (area, seq, collection);
CREATE INDEX records_kept ON records (area, seq, collection) WHERE kept = 1;

CREATE INDEX records_by_place ON records (area, collection, place, facet, words) WHERE deleted = 0;
CREATE INDEX records_by_facet ON records (facet, place) WHERE deleted = 0;

CREATE TABLE facets (
	facet      INTEGER PRIMARY KEY,
	area       TEXT NOT NULL,
	collection TEXT NOT NULL,
	template   TEXT NOT NULL,
	verdict    TEXT NOT NULL,
	state      TEXT NOT NULL,
	evidence   TEXT NOT NULL,
	n          INTEGER NOT NULL,
	newest     BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX facets_by_values ON facets (area, collection, template, verdict, state, evidence);

CREATE TABLE shelves (
	area       TEXT NOT NULL,
	collection TEXT NOT NULL,
	n          INTEGER NOT NULL,
	PRIMARY KEY (area, collection)
) STRICT, WITHOUT ROWID;

CREATE TABLE words (
	block  INTEGER NOT NULL,
	term   TEXT NOT NULL,
	row    INTEGER NOT NULL,
	before TEXT NOT NULL,
	facet  INTEGER NOT NULL,
	place  BLOB NOT NULL,
	PRIMARY KEY (block, term, row)
) STRICT, WITHOUT ROWID;

CREATE TABLE blocks (
	block  INTEGER PRIMARY KEY,
	newest BLOB NOT NULL
) STRICT;

CREATE TABLE terms (
	term TEXT NOT NULL,
	id   TEXT NOT NULL,
	PRIMARY KEY (term, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE receipts (
	actor      TEXT NOT NULL,
	device     TEXT NOT NULL,
	n          INTEGER NOT NULL,
	content    TEXT NOT NULL,
	area       TEXT NOT NULL,
	collection TEXT NOT NULL,
	id         TEXT NOT NULL,
	rev        INTEGER NOT NULL,
	seq        INTEGER NOT NULL,
	status     TEXT NOT NULL,
	code       TEXT NOT NULL,
	detail     TEXT NOT NULL,
	PRIMARY KEY (actor, device, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE plain (
	tbl     TEXT NOT NULL,
	key     TEXT NOT NULL,
	version INTEGER NOT NULL,
	value   BLOB NOT NULL,
	PRIMARY KEY (tbl, key)
) STRICT, WITHOUT ROWID;
`, `
-- An empty oldest place is a bound of any block.
ALTER TABLE blocks ADD COLUMN oldest BLOB NOT NULL DEFAULT x'';
DROP INDEX records_by_facet;
CREATE INDEX records_by_facet ON records (facet, place, words) WHERE deleted = 0;
`, `
-- Ids that are UUIDs take 16 bytes in places, and words have shorter rows in
-- smaller blocks.
DROP INDEX records_by_place;
DROP INDEX records_by_facet;
UPDATE records SET place = CAST(substr(place, 1, 8) || unhex(substr(place, 9), '-') AS BLOB)
	WHERE length(place) = 44 AND unhex(substr(place, 9), '-') IS NOT NULL;
UPDATE facets SET newest = CAST(substr(newest, 1, 8) || unhex(substr(newest, 9), '-') AS BLOB)
	WHERE length(newest) = 44 AND unhex(substr(newest, 9), '-') IS NOT NULL;
-- The version of a block counts the commits that changed its words.
ALTER TABLE blocks ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
DELETE FROM blocks;
INSERT INTO blocks (block, newest, oldest) SELECT row >> 15, max(place), min(place) FROM records GROUP BY 1;
ALTER TABLE words RENAME TO wide;
CREATE TABLE words (
	block  INTEGER NOT NULL,
	term   TEXT NOT NULL,
	row    INTEGER NOT NULL,
	shared INTEGER NOT NULL,
	facet  INTEGER NOT NULL,
	place  BLOB NOT NULL,
	PRIMARY KEY (block, term, row)
) STRICT, WITHOUT ROWID;
INSERT INTO words (block, term, row, shared, facet, place)
	SELECT w.row >> 15, w.term, w.row, CASE WHEN r.deleted THEN 1 << 20 WHEN w.before = '' THEN 0 ELSE (
			WITH RECURSIVE alike (n) AS (
				SELECT 0 UNION ALL SELECT n + 1 FROM alike WHERE n < octet_length(w.before)
					AND substr(CAST(w.before AS BLOB), n + 1, 1) = substr(CAST(w.term AS BLOB), n + 1, 1)
			) SELECT max(n) FROM alike) END, r.facet, r.place
	FROM wide w CROSS JOIN records r WHERE r.row = w.row;
DROP TABLE wide;
CREATE INDEX records_by_place ON records (area, collection, place, facet, words) WHERE deleted = 0;
CREATE INDEX records_by_facet ON records (facet, place, words) WHERE deleted = 0;
`}

// migrate brings the database to the newest schema, or refuses it. Of several
// processes that do so at once, one does the work and the others find it done.
func migrate(ctx context.Context, conn *sql.Conn, newID func() string) error {
	if err := checkJournal(ctx, conn); err != nil {
		return err
	}
	version, err := schemaVersion(ctx, conn)
	if err != nil || version == len(migrations) {
		return err
	}
	// Indexes are sorted in memory: a container may have no folder for temporary
	// files.
	if _, err := conn.ExecContext(ctx, `PRAGMA temp_store = MEMORY; BEGIN IMMEDIATE`); err != nil {
		return err
	}
	if err := upgrade(ctx, conn, newID); err != nil {
		_, end := conn.ExecContext(ctx, `ROLLBACK; PRAGMA temp_store = DEFAULT`)
		return errors.Join(err, end)
	}
	_, err = conn.ExecContext(ctx, `COMMIT; PRAGMA temp_store = DEFAULT`)
	return err
}

func upgrade(ctx context.Context, conn *sql.Conn, newID func() string) error {
	version, err := schemaVersion(ctx, conn)
	if err != nil || version == len(migrations) {
		return err
	}
	for _, text := range migrations[version:] {
		if _, err := conn.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	if version == 0 {
		if _, err := conn.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ('id', ?)`, newID()); err != nil {
			return err
		}
	}
	_, err = conn.ExecContext(ctx, fmt.Sprintf(
		`PRAGMA application_id = %d; PRAGMA user_version = %d`, applicationID, len(migrations)))
	return err
}

// schemaVersion returns 0 for an empty database, and a CodeUnavailable error
// for one that isn't ours or newer than this program.
func schemaVersion(ctx context.Context, conn *sql.Conn) (int, error) {
	var version, application, objects int
	// One statement, so that the three belong together while another process
	// creates the schema.
	err := conn.QueryRowContext(ctx, `SELECT
		(SELECT user_version FROM pragma_user_version),
		(SELECT application_id FROM pragma_application_id),
		(SELECT count(*) FROM sqlite_schema)`).Scan(&version, &application, &objects)
	if err != nil {
		return 0, err
	}
	if version == 0 && application == 0 && objects == 0 {
		return 0, nil
	}
	if application != applicationID {
		return 0, inspection.Errorf(inspection.CodeUnavailable,
			"The database in the data folder belongs to another program. Choose another data folder.")
	}
	if version > len(migrations) {
		return 0, inspection.Errorf(inspection.CodeUnavailable,
			"The database has schema %d, made by a newer version of this program, which knows schemas up to %d. Install the newer version, or restore a backup made by this one.",
			version, len(migrations))
	}
	return version, nil
}

// checkJournal: on a file system without shared memory SQLite stays in
// another journal mode without saying so.
func checkJournal(ctx context.Context, conn *sql.Conn) error {
	var mode string
	if err := conn.QueryRowContext(ctx, `PRAGMA journal_mode`).Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return inspection.Errorf(inspection.CodeUnavailable,
			"The file system of the data folder cannot hold the database's write-ahead log. Choose a folder on a local disk.")
	}
	return nil
}
