package history_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	gosync "sync"
	"sync/atomic"
	"testing"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/store/history"
	"gridpatrol/store/mongo/mongotest"
)

// few makes Verify walk the logs many times.
var few = []int{1, 2, 7, 0}

func verify(t testing.TB, st store.Store, documents int, noted *history.Note) *history.Report {
	t.Helper()
	report, err := history.Verify(t.Context(), st, history.VerifyOptions{Documents: documents, Noted: noted})
	if err != nil {
		t.Fatalf("Verify: %v", err)
	}
	return report
}

func TestVerifyFine(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		st := e.fresh(t)
		populate(t, st)
		for i, documents := range few {
			if i < 2 && e.name == "mongo" && !mongotest.Real() {
				continue // dozens of walks, each of which scans
			}
			r := verify(t, st, documents, noteOf(t, st))
			if !r.Fine() || r.More != 0 {
				t.Fatalf("%d at a time: %v", documents, r.Damage)
			}
			if r.Commits != 38 || r.Entries != 79 || r.Records != 32 || r.Receipts != 53 {
				t.Errorf("%d at a time: %d commits, %d entries, %d records, %d receipts", documents, r.Commits, r.Entries, r.Records, r.Receipts)
			}
		}
	})
}

func noteOf(t testing.TB, st store.Store) *history.Note {
	t.Helper()
	heads, err := st.Heads(t.Context())
	fatal(t, err)
	return &history.Note{Database: "d", At: morning, Heads: heads}
}

func TestVerifyEmpty(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		if _, err := history.Verify(t.Context(), e.fresh(t), history.VerifyOptions{}); !errors.Is(err, history.ErrEmpty) {
			t.Errorf("Verify returned %v", err)
		}
	})
}

// damages are the ways in which someone may change a database behind the
// engine's back, with what must be said of each.
var damages = []struct {
	name string
	kind history.Kind
	says string
}{
	{"flip a byte of an entry", history.InLog, "its bytes don't have its hash"},
	{"flip a byte of an entry and seal it again", history.InLog, "follows another commit"},
	{"flip a byte of the last entry and seal it and the head again", history.InRecord, "it differs from its log in doc"},
	{"make an entry unreadable", history.InLog, "can't be read"},
	{"remove a commit from the middle", history.InLog, "entries 5 to 6 are missing"},
	{"remove the last commit", history.InHead, "the log ends at"},
	{"remove the last commit and its head", history.InRecord, "revisions that its log doesn't have"},
	{"remove the head", history.InHead, "but a commit is stored at"},
	{"change a commit's stored hash", history.InLog, "its bytes don't have its hash"},
	{"change a commit's stored end", history.InLog, "is stored as ending at"},
	{"change a commit's stored time", history.InLog, "another time than its last entry's"},
	{"change a commit's predecessor", history.InLog, "follows another commit"},
	{"move a commit to another area", history.InLog, "are missing"},
	{"change the head's hash", history.InHead, "has another hash"},
	{"change the head's seq", history.InHead, "the head is 99"},
	{"change the head's time", history.InHead, "has another time"},
	{"make the head unreadable", history.InHead, "can't be read"},
	{"change a record's document", history.InRecord, "in doc"},
	{"change a record's revision", history.InRecord, "in rev"},
	{"change a record's area", history.InRecord, "it names revisions"},
	{"change a record's collection", history.InRecord, "in collection"},
	{"revive a record", history.InRecord, "in deleted"},
	{"keep a record no longer", history.InRecord, "in kept"},
	{"put a record ahead of its log", history.InRecord, "in seq"},
	{"change what a record is listed by", history.InRecord, "in index"},
	{"make a record unreadable", history.InRecord, "can't be read"},
	{"remove a record", history.InRecord, "it is missing"},
	{"invent a record", history.InRecord, "no log knows it"},
	{"invent a record of a new area", history.InRecord, "it names revisions"},
	{"change a receipt's status", history.InReceipt, "it differs from its log"},
	{"remove a receipt", history.InReceipt, "it is missing"},
	{"invent a receipt", history.InReceipt, "no log knows it"},
	{"invent a receipt ahead of the log", history.InReceipt, "an entry that its log doesn't have"},
	{"give a receipt to another phone", history.InReceipt, "it is missing"},
}

