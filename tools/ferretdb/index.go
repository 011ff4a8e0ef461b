package main

import (
	"context"
	"database/sql"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver that FerretDB uses
)

// FerretDB 1 asks for one _id by an expression that its own index of _id isn't
// on, so that it reads the whole table for it. addIndexes makes the index that
// fits, in every table that appears in the folder.
func addIndexes(ctx context.Context, folder string) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	open := map[string]*sql.DB{}
	for {
		files, _ := filepath.Glob(filepath.Join(folder, "*.sqlite")) // fails on bad patterns only
		for _, file := range files {
			if open[file] == nil {
				db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(20000)&_txlock=immediate")
				if err != nil {
					continue
				}
				db.SetMaxOpenConns(1)
				open[file] = db
			}
			indexTables(ctx, open[file])
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			for _, db := range open {
				_ = db.Close() // nothing was written that is not on its way
			}
			return
		}
	}
}

// indexTables leaves for the next time what it can't do now: a database may
// just be being dropped.
func indexTables(ctx context.Context, db *sql.DB) {
	rows, err := db.QueryContext(ctx, `SELECT name FROM sqlite_master t WHERE type = 'table' AND name NOT LIKE '\_ferretdb\_%' ESCAPE '\'
		AND NOT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = t.name || '__by_path')`)
	if err != nil {
		return
	}
	var names []string
	for rows.Next() {
		var name string
		if rows.Scan(&name) == nil {
			names = append(names, name)
		}
	}
	_ = rows.Close()
	for _, name := range names {
		_, _ = db.ExecContext(ctx, `CREATE INDEX IF NOT EXISTS "`+name+`__by_path" ON "`+name+`" (_ferretdb_sjson->'$._id')`)
	}
}
