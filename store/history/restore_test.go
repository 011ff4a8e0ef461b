package history_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/store/history"
)

// checkBroken makes sure that a broken backup is refused, and that an attempt
// to restore it leaves nothing that could be served.
func checkBroken(t *testing.T, e engine, what string, file []byte, alsoRestore bool) {
	t.Helper()
	if c, err := history.CheckBackup(t.Context(), bytes.NewReader(file), history.Database{}, options); !errors.Is(err, history.ErrBackup) {
		t.Errorf("%s: CheckBackup returned %v, %v", what, c, err)
	}
	if !alsoRestore {
		return
	}
	target := e.fresh(t)
	if c, err := history.Restore(t.Context(), bytes.NewReader(file), database(target), options); !errors.Is(err, history.ErrBackup) {
		t.Errorf("%s: Restore returned %v, %v", what, c, err)
	}
	_, verifyErr := history.Verify(t.Context(), target, history.VerifyOptions{})
	if !errors.Is(verifyErr, history.ErrUnfinished) && !errors.Is(verifyErr, history.ErrEmpty) {
		t.Errorf("%s: a database is left that would be served", what)
	}
}

func TestBrokenBackups(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		e.hasty(t)
		source := e.fresh(t)
		populate(t, source)
		file := backup(t, source)
		text := unpack(t, file)
		for n := 0; n < len(file); n += 1 + len(file)/150 {
			alsoRestore := n%7 == 0
			checkBroken(t, e, fmt.Sprintf("the first %d of %d bytes", n, len(file)), file[:n], alsoRestore)
			flipped := bytes.Clone(file)
			flipped[n] ^= 1 << (n % 8)
			if sameInside(flipped, text) {
				continue // a copy from elsewhere of what is the same there
			}
			checkBroken(t, e, fmt.Sprintf("bit %d of byte %d flipped", n%8, n), flipped, alsoRestore)
		}
		checkBroken(t, e, "without the last byte", file[:len(file)-1], true)
		checkBroken(t, e, "with a byte more", append(bytes.Clone(file), 'x'), true)
		checkBroken(t, e, "twice", append(bytes.Clone(file), file...), true)
		checkBroken(t, e, "something else", []byte("not a backup"), true)
	})
}

// unpack and pack let tests change what is inside of a backup, with a right
// checksum of the compression.
func unpack(t testing.TB, file []byte) []byte {
	t.Helper()
	r, err := zstd.NewReader(bytes.NewReader(file))
	fatal(t, err)
	defer r.Close()
	text, err := io.ReadAll(r)
	fatal(t, err)
	return text
}

// sameInside reports whether a changed file still holds exactly the text.
func sameInside(file, text []byte) bool {
	r, err := zstd.NewReader(bytes.NewReader(file), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return false
	}
	defer r.Close()
	inside, err := io.ReadAll(io.LimitReader(r, int64(len(text))+1))
	return err == nil && bytes.Equal(inside, text)
}

func pack(t testing.TB, text []byte) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := zstd.NewWriter(&file)
	fatal(t, err)
	_, err = w.Write(text)
	fatal(t, errors.Join(err, w.Close()))
	return file.Bytes()
}

// reseal gives a changed backup the checksum that fits.
func reseal(t testing.TB, text []byte) []byte {
	t.Helper()
	i := bytes.LastIndex(text[:len(text)-1], []byte("\n")) + 1
	var end map[string]any
	fatal(t, json.Unmarshal(text[i:], &end))
	sum := sha256.Sum256(text[:i])
	end["end"].(map[string]any)["sha256"] = hex.EncodeToString(sum[:])
	line, err := json.Marshal(end)
	fatal(t, err)
	return append(append(bytes.Clone(text[:i]), line...), '\n')
}

// TestForgedBackups changes what is inside and seals it again: the chains
// still tell.
func TestForgedBackups(t *testing.T) {
	e := engines[0]
	source := e.fresh(t)
	populate(t, source)
	text := unpack(t, backup(t, source))
	checkForged := func(what string, forged []byte) {
		t.Helper()
		if bytes.Equal(forged, text) {
			t.Fatalf("%s: nothing was changed", what)
		}
		checkBroken(t, e, what, pack(t, forged), true)
	}
	swap := func(old, other string) []byte { return bytes.Replace(text, []byte(old), []byte(other), 1) }
	checkForged("a byte of a commit", reseal(t, swap(`"doc":{"id"`, `"doc":{"ID"`)))
	checkForged("a byte of a row", swap("\x00meta 1", "\x00meta 2"))
	checkForged("a seq", reseal(t, swap(`"first":3,`, `"first":4,`)))
	checkForged("a commit's end", reseal(t, swap(`"last":2,`, `"last":3,`)))
	checkForged("an area", reseal(t, swap(`"area":"610102002"`, `"area":"610102009"`)))
	checkForged("a negative size", reseal(t, swap(`"size":`, `"size":-`)))
	checkForged("a huge size", reseal(t, swap(`"size":`, `"size":9999999`)))
	checkForged("a size that is no number", reseal(t, swap(`"size":`, `"size":"x",`)))
	checkForged("a part that isn't known", reseal(t, swap(`{"part":"usernames"`, `{"part":"usernamez"`)))
	checkForged("no part", reseal(t, swap(`{"part":"usernames"`, `{"pard":"usernames"`)))
	checkForged("a newer format", reseal(t, swap(`"gridpatrol_backup":1`, `"gridpatrol_backup":2`)))
	checkForged("no header", reseal(t, text[bytes.IndexByte(text, '\n')+1:]))
	checkForged("a head", swap(`"seq":23`, `"seq":22`))
	checkForged("a long line", append([]byte(`{"`+strings.Repeat("x", 2<<20)+`":1,`), text[1:]...))
	last := bytes.LastIndex(text[:len(text)-1], []byte("\n")) + 1
	checkForged("no end", text[:last])
	checkForged("a row less", append(cutRow(t, text[:last]), text[last:]...))
	sum := sha256.Sum256(text[:last])
	if !bytes.Contains(text[last:], []byte(hex.EncodeToString(sum[:]))) {
		t.Errorf("the end is %s", text[last:])
	}
}

