package juel

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// JSON is a JSON variable: the bytes of one document. The members of an object are
// its properties. Elements of an array are reached by get(index) only: array[0] is
// null, as in Activiti 6. No bytes at all stand for a node that is missing.
type JSON []byte

// jsonKind is the type of a node.
type jsonKind byte

const (
	jsonMissing jsonKind = 0
	jsonObject  jsonKind = '{'
	jsonArray   jsonKind = '['
	jsonString  jsonKind = '"'
	jsonNumber  jsonKind = '0'
	jsonBoolean jsonKind = 't'
	jsonNull    jsonKind = 'n'
)

func (j JSON) kind() jsonKind {
	text := bytes.TrimLeft(j, " \t\r\n")
	if len(text) == 0 {
		return jsonMissing
	}
	switch c := text[0]; {
	case c == '-' || digit(c):
		return jsonNumber
	case c == 'f':
		return jsonBoolean
	default:
		return jsonKind(c)
	}
}

// member is the property of an object, null when there is none. What becomes of a
// scalar is Activiti's JsonNodeELResolver: a whole number of 32 bits is a text, a
// longer one a Long, null the text "null".
func (j JSON) member(name string) (any, error) {
	node, err := j.field(name)
	if err != nil {
		return nil, err
	}
	switch text := node.text(); node.kind() {
	case jsonMissing:
		return nil, nil
	case jsonBoolean:
		return text == "true", nil
	case jsonNumber:
		return numberOf(text), nil
	case jsonString, jsonNull:
		return text, nil
	}
	return node, nil
}

func numberOf(text string) any {
	if fractional(text) {
		f, _ := strconv.ParseFloat(text, 64)
		return f
	}
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil && int64(int32(whole)) != whole {
		return whole
	}
	return text
}

// field is a member of an object as a node, missing when there is none.
func (j JSON) field(name string) (JSON, error) {
	fields, err := j.fields()
	return JSON(fields[name]), err
}

