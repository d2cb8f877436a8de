package juel

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxNesting is how deep lists and maps may lie in one another where all of a value is looked at.
const maxNesting = 100

func tooLong() error {
	return fmt.Errorf("the text would be longer than %d bytes: %w", MaxText, ErrLimit)
}

// noConversion says that a value cannot be what is needed. The value itself is not
// shown: it may be nobody's business who reads the log.
func noConversion(v any, to string) error {
	if s, ok := v.(string); ok && s != "" {
		return fmt.Errorf("a text is not %s: it has other characters in it than %s has", to, to)
	}
	return fmt.Errorf("%s cannot be used as %s", typeName(v), to)
}

// typeName names the type of a value for errors.
func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a Boolean"
	case int32:
		return "an Integer"
	case int64:
		return "a Long"
	case float64:
		return "a Double"
	case string:
		return "a String"
	case time.Time:
		return "a Date"
	case []any:
		return "a List"
	case map[string]any:
		return "a Map"
	case JSON:
		return "a JSON value"
	case Object:
		return "an object"
	}
	return fmt.Sprintf("a value of the Go type %T", v)
}

// normal turns the other Go types that a scope may well give into the ones that
// stand for Java's.
func normal(v any) any {
	switch v := v.(type) {
	case int:
		return int64(v)
	case int16:
		return int32(v)
	case int8:
		return int32(v)
	case float32:
		return float64(v)
	case json.RawMessage:
		return JSON(v)
	case []string:
		list := make([]any, len(v))
		for i, s := range v {
			list[i] = s
		}
		return list
	}
	return v
}

// Truth is the coercion to Boolean: null and "" are false, a text is true when it is
// "true" in any case, anything else but a Boolean is an error (EL 2.2, 1.18.5).
func Truth(v any) (bool, error) {
	switch v := v.(type) {
	case nil:
		return false, nil
	case bool:
		return v, nil
	case string:
		return strings.EqualFold(v, "true"), nil
	}
	return false, noConversion(v, "a Boolean")
}

// Integer is the coercion to Long: null and "" are 0, a Double loses its fraction
// (EL 2.2, 1.18.3).
func Integer(v any) (int64, error) {
	switch v := normal(v).(type) {
	case nil:
		return 0, nil
	case int32:
		return int64(v), nil
	case int64:
		return v, nil
	case float64:
		return truncate(v), nil
	case string:
		if v == "" {
			return 0, nil
		}
		if number, err := strconv.ParseInt(v, 10, 64); err == nil {
			return number, nil
		}
	}
	return 0, noConversion(v, "a whole number")
}

// truncate is Java's cast of a double to long.
func truncate(f float64) int64 {
	switch {
	case math.IsNaN(f):
		return 0
	case f >= math.MaxInt64:
		return math.MaxInt64
	case f <= math.MinInt64:
		return math.MinInt64
	}
	return int64(f)
}

// Float is the coercion to Double: null and "" are 0 (EL 2.2, 1.18.3).
func Float(v any) (float64, error) {
	switch v := normal(v).(type) {
	case nil:
		return 0, nil
	case int32:
		return float64(v), nil
	case int64:
		return float64(v), nil
	case float64:
		return v, nil
	case string:
		if v == "" {
			return 0, nil
		}
		if number, err := parseDouble(v); err == nil {
			return number, nil
		}
	}
	return 0, noConversion(v, "a number")
}

// parseDouble is Double.valueOf: space around it, a d or f behind it and hexadecimal
// numbers are allowed; what is too large is infinite.
func parseDouble(s string) (float64, error) {
	bad := errors.New("this is not a number")
	s = strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
	switch strings.TrimLeft(s, "+-") {
	case "NaN":
		return math.NaN(), nil
	case "Infinity":
		return strconv.ParseFloat(s, 64)
	}
	hexadecimal := strings.ContainsAny(s, "xX")
	if s != "" && strings.ContainsRune("dDfF", rune(s[len(s)-1])) {
		s = s[:len(s)-1]
	}
	if strings.Trim(s, "0123456789+-.eE") != "" && !hexadecimal || strings.ContainsRune(s, '_') {
		return 0, bad
	}
	number, err := strconv.ParseFloat(s, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, bad
	}
	return number, nil
}

// Text is the coercion to String: null is "", everything else is what toString of
// Java gives (EL 2.2, 1.18.2). Keys of maps are sorted. An Object has a text when it
// has a method String.
func Text(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	}
	var out strings.Builder
	if err := writeText(&out, v, 0); err != nil {
		return "", err
	}
	return out.String(), nil
}

func writeText(out *strings.Builder, v any, depth int) error {
	if depth > maxNesting {
		return fmt.Errorf("lists and maps lie more than %d deep in one another: %w", maxNesting, ErrLimit)
	}
	var err error
	switch v := normal(v).(type) {
	case nil:
		out.WriteString("null")
	case []any:
		err = writeList(out, v, depth)
	case map[string]any:
		err = writeMap(out, v, depth)
	default:
		var text string
		text, err = scalarText(v)
		out.WriteString(text)
	}
	if err == nil && out.Len() > MaxText {
		return tooLong()
	}
	return err
}

func scalarText(v any) (string, error) {
	switch v := v.(type) {
	case bool:
		return strconv.FormatBool(v), nil
	case int32:
		return strconv.FormatInt(int64(v), 10), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return doubleText(v), nil
	case string:
		return v, nil
	case time.Time:
		return v.Format("Mon Jan 02 15:04:05 MST 2006"), nil
	case JSON:
		return v.compact()
	case Object:
		if text, ok := v.(fmt.Stringer); ok {
			return text.String(), nil
		}
		return "", errors.New("an object has no text; use one of its properties")
	}
	return "", fmt.Errorf("%s has no text", typeName(v))
}

func writeList(out *strings.Builder, list []any, depth int) error {
	out.WriteByte('[')
	for i, item := range list {
		if i > 0 {
			out.WriteString(", ")
		}
		if err := writeText(out, item, depth+1); err != nil {
			return err
		}
	}
	out.WriteByte(']')
	return nil
}

func writeMap(out *strings.Builder, m map[string]any, depth int) error {
	out.WriteByte('{')
	for i, key := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			out.WriteString(", ")
		}
		out.WriteString(key)
		out.WriteByte('=')
		if err := writeText(out, m[key], depth+1); err != nil {
			return err
		}
	}
	out.WriteByte('}')
	return nil
}

// doubleText is Double.toString: digits with a point between a thousandth and ten
// millions, else one digit, the fraction and E with the exponent.
func doubleText(f float64) string {
	size := math.Abs(f)
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case f == 0 || size >= 1e-3 && size < 1e7:
		return withPoint(strconv.FormatFloat(f, 'f', -1, 64))
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	power, _ := strconv.Atoi(exponent)
	return withPoint(mantissa) + "E" + strconv.Itoa(power)
}

func withPoint(digits string) string {
	if strings.ContainsRune(digits, '.') {
		return digits
	}
	return digits + ".0"
}

// compact is the document without the space between its tokens.
func (j JSON) compact() (string, error) {
	var out bytes.Buffer
	if err := json.Compact(&out, j); err != nil {
		return "", errors.New("the JSON value cannot be read")
	}
	return out.String(), nil
}
