package bearer

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	jsontext "encoding/json"

	"github.com/go-json-experiment/json"
)

// ParseIntrospection reads an introspection answer (RFC 7662 §2.2). It is strict:
// member names count with their case, none may come twice, and active must be a
// JSON boolean — or be absent in an answer that has a client_id and an exp, as
// Spring's. An inactive token gives ErrInvalid. usernames are the members that
// may name the user; none means username, then user_name.
func ParseIntrospection(body []byte, usernames ...string) (*Token, error) {
	r, err := readAnswer(body)
	if err != nil {
		return nil, err
	}
	if err := r.active(AnyIntrospection); err != nil {
		return nil, err
	}
	return r.finish(usernames)
}

// readAnswer takes an answer apart.
func readAnswer(body []byte) (*reader, error) {
	all, err := readMembers(body)
	if err != nil {
		return nil, errors.New("introspection: the answer is not a JSON object with each member once")
	}
	return &reader{members: all}, nil
}

// active decides what the answer says about the token as such.
func (r *reader) active(d Dialect) error {
	raw := r.members.get("active")
	said := raw != nil
	silent := !said && r.members.get("client_id") != nil && r.members.get("exp") != nil
	switch {
	case said && string(raw) == "true":
		return nil
	case said && string(raw) == "false":
		return ErrInvalid
	case silent && (d == CheckToken || d == AnyIntrospection):
		return nil
	}
	return errors.New("introspection: the answer does not say whether the token is active")
}

// reader takes typed members out of an answer and keeps the first error: an
// answer with a member of the wrong type is not understood.
type reader struct {
	members members
	numbers bool    // numbers may be text, as Google's tokeninfo has them
	shares  *shares // nil: nothing is shared
	err     error
}

// finish is token, unless a member was not understood.
func (r *reader) finish(usernames []string) (*Token, error) {
	if len(usernames) == 0 {
		usernames = []string{"username", "user_name"}
	}
	t := r.token(usernames)
	if r.err != nil {
		return nil, r.err
	}
	return t, nil
}

// token reads the members that introspection answers and JWTs share.
func (r *reader) token(usernames []string) *Token {
	t := &Token{Subject: r.text("sub"), ClientID: r.shares.text(r.text("client_id")), Issuer: r.shares.text(r.text("iss")), ID: r.text("jti"),
		Type: r.shares.text(r.text("token_type")), ACR: r.shares.text(r.text("acr")), Scopes: r.shares.list(r.words("scope")), Audience: r.shares.list(r.list("aud")),
		Expiry: r.time("exp"), IssuedAt: r.time("iat"), NotBefore: r.time("nbf"), AuthTime: r.time("auth_time")}
	t.Confirmation = bytes.Clone(r.members.get("cnf"))
	for _, name := range usernames {
		if verified := string(r.members.get("email_verified")); name == "email" && (verified == "false" || verified == `"false"`) {
			continue // anybody may say that an address is his
		}
		if t.Username = r.text(name); t.Username != "" {
			break
		}
	}
	t.Claims = r.others()
	t.join()
	return t
}

// own are the members that a Token has fields for.
var own = map[string]bool{"active": true, "sub": true, "client_id": true, "iss": true, "jti": true, "token_type": true, "acr": true, "scope": true,
	"aud": true, "exp": true, "iat": true, "nbf": true, "auth_time": true, "cnf": true, "username": true, "user_name": true}

// others are the members that a Token has no field for, as one object.
func (r *reader) others() jsontext.RawMessage {
	var text []byte
	for _, m := range r.members {
		if own[string(m.name)] {
			continue
		}
		name, err := json.Marshal(string(m.name))
		if err != nil {
			r.fail(string(m.name))
			continue
		}
		text = append(append(append(append(text, ','), name...), ':'), m.raw...)
	}
	if text == nil {
		return nil
	}
	text[0] = '{'
	return bytes.Clone(append(text, '}'))
}

// join puts the texts that no other token has into one piece of memory.
func (t *Token) join() {
	all := t.Subject + t.Username + t.ID
	t.Subject, all = all[:len(t.Subject)], all[len(t.Subject):]
	t.Username, t.ID = all[:len(t.Username)], all[len(t.Username):]
}

// shares keeps one copy of what many tokens have in common. It is a memory of
// names, so it may be forgotten at any time.
type shares struct {
	mu    sync.Mutex
	texts map[string]string
	lists map[string][]string
}

// maxShares is how many different texts and lists are kept.
const maxShares = 1000

func (s *shares) text(text string) string {
	if s == nil || text == "" {
		return text
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.texts[text]; ok {
		return known
	}
	if s.texts == nil || len(s.texts) >= maxShares {
		s.texts = map[string]string{}
	}
	s.texts[text] = text
	return text
}

func (s *shares) list(list []string) []string {
	if s == nil || len(list) == 0 {
		return list
	}
	key := strings.Join(list, "\x00")
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.lists[key]; ok {
		return known
	}
	if s.lists == nil || len(s.lists) >= maxShares {
		s.lists = map[string][]string{}
	}
	s.lists[key] = list
	return list
}

// fail keeps the first error.
func (r *reader) fail(name string) {
	if r.err == nil {
		r.err = fmt.Errorf("introspection: the member %q has the wrong type", name)
	}
}

// value is a member's value; null counts as absent.
func (r *reader) value(name string) []byte {
	if raw := r.members.get(name); string(raw) != "null" {
		return raw
	}
	return nil
}

func (r *reader) text(name string) string {
	raw := r.value(name)
	if raw == nil {
		return ""
	}
	if raw[0] != '"' {
		r.fail(name)
		return ""
	}
	text, err := unquote(raw)
	if err != nil {
		r.fail(name)
	}
	return string(text)
}

// list reads a string or a list of them.
func (r *reader) list(name string) []string {
	if raw := r.value(name); len(raw) > 0 && raw[0] == '[' {
		var list []string
		if json.Unmarshal(raw, &list) != nil {
			r.fail(name)
		}
		return list
	}
	if s := r.text(name); s != "" {
		return []string{s}
	}
	return nil
}

// words reads a space-separated string or, as Spring sends it, a list.
func (r *reader) words(name string) []string {
	return strings.Fields(strings.Join(r.list(name), " "))
}

// lastSecond is the end of the year 9999; what lies past it is no date.
const lastSecond = 253402300799

func (r *reader) time(name string) time.Time {
	n, ok := r.number(name)
	if !ok {
		return time.Time{}
	}
	if !(n >= 0 && n <= lastSecond) { // NaN too
		if r.err == nil {
			r.err = fmt.Errorf("introspection: the member %s is no date", name)
		}
		return time.Time{}
	}
	return time.Unix(int64(n), 0)
}

func (r *reader) number(name string) (n float64, ok bool) {
	raw := r.value(name)
	if raw == nil {
		return 0, false
	}
	text := string(raw)
	switch {
	case raw[0] == '"' && r.numbers:
		text = r.text(name)
	case raw[0] != '-' && (raw[0] < '0' || raw[0] > '9'):
		r.fail(name)
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		r.fail(name)
	}
	return n, err == nil
}
