package page

import (
	"strings"
	"unicode"
)

// common are the members of authorization details that have one meaning everywhere
// (RFC 9396 §2.2).
var common = map[string]string{
	"locations":  "Where",
	"actions":    "What it may do",
	"datatypes":  "With which data",
	"identifier": "With which one",
	"privileges": "With which rights",
}

// words writes a program's name for people: creditorName and creditor_name become
// "Creditor name". A name that is made otherwise stays as it is.
func words(name string) string {
	var b strings.Builder
	small := false // the last letter was small: a capital begins a word
	for i, r := range name {
		switch {
		case r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '-':
			return name
		case r == '_' || r == '-':
			b.WriteByte(' ')
		case i == 0:
			b.WriteRune(unicode.ToUpper(r))
		case unicode.IsUpper(r) && small:
			b.WriteByte(' ')
			b.WriteRune(unicode.ToLower(r))
		default:
			b.WriteRune(r)
		}
		small = unicode.IsLower(r) || unicode.IsDigit(r)
	}
	return b.String()
}
