package cli

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"gridpatrol/store"
	"gridpatrol/store/mongo/mongotest"
	"gridpatrol/store/sqlite"
)

// runLine runs a command line and returns what it prints and its exit status.
func runLine(t *testing.T, stdin string, args ...string) (string, int) {
	t.Helper()
	var out bytes.Buffer
	status := Run(t.Context(), Process{Args: args, Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &out})
	return out.String(), status
}

// leafCommands lists all subcommands that run something, like "user add".
func leafCommands(t *testing.T) (all []string) {
	t.Helper()
	parser, err := newParser(&commands{}, Process{Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}}, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	err = kong.Visit(parser.Model, func(node kong.Visitable, next kong.Next) error {
		if n, ok := node.(*kong.Node); ok && n.Type == kong.CommandNode && len(n.Children) == 0 {
			all = append(all, strings.TrimPrefix(n.Path(), "gridpatrol "))
		}
		return next(nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// databaseArgs tells of each subcommand how it is run on the database at a
// place. Those without have none, or are there to make one.
var databaseArgs = map[string]func(place []string) []string{
	"serve": nil, "demo": nil, "restore": nil, "health": nil,
	"user add":        on("--name", "x", "--role", "admin", "--area", "610102", "--password-stdin", "chen"),
	"user import":     on("-"),
	"user disable":    on("chen"),
	"user enable":     on("chen"),
	"user reset":      on("chen"),
	"user grant":      on("chen", "--area", "610102"),
	"user list":       on(),
	"export joint":    on("--month", "2026-10", "-o", "/nowhere/never.csv"),
	"export dispatch": on("--month", "2026-10", "--window", "first_half", "-o", "/nowhere/never.csv"),
	"verify":          on(),
	"backup":          on("-o", "/nowhere/never"),
	"media rebuild":   on(),
	"migrate": func(place []string) []string {
		return []string{"--from", place[1], "--to", place[1] + "2"}
	},
}

func on(args ...string) func([]string) []string {
	return func(place []string) []string { return append(slices.Clone(args), place...) }
}

// TestNoDatabaseByMistake: what reads or changes a database makes none where
// there is none, and says where it looked and what to do.
func TestNoDatabaseByMistake(t *testing.T) {
	for _, name := range leafCommands(t) {
		t.Run(name, func(t *testing.T) {
			args, known := databaseArgs[name]
			if !known {
				t.Fatal("this command is in no row of the table")
			}
			if args == nil {
				return
			}
			folder := filepath.Join(t.TempDir(), "typo")
			line := append(strings.Fields(name), args([]string{"--data", folder})...)
			out, status := runLine(t, "a long password\n", line...)
			if status != exitError || !strings.Contains(out, folder) || !strings.Contains(out, "Name the folder of one that was made before") {
				t.Errorf("%v: status %d: %s", line, status, out)
			}
			for _, never := range []string{folder, folder + "2"} {
				if _, err := os.Stat(never); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%v made %s (%v)", line, never, err)
				}
			}
		})
	}
}

// TestNoMongoDatabaseByMistake is the same for a name that the server doesn't
// know.
func TestNoMongoDatabaseByMistake(t *testing.T) {
	uri := mongotest.Database(t)
	for name, args := range databaseArgs {
		if args == nil {
			continue
		}
		line := append(strings.Fields(name), args([]string{"--store", uri})...)
		if out, status := runLine(t, "a long password\n", line...); status != exitError || !strings.Contains(out, uri) || !strings.Contains(out, "no database") {
			t.Errorf("%v: status %d: %s", line, status, out)
		}
	}
}

// TestTheFirstAccountMakesTheDatabase, when it is told to.
func TestTheFirstAccountMakesTheDatabase(t *testing.T) {
	for name, stdin := range map[string]string{
		"user add":    "a long password\n",
		"user import": "username,name,role,areas,password\nchen,x,admin,610102,a long password\n",
	} {
		folder := filepath.Join(t.TempDir(), "new")
		line := append(strings.Fields(name), databaseArgs[name]([]string{"--data", folder})...)
		if out, _ := runLine(t, stdin, line...); !strings.Contains(out, "--create") {
			t.Errorf("%s doesn't say how a database is made: %s", name, out)
		}
		if out, status := runLine(t, stdin, append(line, "--create")...); status != exitOK {
			t.Errorf("%s: status %d: %s", name, status, out)
		}
		if out, status := runLine(t, "", "user", "list", "--data", folder); status != exitOK || !strings.Contains(out, "chen") {
			t.Errorf("%s: status %d: %s", name, status, out)
		}
	}
}

// TestNothingFromAnUnfinishedDatabase: what a restore or a migration has not
// filled yet is neither read nor changed, lest its part pass for the whole.
func TestNothingFromAnUnfinishedDatabase(t *testing.T) {
	folder := t.TempDir()
	st, err := sqlite.Open(t.Context(), folder, sqlite.Options{NewID: newID})
	if err != nil {
		t.Fatal(err)
	}
	_, err = st.Put(t.Context(), store.TableMeta, store.Row{Key: "unfinished", Value: []byte(`{"work":"restore","from":"x"}`)})
	if err := errors.Join(err, st.Close()); err != nil {
		t.Fatal(err)
	}
	for name, args := range databaseArgs {
		if args == nil {
			continue
		}
		line := append(strings.Fields(name), args([]string{"--data", folder})...)
		if out, status := runLine(t, "a long password\n", line...); status != exitError || !strings.Contains(out, "cut short") {
			t.Errorf("%v: status %d: %s", line, status, out)
		}
	}
}

// TestPasswordsOfPlacesAreNotPrinted, not even of one that is no right URI.
func TestPasswordsOfPlacesAreNotPrinted(t *testing.T) {
	for _, uri := range []string{
		"mongodb://u:secret%ZZ@127.0.0.1:1/db", "mongodb://u:secret@127.0.0.1:port/db", "postgres://u:secret@127.0.0.1/db",
	} {
		if out, status := runLine(t, "", "verify", "--store", uri); status != exitError || strings.Contains(out, "secret") {
			t.Errorf("%s: status %d: %s", uri, status, out)
		}
	}
}

// TestFilesAreCalledAsTheyWere: by the names that the person gave.
func TestFilesAreCalledAsTheyWere(t *testing.T) {
	t.Chdir(t.TempDir())
	st, err := sqlite.Open(context.Background(), "data", sqlite.Options{NewID: newID})
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if out, status := runLine(t, "a long password\n", "user", "add", "chen", "--name", "x", "--role", "admin", "--area", "610102", "--password-stdin"); status != exitOK {
		t.Fatalf("status %d: %s", status, out)
	}
	if err := os.WriteFile("broken", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for says, line := range map[string][]string{
		"wrote ./month.csv\n":     {"export", "joint", "--month", "2026-10", "-o", "./month.csv"},
		"wrote month.json\n":      {"export", "joint", "--month", "2026-10", "--output=month.json"},
		"--heads ./broken: ":      {"verify", "--heads", "./broken"},
		"--heads: open absent:":   {"verify", "--heads", "absent"},
		"gridpatrol: ./broken:":   {"restore", "./broken", "--data", "other"},
		"there is no file none\n": {"restore", "none", "--data", "other"},
	} {
		if out, _ := runLine(t, "", line...); !strings.Contains(out, says) {
			t.Errorf("%v doesn't say %q: %s", line, says, out)
		}
	}
}