func TestVerifyFindsDamage(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		if e.damage == nil {
			t.Skip("this engine can't be damaged by tests")
		}
		sound := e.place(t)
		st := e.opened(t, sound)
		populate(t, st)
		fatal(t, st.Close())
		for _, d := range damages {
			t.Run(d.name, func(t *testing.T) {
				place := e.copied(t, sound)
				e.damage(t, place, d.name)
				st := e.opened(t, place)
				for _, documents := range []int{2, 0} {
					r := verify(t, st, documents, nil)
					if !slices.ContainsFunc(r.Damage, func(f history.Damage) bool {
						return f.Kind == d.kind && strings.Contains(f.Detail, d.says)
					}) {
						t.Errorf("%d at a time: found %v, want %s: %s", documents, r.Damage, d.kind, d.says)
					}
				}
			})
		}
	})
}

// sqliteDamage does the damages of the table. Street 2 has 23 entries in 12
// commits; the last one deletes its second document.
var sqliteDamage = map[string]string{
	"flip a byte of an entry":         `UPDATE log SET bytes = CAST(replace(CAST(bytes AS TEXT), '"n":7', '"n":8') AS BLOB) WHERE area = '610102002' AND first = 7`,
	"make an entry unreadable":        `UPDATE log SET bytes = CAST(substr(bytes, 1, length(bytes) - 1) || x'00' AS BLOB) WHERE area = '610102002' AND first = 5`,
	"remove a commit from the middle": `DELETE FROM log WHERE area = '610102002' AND first = 5`,
	"remove the last commit":          `DELETE FROM log WHERE area = '610102002' AND last = 23`,
	"remove the last commit and its head": `DELETE FROM log WHERE area = '610102002' AND last = 23;
		UPDATE heads SET (seq, hash, at) = (SELECT last, hash, at FROM log WHERE log.area = heads.area ORDER BY last DESC LIMIT 1)`,
	"remove the head":                   `DELETE FROM heads WHERE area = '610102002'`,
	"change a commit's stored hash":     `UPDATE log SET hash = CAST(x'01' || substr(hash, 2) AS BLOB) WHERE area = '610102002' AND first = 5`,
	"change a commit's stored end":      `UPDATE log SET last = last + 1000 WHERE area = '610102002' AND first = 5`,
	"change a commit's stored time":     `UPDATE log SET at = at + 1 WHERE area = '610102002' AND first = 5`,
	"change a commit's predecessor":     `UPDATE log SET previous = CAST(x'01' || substr(previous, 2) AS BLOB) WHERE area = '610102002' AND first = 5`,
	"move a commit to another area":     `UPDATE log SET area = '610102009' WHERE area = '610102002' AND first = 5`,
	"change the head's hash":            `UPDATE heads SET hash = CAST(x'01' || substr(hash, 2) AS BLOB) WHERE area = '610102002'`,
	"change the head's seq":             `UPDATE heads SET seq = 99 WHERE area = '610102002'`,
	"change the head's time":            `UPDATE heads SET at = at + 1000000 WHERE area = '610102002'`,
	"make the head unreadable":          `UPDATE heads SET hash = x'00' WHERE area = '610102002'`,
	"change a record's document":        `UPDATE records SET doc = CAST(doc || x'20' AS BLOB) WHERE id = '` + aDocument + `'`,
	"change a record's revision":        `UPDATE records SET rev = rev + 1 WHERE id = '` + aDocument + `'`,
	"change a record's area":            `UPDATE records SET area = '610102009' WHERE id = '` + aDocument + `'`,
	"change a record's collection":      `UPDATE records SET collection = 'songs' WHERE id = '` + aDocument + `'`,
	"revive a record":                   `UPDATE records SET deleted = 0 WHERE deleted = 1`,
	"keep a record no longer":           `UPDATE records SET kept = 0 WHERE kept = 1`,
	"put a record ahead of its log":     `UPDATE records SET seq = seq + 1000 WHERE id = '` + aDocument + `'`,
	"change what a record is listed by": `UPDATE records SET verdict = 'fail' WHERE id = '` + aDocument + `'`,
	"make a record unreadable":          `UPDATE records SET marks = x'ff' WHERE id = '` + aDocument + `'`,
	"remove a record":                   `DELETE FROM records WHERE id = '` + aDocument + `'`,
	"invent a record":                   inventRecord + `1, '610102002')`,
	"invent a record of a new area":     inventRecord + `1, '610102009')`,
	"change a receipt's status":         `UPDATE receipts SET status = 'rejected' WHERE actor = 'u-1' AND n = 4`,
	"remove a receipt":                  `DELETE FROM receipts WHERE actor = 'u-1' AND n = 4`,
	"invent a receipt":                  inventReceipt + `4)`,
	"invent a receipt ahead of the log": inventReceipt + `400)`,
	"give a receipt to another phone":   `UPDATE receipts SET device = 'x' WHERE actor = 'u-1' AND n = 4`,
}

