package juel

import (
	"errors"
	"math"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Java counts texts in units of 16 bits: a character beyond U+FFFF counts twice.

// width is how many units a character has.
func width(r rune) int {
	if r > 0xFFFF {
		return 2
	}
	return 1
}

func length16(s string) int {
	n := 0
	for _, r := range s {
		n += width(r)
	}
	return n
}

// offset16 is the offset in bytes of a unit, and of the end for the unit behind it.
// The inner half of a character belongs to its beginning.
func offset16(s string, unit int) (int, error) {
	if unit < 0 {
		return 0, outside()
	}
	for i, r := range s {
		if unit < width(r) {
			return i, nil
		}
		unit -= width(r)
	}
	if unit > 0 {
		return 0, outside()
	}
	return len(s), nil
}

func outside() error {
	return errors.New("the position lies outside of the text or list; compare it with length() or size() first")
}

// slice16 is substring of Java.
func slice16(s string, from, to int) (string, error) {
	begin, err := offset16(s, from)
	if err != nil {
		return "", err
	}
	end, err := offset16(s, to)
	if err != nil {
		return "", err
	}
	if begin > end {
		return "", outside()
	}
	return s[begin:end], nil
}

// compareText compares as Java does, by units, which differs from the order of
// characters beyond U+FFFF. The result is the distance that compareTo gives.
func compareText(a, b string) int { return compareUnits(a, b, func(r rune) rune { return r }) }

// compareFolded is compareToIgnoreCase.
func compareFolded(a, b string) int {
	return compareUnits(a, b, func(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) })
}

func compareUnits(a, b string, fold func(rune) rune) int {
	for a != "" && b != "" {
		x, n := utf8.DecodeRuneInString(a)
		y, m := utf8.DecodeRuneInString(b)
		if x, y = fold(x), fold(y); x != y {
			return distance(x, y)
		}
		a, b = a[n:], b[m:]
	}
	return length16(a) - length16(b)
}

// distance is that of the first units of two characters that differ.
func distance(x, y rune) int {
	u, v := utf16.AppendRune(nil, x), utf16.AppendRune(nil, y)
	if u[0] == v[0] {
		return int(u[len(u)-1]) - int(v[len(v)-1])
	}
	return int(u[0]) - int(v[0])
}

// hash is hashCode of Java. That of a JSON value is the one of its text.
func hash(v any, depth int) int32 {
	if depth > maxNesting {
		return 0
	}
	switch v := normal(v).(type) {
	case bool:
		if v {
			return 1231
		}
		return 1237
	case int32:
		return v
	case int64:
		return fold(uint64(v))
	case float64:
		return fold(doubleBits(v))
	case string:
		return hashText(v)
	case time.Time:
		return fold(uint64(v.UnixMilli()))
	case JSON:
		text, _ := v.compact()
		return hashText(text)
	case []any:
		h := int32(1)
		for _, item := range v {
			h = 31*h + hash(item, depth+1)
		}
		return h
	case map[string]any:
		h := int32(0)
		for key, value := range v {
			h += hashText(key) ^ hash(value, depth+1)
		}
		return h
	}
	return 0
}

func fold(bits uint64) int32 { return int32(uint32(bits ^ bits>>32&math.MaxUint32)) }

func hashText(s string) int32 {
	h := int32(0)
	for _, r := range s {
		var units [2]uint16
		for _, u := range utf16.AppendRune(units[:0], r) {
			h = 31*h + int32(u)
		}
	}
	return h
}
