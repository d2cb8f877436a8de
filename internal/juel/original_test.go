package juel_test

import (
	"bufio"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/juel"
)

// TestOriginal compares with what JUEL 2.2.7 itself gave for a matrix of operators
// and types, the methods, texts that are no expressions, and random expressions.
// testdata/oracle is the program that asked it.
func TestOriginal(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/juel.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines, scope := bufio.NewScanner(file), originalScope()
	count := 0
	for ; lines.Scan(); count++ {
		var line []any
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		text, _ := line[0].(string)
		got, err := evaluate(text, scope)
		if shown := shown(got, err); shown != plain(line[1:]) {
			t.Errorf("%s: got %s, %v, want %s", text, shown, err, plain(line[1:]))
		}
	}
	if lines.Err() != nil || count < 3500 {
		t.Errorf("%d cases, %v", count, lines.Err())
	}
}

// plain writes what the original gave: type and value.
func plain(result []any) string {
	if len(result) == 1 {
		return result[0].(string)
	}
	text, ok := result[1].(string)
	if !ok {
		var items []string
		for _, item := range result[1].([]any) {
			items = append(items, plain(item.([]any)))
		}
		text = strings.Join(items, ", ")
	}
	return result[0].(string) + " " + text
}

// shown writes what we give in the same way.
func shown(v any, err error) string {
	text, _ := juel.Text(v)
	switch v := v.(type) {
	case nil:
		if err != nil {
			return "error"
		}
		return "null"
	case bool:
		return "Boolean " + text
	case int32:
		return "Integer " + text
	case int64:
		return "Long " + text
	case float64:
		return "Double " + text
	case string:
		return "String " + text
	case time.Time:
		return "Date " + text
	case map[string]any:
		return "Map " + text
	case []any:
		var items []string
		for _, item := range v {
			items = append(items, shown(item, nil))
		}
		return "List " + strings.Join(items, ", ")
	}
	return "something else"
}

// originalScope has the variables of testdata/oracle.
func originalScope() variables {
	return variables{
		"i": int32(5), "z": int32(0), "l": int64(10), "d": 2.5, "s": "abc", "n": "42", "dn": "2.5", "e": "", "t": true, "f": false, "nul": nil, "ts": "TRUE",
		"list": []any{"x", "y", "z"}, "nums": []any{int32(1), int64(2), 2.5}, "el": []any{}, "map": map[string]any{"a": int32(1), "b": map[string]any{"c": "deep"}},
		"date": time.UnixMilli(1767600000000).UTC(), "later": time.UnixMilli(1767686400000).UTC(), "nan": math.NaN(), "big": 1e20, "min": int32(math.MinInt32),
	}
}
