package inspection

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
)

// ErrNotJSON is what ParseJSON returns for bytes that are not one JSON value.
var ErrNotJSON = errors.New("not JSON")

// AppendJSON appends v's JSON to dst: no white space, members sorted by name,
// numbers digit for digit. Equal trees always give equal bytes.
func AppendJSON(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case json.Number:
		return append(dst, v...)
	case string:
		return AppendString(dst, v)
	case []any:
		return appendArray(dst, v)
	case Object:
		return appendObject(dst, v)
	case map[string]any: // of a tree that ParseJSON didn't make
		return appendObject(dst, v)
	case Verbatim:
		return append(dst, v...)
	case []Finding:
		return appendList(dst, v, (*Finding).appendJSON)
	case []Problem:
		return appendList(dst, v, (*Problem).appendJSON)
	default:
		// Values made by the server itself: typed structs under "server".
		b, err := json.Marshal(v)
		if err != nil {
			return append(dst, "null"...)
		}
		return append(dst, b...)
	}
}

// Verbatim is valid JSON that is written as it is, white space included.
type Verbatim []byte

func appendArray(dst []byte, list []any) []byte {
	dst = append(dst, '[')
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendJSON(dst, v)
	}
	return append(dst, ']')
}

// appendList writes a list of values that the server makes many of.
func appendList[T any](dst []byte, list []T, item func(*T, []byte) []byte) []byte {
	dst = append(dst, '[')
	for i := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = item(&list[i], dst)
	}
	return append(dst, ']')
}

func appendObject(dst []byte, o Object) []byte {
	names := make([]string, 0, len(o))
	for name := range o {
		names = append(names, name)
	}
	slices.Sort(names)
	dst = append(dst, '{')
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, name)
		dst = append(dst, ':')
		dst = AppendJSON(dst, o[name])
	}
	return append(dst, '}')
}

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string. Only what JSON demands is escaped,
// so Chinese text stays readable in the log.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// Equal compares two JSON values as JSON means them: member order does not
// count and numbers compare by value, so 1.0 equals 1.
func Equal(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		return ok && (a == b || parseDecimal(string(a)) == parseDecimal(string(b)))
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, Equal)
	case Object:
		b, ok := b.(Object)
		return ok && equalObjects(a, b)
	default:
		switch b.(type) {
		case json.Number, []any, Object:
			return false
		}
		return a == b
	}
}

func equalObjects(a, b Object) bool {
	if len(a) != len(b) {
		return false
	}
	for name, v := range a {
		w, ok := b[name]
		if !ok || !Equal(v, w) {
			return false
		}
	}
	return true
}

// Depth returns how many levels of arrays and objects v has; a scalar has 0.
func Depth(v any) int {
	deepest := 0
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			deepest = max(deepest, Depth(x))
		}
	case Object:
		for _, x := range v {
			deepest = max(deepest, Depth(x))
		}
	default:
		return 0
	}
	return deepest + 1
}
