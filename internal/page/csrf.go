package page

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"mime"
	"net/http"

	"github.com/sluicehq/sluice/internal/fault"
)

// maxForm is the largest form of a page.
const maxForm = 64 << 10

// tokenField is the hidden field that proves that a form is one of ours.
const tokenField = "form_token"

func (p *Pages) cookieName() string {
	if p.cfg.Secure {
		return "__Host-sluice-form"
	}
	return "sluice-form"
}

// formToken returns the token for the browser's cookie and sets the cookie when
// there is none.
func (p *Pages) formToken(w http.ResponseWriter, r *http.Request) string {
	if c, err := r.Cookie(p.cookieName()); err == nil && len(c.Value) == 26 {
		return tokenOf(c.Value)
	}
	value := rand.Text()
	http.SetCookie(w, &http.Cookie{Name: p.cookieName(), Value: value, Path: "/", HttpOnly: true, Secure: p.cfg.Secure, SameSite: http.SameSiteLaxMode})
	return tokenOf(value)
}

// tokenOf derives a form's token from the cookie; who reads a page of ours
// cannot make the cookie from it.
func tokenOf(cookie string) string {
	sum := sha256.Sum256([]byte("sluice form\x00" + cookie))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Protect stands before every page. It refuses a request that changes something
// when it comes from another site or lacks the form token. A browser that hides
// where it comes from (Origin: null, which Referrer-Policy: no-referrer causes)
// is taken at its token.
func (p *Pages) Protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions {
			next.ServeHTTP(w, r)
			return
		}
		if err := p.checkForm(w, r); err != nil {
			p.Fault(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (p *Pages) checkForm(w http.ResponseWriter, r *http.Request) error {
	expired := fault.New(fault.Forbidden, "This form has expired or did not come from this site. Go back, load the page again and try once more. Cookies must be allowed.")
	if r.Header.Get("Origin") != "null" {
		if err := p.cross.Check(r); err != nil {
			p.cfg.Log.InfoContext(r.Context(), "form refused: it came from another site", "path", r.URL.Path)
			return expired
		}
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return fault.New(fault.Invalid, "The form was sent in a way that is not understood.")
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	var large *http.MaxBytesError
	if err := r.ParseForm(); errors.As(err, &large) {
		return fault.New(fault.TooLarge, "The form is larger than 64 KiB.")
	} else if err != nil {
		return fault.New(fault.Invalid, "The form was sent in a way that is not understood.")
	}
	c, err := r.Cookie(p.cookieName())
	if err != nil || subtle.ConstantTimeCompare([]byte(tokenOf(c.Value)), []byte(r.PostFormValue(tokenField))) != 1 {
		p.cfg.Log.InfoContext(r.Context(), "form refused: its token is missing or wrong", "path", r.URL.Path)
		return expired
	}
	return nil
}
