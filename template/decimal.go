package template

import (
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// Bounds of a number that is worth reading exactly. A literal like
// 1e999999999 is nine bytes and would fill the memory as an exact number.
const (
	maxMantissa = 48
	maxExponent = 30
	maxDecimals = 12 // of a limit row's digits
	shownDigits = 6  // of a value that has no limit
)

// decimalType is CEL's name for exact numbers. It has comparisons and nothing
// else, and CEL's own numbers don't mix with it.
var decimalType = types.NewObjectType("decimal", traits.ComparerType)

// decimal is an exact number as a CEL value.
type decimal struct{ r *big.Rat }

func (d decimal) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("template: a decimal is no %v", t)
}

func (d decimal) ConvertToType(t ref.Type) ref.Val {
	if t == types.TypeType {
		return decimalType
	}
	return types.NewErr("a decimal is no %s", t.TypeName())
}

func (d decimal) Equal(other ref.Val) ref.Val {
	o, ok := other.(decimal)
	return types.Bool(ok && d.r.Cmp(o.r) == 0)
}

func (d decimal) Compare(other ref.Val) ref.Val {
	o, ok := other.(decimal)
	if !ok {
		return types.MaybeNoSuchOverloadErr(other)
	}
	return types.Int(d.r.Cmp(o.r))
}

func (d decimal) Type() ref.Type { return decimalType }
func (d decimal) Value() any     { return d.r }

// parseNumber reads a JSON number exactly. ok is false for what is no number
// or has more digits or a larger exponent than any measurement.
func parseNumber(s string) (r *big.Rat, ok bool) {
	if s == "" || strings.Trim(s, "0123456789+-.eE") != "" {
		return nil, false
	}
	if len(s) <= 18 {
		if i, err := strconv.ParseInt(s, 10, 64); err == nil {
			return new(big.Rat).SetInt64(i), true
		}
	}
	mantissa := s
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa = s[:i]
		e, err := strconv.Atoi(s[i+1:])
		if err != nil || e > maxExponent || e < -maxExponent {
			return nil, false
		}
	}
	if len(mantissa) > maxMantissa {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

var ten = big.NewInt(10)

func powerOfTen(n int) *big.Int { return new(big.Int).Exp(ten, big.NewInt(int64(n)), nil) }

// round rounds by GB/T 8170: to the nearest, and a half to the even digit.
// It returns the number and its literal with exactly that many decimals.
func round(r *big.Rat, digits int) (*big.Rat, json.Number) {
	scale := powerOfTen(digits)
	scaled := new(big.Int).Mul(r.Num(), scale)
	q, rem := new(big.Int).DivMod(scaled, r.Denom(), new(big.Int))
	rem.Lsh(rem, 1)
	if c := rem.Cmp(r.Denom()); c > 0 || c == 0 && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(1))
	}
	return new(big.Rat).SetFrac(q, scale), literal(q, digits)
}

// literal writes q / 10^digits.
func literal(q *big.Int, digits int) json.Number {
	s := new(big.Int).Abs(q).String()
	if len(s) <= digits {
		s = strings.Repeat("0", digits-len(s)+1) + s
	}
	if digits > 0 {
		s = s[:len(s)-digits] + "." + s[len(s)-digits:]
	}
	if q.Sign() < 0 {
		s = "-" + s
	}
	return json.Number(s)
}

// displayed writes a number for people, without zeros at its end.
func displayed(r *big.Rat) json.Number {
	_, n := round(r, shownDigits)
	return json.Number(strings.TrimRight(strings.TrimRight(string(n), "0"), "."))
}
