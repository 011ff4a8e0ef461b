package history_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/store/history"
)

var options = history.Options{Now: func() time.Time { return morning }, NewID: newID}

func database(st store.Store) history.Database { return history.Database{Store: st} }

func backup(t testing.TB, st store.Store) []byte {
	t.Helper()
	var file bytes.Buffer
	if _, err := history.Backup(t.Context(), database(st), &file, options); err != nil {
		t.Fatalf("Backup: %v", err)
	}
	return file.Bytes()
}

func restore(t testing.TB, file []byte, st store.Store) *history.Contents {
	t.Helper()
	c, err := history.Restore(t.Context(), bytes.NewReader(file), database(st), options)
	if err != nil {
		t.Fatalf("Restore: %v", err)
	}
	return c
}

func idOf(t testing.TB, st store.Store) string {
	t.Helper()
	id, err := st.ID(t.Context())
	fatal(t, err)
	return id
}

func TestBackupAndRestore(t *testing.T) {
	eachWay(t, func(t *testing.T, from, to engine) {
		source, target := from.fresh(t), to.fresh(t)
		populate(t, source)
		file := backup(t, source)
		checked, err := history.CheckBackup(t.Context(), bytes.NewReader(file), history.Database{}, options)
		fatal(t, err)
		restored := restore(t, file, target)
		if fmt.Sprint(checked) != fmt.Sprint(restored) || restored.Entries() != 79 || restored.Database != idOf(t, source) || !restored.MadeAt.Equal(morning) {
			t.Errorf("checked %v, restored %v", checked, restored)
		}
		sameWhole(t, whole(t, target), whole(t, source))
		sound(t, target)
		if idOf(t, target) == idOf(t, source) {
			t.Error("the restored database has the id of its source")
		}
		fatal(t, history.CheckFinished(t.Context(), target))
	})
}

// TestCarriesEverything lists what a database consists of. Whoever adds a
// table or a log finds out here that backup, restore and migrate must carry
// it, and decides when it is read.
func TestCarriesEverything(t *testing.T) {
	want := []string{
		"reports", "families", "devices", "swept", "missing", // before the logs
		"log",
		"meta", "keys", "credentials", "usernames", "files", "photos", "likeness", "uploads", "usage", // after them
	}
	eachEngine(t, func(t *testing.T, e engine) {
		source := e.fresh(t)
		populate(t, source)
		plain, err := zstd.NewReader(bytes.NewReader(backup(t, source)))
		fatal(t, err)
		defer plain.Close()
		text, err := io.ReadAll(plain)
		fatal(t, err)
		var order []string
		at := 0
		for _, part := range want {
			found := bytes.Index(text[at:], []byte("\n"+`{"part":"`+part+`"`))
			if found < 0 {
				t.Fatalf("%s isn't carried, or not after %v", part, order)
			}
			at, order = at+found, append(order, part)
		}
		var carried []string
		for _, part := range want {
			if part != "log" {
				carried = append(carried, part)
			}
		}
		tables := []string{}
		for _, table := range store.AllTables {
			tables = append(tables, string(table))
		}
		if slices.Sort(carried); !slices.Equal(carried, slices.Sorted(slices.Values(tables))) {
			t.Errorf("the tables are %q, those carried %q: decide where in this list the new one comes", tables, carried)
		}
	})
}

// TestSQLiteHoldsNothingElse: what the embedded engine keeps is carried, or
// made anew from what is carried.
func TestSQLiteHoldsNothingElse(t *testing.T) {
	place := t.TempDir()
	populate(t, engines[0].opened(t, place))
	reader := openRaw(t, place)
	rows, err := reader.QueryContext(t.Context(), `SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`)
	fatal(t, err)
	defer rows.Close()
	var tables []string
	for rows.Next() {
		var name string
		fatal(t, rows.Scan(&name))
		tables = append(tables, name)
	}
	fatal(t, rows.Err())
	known := []string{
		"blocks", "facets", // made from records, for lists
		"heads", "log", // carried as commits
		"meta",                // the database's id
		"plain",               // carried as rows
		"receipts", "records", // views of the log
		"shelves", "terms", "words", // made from records, for lists
	}
	if !slices.Equal(tables, known) {
		t.Errorf("the tables are %q, known are %q: is the new one carried?", tables, known)
	}
}