const (
	aDocument    = "0192f3c1-0000-7000-8000-000000000066"
	inventRecord = `INSERT INTO records (id, collection, rev, at, deleted, kept, revisions, marks,
			template, verdict, state, evidence, place, facet, links, words, doc, seq, area)
		VALUES ('0192f3c1-0000-7000-8000-0000000000ff', 'sites', 1, 0, 0, 0, x'02', x'', '', '', '', '', x'00', 1, '', '', x'7b7d', `
	inventReceipt = `INSERT INTO receipts (actor, device, n, content, area, collection, id, rev, status, code, detail, seq)
		VALUES ('u-1', 'x', 1, '', '610102002', 'sites', 'i', 1, 'applied', '', '', `
)

func damageSQLite(t testing.TB, place, name string) {
	t.Helper()
	switch name {
	case "flip a byte of an entry and seal it again":
		resealSQLite(t, place, 7)
	case "flip a byte of the last entry and seal it and the head again":
		resealSQLite(t, place, 23)
		alter(t, place, `UPDATE heads SET hash = (SELECT hash FROM log WHERE area = '610102002' AND first = 23) WHERE area = '610102002'`)
	default:
		text, known := sqliteDamage[name]
		if !known {
			t.Fatalf("no one knows how to %s", name)
		}
		if alter(t, place, text) == 0 {
			t.Fatalf("nothing was changed by %s", text)
		}
	}
}

// resealSQLite changes a commit of one street as someone would who knows how
// hashes are made.
func resealSQLite(t testing.TB, place string, first int64) {
	t.Helper()
	st, err := openSQLite(t.Context(), place)
	fatal(t, err)
	commits, err := st.Commits(t.Context(), "610102002", first-1, 1)
	if err := errors.Join(err, st.Close()); err != nil {
		t.Fatal(err)
	}
	c := commits[0]
	forged := bytes.Replace(c.Bytes, []byte(`"doc":{"id"`), []byte(`"doc":{"ID"`), 1)
	hash := store.Chain(c.Previous, c.Area, c.First, forged)
	if alter(t, place, `UPDATE log SET bytes = ?, hash = ? WHERE area = ? AND first = ?`, forged, hash[:], string(c.Area), c.First) != 1 {
		t.Fatal("nothing was changed")
	}
}

