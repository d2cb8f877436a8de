package juel_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/juel"
)

// deviations are the cases in which this package differs on purpose.
var deviations = map[string]string{
	"${i.class}": "nothing behind a class can be reached",
}

type oracleCase struct {
	Expr  string
	Type  string
	Value json.RawMessage
	Error string
}

// TestOracle holds the values that Activiti 6 itself gave.
func TestOracle(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../shared/process/el-cases.json")
	if os.IsNotExist(err) {
		t.Skip("the recorded cases are not beside this checkout; TestEval covers the same facts")
	}
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []oracleCase }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) < 65 {
		t.Fatalf("%d cases, want all", len(file.Cases))
	}
	for _, c := range file.Cases {
		t.Run(c.Expr, func(t *testing.T) {
			t.Parallel()
			got, err := evaluate(c.Expr, modeller())
			switch {
			case deviations[c.Expr] != "":
				if err == nil {
					t.Errorf("got %v, want an error: %s", got, deviations[c.Expr])
				}
			case c.Error != "":
				if err == nil {
					t.Errorf("got %v, want an error as %q", got, c.Error)
				}
			case err != nil:
				t.Error(err)
			default:
				if want := c.value(t); got != want {
					t.Errorf("got %#v, want %#v", got, want)
				}
			}
		})
	}
}

// value is what the oracle gave, in Go's types.
func (c oracleCase) value(t *testing.T) any {
	t.Helper()
	var text string
	if json.Unmarshal(c.Value, &text) == nil && c.Type == "Double" {
		return map[string]float64{"Infinity": math.Inf(1)}[text]
	}
	switch c.Type {
	case "null":
		return nil
	case "String":
		return text
	case "Boolean":
		return string(c.Value) == "true"
	case "Integer":
		return int32(number[int64](t, c.Value))
	case "Long":
		return number[int64](t, c.Value)
	case "Double":
		return number[float64](t, c.Value)
	}
	t.Fatalf("the type %q is new", c.Type)
	return nil
}

func number[T int64 | float64](t *testing.T, text []byte) T {
	t.Helper()
	var n T
	if err := json.Unmarshal(text, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// evaluate parses and evaluates.
func evaluate(text string, scope juel.Scope) (any, error) {
	e, err := juel.Parse(text)
	if err != nil {
		return nil, err
	}
	return e.Eval(scope)
}

// variables is a scope that can be assigned to.
type variables map[string]any

func (v variables) Lookup(name string) (any, bool) {
	value, ok := v[name]
	return value, ok
}

func (v variables) Set(name string, value any) error {
	v[name] = value
	return nil
}

// execution is an Object as the engine has one.
type execution struct{ scope variables }

func (e execution) Property(name string) (any, bool, error) {
	switch name {
	case "tenantId":
		return "", true, nil
	case "id":
		return "4711", true, nil
	case "class":
		return "never asked for", true, nil
	}
	return nil, false, nil
}

func (e execution) Call(method string, args []any) (any, error) {
	switch {
	case method == "getVariable" && len(args) == 1:
		return e.scope[args[0].(string)], nil
	case method == "hasVariable" && len(args) == 1:
		_, ok := e.scope[args[0].(string)]
		return ok, nil
	case method == "getClass":
		return "never called", nil
	case method == "fail":
		return nil, fmt.Errorf("the outside is down")
	}
	return nil, juel.ErrNoMethod
}

// modeller is the scope of the recorded cases.
func modeller() variables {
	v := variables{
		"i": int32(5), "l": int64(10), "d": 2.5, "s": "abc", "n": "42", "empty_s": "", "t": true, "f": false, "nul": nil,
		"list": []any{"x", "y", "z"}, "elist": []any{},
		"map":            map[string]any{"a": int32(1), "b": map[string]any{"c": "deep"}},
		"form123outcome": "Approve", "sh": int32(3), "newVar": int64(7), "businessKey": "BK1",
		"date": time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC),
		"json": juel.JSON(`{"name": "kermit", "age": 7, "arr": [1, 2], "o": {"x": true}}`),
	}
	v["execution"] = execution{v}
	return v
}
