package auth

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestFoldUsername(t *testing.T) {
	for in, want := range map[string]string{
		"li.na":                 "li.na",
		"  Li.Na\t":             "li.na",
		"ＬＩ.na":                 "li.na", // full-width letters
		"李娜":                    "李娜",
		"STRASSE":               "strasse",
		"straße":                "strasse",
		"e\u0301":               "\u00e9", // two ways to write é
		"a@b-c_d.9":             "a@b-c_d.9",
		"":                      noUsername,
		"   ":                   noUsername,
		"a b":                   noUsername,
		"a/b":                   noUsername,
		"a\x00b":                noUsername,
		"a\xffb":                noUsername,
		"a\u200bb":              noUsername, // an invisible space
		noUsername:              noUsername,
		strings.Repeat("李", 64): strings.Repeat("李", 64),
		strings.Repeat("李", 65): noUsername,
	} {
		if got := foldUsername(in); got != want {
			t.Errorf("%q folds to %q, want %q", in, got, want)
		}
	}
}

// A folded name is a key of tables and of the throttle, whatever was sent.
func TestFoldedNamesAreSafeKeys(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		in := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(r, "name")
		folded := foldUsername(in)
		if folded != noUsername && !validUsername(folded) {
			r.Fatalf("%q folds to %q", in, folded)
		}
		if got := foldUsername(" " + in + "\n"); len(in) < 900 && got != folded {
			r.Fatalf("space around it matters: %q and %q", got, folded)
		}
	})
}