// TestVerifyFindsEveryColumn changes each column of each table that verify
// answers for, and removes a row: each change is found.
func TestVerifyFindsEveryColumn(t *testing.T) {
	columns := map[string]string{
		"heads":    "area seq hash at",
		"log":      "area first last at previous hash bytes",
		"records":  "row id area collection rev seq at deleted kept revisions marks template verdict state evidence place facet links words doc",
		"facets":   "facet area collection template verdict state evidence n newest",
		"shelves":  "area collection n",
		"words":    "block term row shared facet place",
		"blocks":   "block newest",
		"terms":    "term id",
		"receipts": "actor device n content area collection id rev seq status code detail",
	}
	keys := map[string]string{"heads": "area", "receipts": "actor || device || n", "words": "term || row", "terms": "term || id", "shelves": "area || collection"}
	place := t.TempDir()
	st := engines[0].opened(t, place)
	populate(t, st)
	fatal(t, st.Close())
	file, err := os.ReadFile(filepath.Join(place, "gridpatrol.db"))
	fatal(t, err)
	for table, names := range columns {
		changes := []string{"DELETE FROM " + table}
		for _, c := range strings.Fields(names) {
			changes = append(changes, fmt.Sprintf(`UPDATE %s SET %s = CASE typeof(%s)
				WHEN 'integer' THEN %s + 1000
				WHEN 'blob' THEN CAST(substr(%s, 1, length(%s) - 1) || x'01' AS BLOB)
				ELSE %s || 'x' END`, table, c, c, c, c, c, c))
		}
		for _, change := range changes {
			at := t.TempDir()
			fatal(t, os.WriteFile(filepath.Join(at, "gridpatrol.db"), file, 0o600))
			key := cmp.Or(keys[table], "rowid")
			text := fmt.Sprintf(`%s WHERE %s = (SELECT %s FROM %s ORDER BY 1 LIMIT 1 OFFSET min(2, (SELECT count(*) FROM %s) - 1))`,
				change, key, key, table, table)
			if alter(t, at, text) != 1 {
				t.Fatalf("nothing was changed by %s", text)
			}
			if r := verify(t, engines[0].opened(t, at), 0, nil); r.Fine() {
				t.Errorf("not found: %s", text)
			}
		}
	}
}

// TestVerifyFlippedFile flips bytes anywhere in the database file: verify
// finds it, can't read it, or nothing of the history has changed.
func TestVerifyFlippedFile(t *testing.T) {
	place := t.TempDir()
	st := engines[0].opened(t, place)
	populate(t, st)
	want := whole(t, st)
	fatal(t, st.Close())
	file, err := os.ReadFile(filepath.Join(place, "gridpatrol.db"))
	fatal(t, err)
	found, harmless := 0, 0
	for offset := 0; offset < len(file); offset += 977 {
		at := t.TempDir()
		flipped := bytes.Clone(file)
		flipped[offset] ^= 0x10
		fatal(t, os.WriteFile(filepath.Join(at, "gridpatrol.db"), flipped, 0o600))
		st, err := openSQLite(t.Context(), at)
		if err != nil {
			found++
			continue
		}
		r, err := history.Verify(t.Context(), st, history.VerifyOptions{})
		if err != nil || !r.Fine() {
			found++
		} else {
			harmless++
			sameHistory(t, offset, whole(t, st), want)
		}
		fatal(t, st.Close())
	}
	t.Logf("%d flips found, %d harmless", found, harmless)
	if found < 20 {
		t.Errorf("only %d flips were found", found)
	}
}

// sameHistory compares all but plain rows, which no log vouches for.
func sameHistory(t *testing.T, offset int, got, want []string) {
	t.Helper()
	plain := func(s string) bool {
		return slices.ContainsFunc(store.AllTables, func(table store.Table) bool { return strings.HasPrefix(s, string(table)+` "`) })
	}
	if !slices.Equal(slices.DeleteFunc(got, plain), slices.DeleteFunc(slices.Clone(want), plain)) {
		t.Errorf("a flip at %d changed the history and wasn't found", offset)
	}
}

// TestVerifyNoted: heads that were noted before find what a consistent
// falsification hides.
func TestVerifyNoted(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		st := e.fresh(t)
		populate(t, st)
		early := noteOf(t, st)
		commit(t, st, streets[0], put(documentID(50), phoneOf(0), 50))
		if r := verify(t, st, 0, early); !r.Fine() {
			t.Errorf("grown since: %v", r.Damage)
		}
		late := noteOf(t, st)
		late.Heads["610102008"] = store.Head{Seq: 3, Hash: store.Hash{1}}

		cut, forged := e.fresh(t), e.fresh(t)
		populate(t, cut)
		populate(t, forged)
		wantNoted(t, verify(t, cut, 0, late), "610102001", "entries 24 to 24 are gone from the end")
		wantNoted(t, verify(t, cut, 0, late), "610102008", "entries 1 to 3 are gone from the end")

		commit(t, forged, streets[0], put(documentID(51), phoneOf(0), 51))
		commit(t, forged, streets[0], put(documentID(52), phoneOf(0), 52))
		wantNoted(t, verify(t, forged, 20, late), "610102001", "the history up to 24 was rewritten")
		inside := noteOf(t, st)
		inside.Heads["610102001"] = store.Head{Seq: 1, Hash: store.Hash{1}}
		wantNoted(t, verify(t, st, 0, inside), "610102001", "the history up to 1 was rewritten")
	})
}