// TestBesideIsCarried: what lies beside the store comes along, large items as
// streams, and isn't read again where it is already.
func TestBesideIsCarried(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		e.hasty(t)
		source, target, moved := e.fresh(t), e.fresh(t), e.fresh(t)
		populate(t, source)
		pictures := &shelf{items: map[string]string{"a": strings.Repeat("picture", 1<<20), "b": "", "é": "\n{}\n"}}
		from := history.Database{Store: source, Beside: []history.Part{pictures}}
		var file bytes.Buffer
		c, err := history.Backup(t.Context(), from, &file, options)
		fatal(t, err)
		if c.Items["pictures"] != 3 {
			t.Errorf("carried %v", c.Items)
		}
		restored := &shelf{items: map[string]string{}}
		_, err = history.Restore(t.Context(), bytes.NewReader(file.Bytes()), history.Database{Store: target, Beside: []history.Part{restored}}, options)
		fatal(t, err)
		arrived := &shelf{items: map[string]string{}}
		_, err = history.Migrate(t.Context(), from, history.Database{Store: moved, Beside: []history.Part{arrived}}, options)
		fatal(t, err)
		if !maps.Equal(restored.items, pictures.items) || !maps.Equal(arrived.items, pictures.items) {
			t.Error("pictures differ")
		}
		if _, err := history.Restore(t.Context(), bytes.NewReader(file.Bytes()), database(e.fresh(t)), options); !errors.Is(err, history.ErrBackup) {
			t.Errorf("a part that isn't known gives %v", err)
		}
	})
}

// shelf is a part beside the store.
type shelf struct{ items map[string]string }

func (s *shelf) Name() string { return "pictures" }

func (s *shelf) Read(_ context.Context, each func(history.Item) error) error {
	for _, key := range slices.Sorted(maps.Keys(s.items)) {
		content := s.items[key]
		if err := each(history.Item{Part: "pictures", Key: key, Size: int64(len(content)), Content: strings.NewReader(content)}); err != nil {
			return err
		}
	}
	return nil
}

func (s *shelf) Write(_ context.Context, item history.Item) error {
	if _, there := s.items[item.Key]; there {
		return nil
	}
	content, err := io.ReadAll(item.Content)
	s.items[item.Key] = string(content)
	return err
}

// TestBackupOnline: backups that are made while phones push can be restored,
// are sound, and hold at least what was there when they began.
func TestBackupOnline(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		st, place := e.populated(t)
		commits, stop := storm(t, e.opened(t, place))
		for round := 0; round < 5 || commits() < 150; round++ {
			before, err := st.Heads(t.Context())
			fatal(t, err)
			file := backup(t, st)
			if round%5 > 0 {
				_, err := history.CheckBackup(t.Context(), bytes.NewReader(file), history.Database{}, options)
				fatal(t, err)
				continue
			}
			target := e.fresh(t)
			heads := restore(t, file, target).Heads
			for area, head := range before {
				if heads[area].Seq < head.Seq {
					t.Errorf("area %s is restored up to %d, was at %d", area, heads[area].Seq, head.Seq)
				}
			}
			sound(t, target)
		}
		stop()
	})
}

// TestBackupIsOfOneMoment: a writer that always writes what something rests
// on before that finds in no backup one without the other.
func TestBackupIsOfOneMoment(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		st, place := e.populated(t)
		var done atomic.Bool
		var steps atomic.Int64
		failed := make(chan error, 1)
		go func() {
			writer := e.opened(t, place)
			for n := int64(1); !done.Load(); n++ {
				if err := dependent(t.Context(), writer, n); err != nil {
					failed <- err
					return
				}
				steps.Add(1)
			}
			failed <- nil
		}()
		var files [][]byte
		for len(files) < 10 || steps.Load() < 30 {
			files = append(files, backup(t, st))
		}
		done.Store(true)
		fatal(t, <-failed)
		for i := 0; i < len(files); i += max(1, len(files)/4) {
			target := e.fresh(t)
			restore(t, files[i], target)
			checkDependent(t, target)
		}
	})
}

// TestCutIsOfOneMoment: some engines read heads one after the other. What is
// committed between two of them leaves no log that points beyond another.
func TestCutIsOfOneMoment(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		for _, order := range [][]inspection.Area{{streets[0], inspection.ReferenceArea}, {inspection.ReferenceArea, streets[0]}} {
			st, target := e.fresh(t), e.fresh(t)
			fatal(t, dependent(t.Context(), st, 1000))
			restore(t, backup(t, &slowHeads{Store: st, order: order}), target)
			checkDependent(t, target)
		}
	})
}

// slowHeads reads one head after the other, and for some time there are
// commits in between.
type slowHeads struct {
	store.Store
	order []inspection.Area
	calls int64
}

func (s *slowHeads) Heads(ctx context.Context) (map[inspection.Area]store.Head, error) {
	heads := map[inspection.Area]store.Head{}
	for i, area := range s.order {
		if s.calls++; i > 0 && s.calls < 10 {
			if err := dependent(ctx, s.Store, s.calls); err != nil {
				return nil, err
			}
		}
		head, err := s.Head(ctx, area)
		if err != nil {
			return nil, err
		}
		heads[area] = head
	}
	return heads, nil
}

