package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	jsontext "encoding/json"

	"github.com/go-json-experiment/json"

	"github.com/sluicehq/sluice"
)

// document is a client's registration as one writes it: the names are those of
// RFC 7591, and ours where it has none.
type document struct {
	ID           string   `json:"client_id"`
	Name         string   `json:"client_name,omitempty"`
	RedirectURIs []string `json:"redirect_uris,omitempty"`
	GrantTypes   []string `json:"grant_types,omitempty"`
	Scope        string   `json:"scope,omitempty"`
	TokenFormat  string   `json:"token_format,omitempty"` // opaque or jwt
	AccessTTL    string   `json:"access_ttl,omitempty"`   // such as 10m
	RefreshTTL   string   `json:"refresh_ttl,omitempty"`
	SkipConsent  bool     `json:"skip_consent,omitempty"`
	Introspect   bool     `json:"introspect,omitempty"`
	sluice.ClientMetadata

	// Secret is read when a client is made, and never shown.
	Secret string `json:"client_secret,omitempty"`
	// These are shown, and not looked at when they come back.
	Public         bool   `json:"public,omitempty"`
	Disabled       bool   `json:"disabled,omitempty"`
	IssuedAt       int64  `json:"client_id_issued_at,omitempty"`
	OldSecretUntil string `json:"old_secret_until,omitempty"`
}

func documentOf(c sluice.Client) document {
	d := document{ID: c.ID, Name: c.Name, RedirectURIs: c.RedirectURIs, GrantTypes: c.GrantTypes, Scope: strings.Join(c.Scopes, " "),
		TokenFormat: c.TokenFormat, SkipConsent: c.SkipConsent, Introspect: c.Introspect, ClientMetadata: c.ClientMetadata,
		Public: c.Public, Disabled: c.Disabled, IssuedAt: c.Created.Unix()}
	if !c.OldSecretUntil.IsZero() {
		d.OldSecretUntil = moment(c.OldSecretUntil)
	}
	if c.AccessTTL > 0 {
		d.AccessTTL = c.AccessTTL.String()
	}
	if c.RefreshTTL > 0 {
		d.RefreshTTL = c.RefreshTTL.String()
	}
	return d
}

func (d document) client() (sluice.Client, error) {
	c := sluice.Client{ID: d.ID, Name: d.Name, GrantTypes: d.GrantTypes, RedirectURIs: d.RedirectURIs, Scopes: strings.Fields(d.Scope),
		TokenFormat: d.TokenFormat, SkipConsent: d.SkipConsent, Introspect: d.Introspect, ClientMetadata: d.ClientMetadata}
	for name, t := range map[string]struct {
		text string
		at   *time.Duration
	}{"access_ttl": {d.AccessTTL, &c.AccessTTL}, "refresh_ttl": {d.RefreshTTL, &c.RefreshTTL}} {
		if t.text == "" {
			continue
		}
		var err error
		if *t.at, err = time.ParseDuration(t.text); err != nil {
			return c, fmt.Errorf("%s must be a duration such as 90s, 10m or 12h, not %q", name, t.text)
		}
	}
	return c, nil
}

// table shows every member that is set, one a line.
func (d document) table() (head []string, rows [][]string) {
	text, err := json.Marshal(d)
	if err != nil {
		return []string{"MEMBER", "VALUE"}, [][]string{{"client_id", d.ID}}
	}
	var members map[string]jsontext.RawMessage
	if json.Unmarshal(text, &members) != nil {
		return nil, nil
	}
	for name, value := range members {
		if t := string(value); t != "null" && t != `""` && t != "[]" && t != "false" {
			rows = append(rows, []string{name, plain(value)})
		}
	}
	slices.SortFunc(rows, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	return []string{"MEMBER", "VALUE"}, rows
}

// plain writes text and lists of text without JSON's marks.
func plain(value jsontext.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	var list []string
	if json.Unmarshal(value, &list) == nil {
		return strings.Join(list, " ")
	}
	return string(value)
}

// merge puts the members of a JSON object over the document; null takes one away.
// Unknown members are refused: they are mistakes here.
func (d *document) merge(text []byte) error {
	err := json.Unmarshal(text, d, json.RejectUnknownMembers(true))
	var semantic *json.SemanticError
	switch {
	case errors.Is(err, json.ErrUnknownName) && errors.As(err, &semantic):
		return fmt.Errorf("there is no member %s", strings.TrimPrefix(string(semantic.JSONPointer), "/"))
	case errors.As(err, &semantic) && semantic.JSONPointer != "":
		return fmt.Errorf("the value of %s is of a wrong kind", strings.TrimPrefix(string(semantic.JSONPointer), "/"))
	case err != nil:
		return fmt.Errorf("the metadata must be one JSON object without repeated names: %w", err)
	}
	if string(d.JWKS) == "null" {
		d.JWKS = nil
	}
	return nil
}

// set puts one member: name=value. A value may be JSON, text, or words for a
// list; an empty one takes the member away.
func (d *document) set(assignment string) error {
	name, value, ok := strings.Cut(assignment, "=")
	if !ok || name == "" {
		return fmt.Errorf("--member %s: it must be NAME=VALUE", assignment)
	}
	quoted, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("--member %s: the value is no UTF-8 text", name)
	}
	words, err := json.Marshal(strings.Fields(value))
	if err != nil {
		return fmt.Errorf("--member %s: the value is no UTF-8 text", name)
	}
	forms := []string{value, string(quoted), string(words)}
	if value == "" {
		forms = []string{"null"}
	}
	key, err := json.Marshal(name)
	if err != nil {
		return fmt.Errorf("--member %s: the name is no UTF-8 text", name)
	}
	for _, form := range forms {
		var made document
		object := fmt.Appendf(nil, "{%s:%s}", key, form)
		if err = made.merge(object); err == nil {
			return d.merge(object)
		}
	}
	return fmt.Errorf("--member: %w", err)
}

// members are the flags of commands that take any member of a registration.
type members struct {
	Metadata string   `help:"File with members as JSON, in the names of RFC 7591; - is standard input." placeholder:"FILE"`
	Member   []string `help:"One member; the value may be JSON, an empty one takes it away; may be repeated." placeholder:"NAME=VALUE" sep:"none"`
}

// read puts what the flags say over d.
func (m *members) read(env *environment, d *document) error {
	if m.Metadata != "" {
		text, err := m.text(env)
		if err != nil {
			return fmt.Errorf("reading the metadata: %w", err)
		}
		if err := d.merge(text); err != nil {
			return err
		}
	}
	for _, assignment := range m.Member {
		if err := d.set(assignment); err != nil {
			return err
		}
	}
	return nil
}

// maxDocument is far more than any client needs, in bytes.
const maxDocument = 1 << 20

func (m *members) text(env *environment) ([]byte, error) {
	in := env.in
	if m.Metadata != "-" {
		f, err := os.Open(m.Metadata)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	return io.ReadAll(io.LimitReader(in, maxDocument))
}
