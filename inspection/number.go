package inspection

import (
	"encoding/json"
	"math"
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

// KeepBigNumbers replaces numbers that clients can't hold by their text and
// returns the tree and the JSON pointers of what it replaced.
func KeepBigNumbers(v any, pointer string) (any, []string) {
	switch v := v.(type) {
	case json.Number:
		if tooBig(v) {
			return string(v), []string{pointer}
		}
	case []any:
		var found []string
		for i, x := range v {
			y, at := KeepBigNumbers(x, pointer+"/"+strconv.Itoa(i))
			v[i] = y
			found = append(found, at...)
		}
		return v, found
	case Object:
		var found []string
		for name, x := range v {
			y, at := KeepBigNumbers(x, pointer+"/"+EscapePointer(name))
			v[name] = y
			found = append(found, at...)
		}
		return v, found
	}
	return v, nil
}

// becameText reports whether v is the text of a number that clients can't
// hold, as KeepBigNumbers leaves it: documents come back with it.
func becameText(v any) bool {
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

// sameNumber compares two JSON number literals exactly, without the rounding
// of floating point and without building a number of a billion digits.
func sameNumber(a, b string) bool { return parseDecimal(a) == parseDecimal(b) }

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
