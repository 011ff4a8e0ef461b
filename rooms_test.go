package main

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// roomsPage has the folder rules. They stand there and nowhere else.
const roomsPage = "CONTRIBUTING.md"

// tableUnder returns the rows of the first table under a heading of the page,
// without its head.
func tableUnder(t *testing.T, heading string) [][]string {
	t.Helper()
	_, section, found := strings.Cut(readPage(t, roomsPage), "\n"+heading+"\n")
	if !found {
		t.Fatalf("%s has no heading %q", roomsPage, heading)
	}
	var rows [][]string
	for line := range strings.Lines(section) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			if rows != nil {
				break
			}
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	if len(rows) < 3 || len(rows[0]) != 3 {
		t.Fatalf("%s has no table of three columns under %q", roomsPage, heading)
	}
	return rows[2:]
}

// room is a folder's row: what it may import of ours, "*" for everything.
type room struct {
	imports []string
	// standardOnly: nothing from outside of the standard library either.
	standardOnly bool
}

// rooms reads the table of rooms, by import path. A row that says nothing of
// imports is that of a folder without packages of this module.
func rooms(t *testing.T) map[string]room {
	t.Helper()
	out := map[string]room{}
	for _, row := range tableUnder(t, "## The rooms") {
		folder := strings.TrimSuffix(strings.Trim(row[0], "`"), "/")
		if _, err := os.Stat(folder); err != nil {
			t.Errorf("%s, The rooms: there is no folder %s: take its row out, or write its present name", roomsPage, row[0])
		}
		r := room{standardOnly: row[2] == "standard library"}
		switch row[2] {
		case "":
			continue
		case "everything":
			r.imports = []string{"*"}
		case "standard library", "nothing of ours":
		default:
			r.imports = quoted(row[2])
		}
		if folder == "main.go" {
			out["gridpatrol"] = r
			continue
		}
		out["gridpatrol/"+folder] = r
	}
	return out
}

// quoted returns what stands in backticks.
func quoted(cell string) []string {
	var out []string
	for _, m := range code.FindAllStringSubmatch(cell, -1) {
		out = append(out, m[1])
	}
	return out
}

// owned is what is spoken in one room, and what lies in it, only. Guests are
// rooms that speak it, too.
type owned struct {
	prefix string
	owner  string
	guests []string
}

func spokenOnlyIn(t *testing.T) []owned {
	t.Helper()
	path := func(folder string) string { return "gridpatrol/" + strings.TrimSuffix(folder, "/") }
	var out []owned
	for _, row := range tableUnder(t, "### Spoken in one room only") {
		o := owned{owner: path(strings.Trim(row[1], "`"))}
		for _, folder := range quoted(row[2]) {
			o.guests = append(o.guests, path(folder))
		}
		for _, o.prefix = range quoted(row[0]) {
			out = append(out, o)
		}
	}
	return out
}

func (o *owned) mayBeImportedBy(importer string) bool {
	return importer == o.owner || strings.HasPrefix(importer, o.owner+"/") || slices.Contains(o.guests, importer)
}

type listedPackage struct {
	ImportPath string
	Imports    []string
}

func listPackages(t *testing.T) []listedPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []listedPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listedPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

func TestArrowsBetweenRooms(t *testing.T) {
	table, spoken := rooms(t), spokenOnlyIn(t)
	seen := map[string]bool{}
	for _, p := range listPackages(t) {
		seen[p.ImportPath] = true
		r, known := table[p.ImportPath]
		if !known {
			t.Errorf("%s is in no row of the table of rooms in %s: write one that says what it may import", p.ImportPath, roomsPage)
			continue
		}
		for _, imported := range p.Imports {
			checkArrow(t, p.ImportPath, r, imported)
			for _, o := range spoken {
				if strings.HasPrefix(imported, o.prefix) && !o.mayBeImportedBy(p.ImportPath) {
					t.Errorf("%s imports %s, which only %s may (%s, Spoken in one room only)", p.ImportPath, imported, o.owner, roomsPage)
				}
			}
		}
	}
	for path := range table {
		if !seen[path] {
			t.Errorf("%s, The rooms: %s is no package: leave the third cell of its row empty, or take the row out", roomsPage, path)
		}
	}
}

func checkArrow(t *testing.T, from string, r room, imported string) {
	t.Helper()
	name, ours := strings.CutPrefix(imported, "gridpatrol/")
	if strings.HasPrefix(name, "test/") {
		t.Errorf("%s must not import %s: only tests may", from, imported)
	}
	if ours && !slices.Contains(r.imports, name) && !slices.Contains(r.imports, "*") {
		t.Errorf("%s must not import %s: the table of rooms in %s doesn't say so", from, imported, roomsPage)
	}
	if !ours && r.standardOnly && strings.Contains(imported, ".") {
		t.Errorf("%s imports %s, and the table of rooms in %s says: standard library", from, imported, roomsPage)
	}
}

// Houses that one can view at a glance: no function over 70 lines, no file
// over 500, no package that is a drawer for everything.
func TestSizes(t *testing.T) {
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != "." {
			return skip(err)
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		checkSizes(t, fset, path, file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func checkSizes(t *testing.T, fset *token.FileSet, path string, file *ast.File) {
	t.Helper()
	if slices.Contains([]string{"util", "utils", "common", "helpers"}, file.Name.Name) {
		t.Errorf("%s: package %s says nothing about what it does", path, file.Name.Name)
	}
	if n := fset.Position(file.End()).Line; n > 500 {
		t.Errorf("%s has %d lines", path, n)
	}
	if strings.HasSuffix(path, "_test.go") {
		return
	}
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if n := fset.Position(f.End()).Line - fset.Position(f.Pos()).Line + 1; n > 70 {
			t.Errorf("%s: %s has %d lines", path, f.Name.Name, n)
		}
	}
}

func skip(err error) error {
	if err != nil {
		return err
	}
	return fs.SkipDir
}