// cutRow removes the last row.
func cutRow(t *testing.T, text []byte) []byte {
	t.Helper()
	i := bytes.LastIndex(text, []byte("\n{\"part\""))
	if i < 0 {
		t.Fatal("there is no row")
	}
	return bytes.Clone(text[:i+1])
}

// TestUnreadableSource: a disk that can't be read is no broken backup.
func TestUnreadableSource(t *testing.T) {
	source := engines[0].fresh(t)
	populate(t, source)
	file := backup(t, source)
	for _, n := range []int{0, 3, len(file) / 2, len(file) - 1} {
		r := io.MultiReader(bytes.NewReader(file[:n]), brokenDisk{})
		if _, err := history.CheckBackup(t.Context(), r, history.Database{}, options); !errors.Is(err, errDisk) || errors.Is(err, history.ErrBackup) {
			t.Errorf("after %d bytes: %v", n, err)
		}
		r = io.MultiReader(bytes.NewReader(file[:n]), brokenDisk{})
		if _, err := history.Restore(t.Context(), r, database(engines[0].fresh(t)), options); !errors.Is(err, errDisk) || errors.Is(err, history.ErrBackup) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

var errDisk = errors.New("broken disk")

type brokenDisk struct{}

func (brokenDisk) Read([]byte) (int, error) { return 0, errDisk }

func TestRestoreRefuses(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		source := e.fresh(t)
		populate(t, source)
		file := backup(t, source)
		withRow, withCommit := e.fresh(t), e.fresh(t)
		row(t, withRow, store.TableReports, "k", "v")
		commit(t, withCommit, streets[0], put(documentID(1), phoneOf(1), 1))
		for name, st := range map[string]store.Store{"a row": withRow, "a commit": withCommit, "the source": source} {
			before := whole(t, st)
			if _, err := history.Restore(t.Context(), bytes.NewReader(file), database(st), options); !errors.Is(err, history.ErrNotEmpty) {
				t.Errorf("a target with %s: %v", name, err)
			}
			sameWhole(t, whole(t, st), before)
		}
	})
}

// TestRestoreUnderItsOwnID: a database that was emptied rather than made anew
// gets another id.
func TestRestoreUnderItsOwnID(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		source, target := e.fresh(t), e.fresh(t)
		populate(t, source)
		fatal(t, target.SetID(t.Context(), idOf(t, source)))
		restore(t, backup(t, source), target)
		if idOf(t, target) == idOf(t, source) {
			t.Error("the restored database has the id of its source")
		}
	})
}

// fragile is a store that fails for good after so many writes, the last of
// which still goes in if lost is set.
type fragile struct {
	store.Store
	left int
	lost bool
}

var errCrash = errors.New("crash")

func (f *fragile) write(run func() error) error {
	f.left--
	if f.left < 0 {
		return errCrash
	}
	if err := run(); err != nil {
		return err
	}
	if f.left == 0 && f.lost {
		return errCrash
	}
	return nil
}

func (f *fragile) Append(ctx context.Context, c *store.Commit) error {
	return f.write(func() error { return f.Store.Append(ctx, c) })
}

func (f *fragile) Put(ctx context.Context, table store.Table, r store.Row) (v int64, err error) {
	err = f.write(func() error { v, err = f.Store.Put(ctx, table, r); return err })
	return v, err
}

func (f *fragile) Delete(ctx context.Context, table store.Table, key string) error {
	return f.write(func() error { return f.Store.Delete(ctx, table, key) })
}

func (f *fragile) SetID(ctx context.Context, id string) error {
	return f.write(func() error { return f.Store.SetID(ctx, id) })
}

func (f *fragile) SetReadOnly(ctx context.Context, on bool) error {
	return f.write(func() error { return f.Store.SetReadOnly(ctx, on) })
}

