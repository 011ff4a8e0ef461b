package main

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// rooms is the table of CONTRIBUTING.md: which folder may import which. "*"
// stands for everything.
var rooms = map[string][]string{
	"gridpatrol":                       {"cli"},
	"gridpatrol/cli":                   {"*"},
	"gridpatrol/cli/progress":          {},
	"gridpatrol/cmd/simulate":          {"simulate", "cli/progress"},
	"gridpatrol/inspection":            {},
	"gridpatrol/template":              {"inspection"},
	"gridpatrol/store":                 {"inspection"},
	"gridpatrol/store/storetest":       {"inspection", "store"},
	"gridpatrol/store/sqlite":          {"inspection", "store"},
	"gridpatrol/store/mongo":           {"inspection", "store"},
	"gridpatrol/store/history":         {"inspection", "store"},
	"gridpatrol/store/mongo/mongotest": {},
	"gridpatrol/store/files":           {"inspection", "store"},
	"gridpatrol/sync":                  {"inspection", "template", "store"},
	"gridpatrol/auth":                  {"inspection", "store"},
	"gridpatrol/seeds":                 {"inspection", "template", "seeds/photo"},
	"gridpatrol/report":                {"inspection", "template", "store"},
	"gridpatrol/review":                {"inspection", "sync", "store"},
	"gridpatrol/media":                 {"inspection", "template", "store"},
	"gridpatrol/seeds/photo":           {},
	"gridpatrol/simulate":              {"seeds", "seeds/photo"},
	"gridpatrol/api":                   {"inspection", "sync", "auth", "media", "report", "review"},
	"gridpatrol/test/bench":            {"*"},
	"gridpatrol/test/e2e":              {"*"},
	"gridpatrol/test/mutants":          {"*"},
}

// mayAsk are rooms that ask a server as any client would, without being one.
var mayAsk = map[string]string{"gridpatrol/cli": "net/http", "gridpatrol/simulate": "net/http"}

// spokenOnlyIn lists what belongs to one room and what lies in it.
var spokenOnlyIn = map[string]string{
	"github.com/gofiber/fiber": "gridpatrol/api",
	"github.com/valyala/":      "gridpatrol/api",
	"net/http":                 "gridpatrol/api",
	"database/sql":             "gridpatrol/store/sqlite",
	"modernc.org/sqlite":       "gridpatrol/store/sqlite",
	"go.mongodb.org/":          "gridpatrol/store/mongo",
}

type listedPackage struct {
	ImportPath string
	Standard   bool
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
	for _, p := range listPackages(t) {
		allowed, known := rooms[p.ImportPath]
		if !known {
			t.Errorf("%s is in no row of the table of rooms: add it there and in CONTRIBUTING.md", p.ImportPath)
			continue
		}
		for _, imported := range p.Imports {
			room, ours := strings.CutPrefix(imported, "gridpatrol/")
			if ours && !slices.Contains(allowed, room) && !slices.Contains(allowed, "*") {
				t.Errorf("%s must not import %s", p.ImportPath, imported)
			}
			for prefix, owner := range spokenOnlyIn {
				if strings.HasPrefix(imported, prefix) && p.ImportPath != owner && !strings.HasPrefix(p.ImportPath, owner+"/") && mayAsk[p.ImportPath] != imported {
					t.Errorf("%s imports %s, which only %s may", p.ImportPath, imported, owner)
				}
			}
			if p.ImportPath == "gridpatrol/inspection" && strings.Contains(imported, ".") {
				t.Errorf("inspection imports %s; it is pure", imported)
			}
		}
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
