package oauth

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sluicehq/sluice/internal/fault"
)

// maxBody is the largest form that is read.
const maxBody = 64 << 10

// form holds parameters that were sent once and not empty (RFC 6749 §3.1, §3.2:
// a parameter without a value counts as omitted, none may come twice).
type form map[string]string

// lists are the parameters that may come more than once.
var lists = []string{"resource", "audience"}

// parseForm reads parameters from their encoded form. twice names those that
// came more than once; they are in the form with their first value.
func parseForm(encoded string) (f form, twice []string, err error) {
	values, err := url.ParseQuery(encoded)
	if err != nil {
		return nil, nil, invalidRequest("the parameters are not form-encoded")
	}
	f = form{}
	for name, list := range values {
		if slices.Contains(lists, name) {
			list = []string{strings.Join(list, " ")}
		}
		if len(list) > 1 {
			twice = append(twice, name)
		}
		if !clean(name) || !clean(list[0]) {
			return nil, nil, invalidRequest("the parameters are not UTF-8 text")
		}
		if list[0] != "" {
			f[name] = list[0]
		}
	}
	return f, twice, nil
}

// clean reports whether text is UTF-8 without NUL.
func clean(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsRune(text, 0)
}

// postForm reads the body of a program's request. Parameters in the address are
// refused unless the operator allows them: addresses end up in logs.
func (s *Service) postForm(r *http.Request) (form, error) {
	encoded, err := readBody(r)
	if err != nil {
		return nil, err
	}
	if r.URL.RawQuery != "" {
		if encoded, err = s.withQuery(encoded, r.URL.RawQuery); err != nil {
			return nil, err
		}
	}
	f, twice, err := parseForm(encoded)
	if err != nil {
		return nil, err
	}
	if len(twice) > 0 {
		return nil, invalidRequest("a parameter was sent more than once")
	}
	return f, nil
}

func (s *Service) withQuery(body, query string) (string, error) {
	if s.cfg.QueryParameters {
		return strings.Trim(body+"&"+query, "&"), nil
	}
	q, _, err := parseForm(query)
	if err != nil {
		return "", err
	}
	for _, name := range []string{"grant_type", "client_id", "client_secret", "client_assertion", "assertion", "username", "password", "code", "refresh_token", "token", "scope"} {
		if q[name] != "" {
			return "", invalidRequest("parameters belong in the body, not in the address (sluice.oauth.token-parameters-in-query allows it)")
		}
	}
	return body, nil
}

func readBody(r *http.Request) (string, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return "", fault.New(fault.TooLarge, "the body is larger than 64 KiB")
	case err != nil:
		return "", invalidRequest("the body could not be read")
	case len(body) == 0:
		return "", nil // curl -X POST without data names no type
	}
	if !isForm(r.Header.Get("Content-Type")) {
		return "", invalidRequest("the content type must be application/x-www-form-urlencoded")
	}
	return string(body), nil
}

const formMedia = "application/x-www-form-urlencoded"

// isForm reports whether a content type is the form's. Most clients write it alone.
func isForm(contentType string) bool {
	if contentType == formMedia {
		return true
	}
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && kind == formMedia
}

// post lets only POST through to an endpoint for programs, and gives it the
// parsed form and the authenticated client.
func (s *Service) post(next func(http.ResponseWriter, *http.Request, form)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			s.refuse(w, r, &Failure{Code: "invalid_request", Description: "only POST is answered here", status: http.StatusMethodNotAllowed})
			return
		}
		f, err := s.postForm(r)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		next(w, r, f)
	})
}
