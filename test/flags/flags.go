// Package flags is what tests of command lines check alike.
package flags

import (
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// HaveVariables checks that whatever can be said on the command line can be
// said by the environment, too: each flag has the GRIDPATROL_… variable of its
// name, those without have none.
func HaveVariables(t *testing.T, parser *kong.Kong, without ...string) {
	t.Helper()
	seen := 0
	err := kong.Visit(parser.Model, func(node kong.Visitable, next kong.Next) error {
		f, ok := node.(*kong.Flag)
		switch {
		case !ok || f.Name == "help" || f.Name == "version":
		case slices.Contains(without, f.Name):
			if len(f.Envs) != 0 {
				t.Errorf("--%s has the variables %v", f.Name, f.Envs)
			}
		default:
			seen++
			want := "GRIDPATROL_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
			if len(f.Envs) != 1 || f.Envs[0] != want {
				t.Errorf("--%s has the variables %v, want %s", f.Name, f.Envs, want)
			}
		}
		return next(nil)
	})
	if err != nil || seen < 10 {
		t.Errorf("%d flags, %v", seen, err)
	}
}
