package bearer

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// members are those of a JSON object, in their order, with their values as they
// were written. Reading them is most of what an answer costs, so nothing is copied:
// they are good for as long as the text is.
type members []member

type member struct{ name, raw []byte }

// readMembers reads text, which must be one JSON object. The decoder refuses names
// that come twice, at any depth, and what is not UTF-8.
func readMembers(text []byte) (members, error) {
	all := textMembers{text: text}
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	return all.members, nil
}

type textMembers struct {
	text    []byte
	members members
}

var errNoObject = errors.New("it is no JSON object")

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (t *textMembers) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if begin, err := d.ReadToken(); err != nil || begin.Kind() != '{' {
		return errors.Join(errNoObject, err)
	}
	t.members = make(members, 0, 16)
	for d.PeekKind() != '}' {
		name, err := t.next(d)
		if err != nil {
			return err
		}
		raw, err := t.next(d)
		if err != nil {
			return err
		}
		plain, err := unquote(name)
		if err != nil {
			return err
		}
		t.members = append(t.members, member{plain, raw})
	}
	_, err := d.ReadToken()
	return err
}

// next is the next value, out of the text itself.
func (t *textMembers) next(d *jsontext.Decoder) ([]byte, error) {
	value, err := d.ReadValue()
	if err != nil {
		return nil, err
	}
	end := int(d.InputOffset())
	return t.text[end-len(value) : end : end], nil
}

// unquote reads a JSON string, which the decoder has found to be one. It copies only
// what it has to write in another way.
func unquote(raw []byte) ([]byte, error) {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1], nil
	}
	return jsontext.AppendUnquote(nil, raw)
}

// get returns a member's value, nil when there is none.
func (m members) get(name string) []byte {
	for i := range m {
		if string(m[i].name) == name {
			return m[i].raw
		}
	}
	return nil
}
