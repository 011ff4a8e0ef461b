package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"gridpatrol/store"
)

var tablesTests = []contractTest{
	{"Tables", testTables},
	{"TableVersions", testTableVersions},
	{"TableScan", testTableScan},
	{"TableContended", testTableContended},
}

// testTables: each table of the list exists, apart from the others, and no
// other does.
func testTables(l *lab) {
	st, ctx := l.open(), l.Context()
	for _, table := range store.AllTables {
		if _, err := st.Get(ctx, table, "k"); !errors.Is(err, store.ErrNotFound) {
			l.Errorf("%s: a missing row gives %v", table, err)
		}
		version, err := st.Put(ctx, table, store.Row{Key: "k", Value: []byte(table)})
		if err != nil || version != 1 {
			l.Errorf("%s: Put gives %d, %v", table, version, err)
		}
	}
	for _, table := range store.AllTables {
		row, err := st.Get(ctx, table, "k")
		if err != nil || row.Key != "k" || row.Version != 1 || string(row.Value) != string(table) {
			l.Errorf("%s: Get gives %+v, %v", table, row, err)
		}
		rows, err := st.Rows(ctx, table, []string{"none", "k", "", "k"})
		if err != nil || len(rows) != 1 || rows[0].Key != "k" || rows[0].Version != 1 || string(rows[0].Value) != string(table) {
			l.Errorf("%s: Rows gives %+v, %v", table, rows, err)
		}
		if rows, err := st.Rows(ctx, table, nil); err != nil || len(rows) > 0 {
			l.Errorf("%s: no Rows gives %+v, %v", table, rows, err)
		}
	}
	_, getErr := st.Get(ctx, "records", "k")
	_, putErr := st.Put(ctx, "", store.Row{Key: "k"})
	_, scanErr := st.Scan(ctx, "other", "", "", 1)
	_, rowsErr := st.Rows(ctx, "other", []string{"k"})
	for _, err := range []error{getErr, putErr, scanErr, rowsErr, st.Delete(ctx, "log", "k")} {
		if err == nil || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrStale) {
			l.Errorf("an unknown table gives %v", err)
		}
	}
}

func testTableVersions(l *lab) {
	st, ctx := l.open(), l.Context()
	key := "a/é\x00/字 $.%_"
	for version, value := range [][]byte{[]byte("one"), {}, nil, {0, 255, 0}} {
		if v, err := st.Put(ctx, store.TableKeys, store.Row{Key: key, Version: int64(version), Value: value}); err != nil || v != int64(version)+1 {
			l.Fatalf("Put at version %d gives %d, %v", version, v, err)
		}
		rows, err := st.Rows(ctx, store.TableKeys, []string{key})
		if err != nil || len(rows) != 1 || rows[0].Key != key || !bytes.Equal(rows[0].Value, value) {
			l.Fatalf("Rows gives %+v, %v", rows, err)
		}
		if row, err := st.Get(ctx, store.TableKeys, key); err != nil || row.Key != key || !bytes.Equal(row.Value, value) || row.Version != int64(version)+1 {
			l.Fatalf("Get gives %+v, %v", row, err)
		}
	}
	for _, version := range []int64{0, 3, 5, -1} {
		if _, err := st.Put(ctx, store.TableKeys, store.Row{Key: key, Version: version}); !errors.Is(err, store.ErrStale) {
			l.Errorf("Put at version %d of 4 gives %v", version, err)
		}
	}
	if _, err := st.Put(ctx, store.TableKeys, store.Row{Key: "new", Version: 1}); !errors.Is(err, store.ErrStale) {
		l.Errorf("Put at version 1 of a new row gives %v", err)
	}
	for range 2 {
		l.must("Delete", st.Delete(ctx, store.TableKeys, key))
	}
	if _, err := st.Get(ctx, store.TableKeys, key); !errors.Is(err, store.ErrNotFound) {
		l.Errorf("a deleted row gives %v", err)
	}
	if _, err := st.Put(ctx, store.TableKeys, store.Row{Key: key, Version: 4}); !errors.Is(err, store.ErrStale) {
		l.Errorf("Put at the version of a deleted row gives %v", err)
	}
}

// testTableScan compares with a sorted list: order is that of bytes.
func testTableScan(l *lab) {
	st, ctx := l.open(), l.Context()
	keys := []string{"a", "a/", "a/1", "a/10", "a/2", "A/1", "a0", "b", "字/1", "字/2", "é", "z\x7f", "😀", "a/\x00", "a/%", "a/_", "a.*"}
	for _, key := range keys {
		_, err := st.Put(ctx, store.TableDevices, store.Row{Key: key, Value: []byte(key)})
		l.must("Put", err)
	}
	_, err := st.Put(ctx, store.TableReports, store.Row{Key: "a/3"})
	l.must("Put", err)
	slices.Sort(keys)
	for _, prefix := range []string{"", "a", "a/", "字", "A", "x", "a/%", "a.*"} {
		for _, after := range append([]string{"", "a/11", "zz"}, keys...) {
			for _, limit := range []int{0, 1, 3, 100} {
				want := slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return k <= after || !strings.HasPrefix(k, prefix) })
				want = want[:min(limit, len(want))]
				rows, err := st.Scan(ctx, store.TableDevices, prefix, after, limit)
				l.must("Scan", err)
				if !slices.EqualFunc(rows, want, func(r store.Row, k string) bool { return r.Key == k && string(r.Value) == k && r.Version == 1 }) {
					l.Errorf("Scan %q after %q limit %d: %v, want %q", prefix, after, limit, rows, want)
				}
			}
		}
	}
}

// testTableContended: eight writers count in one row, through two stores.
func testTableContended(l *lab) {
	stores := []store.Store{l.open(), l.open()}
	errs := make([]error, writers)
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for range l.scaled(commitsPerWriter) {
				_, err := store.ChangeRow(l.Context(), stores[w%2], store.TableMeta, "count", func(n *int, _ bool) error {
					*n++
					return nil
				})
				errs[w] = errors.Join(errs[w], err)
			}
		})
	}
	group.Wait()
	l.must("writers", errors.Join(errs...))
	row, err := stores[0].Get(l.Context(), store.TableMeta, "count")
	l.must("Get", err)
	if want := int64(writers * l.scaled(commitsPerWriter)); row.Version != want || string(row.Value) != fmt.Sprint(want) {
		l.Errorf("after %d increments the row is %d at version %d", want, row.Value, row.Version)
	}
}