func wantNoted(t *testing.T, r *history.Report, area inspection.Area, says string) {
	t.Helper()
	for _, d := range r.Damage {
		if d.Kind != history.InNote {
			t.Errorf("found %v", d)
		}
	}
	if !slices.ContainsFunc(r.Damage, func(d history.Damage) bool { return d.Area == area && strings.Contains(d.Detail, says) }) {
		t.Errorf("found %v, want %s: %s", r.Damage, area, says)
	}
}

func TestNoteRoundTrip(t *testing.T) {
	st := engines[0].fresh(t)
	populate(t, st)
	note := noteOf(t, st)
	var file bytes.Buffer
	fatal(t, history.WriteNote(&file, note))
	again, err := history.ReadNote(&file)
	if err != nil || fmt.Sprint(again) != fmt.Sprint(note) {
		t.Errorf("%v came back as %v, %v", note, again, err)
	}
	for _, text := range []string{"", "{}", "[]", `{"heads":{}}`, `{"heads":{"610102001":{"seq":1,"hash":"00"}}}`, `{"heads":{"a":{"seq":0,"hash":"` + strings.Repeat("00", 32) + `"}}}`} {
		if n, err := history.ReadNote(strings.NewReader(text)); err == nil {
			t.Errorf("%q reads as %v", text, n)
		}
	}
}

// TestVerifyListsSoMuch: a report stays readable, whatever is broken.
func TestVerifyListsSoMuch(t *testing.T) {
	place := t.TempDir()
	st := engines[0].opened(t, place)
	var entries []store.Entry
	for n := range 500 {
		entries = append(entries, put(documentID(n), phoneOf(0), int64(n+1)))
	}
	commit(t, st, streets[0], entries...)
	alter(t, place, `UPDATE records SET rev = 7`)
	if r := verify(t, st, 30, nil); len(r.Damage) != 200 || r.More != 300 {
		t.Errorf("%d listed, %d more", len(r.Damage), r.More)
	}
}

// TestVerifyOnline: nothing is found while phones push, edit and are answered.
func TestVerifyOnline(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		st, place := e.populated(t)
		commits, stop := storm(t, e.opened(t, place))
		for round := 0; round < 10 || commits() < 200; round++ {
			if r := verify(t, st, 300+500*(round%2), nil); !r.Fine() {
				t.Fatalf("round %d: %v", round, r.Damage)
			}
		}
		stop()
		sound(t, st)
	})
}

// storm lets four writers push, edit old and new documents, and reuse numbers,
// in all streets, until stop is called. commits tells how many went in.
func storm(t testing.TB, st store.Store) (commits func() int64, stop func()) {
	var done atomic.Bool
	var count atomic.Int64
	var writers gosync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for n := 1; !done.Load(); n++ {
				k := (w + n) % len(streets)
				_, err := tryCommit(t.Context(), st, streets[k], []store.Entry{
					put(documentID(1<<21+1000*w+100_000*k+n), phoneOf(20+w), int64(2*n)),
					put(documentID(100*k+n%8), phoneOf(20+w), int64(2*n+1)),
				})
				if err == nil && n%7 == 0 {
					_, err = tryCommit(t.Context(), st, inspection.ReferenceArea, []store.Entry{quarantined(phoneOf(20+w), int64(2*n))})
				}
				if err != nil {
					t.Errorf("writer %d: %v", w, err)
					return
				}
				count.Add(1)
			}
		})
	}
	var once gosync.Once
	stop = func() {
		once.Do(func() { done.Store(true); writers.Wait() })
	}
	t.Cleanup(stop)
	return count.Load, stop
}
