package template

import (
	"encoding/json"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestRound(t *testing.T) {
	for _, c := range []struct {
		in     string
		digits int
		want   json.Number
	}{
		{"0.636666666", 2, "0.64"}, {"1.205", 2, "1.20"}, {"1.215", 2, "1.22"}, {"1.2051", 2, "1.21"},
		{"0.5", 0, "0"}, {"1.5", 0, "2"}, {"2.5", 0, "2"}, {"-0.5", 0, "0"}, {"-1.5", 0, "-2"}, {"-2.5", 0, "-2"},
		{"75.5", 0, "76"}, {"74.5", 0, "74"}, {"0.004", 2, "0.00"}, {"-0.05", 1, "0.0"}, {"1e3", 1, "1000.0"}, {"12e-1", 2, "1.20"},
	} {
		r, ok := parseNumber(c.in)
		if !ok {
			t.Fatalf("parseNumber(%q) failed", c.in)
		}
		if _, got := round(r, c.digits); got != c.want {
			t.Errorf("round(%s, %d) = %s, want %s", c.in, c.digits, got, c.want)
		}
	}
}

func TestParseNumberRefuses(t *testing.T) {
	long := "1." + "0000000000000000000000000000000000000000000000000001"
	for _, s := range []string{"", "1e999999999", "1e-999999999", "1e99999999999999999999", "1e", "abc", "1/3", "0x10", "Inf", "NaN", "1_000", "--1", long} {
		if r, ok := parseNumber(s); ok {
			t.Errorf("parseNumber(%q) = %v", s, r)
		}
	}
}

// Rounding never moves a number by more than half a unit, a tie ends even,
// and the literal is the number.
func TestRoundProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := big.NewRat(rapid.Int64().Draw(t, "num"), rapid.Int64Range(1, 1<<40).Draw(t, "den"))
		digits := rapid.IntRange(0, maxDecimals).Draw(t, "digits")
		got, text := round(r, digits)
		if back, ok := parseNumber(string(text)); !ok || back.Cmp(got) != 0 || !json.Valid([]byte(text)) {
			t.Fatalf("literal %s is not %v", text, got)
		}
		unit := new(big.Rat).SetFrac(big.NewInt(1), powerOfTen(digits))
		off := new(big.Rat).Sub(got, r)
		off.Abs(off).Mul(off, big.NewRat(2, 1))
		if off.Cmp(unit) > 0 {
			t.Fatalf("round(%v, %d) = %v", r, digits, got)
		}
		last := new(big.Rat).Quo(got, unit)
		if off.Cmp(unit) == 0 && last.Num().Bit(0) == 1 {
			t.Fatalf("the tie %v ended odd: %s", r, text)
		}
	})
}

func TestPlateKey(t *testing.T) {
	want := "陕A12345|yellow"
	for _, p := range []string{"陕A12345", "陕a12345", "陕A·12345", " 陕A 12345 ", "陕Ａ１２３４５", "陕A•12345", "陕A\u300012345", "\ufeff陕A\u200b12345"} {
		if got := PlateKey(p, " Yellow"); got != want {
			t.Errorf("PlateKey(%q) = %q", p, got)
		}
	}
	if PlateKey("陕A12345", "blue") == want {
		t.Error("the colour is part of the identity")
	}
	if got := PlateKey(" · ", "blue"); got != "" {
		t.Errorf("no plate gave %q", got)
	}
}
