package simulate

import (
	"maps"
	"slices"
	"strings"
)

// flat is a document's client-owned fields by their pointers: the members of
// answers, the photos by field and hash, the items of lists by id, and the
// other top-level members. What is null or absent isn't there.
type flat map[string]any

func flatten(doc object) flat {
	f := flat{}
	for name, v := range doc {
		f.put(name, v)
	}
	return f
}

// put gives a top-level member a value.
func (f flat) put(name string, v any) {
	if name == "server" {
		return
	}
	f.drop("/" + escape(name))
	answers, isObject := v.(object)
	if name != "answers" || !isObject {
		f.field("/"+escape(name), v, name == "photos")
		return
	}
	for member, x := range answers {
		f.field("/answers/"+escape(member), x, false)
	}
}

// at gives a field, or a whole member of the document, a value.
func (f flat) at(pointer string, v any) {
	if name := unescaper.Replace(pointer[1:]); strings.Count(pointer, "/") == 1 {
		f.put(name, v)
		return
	}
	f.drop(pointer)
	f.field(pointer, v, false)
}

// drop takes out a field and all below it.
func (f flat) drop(pointer string) {
	for p := range f {
		if p == pointer || strings.HasPrefix(p, pointer+"/") {
			delete(f, p)
		}
	}
}

func (f flat) field(pointer string, v any, photos bool) {
	l, isList := v.([]any)
	keys := keysOf(l, photos)
	switch {
	case v == nil, photos && isList && len(l) == 0:
	case len(keys) > 0:
		for i, k := range keys {
			f[pointer+"/"+escape(k)] = l[i]
		}
	default:
		f[pointer] = v
	}
}

// keysOf returns what tells the items of a list apart, nil if they have no
// keys.
func keysOf(l []any, photos bool) []string {
	var keys []string
	for _, x := range l {
		o := members(x)
		k := text(o["id"])
		if photos {
			k = text(o["field"]) + ":" + text(o["sha256"])
		}
		if k == "" || k == ":" || slices.Contains(keys, k) {
			return nil
		}
		keys = append(keys, k)
	}
	return keys
}

var escaper, unescaper = strings.NewReplacer("~", "~0", "/", "~1"), strings.NewReplacer("~1", "/", "~0", "~")

func escape(token string) string { return escaper.Replace(token) }

// over returns the document that a put means: the sent top-level members in
// place of the base's.
func (f flat) over(sent object) flat {
	out := maps.Clone(f)
	for name, v := range sent {
		out.put(name, v)
	}
	return out
}

func alike(a, b any) bool { return a == nil && b == nil || canonical(a) == canonical(b) }

func (f flat) equals(g flat) bool { return maps.EqualFunc(f, g, alike) }

// differs names a field in which two documents differ.
func (f flat) differs(g flat) string {
	for _, p := range pointers(f, g) {
		if !alike(f[p], g[p]) {
			return p + ": " + strings.TrimSpace(canonical(f[p])) + " here, " + strings.TrimSpace(canonical(g[p])) + " there"
		}
	}
	return ""
}

func pointers(docs ...flat) []string {
	all := map[string]bool{}
	for _, f := range docs {
		for p := range f {
			all[p] = true
		}
	}
	return sorted(all)
}

// clash is a field that both sides changed.
type clash struct {
	pointer string
	offered any
}

// merge is the three-way merge of docs/contract.md in ten lines: what one side
// changed is taken, what both changed stays as it is and clashes.
func merge(base, theirs, mine flat, locked bool) (out flat, taken bool, clashes []clash) {
	out = maps.Clone(theirs)
	for _, p := range pointers(base, theirs, mine) {
		b, t, m := base[p], theirs[p], mine[p]
		switch {
		case alike(t, m) || alike(b, m):
		case locked || !alike(b, t):
			clashes = append(clashes, clash{p, m})
		default:
			taken = true
			if out[p] = m; m == nil {
				delete(out, p)
			}
		}
	}
	return out, taken, clashes
}
