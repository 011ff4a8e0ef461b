package sqlite

import (
	"database/sql"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// exercise runs every statement of the store once.
func exercise(t *testing.T, st *Store) {
	t.Helper()
	ctx := t.Context()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(st.Append(ctx, sealed(t, store.Head{}, 1, 10)))
	version, err := st.Put(ctx, store.TableMeta, store.Row{Key: "k"})
	check(err)
	_, err = st.Put(ctx, store.TableMeta, store.Row{Key: "k", Version: version})
	check(err)
	_, err = st.Get(ctx, store.TableMeta, "k")
	check(err)
	_, err = st.Scan(ctx, store.TableMeta, "", "", 1)
	check(err)
	check(st.Delete(ctx, store.TableMeta, "k"))
	_, err = st.Heads(ctx)
	check(err)
	_, err = st.Commits(ctx, street, 0, 1)
	check(err)
	_, err = st.Entries(ctx, street, []int64{1})
	check(err)
	_, err = st.SeqBefore(ctx, street, time.Unix(0, 0))
	check(err)
	_, err = st.Records(ctx, []inspection.DocID{document(1)})
	check(err)
	_, err = st.Receipts(ctx, inspection.Device{}, []int64{1})
	check(err)
	_, err = st.ByTerm(ctx, "t", "", 1)
	check(err)
	exerciseLists(t, st)
	_, err = st.readColumns(ctx, 0)
	check(err)
	_, err = st.LastN(ctx, inspection.Device{})
	check(err)
	_, err = st.Changes(ctx, store.ChangesQuery{Area: street, PinnedUpto: 1, Collections: inspection.FieldCollections, Limit: 1})
	check(err)
	_, err = st.ID(ctx)
	check(err)
	_, err = st.StoredAreas(ctx)
	check(err)
	_, err = st.StoredCommits(ctx, street, 0, 1)
	check(err)
	_, err = st.StoredRecords(ctx, "", 1)
	check(err)
	_, err = st.StoredReceipts(ctx, store.ReceiptKey{}, 1)
	check(err)
	_, err = st.SelfCheck(ctx)
	check(err)
	check(st.SetID(ctx, string(document(1))))
	check(st.Ping(ctx))
	check(st.SetReadOnly(ctx, false))
}

// exerciseLists lists in each of the ways that there are.
func exerciseLists(t *testing.T, st *Store) {
	t.Helper()
	st.cuts = cuts{scattered: 1, streams: 1}
	var entries []store.Entry
	head := headOf(t, st)
	for n := range int64(3) {
		e := sealed(t, store.Head{}, int(n)+10, 10).Entries[0]
		e.Seq, e.N = head.Seq+1+n, n+10
		e.Doc = []byte(`{"name":"abc","server":{"verdict":"pass"}}`)
		entries = append(entries, e)
	}
	c, err := store.Seal(street, head, entries)
	if err == nil {
		err = st.Append(t.Context(), c)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, few := range []int64{0, 100} {
		for _, term := range []string{"", "text:", "text:b", "photo:"} {
			for _, verdict := range []string{"", "pass"} {
				st.cuts = cuts{few: few, dense: 1, scattered: 1, streams: 1}
				_, err := st.List(t.Context(), store.ListQuery{
					Areas: []inspection.Area{street}, Collection: inspection.Inspections, Verdict: verdict, From: time.Unix(0, 0),
					Term: term, Prefix: true, Limit: 2, Count: 10,
				})
				if err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// mayScan are tables of some hundred rows and what is no table at all.
var mayScan = []string{"SCAN heads", "SCAN blocks", "SCAN facets", "SCAN shelves", "SCAN json_each", "SCAN f VIRTUAL TABLE", "SCAN a VIRTUAL TABLE", "SCAN b VIRTUAL TABLE", "SCAN (subquery", "SCAN t", "SCAN p", "SCAN page"}

// maySort are statements that sort what a search has found, of which a list
// takes a page at most.
var maySort = []string{"place DESC LIMIT", "WITH RECURSIVE", "DISTINCT id AS linked"}

// TestPlans: no statement scans a large table, but for the self check's, and
// only lists sort.
func TestPlans(t *testing.T) {
	st := openIn(t, t.TempDir())
	exercise(t, st)
	texts := []string{}
	for _, s := range []*statements{st.read, st.writer.q} {
		for text := range s.cache {
			texts = append(texts, text)
		}
	}
	planned := 0
	for _, text := range texts {
		for _, step := range plan(t, st, text) {
			if slices.Contains(strays, text) {
				continue
			}
			planned++
			is := func(prefix string) bool {
				return step == prefix || strings.HasPrefix(step, prefix+" ") || strings.HasPrefix(step, prefix+"-")
			}
			scans := strings.HasPrefix(step, "SCAN") && !slices.ContainsFunc(mayScan, is)
			listing := slices.ContainsFunc(maySort, func(part string) bool { return strings.Contains(text, part) })
			sorts := strings.Contains(step, "TEMP B-TREE") && !listing
			if scans || sorts || strings.Contains(step, "AUTOMATIC") {
				t.Errorf("%s\n%s", step, text)
			}
		}
	}
	if len(texts) < 20 || planned < 15 {
		t.Errorf("only %d steps of %d statements were looked at", planned, len(texts))
	}
}

func plan(t *testing.T, st *Store, text string) []string {
	t.Helper()
	switch strings.Fields(text)[0] {
	case "SELECT", "INSERT", "UPDATE", "DELETE":
	default:
		return nil
	}
	holes := make([]any, strings.Count(text, "?")+10) // those that are numbered may skip some
	rows, err := st.db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, holes...)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}

// TestPragmas: what durability rests on is really in force.
func TestPragmas(t *testing.T) {
	st := openIn(t, t.TempDir())
	exercise(t, st)
	pragma := func(q interface {
		QueryRow(string, ...any) *sql.Row
	}, name string) (value string) {
		if err := q.QueryRow("PRAGMA " + name).Scan(&value); err != nil {
			t.Error(err)
		}
		return value
	}
	writer := map[string]string{}
	names := map[string]string{"page_size": "8192", "journal_mode": "wal", "synchronous": "2", "busy_timeout": "10000", "wal_autocheckpoint": "2000"}
	runAlone(t, st, func() {
		for name := range names {
			var value string
			if err := st.writer.conn.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&value); err != nil {
				t.Error(err)
			}
			writer[name] = value
		}
	})
	for name, want := range names {
		if writer[name] != want {
			t.Errorf("%s of the writer is %s", name, writer[name])
		}
	}
	if got := pragma(st.db, "query_only"); got != "1" {
		t.Errorf("query_only of the readers is %s", got)
	}
	if got := pragma(st.db, "busy_timeout"); got != "10000" {
		t.Errorf("busy_timeout of the readers is %s", got)
	}
}

func TestMarksRoundTrip(t *testing.T) {
	mark := rapid.Custom(func(t *rapid.T) store.Mark {
		return store.Mark{
			Device: inspection.Device{
				User: inspection.UserID(rapid.String().Draw(t, "user")), ID: inspection.DeviceID(rapid.String().Draw(t, "device")),
			},
			N: rapid.Int64().Draw(t, "n"), Base: rapid.Int64().Draw(t, "base"), Seq: rapid.Int64().Draw(t, "seq"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOf(mark).Draw(t, "marks")
		got, err := decodeMarks(encodeMarks(want))
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%v came back as %v, %v", want, got, err)
		}
	})
}

func TestTimes(t *testing.T) {
	order := []time.Time{
		{}, time.Date(1600, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2026, 10, 12, 1, 2, 3, 456789012, time.UTC), time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	exact := []bool{true, false, true, true, false}
	for i, at := range order {
		if inRange(at) != exact[i] || exact[i] != fromNanos(toNanos(at)).Equal(at) {
			t.Errorf("%v comes back as %v, and in range is %v", at, fromNanos(toNanos(at)), inRange(at))
		}
		if i > 0 && toNanos(at) <= toNanos(order[i-1]) {
			t.Errorf("%v isn't after %v", at, order[i-1])
		}
	}
}

// TestTimeOutOfRange: a commit whose time couldn't be read back is refused.
func TestTimeOutOfRange(t *testing.T) {
	st := openIn(t, t.TempDir())
	c := sealed(t, store.Head{}, 1, 10)
	c.Entries[0].At = time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := st.Append(t.Context(), c); err == nil || headOf(t, st).Seq != 0 {
		t.Errorf("Append returned %v", err)
	}
	c.Entries = nil
	if err := st.Append(t.Context(), c); err == nil {
		t.Error("a commit without entries was taken")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0xff})
	f.Add(encodeMarks([]store.Mark{{Device: inspection.Device{User: "u", ID: "d"}, N: 3, Base: 1, Seq: 300}}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 'x'})
	f.Fuzz(func(t *testing.T, data []byte) {
		if marks, err := decodeMarks(data); err == nil {
			again, err := decodeMarks(encodeMarks(marks))
			if err != nil || !slices.Equal(again, marks) {
				t.Errorf("%v came back as %v, %v", marks, again, err)
			}
		}
	})
}
