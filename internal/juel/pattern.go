package juel

import (
	"errors"
	"fmt"
	"regexp"
)

const (
	maxItems   = 100_000 // parts of a text, things replaced in it
	maxPattern = 1000    // bytes of a regular expression
)

// compile reads a regular expression; those of Java and Go agree on all that is not
// look-around, back references or possessive.
func compile(expression string) (*regexp.Regexp, error) {
	if len(expression) > maxPattern {
		return nil, fmt.Errorf("a regular expression has at most %d bytes: %w", maxPattern, ErrLimit)
	}
	re, err := regexp.Compile(expression)
	if err != nil {
		return nil, errors.New("the regular expression is wrong or uses look-around or back references, which do not exist here")
	}
	return re, nil
}

// matches reports whether the expression stands for the whole text.
func matches(s, expression string) (any, error) {
	if _, err := compile(expression); err != nil { // alone, so that it cannot close the group
		return nil, err
	}
	re, err := compile(`\A(?:` + expression + `)\z`)
	if err != nil {
		return nil, err
	}
	return re.MatchString(s), nil
}
