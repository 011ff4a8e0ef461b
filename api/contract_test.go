package api_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"gridpatrol/api"
	"gridpatrol/inspection"
)

// contractPage is the wire contract, whose tables these tests hold against the
// program's.
const contractPage = "../docs/contract.md"

// contractTable returns the rows of the first table under a heading of the
// contract, without the table's head: the cells by the first one.
func contractTable(t testing.TB, heading string) map[string][]string {
	t.Helper()
	page, err := os.ReadFile(contractPage)
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "\n"+heading+"\n")
	if !found {
		t.Fatalf("%s has no heading %q", contractPage, heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	rows := map[string][]string{}
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(line, "| \n"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if name := cells[0]; strings.HasPrefix(line, "| `") {
			if rows[name] != nil {
				t.Errorf("%s, %s: %s has two rows", contractPage, heading, name)
			}
			rows[name] = cells[1:]
		}
	}
	return rows
}

// checkTable compares rows with what they must begin with, and says which line
// to write.
func checkTable(t testing.TB, heading string, got, want map[string][]string) {
	t.Helper()
	for name, cells := range want {
		if row := got[name]; len(row) < len(cells) || !slices.Equal(row[:len(cells)], cells) {
			t.Errorf("%s, %s: write the row | %s | %s | …", contractPage, heading, name, strings.Join(cells, " | "))
		}
	}
	for name := range got {
		if want[name] == nil {
			t.Errorf("%s, %s: take out the row of %s: the program has no such thing", contractPage, heading, name)
		}
	}
}

func TestTheContractHasEveryRoute(t *testing.T) {
	want := map[string][]string{}
	for _, r := range newHost(t).server.Routes() {
		name := fmt.Sprintf("`%s %s`", r.Method, pathParameter.ReplaceAllString(r.Path, "{$1}"))
		want[name] = []string{"`" + permissionWord(r) + "`", bodyWords(r)}
	}
	checkTable(t, "## Routes", contractTable(t, "## Routes"), want)
}

// permissionWord says what a route asks of its caller.
func permissionWord(r api.Route) string {
	if r.Proof == api.None {
		return "public"
	}
	return string(r.Action)
}

// bodyWords say what a route takes as its body; "" is none.
func bodyWords(r api.Route) string {
	words := ""
	switch {
	case r.Cap >= 1<<20:
		words = fmt.Sprintf("%d MiB", r.Cap>>20)
	case r.Cap > 0:
		words = fmt.Sprintf("%d KiB", r.Cap>>10)
	}
	if r.Gzip {
		words += ", gzip"
	}
	if r.YAML {
		words += ", YAML"
	}
	return words
}

func TestTheContractHasEveryCode(t *testing.T) {
	want := map[string][]string{}
	for code := range inspection.Codes {
		status := "—"
		if a, whole := api.Answers()[code]; whole {
			status = fmt.Sprint(a)
		}
		want["`"+string(code)+"`"] = []string{status, inspection.Codes[code]}
	}
	checkTable(t, "## Codes", contractTable(t, "## Codes"), want)
}

func TestTheContractHasEveryRole(t *testing.T) {
	want := map[string][]string{}
	for _, role := range []inspection.Role{inspection.RoleInspector, inspection.RoleSupervisor, inspection.RoleAdmin} {
		var names []string
		for _, a := range role.Permissions() {
			names = append(names, "`"+string(a)+"`")
		}
		want["`"+string(role)+"`"] = []string{strings.Join(names, ", ")}
	}
	checkTable(t, "## 1. Sign-in", contractTable(t, "## 1. Sign-in"), want)
}
