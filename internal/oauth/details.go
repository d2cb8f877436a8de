package oauth

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sluicehq/sluice/internal/page"
)

const (
	// maxDetails bounds what is stored with every token of a grant, in bytes.
	maxDetails = 8 << 10
	// maxDetailDepth is how deep authorization details may be nested: what people
	// are asked to agree to, they must be able to read.
	maxDetailDepth = 6
)

// checkDetails reads authorization_details (RFC 9396 §2): a list of objects, each
// with a type that the client is registered for. A name that stands twice in one
// object is refused: who reads the first would act on another value than the one
// that the user was shown.
func (c *Client) checkDetails(text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	bad := func(why string) error {
		return &Failure{Code: "invalid_authorization_details", Description: why}
	}
	var list []struct {
		Type string `json:"type"`
	}
	if len(text) > maxDetails || json.Unmarshal([]byte(text), &list) != nil || len(list) == 0 {
		return nil, bad("authorization_details must be a list of JSON objects with a type, of at most 8 KiB, and no name may stand twice in one object")
	}
	for _, d := range list {
		if !slices.Contains(c.DetailTypes, d.Type) {
			return nil, bad("the client is not registered for one of these authorization details types")
		}
	}
	if _, err := detailTexts([]byte(text)); err != nil {
		return nil, bad("authorization_details may be nested six levels deep at most")
	}
	compact := jsontext.Value(text)
	if err := compact.Compact(); err != nil { // drops what only people need
		return nil, bad("authorization_details is no JSON")
	}
	return compact, nil
}

// detailTexts puts authorization details into lines for the consent page: the type
// and every member with its value, in the order in which they came.
func detailTexts(details []byte) ([]page.DetailText, error) {
	if len(details) == 0 {
		return nil, nil
	}
	root, err := readDetail(jsontext.NewDecoder(bytes.NewReader(details)), "", 0)
	if err != nil {
		return nil, err
	}
	var texts []page.DetailText
	for _, d := range root.Members {
		var text page.DetailText
		for _, m := range d.Members {
			if m.Name == "type" {
				text.Type = m.Value
				continue
			}
			text.Members = append(text.Members, m)
		}
		texts = append(texts, text)
	}
	return texts, nil
}

// readDetail reads one value: an object and a list of objects become members, a
// list of words one line, everything else itself.
func readDetail(d *jsontext.Decoder, name string, depth int) (page.Detail, error) {
	detail := page.Detail{Name: visible(name)}
	if depth > maxDetailDepth+1 { // the list itself is one
		return detail, errors.New("nested too deep")
	}
	token, err := d.ReadToken()
	if err != nil {
		return detail, err
	}
	switch token.Kind() {
	case '{', '[':
		return detail, readMembers(d, &detail, token.Kind() == '{', depth)
	case 't':
		detail.Text = page.Yes
	case 'f':
		detail.Text = page.No
	case 'n':
		detail.Text = page.Nothing
	default:
		detail.Value = visible(token.String())
	}
	return detail, nil
}

// readMembers reads what stands in an object or a list, and its end.
func readMembers(d *jsontext.Decoder, into *page.Detail, named bool, depth int) error {
	var words []string
	for d.PeekKind() != '}' && d.PeekKind() != ']' {
		name := strconv.Itoa(len(into.Members) + 1)
		if named {
			token, err := d.ReadToken()
			if err != nil {
				return err
			}
			name = token.String()
		}
		member, err := readDetail(d, name, depth+1)
		if err != nil {
			return err
		}
		into.Members = append(into.Members, member)
		if member.Members == nil && member.Text == "" {
			words = append(words, member.Value)
		}
	}
	switch {
	case len(into.Members) == 0:
		into.Text = page.Nothing
	case !named && depth > 0 && len(words) == len(into.Members):
		into.Value, into.Members = strings.Join(words, ", "), nil
	}
	_, err := d.ReadToken()
	return err
}

// visible replaces characters that are not seen, or that turn around the order of
// what stands beside them, so that no text passes for another.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
