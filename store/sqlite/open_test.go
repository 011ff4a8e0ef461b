package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/store/storetest"
)

// raceVariable holds the folder that this process opens with others at once.
const raceVariable = "GRIDPATROL_SQLITE_RACE"

// raceToOpen waits for the starter's sign, opens the database and prints its
// id. It returns in processes that no race started.
func raceToOpen() {
	dir := os.Getenv(raceVariable)
	if dir == "" {
		return
	}
	if _, err := os.Stdin.Read(make([]byte, 1)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	st, err := Open(context.Background(), dir, testOptions())
	if err == nil {
		var id string
		id, err = st.ID(context.Background())
		fmt.Print(id)
		err = errors.Join(err, st.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// TestFirstStartRace: processes that create the database at once agree on it.
func TestFirstStartRace(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	const racers = 6
	var outs, complaints [racers]bytes.Buffer
	var starts [racers]*os.File
	var children [racers]*exec.Cmd
	for i := range racers {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		c := exec.CommandContext(t.Context(), os.Args[0])
		c.Env = append(os.Environ(), raceVariable+"="+dir)
		c.Stdin, c.Stdout, c.Stderr = r, &outs[i], &complaints[i]
		if err := errors.Join(c.Start(), r.Close()); err != nil {
			t.Fatal(err)
		}
		starts[i], children[i] = w, c
	}
	for _, w := range starts {
		if _, err := w.Write([]byte("!")); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range children {
		err := errors.Join(c.Wait(), starts[i].Close())
		if err != nil || outs[i].Len() != 36 || outs[i].String() != outs[0].String() {
			t.Errorf("racer %d has the id %q, the first %q: %v %s", i, &outs[i], &outs[0], err, &complaints[i])
		}
	}
	storetest.Verify(t, openIn(t, dir))
}

// TestOpenAtOnce: the same within one process.
func TestOpenAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	var ids [8]string
	var errs [8]error
	var group sync.WaitGroup
	for i := range ids {
		group.Go(func() {
			st, err := Open(t.Context(), dir, testOptions())
			if err != nil {
				errs[i] = err
				return
			}
			id, err := st.ID(t.Context())
			ids[i], errs[i] = id, errors.Join(err, st.Close())
		})
	}
	group.Wait()
	for i := range ids {
		if errs[i] != nil || ids[i] != ids[0] {
			t.Errorf("store %d has the id %q, the first %q: %v", i, ids[i], ids[0], errs[i])
		}
	}
}

func TestModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data")
	st := openIn(t, dir)
	if err := st.Append(t.Context(), sealed(t, store.Head{}, 1, 10)); err != nil {
		t.Fatal(err)
	}
	storetest.Verify(t, st)
	checkModes(t, dir)
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, fileName+"-wal")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the write-ahead log is still there after Close: %v", err)
	}
	// As a copy from a backup may have it.
	if err := os.Chmod(filepath.Join(dir, fileName), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := openIn(t, dir).Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkModes(t, dir)
}

func checkModes(t *testing.T, dir string) {
	t.Helper()
	for name, want := range map[string]fs.FileMode{
		"": 0o700, fileName: 0o600, fileName + "-wal": 0o600, fileName + "-shm": 0o600,
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%q has mode %v, want %v: %v", name, info.Mode().Perm(), want, err)
		}
	}
}

func TestOddFolderNames(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "50% of #1?x=y&z 数据 é")
	if err := openIn(t, dir).Append(t.Context(), sealed(t, store.Head{}, 1, 10)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, fileName)); err != nil {
		t.Error(err)
	}
	storetest.Verify(t, openIn(t, dir))
}

// TestRefused: what can't be opened is refused with advice, and left alone.
func TestRefused(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, dir string){
		"not a database": func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, fileName), bytes.Repeat([]byte("not a database "), 500))
		},
		"a folder in its place": func(t *testing.T, dir string) {
			if err := os.Mkdir(filepath.Join(dir, fileName), 0o700); err != nil {
				t.Fatal(err)
			}
		},
		"another program's": func(t *testing.T, dir string) { alter(t, dir, `CREATE TABLE songs (name)`) },
		"another program's, same version": func(t *testing.T, dir string) {
			alter(t, dir, fmt.Sprintf(`PRAGMA user_version = %d`, len(migrations)))
		},
		"newer": func(t *testing.T, dir string) {
			if err := openIn(t, dir).Close(); err != nil {
				t.Fatal(err)
			}
			alter(t, dir, fmt.Sprintf(`PRAGMA user_version = %d`, len(migrations)+1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			spoil(t, dir)
			refused(t, dir)
		})
	}
}

func TestRefusedFolders(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, nil)
	refused(t, file)
	refused(t, filepath.Join(file, "below"))
	refused(t, "/proc/self/gridpatrol")
	if os.Getuid() == 0 {
		return // root may write everywhere
	}
	locked := filepath.Join(t.TempDir(), "locked")
	if err := os.Mkdir(locked, 0o500); err != nil {
		t.Fatal(err)
	}
	refused(t, locked)
	refused(t, filepath.Join(locked, "below"))
}

// TestExisting: who only wants to read makes no database by mistake.
func TestExisting(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "typo")
	opts := testOptions()
	opts.Existing = true
	if st, err := Open(t.Context(), dir, opts); inspection.CodeOf(err) != inspection.CodeNotFound {
		t.Errorf("Open returned %v, %v", st, err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder was made: %v", err)
	}
	if err := openIn(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	st, err := Open(t.Context(), dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Error(err)
	}
}

func refused(t *testing.T, dir string) {
	t.Helper()
	st, err := Open(t.Context(), dir, testOptions())
	if err == nil {
		t.Fatalf("%s was opened: %v", dir, st.Close())
	}
	var told *inspection.Error
	if !errors.As(err, &told) || told.Code != inspection.CodeUnavailable || told.Detail == "" {
		t.Errorf("opening %s gives %v", dir, err)
	} else if bytes.Contains([]byte(told.Detail), []byte(dir)) {
		t.Errorf("the advice names a path: %s", told.Detail)
	}
}

func write(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func alter(t *testing.T, dir, text string) {
	t.Helper()
	db, err := sql.Open(driverName, filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), text)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestDamagedRows: a value that can't be decoded is an error, not a panic.
func TestDamagedRows(t *testing.T) {
	dir := t.TempDir()
	if err := openIn(t, dir).Append(t.Context(), sealed(t, store.Head{}, 1, 10)); err != nil {
		t.Fatal(err)
	}
	alter(t, dir, `UPDATE records SET marks = x'ff'; UPDATE log SET bytes = x'5b5d'; UPDATE heads SET hash = x'00'`)
	st := openIn(t, dir)
	_, recordsErr := st.Records(t.Context(), []inspection.DocID{document(1)})
	_, commitsErr := st.Commits(t.Context(), street, 0, 1)
	_, headErr := st.Head(t.Context(), street)
	for _, err := range []error{recordsErr, commitsErr, headErr} {
		if inspection.CodeOf(err) != inspection.CodeUnavailable || !errors.Is(err, store.ErrDamaged) {
			t.Errorf("a damaged row gives %v", err)
		}
	}
	records, err := st.StoredRecords(t.Context(), "", 1)
	if err != nil || len(records) != 1 || records[0].ID != document(1) || !errors.Is(records[0].Damaged, store.ErrDamaged) {
		t.Errorf("a damaged record is stored as %+v, %v", records, err)
	}
}