// TestRestoreAfterCrash crashes at every write, and before the answer to it.
// What is left is marked or whole; the same backup completes it, another one
// is refused.
func TestRestoreAfterCrash(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		e.hasty(t)
		source := e.fresh(t)
		sample(t, source)
		want, file, other := whole(t, source), backup(t, source), backup(t, source)
		for writes := 0; ; writes++ {
			target := e.fresh(t)
			crashing := &fragile{Store: target, left: writes, lost: writes%2 == 0}
			_, err := history.Restore(t.Context(), bytes.NewReader(file), database(crashing), options)
			if err == nil {
				t.Logf("%d writes", writes)
				return
			}
			if !errors.Is(err, errCrash) {
				t.Fatalf("after %d writes: %v", writes, err)
			}
			if checkLeft(t, target, writes, want) {
				continue
			}
			if _, err := history.Restore(t.Context(), bytes.NewReader(other), database(target), options); writes > 1 && !errors.Is(err, history.ErrNotEmpty) {
				t.Errorf("after %d writes another backup gives %v", writes, err)
			} else if writes <= 1 {
				continue // nothing was there yet, so it was restored
			}
			restore(t, file, target)
			sameWhole(t, whole(t, target), want)
			fatal(t, history.CheckFinished(t.Context(), target))
		}
	})
}

// checkLeft reports whether a crash came after all was done; if not, the
// database must say that it is incomplete, or be empty.
func checkLeft(t *testing.T, st store.Store, writes int, want []string) (complete bool) {
	t.Helper()
	_, err := history.Verify(t.Context(), st, history.VerifyOptions{})
	if err == nil {
		sameWhole(t, whole(t, st), want)
		return true
	}
	if !errors.Is(err, history.ErrUnfinished) && !errors.Is(err, history.ErrEmpty) {
		t.Errorf("after %d writes there is a database of which Verify says %v", writes, err)
	}
	return false
}

// TestRestoreWithLostAnswers: an append that went in but says ErrStale, as one
// of unknown outcome does, isn't done again.
func TestRestoreWithLostAnswers(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		source, target := e.fresh(t), e.fresh(t)
		populate(t, source)
		_, err := history.Restore(t.Context(), bytes.NewReader(backup(t, source)), database(&forgetful{Store: target}), options)
		fatal(t, err)
		sameWhole(t, whole(t, target), whole(t, source))
	})
}

// forgetful loses every second answer to an append, and every third append.
type forgetful struct {
	store.Store
	appends int
}

func (f *forgetful) Append(ctx context.Context, c *store.Commit) error {
	f.appends++
	if f.appends%3 == 0 {
		return store.ErrStale
	}
	err := f.Store.Append(ctx, c)
	if err == nil && f.appends%2 == 0 {
		return store.ErrStale
	}
	return err
}

// TestRestoreBesideAWriter: someone who writes to the target meanwhile is
// noticed.
func TestRestoreBesideAWriter(t *testing.T) {
	source, target := engines[0].fresh(t), engines[0].fresh(t)
	populate(t, source)
	meddler := &meddling{Store: target, run: func() {
		commit(t, target, streets[1], put(documentID(7777), phoneOf(7), 1))
	}}
	_, err := history.Restore(t.Context(), bytes.NewReader(backup(t, source)), database(meddler), options)
	if !errors.Is(err, history.ErrNotEmpty) || history.CheckFinished(t.Context(), target) == nil {
		t.Errorf("Restore returned %v", err)
	}
}

type meddling struct {
	store.Store
	run func()
}

func (m *meddling) Append(ctx context.Context, c *store.Commit) error {
	if m.run != nil && c.Area == inspection.Area("610102002") && c.First > 3 {
		m.run()
		m.run = nil
	}
	return m.Store.Append(ctx, c)
}

// FuzzFrames reads anything as the inside of a backup.
func FuzzFrames(f *testing.F) {
	source := engines[0].fresh(f)
	// Little of it: the fuzzer tries to shorten all that is new to it.
	commit(f, source, streets[0], store.Entry{Kind: store.KindNote})
	row(f, source, store.TableMeta, "k", "v")
	text := unpack(f, backup(f, source))
	f.Add(text)
	f.Add(text[:len(text)-20])
	const header = `{"gridpatrol_backup":1,"id":"a","database":"b"}` + "\n"
	f.Add([]byte(header + `{"part":"log","area":"_","size":2}` + "\n[]\n"))
	f.Add([]byte(header + `{"part":"meta","key":"k","size":3}` + "\nabc\n" + `{"end":{"items":1,"heads":{}}}` + "\n"))
	f.Add([]byte(header + `{"part":"meta","size":99999999999}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := history.CheckFrames(t.Context(), bytes.NewReader(data))
		if err != nil && !errors.Is(err, history.ErrBackup) {
			t.Fatalf("CheckFrames returned %v", err)
		}
		if err != nil {
			return
		}
		sum := sha256.Sum256(data[:bytes.LastIndex(data[:len(data)-1], []byte("\n"))+1])
		if !bytes.Contains(data, []byte(hex.EncodeToString(sum[:]))) {
			t.Fatalf("frames without their checksum pass: %+v", c)
		}
	})
}
