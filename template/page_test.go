package template

import (
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gridpatrol/inspection"
)

// TestThePageNamesEveryMember: docs/checklists.md is a reference. Whatever a
// definition, an expression or a row of the limits may hold stands there in
// backticks, in the first cell of a table's row.
func TestThePageNamesEveryMember(t *testing.T) {
	const path = "../docs/checklists.md"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	check := func(heading string, names ...string) {
		_, section, found := strings.Cut(string(page), "\n## "+heading+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		var told []string
		for _, m := range regexp.MustCompile("(?m)^\\| (`[^|]*) \\|").FindAllStringSubmatch(section, -1) {
			told = append(told, regexp.MustCompile(`[a-z_]+`).FindAllString(m[1], -1)...)
		}
		for _, name := range names {
			if !slices.Contains(told, name) {
				t.Errorf("%s, %s (heading there: %t): no row of a table begins with `%s`: write what it is", path, heading, found, name)
			}
		}
	}
	check("The definition", membersOf[definition]()...)
	check("Fields", membersOf[fieldDef]()...)
	for _, name := range fieldTypes {
		check("Fields", string(name))
	}
	check("Calculations", membersOf[calculationDef]()...)
	check("Rules", membersOf[ruleDef]()...)
	check("Expressions", builtins...)
	check("Expressions", reservedNames[slices.Index(reservedNames, limitName):]...)
	check("Limits", "id")
	check("Limits", slices.Collect(maps.Keys(inspection.Members(inspection.Limits)))...)
}

// membersOf lists the members of a part of a definition as YAML has them.
func membersOf[T any]() []string {
	var names []string
	for f := range reflect.TypeFor[T]().Fields() {
		names = append(names, f.Tag.Get("json"))
	}
	return names
}