func (j JSON) fields() (map[string]json.RawMessage, error) {
	if j.kind() != jsonObject {
		return nil, nil
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(j, &fields) != nil {
		return nil, errors.New("the JSON value cannot be read")
	}
	return fields, nil
}

func (j JSON) elements() ([]json.RawMessage, error) {
	if j.kind() != jsonArray {
		return nil, nil
	}
	var items []json.RawMessage
	if json.Unmarshal(j, &items) != nil {
		return nil, errors.New("the JSON value cannot be read")
	}
	return items, nil
}

// text is asText of Jackson: what a scalar says, "" for objects and arrays.
func (j JSON) text() string {
	text := strings.TrimSpace(string(j))
	switch j.kind() {
	case jsonString:
		var s string
		_ = json.Unmarshal(j, &s)
		return s
	case jsonNumber:
		if fractional(text) {
			f, _ := strconv.ParseFloat(text, 64)
			return doubleText(f)
		}
		return text
	case jsonBoolean, jsonNull:
		return text
	}
	return ""
}

// number is asDouble of Jackson with its fallback.
func (j JSON) number(fallback float64) float64 {
	switch j.kind() {
	case jsonNumber, jsonString:
		if number, err := parseDouble(j.text()); err == nil {
			return number
		}
	case jsonBoolean:
		return float64(truthNumber(j.text() == "true"))
	case jsonNull:
		return 0
	}
	return fallback
}

// integer is asLong of Jackson with its fallback.
func (j JSON) integer(fallback int64) int64 {
	if number, err := strconv.ParseInt(j.text(), 10, 64); err == nil {
		return number
	}
	if f := j.number(0.5); f != 0.5 {
		return truncate(f)
	} else if j.kind() == jsonNumber {
		return 0
	}
	return fallback
}

// onJSON is what Jackson's JsonNode tells of itself.
func (c *call) onJSON(j JSON) (any, error) {
	switch len(c.args) {
	case 0:
		return c.describeJSON(j)
	case 1:
		return c.reachJSON(j)
	}
	return nil, ErrNoMethod
}

// reachJSON are the methods that take a name, an index or a fallback.
func (c *call) reachJSON(j JSON) (any, error) {
	switch c.method {
	case "asText":
		if j.kind() == jsonMissing || j.kind() == jsonNull {
			return c.args[0], nil
		}
		return j.text(), nil
	case "asInt":
		fallback, err := c.number(0)
		return int32(j.integer(int64(fallback))), err
	case "asLong":
		fallback, err := Integer(c.args[0])
		return j.integer(fallback), err
	case "asDouble":
		fallback, err := Float(c.args[0])
		return j.number(fallback), err
	case "get", "path", "has", "hasNonNull":
		node, err := c.node(j)
		if err != nil {
			return nil, err
		}
		return found(c.method, node), nil
	}
	return nil, ErrNoMethod
}

// node is the field or element that the argument names.
func (c *call) node(j JSON) (JSON, error) {
	if name, ok := c.args[0].(string); ok {
		return j.field(name)
	}
	at, err := c.number(0)
	if err != nil {
		return nil, err
	}
	items, err := j.elements()
	if err != nil || at < 0 || at >= len(items) {
		return nil, err
	}
	return JSON(items[at]), nil
}

func found(method string, node JSON) any {
	missing := node.kind() == jsonMissing
	switch method {
	case "has":
		return !missing
	case "hasNonNull":
		return !missing && node.kind() != jsonNull
	case "get":
		if missing {
			return nil
		}
	}
	return node
}

// describeJSON are the methods without arguments.
func (c *call) describeJSON(j JSON) (any, error) {
	kind := j.kind()
	switch c.method {
	case "asText":
		return j.text(), nil
	case "asInt", "intValue":
		return int32(j.integer(0)), nil
	case "asLong", "longValue":
		return j.integer(0), nil
	case "asDouble", "doubleValue":
		return j.number(0), nil
	case "asBoolean", "booleanValue":
		return kind == jsonBoolean && j.text() == "true" || kind == jsonNumber && j.number(0) != 0 || kind == jsonString && j.text() == "true", nil
	case "textValue":
		if kind != jsonString {
			return nil, nil
		}
		return j.text(), nil
	case "size", "isEmpty", "fieldNames", "elements", "iterator":
		return c.contents(j)
	}
	if is, ok := jsonKinds[c.method]; ok {
		return strings.IndexByte(is, byte(kind)) >= 0, nil
	}
	return nil, ErrNoMethod
}

// jsonKinds are the questions about a node's type, with the types that say yes.
var jsonKinds = map[string]string{
	"isObject": "{", "isArray": "[", "isTextual": `"`, "isNumber": "0", "isBoolean": "t", "isNull": "n", "isMissingNode": "\x00",
	"isContainerNode": "{[", "isValueNode": `"0tn`,
}

// contents are the methods about what is in an object or array.
func (c *call) contents(j JSON) (any, error) {
	fields, err := j.fields()
	if err != nil {
		return nil, err
	}
	items, err := j.elements()
	if err != nil {
		return nil, err
	}
	switch c.method {
	case "size":
		return int32(len(fields) + len(items)), nil
	case "isEmpty":
		return len(fields)+len(items) == 0, nil
	}
	var list []any
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if c.method == "fieldNames" {
			list = append(list, name)
			continue
		}
		list = append(list, JSON(fields[name]))
	}
	for _, item := range items {
		if c.method != "fieldNames" {
			list = append(list, JSON(item))
		}
	}
	return &iterator{items: list}, nil
}

// equalDocuments compares two documents by their content; the order of members does
// not matter.
func equalDocuments(a, b JSON) bool {
	x, ok := a.decode()
	y, same := b.decode()
	return ok && same && equals(x, y, 0)
}

// decode makes lists and maps of a document.
func (j JSON) decode() (any, bool) {
	decoder := json.NewDecoder(bytes.NewReader(j))
	decoder.UseNumber()
	var value any
	err := decoder.Decode(&value)
	return value, err == nil
}

// Part follows a path as items[0].name or items.0.name; nil when it leads nowhere. The
// empty path, . and $ are the whole.
func Part(v any, path string) any {
	path = strings.TrimPrefix(strings.TrimSpace(path), "$")
	for _, name := range strings.FieldsFunc(path, func(r rune) bool { return strings.ContainsRune(".[]'\"", r) }) {
		switch in := v.(type) {
		case map[string]any:
			v = in[name]
		case []any:
			i, err := Integer(name)
			if err != nil || i < 0 || i >= int64(len(in)) {
				return nil
			}
			v = in[i]
		default:
			return nil
		}
	}
	return v
}
