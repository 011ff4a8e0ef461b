package history

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// Part is one kind of thing that a database consists of.
type Part interface {
	// Name tells parts apart within a backup.
	Name() string
	// Read hands over all items. The content of one need not be read; it is
	// gone when each returns.
	Read(ctx context.Context, each func(Item) error) error
	// Write puts an item in. It may be there already, from a run that was cut
	// short.
	Write(ctx context.Context, item Item) error
}

// Item is one thing that is carried: a commit, a row, a picture.
type Item struct {
	Part string
	// Key names the item within its part; commits have a Link instead.
	Key     string
	Size    int64
	Content io.Reader
	Link

	opened *store.Commit // if it was decoded on the way
}

// Link is a commit's place in the chain of its area.
type Link struct {
	Area           inspection.Area
	First, Last    int64
	Previous, Hash store.Hash
}

// logPart is the name of the part that holds all logs.
const logPart = "log"

// tablesBeforeLogs are read before the logs are cut, the others after them.
//
// A backup is read while others write, so its parts are not of one moment.
// The rule is: what rests on something is read before it, and what something
// rests on after it, since that was written first. Then a restored database
// may lack the newest rows, but no row points at what isn't there:
//
//   - A report holds confirmed revocations by their number, a seq of the
//     reference log. Were it newer than that log, another revocation could
//     get the same number after a restore, and count as confirmed.
//   - A refresh family rests on its device, user, password and key. A family
//     newer than its user's password would outlive a change of it.
//   - Every account in the reference log has its name and password already,
//     and the demo's accounts the mark that keeps them on loopback.
//   - A closing in the reference log names files that were kept before it.
//   - Records name pictures; these are kept before a record counts them.
//   - How far a street's evidence was looked through is a seq of its log, and
//     which photos a phone owes rests on its records.
//
// The reference log and the streets' logs point at each other (a closed month
// names seqs of streets, a street's records name templates), so they are cut
// at one moment: see cut.
var tablesBeforeLogs = []store.Table{
	store.TableReports, store.TableFamilies, store.TableDevices, store.TableSwept, store.TableMissing,
}

// tablesAfterLogs returns all tables that aren't read before the logs.
func tablesAfterLogs() []store.Table {
	return slices.DeleteFunc(slices.Clone(store.AllTables), func(t store.Table) bool {
		return slices.Contains(tablesBeforeLogs, t)
	})
}

// parts lists everything that is carried, in the order of reading.
func (d Database) parts(l *logs) []Part {
	var list []Part
	for _, t := range tablesBeforeLogs {
		list = append(list, table{d.Store, t})
	}
	list = append(list, l)
	for _, t := range tablesAfterLogs() {
		list = append(list, table{d.Store, t})
	}
	return append(list, d.Beside...)
}

// table is a plain table as a part. Versions of rows are not carried: they
// only order writers that are running.
type table struct {
	st   store.Tables
	name store.Table
}

// Name implements Part.
func (t table) Name() string { return string(t.name) }

// Read implements Part.
func (t table) Read(ctx context.Context, each func(Item) error) error {
	return store.ScanRows(ctx, t.st, t.name, "", func(row store.Row) error {
		return each(Item{
			Part: t.Name(), Key: row.Key, Size: int64(len(row.Value)), Content: bytes.NewReader(row.Value),
		})
	})
}

// Write implements Part.
func (t table) Write(ctx context.Context, item Item) error {
	if t.name == store.TableMeta && item.Key == unfinishedKey {
		return nil // the target has its own
	}
	value, err := io.ReadAll(item.Content)
	if err != nil {
		return err
	}
	row := store.Row{Key: item.Key, Value: value}
	_, err = t.st.Put(ctx, t.name, row)
	if !errors.Is(err, store.ErrStale) {
		return err
	}
	there, err := t.st.Get(ctx, t.name, item.Key)
	if err != nil || bytes.Equal(there.Value, value) {
		return err
	}
	row.Version = there.Version
	_, err = t.st.Put(ctx, t.name, row)
	return err
}
