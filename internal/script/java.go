package script

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/sluicehq/sluice/internal/juel"
)

// class is one of the classes of Java that scripts may name. Behind it is nothing
// but what this file says.
type class struct {
	name      string // with its package
	make      func(r *run, args []any) (any, error)
	methods   map[string]func(r *run, args []any) (any, error) // static ones
	constants map[string]any
}

// short is the name without the package.
func (c *class) short() string { return c.name[strings.LastIndexByte(c.name, '.')+1:] }

func (c *class) construct(r *run, args []any) (any, error) {
	if c.make == nil {
		return nil, fmt.Errorf("there is no new %s here", c.short())
	}
	return c.make(r, args)
}

func (c *class) call(r *run, method string, args []any) (any, error) {
	do, ok := c.methods[method]
	if !ok {
		return nil, fmt.Errorf("%s.%s is not among what scripts may call", c.short(), method)
	}
	return do(r, args)
}

func (c *class) constant(name string) (any, error) {
	if v, ok := c.constants[name]; ok {
		return v, nil
	}
	return nil, fmt.Errorf("%s.%s is not among what scripts may read", c.short(), name)
}

// classes are all there are, by name with package.
var classes = map[string]*class{}

// known returns a class by its full name or, where the language imports its
// package, by its short one.
func known(name string) *class {
	if c := classes[name]; c != nil {
		return c
	}
	for _, where := range []string{"java.lang.", "java.util.", "java.math."} {
		if c := classes[where+name]; c != nil {
			return c
		}
	}
	return nil
}

