package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// maxApart is the share of the helpers with one caller that may stand in
// another file than it.
const maxApart = 0.15

// helperUse is an unexported function or method, and the files of the places
// that name it.
type helperUse struct {
	name   string
	file   string
	usedIn []string
}

// A helper that one function uses stands beside it, so that whoever reads the
// one sees the other. Counted are the unexported functions and methods outside
// of tests that are named exactly once in their package (of methods only
// those whose name no other method or field of the package has); apart are
// those that stand in another file than the place that names them. -v lists them.
func TestHelpersStandBesideTheirCaller(t *testing.T) {
	once, apart := 0, 0
	for _, folder := range sourceFolders(t) {
		helpers := helpersOf(t, folder)
		there, away := 0, []string{}
		for _, h := range helpers {
			if len(h.usedIn) != 1 {
				continue
			}
			there++
			if h.usedIn[0] != h.file {
				away = append(away, fmt.Sprintf("%s (%s, used in %s)", h.name, h.file, h.usedIn[0]))
			}
		}
		once, apart = once+there, apart+len(away)
		if len(away) > 0 {
			t.Logf("%s: %d of %d apart\n\t%s", folder, len(away), there, strings.Join(away, "\n\t"))
		}
	}
	share := float64(apart) / float64(once)
	t.Logf("%d of %d helpers with one caller stand apart from it: %.1f %%", apart, once, 100*share)
	if share > maxApart {
		t.Errorf("%.1f %% of the helpers with one caller stand in another file than it, more than %.0f %%: move some beside their callers (-v lists them)", 100*share, 100*maxApart)
	}
}

// sourceFolders lists the folders of this module with Go sources that are no
// tests.
func sourceFolders(t *testing.T) []string {
	t.Helper()
	var folders []string
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || ofAnotherModule(path)) {
			return fs.SkipDir
		}
		folder := filepath.Dir(path)
		if isSource(path) && !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return folders
}

func ofAnotherModule(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "go.mod"))
	return err == nil
}

func isSource(path string) bool {
	return strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go")
}

func helpersOf(t *testing.T, folder string) []*helperUse {
	t.Helper()
	fset := token.NewFileSet()
	parsed := map[string]*ast.File{}
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range names {
		if !isSource(path) {
			continue
		}
		if parsed[path], err = parser.ParseFile(fset, path, nil, parser.SkipObjectResolution); err != nil {
			t.Fatal(err)
		}
	}
	functions, methods := declaredHelpers(parsed)
	for path, file := range parsed {
		noteUses(file, filepath.Base(path), functions, methods)
	}
	var all []*helperUse
	for _, of := range []map[string]*helperUse{functions, methods} {
		for _, h := range of {
			if h != nil {
				all = append(all, h)
			}
		}
	}
	slices.SortFunc(all, func(a, b *helperUse) int { return strings.Compare(a.file+a.name, b.file+b.name) })
	return all
}

// declaredHelpers returns the unexported functions and methods by name; of
// methods a name that is a field's or another's too is nil.
func declaredHelpers(files map[string]*ast.File) (functions, methods map[string]*helperUse) {
	functions, methods = map[string]*helperUse{}, map[string]*helperUse{}
	for path, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				name := n.Name.Name
				if ast.IsExported(name) || name == "main" || name == "init" {
					return true
				}
				into := functions
				if n.Recv != nil {
					into = methods
				}
				_, taken := into[name]
				into[name] = &helperUse{name: name, file: filepath.Base(path)}
				if taken {
					into[name] = nil
				}
			}
			return true
		})
	}
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.StructType:
				blank(methods, n.Fields)
			case *ast.InterfaceType:
				blank(methods, n.Methods)
			}
			return true
		})
	}
	return functions, methods
}

func blank(methods map[string]*helperUse, fields *ast.FieldList) {
	for _, f := range fields.List {
		for _, name := range f.Names {
			methods[name.Name] = nil
		}
	}
}

// noteUses adds the file to each helper that it names, once a place.
func noteUses(file *ast.File, base string, functions, methods map[string]*helperUse) {
	use := func(h *helperUse) {
		if h != nil {
			h.usedIn = append(h.usedIn, base)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Body != nil {
				ast.Inspect(n.Body, namer(use, functions, methods))
			}
			return false
		case *ast.GenDecl:
			ast.Inspect(n, namer(use, functions, methods))
			return false
		}
		return true
	})
}

func namer(use func(*helperUse), functions, methods map[string]*helperUse) func(ast.Node) bool {
	var visit func(ast.Node) bool
	visit = func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			use(methods[n.Sel.Name])
			ast.Inspect(n.X, visit)
			return false
		case *ast.KeyValueExpr:
			if _, plain := n.Key.(*ast.Ident); !plain {
				ast.Inspect(n.Key, visit)
			}
			ast.Inspect(n.Value, visit)
			return false
		case *ast.Ident:
			use(functions[n.Name])
		}
		return true
	}
	return visit
}