// dependent writes in the order in which the services write: a key, a name, a
// password, the account in the reference log, a device, a family, a record
// under a grant, a closing of what the street had, a report of the closing.
func dependent(ctx context.Context, st store.Store, n int64) error {
	id := inspection.DocID(fmt.Sprintf("user-%d", n))
	for _, table := range []store.Table{store.TableMeta, store.TableKeys, store.TableUsernames, store.TableCredentials} {
		if _, err := st.Put(ctx, table, store.Row{Key: string(id)}); err != nil {
			return err
		}
	}
	user := store.Entry{Collection: inspection.Users, ID: id, Kind: store.KindReference, Doc: []byte(`{}`)}
	if _, err := tryCommit(ctx, st, inspection.ReferenceArea, []store.Entry{user}); err != nil {
		return err
	}
	for _, table := range []store.Table{store.TableDevices, store.TableFamilies} {
		if _, err := st.Put(ctx, table, store.Row{Key: string(id)}); err != nil {
			return err
		}
	}
	record := put(documentID(1<<30+int(n)), phoneOf(50), n)
	record.Actor = inspection.UserID(id)
	c, err := tryCommit(ctx, st, streets[0], []store.Entry{record})
	if err != nil {
		return err
	}
	closing := store.Entry{
		Collection: inspection.Limits, ID: inspection.DocID(fmt.Sprintf("closing-%d", n)), Kind: store.KindReference,
		Base: c.Last, Doc: []byte(`{}`),
	}
	c, err = tryCommit(ctx, st, inspection.ReferenceArea, []store.Entry{closing})
	if err != nil {
		return err
	}
	_, err = st.Put(ctx, store.TableReports, store.Row{Key: fmt.Sprintf("report-%d", n), Value: fmt.Append(nil, c.Last)})
	return err
}

func checkDependent(t *testing.T, st store.Store) {
	t.Helper()
	ctx := t.Context()
	heads, err := st.Heads(ctx)
	fatal(t, err)
	has := func(what string, table store.Table, key string) {
		t.Helper()
		if _, err := st.Get(ctx, table, key); err != nil {
			t.Errorf("%s %s without its row in %s: %v", what, key, table, err)
		}
	}
	reference, err := st.Commits(ctx, inspection.ReferenceArea, 0, 10_000)
	fatal(t, err)
	users := map[inspection.UserID]bool{}
	for _, c := range reference {
		e := &c.Entries[0]
		switch id := string(e.ID); {
		case strings.HasPrefix(id, "closing-") && e.Base > heads[streets[0]].Seq:
			t.Errorf("%s names entry %d of a street that ends at %d", id, e.Base, heads[streets[0]].Seq)
		case strings.HasPrefix(id, "user-"):
			users[inspection.UserID(id)] = true
			for _, table := range []store.Table{store.TableMeta, store.TableKeys, store.TableUsernames, store.TableCredentials} {
				has("account", table, id)
			}
		}
	}
	street, err := st.Commits(ctx, streets[0], 0, 10_000)
	fatal(t, err)
	for _, c := range street {
		if actor := c.Entries[0].Actor; strings.HasPrefix(string(actor), "user-") && !users[actor] {
			t.Errorf("entry %d is by %s, who isn't there", c.First, actor)
		}
	}
	families, err := st.Scan(ctx, store.TableFamilies, "user-", "", 10_000)
	fatal(t, err)
	for _, row := range families {
		has("family", store.TableDevices, row.Key)
		if !users[inspection.UserID(row.Key)] {
			t.Errorf("family of %s, who isn't there", row.Key)
		}
	}
	reports, err := st.Scan(ctx, store.TableReports, "report-", "", 10_000)
	fatal(t, err)
	for _, row := range reports {
		var seq int64
		if fmt.Sscan(string(row.Value), &seq); seq < 1 || seq > heads[inspection.ReferenceArea].Seq {
			t.Errorf("%s names entry %d of a log that ends at %d", row.Key, seq, heads[inspection.ReferenceArea].Seq)
		}
	}
}

func TestBackupRefuses(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		_, err := history.Backup(t.Context(), database(e.fresh(t)), io.Discard, options)
		if !errors.Is(err, history.ErrEmpty) {
			t.Errorf("an empty database: %v", err)
		}
		full := e.fresh(t)
		populate(t, full)
		if _, err := history.Backup(t.Context(), database(full), brokenPipe{}, options); !errors.Is(err, errPipe) {
			t.Errorf("a broken pipe: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := history.Backup(ctx, database(full), io.Discard, options); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		if e.damage == nil {
			return
		}
		for _, name := range []string{
			"flip a byte of an entry", "flip a byte of an entry and seal it again", "remove a commit from the middle",
			"remove the last commit", "remove the head", "change the head's hash", "change a commit's stored end",
		} {
			place := e.place(t)
			st := e.opened(t, place)
			populate(t, st)
			e.damage(t, place, name)
			if _, err := history.Backup(t.Context(), database(st), io.Discard, options); !errors.Is(err, store.ErrDamaged) {
				t.Errorf("%s: Backup returned %v", name, err)
			}
		}
	})
}

var errPipe = errors.New("broken pipe")

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errPipe }