// knownNames lists the classes for errors.
func knownNames() string {
	var names []string
	for name := range classes {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func init() {
	for _, name := range []string{"java.util.ArrayList", "java.util.LinkedList"} {
		add(&class{name: name, make: makeList})
	}
	for _, name := range []string{"java.util.HashMap", "java.util.LinkedHashMap"} {
		add(&class{name: name, make: makeMap})
	}
	add(&class{name: "java.util.Date", make: makeDate})
	add(&class{name: "java.util.UUID", methods: statics{"randomUUID": exactly(0, func(*run, []any) (any, error) { return uuid.NewString(), nil })}})
	add(&class{name: "java.util.Base64", methods: statics{
		"getDecoder": exactly(0, func(*run, []any) (any, error) { return decoder{}, nil }),
		"getEncoder": exactly(0, func(*run, []any) (any, error) { return encoder{}, nil }),
	}})
	add(&class{name: "java.util.Arrays", methods: statics{"asList": func(_ *run, args []any) (any, error) { return asList(args) }}})
	add(&class{name: "java.lang.System", methods: statics{
		"currentTimeMillis": exactly(0, func(r *run, _ []any) (any, error) { return r.limits.Now().UnixMilli(), nil }),
	}})
	add(&class{name: "java.lang.Integer", methods: statics{"parseInt": exactly(1, parseInteger), "valueOf": exactly(1, parseInteger), "toString": exactly(1, textOf)},
		constants: map[string]any{"MAX_VALUE": int32(math.MaxInt32), "MIN_VALUE": int32(math.MinInt32)}})
	add(&class{name: "java.lang.Long", methods: statics{"parseLong": exactly(1, parseLong), "valueOf": exactly(1, parseLong), "toString": exactly(1, textOf)},
		constants: map[string]any{"MAX_VALUE": int64(math.MaxInt64), "MIN_VALUE": int64(math.MinInt64)}})
	add(&class{name: "java.lang.Double", methods: statics{"parseDouble": exactly(1, parseDouble), "valueOf": exactly(1, parseDouble), "toString": exactly(1, textOf)}})
	add(&class{name: "java.math.BigDecimal", make: exactly(1, parseDouble), methods: statics{"valueOf": exactly(1, parseDouble)}})
	add(&class{name: "java.lang.Boolean", methods: statics{"parseBoolean": exactly(1, parseBoolean), "valueOf": exactly(1, parseBoolean)},
		constants: map[string]any{"TRUE": true, "FALSE": false}})
	add(&class{name: "java.lang.String", methods: statics{"valueOf": exactly(1, textOf)}})
	add(&class{name: "java.lang.Math", methods: mathematics(), constants: map[string]any{"PI": math.Pi, "E": math.E}})
	add(&class{name: "org.activiti.engine.delegate.BpmnError", make: makeError})
	for _, name := range []string{"Exception", "RuntimeException", "IllegalArgumentException", "IllegalStateException"} {
		add(&class{name: "java.lang." + name, make: makeException})
	}
}

type statics = map[string]func(r *run, args []any) (any, error)

func add(c *class) { classes[c.name] = c }

// exactly makes a method of a fixed number of arguments.
func exactly(n int, do func(r *run, args []any) (any, error)) func(r *run, args []any) (any, error) {
	return func(r *run, args []any) (any, error) {
		if len(args) != n {
			return nil, fmt.Errorf("%d arguments are expected, not %d", n, len(args))
		}
		return do(r, args)
	}
}

// makeList is new ArrayList(), of a capacity or of a list.
func makeList(_ *run, args []any) (any, error) {
	l := &list{}
	if len(args) == 0 || len(args) == 1 && isNumber(args[0]) {
		return l, nil
	}
	other, err := items(args[0])
	if err == nil {
		l.items = slices.Clone(other)
	}
	return l, err
}

// makeMap is new HashMap(), of a capacity or of a map.
func makeMap(r *run, args []any) (any, error) {
	d := newDict()
	if len(args) == 0 || len(args) == 1 && isNumber(args[0]) {
		return d, nil
	}
	_, err := r.onDict(d, "putAll", args[:1])
	return d, err
}

// makeDate is new Date(), of milliseconds or of a date.
func makeDate(r *run, args []any) (any, error) {
	switch {
	case len(args) == 0:
		return r.limits.Now().Truncate(time.Millisecond), nil
	case len(args) > 1:
		return nil, errors.New("a date is made of nothing or of milliseconds here")
	}
	if t, ok := args[0].(time.Time); ok {
		return t, nil
	}
	if !isNumber(args[0]) {
		return nil, errors.New("a date is made of nothing or of milliseconds here, not of a text")
	}
	millis, err := juel.Integer(args[0])
	return time.UnixMilli(millis).In(r.limits.Now().Location()), err
}

func asList(args []any) (any, error) {
	if len(args) == 1 && isCollection(args[0]) {
		other, err := items(args[0])
		return &list{items: slices.Clone(other)}, err
	}
	return &list{items: slices.Clone(args)}, nil
}

// makeError is new BpmnError(code) and new BpmnError(code, message).
func makeError(_ *run, args []any) (any, error) {
	if len(args) < 1 || len(args) > 2 {
		return nil, errors.New("a BpmnError has a code and perhaps a message")
	}
	var texts [2]string
	for i, arg := range args {
		var err error
		if texts[i], err = juel.Text(arg); err != nil {
			return nil, err
		}
	}
	return exception{&BPMNError{Code: texts[0], Message: texts[1]}}, nil
}

// makeException is new Exception(message).
func makeException(_ *run, args []any) (any, error) {
	if len(args) == 0 {
		return exception{errors.New("an exception without message")}, nil
	}
	text, err := juel.Text(args[0])
	return exception{errors.New(text)}, err
}

// exception is what can be thrown, and what is caught.
type exception struct{ err error }

// String is what printing it shows.
func (e exception) String() string { return e.err.Error() }

// Property is its message, and the code of a BpmnError.
func (e exception) Property(name string) (any, bool, error) {
	var thrown *BPMNError
	switch {
	case name == "message" || name == "localizedMessage":
		return e.err.Error(), true, nil
	case name == "errorCode" && errors.As(e.err, &thrown):
		return thrown.Code, true, nil
	}
	return nil, false, nil
}

// Call has the getters of its properties, and toString.
func (e exception) Call(method string, args []any) (any, error) {
	if method == "toString" && len(args) == 0 {
		return e.String(), nil
	}
	return nil, juel.ErrNoMethod
}

func parseInteger(_ *run, args []any) (any, error) {
	n, err := integer(args[0])
	if err == nil && (n > math.MaxInt32 || n < math.MinInt32) {
		err = errors.New("the number is too large for an Integer")
	}
	return int32(n), err
}

func parseLong(_ *run, args []any) (any, error) { return integer(args[0]) }

func integer(v any) (int64, error) {
	if v == nil || v == "" {
		return 0, errors.New("there is no number to read")
	}
	return juel.Integer(v)
}

func parseDouble(_ *run, args []any) (any, error) {
	if args[0] == nil || args[0] == "" {
		return nil, errors.New("there is no number to read")
	}
	return juel.Float(args[0])
}

func parseBoolean(_ *run, args []any) (any, error) {
	if args[0] == nil {
		return false, nil
	}
	return juel.Truth(args[0])
}

func textOf(_ *run, args []any) (any, error) { return text(args[0]) }

// text is String.valueOf.
func text(v any) (string, error) {
	if v == nil {
		return "null", nil
	}
	plain, err := leave(v)
	if err != nil {
		return "", err
	}
	return juel.Text(plain)
}

func mathematics() statics {
	one := func(do func(float64) float64) func(*run, []any) (any, error) {
		return exactly(1, func(_ *run, args []any) (any, error) {
			f, err := juel.Float(args[0])
			return do(f), err
		})
	}
	extreme := func(sign int) func(*run, []any) (any, error) {
		return exactly(2, func(_ *run, args []any) (any, error) {
			if !isNumber(args[0]) || !isNumber(args[1]) {
				return nil, errors.New("two numbers are expected")
			}
			if compareNumbers(args[0], args[1])*sign >= 0 {
				return args[0], nil
			}
			return args[1], nil
		})
	}
	return statics{
		"floor": one(math.Floor), "ceil": one(math.Ceil), "sqrt": one(math.Sqrt),
		"max": extreme(1), "min": extreme(-1),
		"abs": exactly(1, func(_ *run, args []any) (any, error) {
			if isNumber(args[0]) && compareNumbers(args[0], int32(0)) < 0 {
				return negate(args[0])
			}
			return args[0], nil
		}),
		"round": exactly(1, func(_ *run, args []any) (any, error) {
			f, err := juel.Float(args[0])
			if err != nil {
				return nil, err
			}
			return juel.Integer(math.Floor(f + 0.5))
		}),
		"pow": exactly(2, func(_ *run, args []any) (any, error) {
			a, err := juel.Float(args[0])
			if err != nil {
				return nil, err
			}
			b, err := juel.Float(args[1])
			return math.Pow(a, b), err
		}),
	}
}

// decoder and encoder are those of java.util.Base64.
type (
	decoder struct{}
	encoder struct{}
)

// Property knows none.
func (decoder) Property(string) (any, bool, error) { return nil, false, nil }

// Call is decode.
func (decoder) Call(method string, args []any) (any, error) {
	if method != "decode" || len(args) != 1 {
		return nil, juel.ErrNoMethod
	}
	encoded, ok := args[0].(string)
	if !ok {
		return nil, errors.New("a text is decoded")
	}
	data, err := base64.StdEncoding.DecodeString(strings.TrimRight(encoded, "=") + strings.Repeat("=", -len(strings.TrimRight(encoded, "="))&3))
	if err != nil {
		return nil, errors.New("the text is not Base64")
	}
	return data, nil
}

// Property knows none.
func (encoder) Property(string) (any, bool, error) { return nil, false, nil }

// Call is encodeToString.
func (encoder) Call(method string, args []any) (any, error) {
	if method != "encodeToString" || len(args) != 1 {
		return nil, juel.ErrNoMethod
	}
	switch v := args[0].(type) {
	case []byte:
		return base64.StdEncoding.EncodeToString(v), nil
	case string:
		return base64.StdEncoding.EncodeToString([]byte(v)), nil
	}
	return nil, errors.New("bytes are encoded")
}
