package render

import "testing"

func TestUnformula(t *testing.T) {
	for text, want := range map[string]string{
		"": "", " ": " ", "a=1": "a=1", "1-2": "1-2", "=1": "'=1", "\t=1": "'\t=1", "\t1": "'\t1", "\x00=1": "'=1", "\x0b\u200b＝1": "'\u200b＝1",
		"a\x00b": "ab", "a\nb": "a\nb", "\xff=1": "\ufffd=1",
	} {
		if got := unformula(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
