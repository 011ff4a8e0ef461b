package inspection

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
)

// maxExactInteger is 2^53: beyond it a phone's JavaScript or SQLite reads
// another integer than was written.
const maxExactInteger = 1 << 53

// tooBig reports whether clients would read n as another number than it
// says: an integer beyond ±2^53, or one that overflows to infinity.
func tooBig(n json.Number) bool {
	s := string(n)
	if len(s) < 16 && !strings.ContainsAny(s, "eE") {
		return false
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(f, 0) {
		return true
	}
	return !strings.ContainsAny(s, ".eE") && integerBeyond(s)
}

func integerBeyond(s string) bool {
	i, err := strconv.ParseInt(s, 10, 64)
	return err != nil || i > maxExactInteger || i < -maxExactInteger
}

// Bounds of what BigNumbersToText reports.
const (
	maxFound   = 200
	maxPointer = 1 << 10 // bytes
)

// BigNumbersToText replaces numbers that clients can't hold by their text, in
// place, and returns the tree and the JSON pointers of what it replaced, in
// order: the first maxFound. Where a pointer would be longer than maxPointer,
// that of the nearest value around it that has a shorter one stands for it.
func BigNumbersToText(v any) (any, []string) {
	w := bigNumberWalk{}
	v = w.value(v)
	return v, slices.Compact(w.found)
}

type bigNumberWalk struct {
	path  []string
	found []string
}

func (w *bigNumberWalk) value(v any) any {
	switch v := v.(type) {
	case json.Number:
		if tooBig(v) {
			w.record()
			return string(v)
		}
	case []any:
		for i, x := range v {
			v[i] = w.member(strconv.Itoa(i), x)
		}
	case Object:
		for _, name := range union(v) {
			v[name] = w.member(name, v[name])
		}
	}
	return v
}

func (w *bigNumberWalk) member(token string, v any) any {
	w.path = append(w.path, token)
	v = w.value(v)
	w.path = w.path[:len(w.path)-1]
	return v
}

func (w *bigNumberWalk) record() {
	if len(w.found) >= maxFound {
		return
	}
	pointer := ""
	for _, token := range w.path {
		if len(pointer)+1+len(token) > maxPointer {
			break
		}
		pointer += "/" + EscapePointer(token)
	}
	w.found = append(w.found, pointer)
}

// isBigNumberText reports whether v is the text of a number that clients can't
// hold, as BigNumbersToText leaves it: documents come back with it.
func isBigNumberText(v any) bool {
	s, _ := v.(string)
	bare := s != "" && strings.Trim(s, "0123456789+-.eE") == ""
	return bare && json.Valid([]byte(s)) && tooBig(json.Number(s))
}

// EscapePointer escapes one reference token of a JSON pointer (RFC 6901).
func EscapePointer(token string) string {
	if !strings.ContainsAny(token, "~/") {
		return token
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(token)
}

// decimal is a number as ±0.digits × 10^exp with no zero at either end.
type decimal struct {
	negative bool
	digits   string
	exp      int64
}

// parseDecimal reads a JSON number literal: two that are equal as decimals are
// equal numbers, without the rounding of floating point and without building a
// number of a billion digits.
func parseDecimal(s string) decimal {
	var d decimal
	s, d.negative = strings.CutPrefix(s, "-")
	mantissa, exponent := s, ""
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa, exponent = s[:i], s[i+1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	d.digits = whole + fraction
	// A longer exponent than int64 saturates: such numbers were turned into
	// text before anything compares them.
	d.exp, _ = strconv.ParseInt(strings.TrimPrefix(exponent, "+"), 10, 32)
	trimmed := strings.TrimLeft(d.digits, "0")
	d.exp += int64(len(whole)) - int64(len(d.digits)-len(trimmed))
	d.digits = strings.TrimRight(trimmed, "0")
	if d.digits == "" {
		return decimal{}
	}
	return d
}
