package template

import (
	"strings"
	"unicode"
)

// middleDots are the dots that people and keyboards put between a plate's
// prefix and its number, and the characters that nobody sees.
const middleDots = "·•・･‧∙⋅\u200b\u200c\u200d\u2060\ufeff"

// NormalPlate writes a number plate in its one normal form: upper case,
// half-width, without white space and middle dots.
func NormalPlate(plate string) string {
	return strings.Map(func(r rune) rune {
		if r >= 0xFF01 && r <= 0xFF5E {
			r -= 0xFEE0
		}
		if unicode.IsSpace(r) || strings.ContainsRune(middleDots, r) {
			return -1
		}
		return unicode.ToUpper(r)
	}, plate)
}

// PlateKey identifies a vehicle for counting. A number alone does not: the
// same characters exist in several colours. Without a plate it is "".
func PlateKey(plate, color string) string {
	p := NormalPlate(plate)
	if p == "" {
		return ""
	}
	return p + "|" + strings.ToLower(strings.TrimSpace(color))
}
