package main

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// pages are the documents that must name what there is. A changelog tells of
// what there was.
func pages(t *testing.T) []string {
	t.Helper()
	var list []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/decisions/*.md", ".github/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, found...)
	}
	if len(list) < 10 {
		t.Fatalf("only %d pages were found", len(list))
	}
	return slices.DeleteFunc(list, func(name string) bool { return name == "CHANGELOG.md" })
}

func readPage(t *testing.T, name string) string {
	t.Helper()
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// tree is what there is, by path from here, folders included, and by name
// alone. What is built, fetched or made by running is left out.
func tree(t *testing.T) (paths, names map[string]bool) {
	t.Helper()
	paths, names = map[string]bool{}, map[string]bool{}
	err := filepath.WalkDir(".", func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		at = filepath.ToSlash(at)
		if d.IsDir() && slices.Contains([]string{".git", "bin", "data", "node_modules"}, path.Base(at)) {
			return fs.SkipDir
		}
		paths[at], names[path.Base(at)] = true, true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths, names
}

var (
	testName   = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark|Example)[A-Z]\w+`)
	testFunc   = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark|Example)[A-Z]\w+)\(`)
	fence      = regexp.MustCompile("(?ms)^```.*?^```")
	code       = regexp.MustCompile("`([^`\n]+)`")
	link       = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	plainPath  = regexp.MustCompile(`^[\w.*-]+(/[\w.*-]+)*/?$`)
	fileEnding = regexp.MustCompile(`\.(go|md|ya?ml|csv|m?js|sh|toml|jpg|png)$|/.*\.json$`)
)

// TestPagesNameTestsThatExist: a page that says "proved by TestX" is wrong when
// the test goes, or goes by another name.
func TestPagesNameTestsThatExist(t *testing.T) {
	paths, _ := tree(t)
	there := map[string]bool{}
	for name := range paths {
		if strings.HasSuffix(name, "_test.go") {
			for _, m := range testFunc.FindAllStringSubmatch(readPage(t, name), -1) {
				there[m[1]] = true
			}
		}
	}
	for _, name := range pages(t) {
		for i, line := range strings.Split(readPage(t, name), "\n") {
			for _, test := range testName.FindAllString(line, -1) {
				if !there[test] {
					t.Errorf("%s:%d names %s, which is in no _test.go file: write the test's present name there", name, i+1, test)
				}
			}
		}
	}
}

// TestPagesNameFilesThatExist: paths in backticks and targets of links. A name
// without a folder may be that of a file anywhere; a star stands for anything.
func TestPagesNameFilesThatExist(t *testing.T) {
	paths, names := tree(t)
	for _, name := range pages(t) {
		page := fence.ReplaceAllStringFunc(readPage(t, name), func(s string) string { return strings.Repeat("\n", strings.Count(s, "\n")) })
		for i, line := range strings.Split(page, "\n") {
			for _, m := range code.FindAllStringSubmatch(line, -1) {
				if !namesAFile(m[1], paths) || isThere(m[1], paths, names) {
					continue
				}
				t.Errorf("%s:%d names `%s`, and there is no such file: write its present path there", name, i+1, m[1])
			}
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				target, _, _ := strings.Cut(m[1], "#")
				if target == "" || strings.Contains(target, "://") || paths[path.Join(path.Dir(name), target)] {
					continue
				}
				t.Errorf("%s:%d links to %s, and there is no such file: write its present path there, from the page's own folder", name, i+1, m[1])
			}
		}
	}
}

// namesAFile tells paths from the other things that stand in backticks: they
// have an ending that files have, or begin with a folder that there is.
func namesAFile(s string, paths map[string]bool) bool {
	if !plainPath.MatchString(s) {
		return false
	}
	first, _, folder := strings.Cut(s, "/")
	return fileEnding.MatchString(s) || folder && paths[first] && first != "."
}

func isThere(s string, paths, names map[string]bool) bool {
	s = strings.TrimSuffix(s, "/")
	candidates := paths
	if !strings.Contains(s, "/") {
		candidates = names
	}
	if !strings.Contains(s, "*") {
		return candidates[s]
	}
	for at := range candidates {
		if ok, _ := path.Match(s, at); ok {
			return true
		}
	}
	return false
}

// TestIssueForms: a form that is not of the expected shape isn't shown, and
// nobody is told.
func TestIssueForms(t *testing.T) {
	forms, err := filepath.Glob(".github/ISSUE_TEMPLATE/*.yml")
	if err != nil || len(forms) < 3 {
		t.Fatalf("forms %v, %v", forms, err)
	}
	for _, name := range forms {
		var form struct {
			Name, Description string
			Blank             *bool `yaml:"blank_issues_enabled"`
			Labels            []string
			Body              []struct {
				Type, ID    string
				Attributes  map[string]any
				Validations map[string]bool
			}
		}
		dec := yaml.NewDecoder(strings.NewReader(readPage(t, name)))
		dec.KnownFields(true)
		if err := dec.Decode(&form); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if path.Base(name) == "config.yml" {
			continue
		}
		if form.Name == "" || form.Description == "" || len(form.Body) == 0 {
			t.Errorf("%s needs name, description and body", name)
		}
		seen := map[string]bool{}
		for i, part := range form.Body {
			shown := map[string]string{"markdown": "value", "textarea": "label", "input": "label", "dropdown": "options", "checkboxes": "options"}[part.Type]
			if part.Attributes[shown] == nil || part.Type != "markdown" && (part.ID == "" || seen[part.ID] || part.Attributes["label"] == nil) {
				t.Errorf("%s: part %d of type %q lacks its %s, a label, or an id of its own", name, i+1, part.Type, shown)
			}
			seen[part.ID] = true
		}
	}
}
