package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/juel"
)

// indexed is how many bytes of a text an index can hold; longer ones are kept where
// no index reads them.
const indexed = 1000

// stored is a value as the columns of variables hold it.
type stored struct {
	kind     string
	text     *string
	number   *int64
	fraction *float64
	bytes    []byte
}

// canonical turns a value that a caller gives into one of the types that expressions
// know: nil, bool, int16, int32, int64, float64, string, time.Time, []byte, []any,
// map[string]any and juel.JSON.
func canonical(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, int16, int32, int64, float64, string, time.Time, []byte, []any, map[string]any, juel.JSON:
		return v, nil
	case int:
		return whole(int64(v)), nil
	case float32:
		return float64(v), nil
	case json.Number:
		return number(v)
	case json.RawMessage:
		return juel.JSON(v), nil
	case []string:
		list := make([]any, len(v))
		for i, s := range v {
			list[i] = s
		}
		return list, nil
	}
	return nil, fmt.Errorf("a value of type %T cannot be kept", v)
}

// whole is an Integer when the number fits, as Java's readers of JSON have it.
func whole(n int64) any {
	if n >= math.MinInt32 && n <= math.MaxInt32 {
		return int32(n)
	}
	return n
}

func number(n json.Number) (any, error) {
	if i, err := n.Int64(); err == nil {
		return whole(i), nil
	}
	return n.Float64()
}

// columns turns a canonical value into columns. Lists and maps are JSON: what is in
// them comes back as text, numbers, booleans, dates, lists and maps.
func columns(v any) (stored, error) {
	ptr := func(n int64) *int64 { return &n }
	switch v := v.(type) {
	case nil:
		return stored{kind: "null"}, nil
	case bool:
		if v {
			return stored{kind: "boolean", number: ptr(1)}, nil
		}
		return stored{kind: "boolean", number: ptr(0)}, nil
	case int16:
		return stored{kind: "short", number: ptr(int64(v))}, nil
	case int32:
		return stored{kind: "integer", number: ptr(int64(v))}, nil
	case int64:
		return stored{kind: "long", number: ptr(v)}, nil
	case float64:
		return stored{kind: "double", fraction: &v}, nil
	case time.Time:
		return stored{kind: "date", number: ptr(v.UnixMilli())}, nil
	case string:
		return long("string", v), nil
	case []byte:
		return stored{kind: "bytes", bytes: v}, nil
	case juel.JSON:
		return document("json", v)
	case []any:
		return document("list", v)
	case map[string]any:
		return document("map", v)
	}
	return stored{}, fmt.Errorf("a value of type %T cannot be kept", v)
}

// long keeps a text in the column for texts when an index may hold it and every
// database can.
func long(kind, text string) stored {
	if len(text) > indexed || strings.ContainsRune(text, 0) || !utf8.ValidString(text) {
		return stored{kind: kind, bytes: []byte(text)}
	}
	return stored{kind: kind, text: &text}
}

func document(kind string, v any) (stored, error) {
	var data []byte
	var err error
	if raw, ok := v.(juel.JSON); ok {
		data = []byte(raw)
		if !json.Valid(data) {
			err = errors.New("the value is no JSON")
		}
	} else {
		data, err = json.Marshal(marked(v))
	}
	if err != nil {
		return stored{}, err
	}
	return long(kind, string(data)), nil
}

// dateMark is the only key of the object that stands for a date in a stored list or map,
// with its milliseconds. Keys of values that begin so get one more dollar sign.
const dateMark = "$date"

// marked is a value as it is written into JSON, where dates keep their type.
func marked(v any) any {
	switch v := v.(type) {
	case time.Time:
		return map[string]int64{dateMark: v.UnixMilli()}
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = marked(v[i])
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, value := range v {
			if strings.HasPrefix(key, "$") {
				key = "$" + key
			}
			m[key] = marked(value)
		}
		return m
	}
	return v
}

// unmarked is the inverse of marked, for what JSON gives.
func unmarked(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = unmarked(v[i])
		}
	case map[string]any:
		if at, ok := v[dateMark]; ok && len(v) == 1 {
			switch ms := at.(type) {
			case int64:
				return time.UnixMilli(ms).UTC()
			case int32:
				return time.UnixMilli(int64(ms)).UTC()
			}
		}
		m := make(map[string]any, len(v))
		for key, value := range v {
			if strings.HasPrefix(key, "$$") {
				key = key[1:]
			}
			m[key] = unmarked(value)
		}
		return m
	}
	return v
}

// size is about how many bytes the value takes.
func (s stored) size() int {
	if s.text != nil {
		return len(*s.text)
	}
	return len(s.bytes)
}

// value is the inverse of columns.
func (s stored) value() (any, error) {
	n := int64(0)
	if s.number != nil {
		n = *s.number
	}
	switch s.kind {
	case "null":
		return nil, nil
	case "boolean":
		return n != 0, nil
	case "short":
		return int16(n), nil
	case "integer":
		return int32(n), nil
	case "long":
		return n, nil
	case "double":
		if s.fraction == nil {
			return nil, errors.New("a double without a number")
		}
		return *s.fraction, nil
	case "date":
		return time.UnixMilli(n).UTC(), nil
	case "bytes":
		return s.bytes, nil
	}
	return s.textual()
}

func (s stored) textual() (any, error) {
	text := string(s.bytes)
	if s.text != nil {
		text = *s.text
	}
	switch s.kind {
	case "string":
		return text, nil
	case "json":
		return juel.JSON(text), nil
	case "list", "map":
		v, err := readJSON([]byte(text))
		return unmarked(v), err
	}
	return nil, fmt.Errorf("type %q is not known", s.kind)
}

// readJSON reads a JSON text into canonical values.
func readJSON(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return numbers(v)
}

// numbers replaces the numbers of a decoded document by Integer, Long and Double.
func numbers(v any) (any, error) {
	var err error
	switch v := v.(type) {
	case json.Number:
		return number(v)
	case []any:
		for i := range v {
			if v[i], err = numbers(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range v {
			if v[k], err = numbers(v[k]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// checked makes a value of a caller canonical and holds it against the limits.
func (e *Engine) checked(name string, v any) (any, stored, error) {
	if name == "" || utf8.RuneCountInString(name) > maxName {
		return nil, stored{}, fault.New(fault.Invalid, "A variable's name has 1 to %d characters.", maxName)
	}
	v, err := canonical(v)
	if err != nil {
		return nil, stored{}, fault.Wrap(fault.Invalid, err, fmt.Sprintf("The variable %q has a value that cannot be kept.", name))
	}
	s, err := columns(v)
	if err != nil {
		return nil, stored{}, fault.Wrap(fault.Invalid, err, fmt.Sprintf("The variable %q has a value that cannot be kept.", name))
	}
	if s.size() > e.cfg.MaxValue {
		return nil, stored{}, fault.New(fault.TooLarge, "The variable %q has %d bytes; %d are allowed.", name, s.size(), e.cfg.MaxValue)
	}
	return v, s, nil
}
