package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/internal/fault"
)

//go:embed templates/*.html
var templates embed.FS

//go:embed static
var static embed.FS

// Config is what the pages need to know of their surroundings.
type Config struct {
	// Secure is true when browsers come by https.
	Secure bool
	// Log receives what a page may not show.
	Log *slog.Logger
}

// Pages writes views. It is safe for concurrent use.
type Pages struct {
	cfg        Config
	templates  map[string]map[string]*template.Template // by language and name
	catalogues map[string]*catalogue                    // by language
	files      map[string]file                          // by address
	cross      *http.CrossOriginProtection
}

type file struct {
	body []byte
	kind string
}

// New parses the templates and the static files.
func New(cfg Config) (*Pages, error) {
	p := &Pages{cfg: cfg, templates: map[string]map[string]*template.Template{}, catalogues: map[string]*catalogue{}, files: map[string]file{},
		cross: http.NewCrossOriginProtection()}
	style, err := p.addFile("style.css", "text/css; charset=utf-8")
	if err != nil {
		return nil, err
	}
	script, err := p.addFile("submit.js", "text/javascript; charset=utf-8")
	if err != nil {
		return nil, err
	}
	for _, lang := range Languages {
		c, err := readCatalogue(lang)
		if err != nil {
			return nil, err
		}
		functions := c.functions()
		functions["style"] = func() string { return style }
		functions["script"] = func() string { return script }
		p.catalogues[lang], p.templates[lang] = c, map[string]*template.Template{}
		for _, name := range []string{"login", "consent", "device", "devicedone", "logout", "loggedout", "error", "formpost", "home", "callback"} {
			t, err := template.New("layout.html").Funcs(functions).ParseFS(templates, "templates/layout.html", "templates/"+name+".html")
			if err != nil {
				return nil, fmt.Errorf("parsing the page %s: %w", name, err)
			}
			p.templates[lang][name] = t
		}
	}
	return p, nil
}

// addFile gives a file an address that changes with its content, so that browsers
// may keep it for ever.
func (p *Pages) addFile(name, kind string) (string, error) {
	body, err := static.ReadFile("static/" + name)
	if err != nil {
		return "", fmt.Errorf("reading the file %s: %w", name, err)
	}
	sum := sha256.Sum256(body)
	base, ending, _ := strings.Cut(name, ".")
	address := "/static/" + base + "-" + hex.EncodeToString(sum[:6]) + "." + ending
	p.files[address] = file{body, kind}
	return address, nil
}

// Static serves the static files.
func (p *Pages) Static() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := p.files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", f.kind)
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(f.body)
	})
}

// View is a page's content; this package's exported structs are the views.
type View interface {
	name() string
	// title is a text of the catalogues and what stands for {1} in it.
	title() (text string, names []string)
}

// frame is what the layout sees.
type frame struct {
	View
	Title     string
	FormToken string
	RequestID string
	Script    bool
	Lang      string // of the page's words
	Locales   string // what the request asked for; goes on with every form
}

// Write answers with a view in the user's language. Forms in it carry the browser's
// form token.
func (p *Pages) Write(w http.ResponseWriter, r *http.Request, status int, v View) {
	lang := language(r)
	switch v.(type) {
	case Home, DemoCallback: // for developers, in English alone
		lang = Languages[0]
	}
	text, names := v.title()
	f := frame{View: v, Title: p.catalogues[lang].text(text, names...), RequestID: w.Header().Get("X-Request-Id"), Lang: lang, Locales: Locales(r)}
	switch v.(type) {
	case Login, Consent, Device, LogoutConfirm:
		f.FormToken = p.formToken(w, r)
	case FormPost:
		f.Script = true
	}
	var body bytes.Buffer
	if err := p.templates[lang][v.name()].Execute(&body, f); err != nil {
		p.cfg.Log.ErrorContext(r.Context(), "writing a page", "page", v.name(), "error", err)
		http.Error(w, "Something went wrong here. It has been logged.", http.StatusInternalServerError)
		return
	}
	p.headers(w.Header(), v)
	w.Header().Set("Content-Language", lang)
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
}

// headers sets what every page needs. There is no form-action: Chromium applies
// it to the redirect that answers a form, and sign-in ends with a redirect to the
// application, wherever that is. Injected forms are stopped by escaping.
func (p *Pages) headers(h http.Header, v View) {
	policy := "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'"
	if _, ok := v.(FormPost); ok {
		policy += "; script-src 'self'"
	}
	if out, ok := v.(LoggedOut); ok && len(out.Frames) > 0 {
		policy += "; frame-src " + strings.Join(sources(out.Frames), " ")
		if out.Next != "" {
			h.Set("Refresh", "3; url="+out.Next)
		}
	}
	h.Set("Content-Security-Policy", policy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	if p.cfg.Secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// sources are the origins of addresses, as a content security policy names them.
func sources(addresses []string) (list []string) {
	for _, a := range addresses {
		u, err := url.Parse(a)
		if err == nil && !strings.ContainsFunc(u.Host, func(r rune) bool { return r <= ' ' || strings.ContainsRune(";,'\"", r) }) {
			list = append(list, u.Scheme+"://"+u.Host)
		}
	}
	return list
}

// faults is the table from fault kinds to a page's status and title.
var faults = map[fault.Kind]struct {
	status int
	title  string
}{
	fault.Internal:     {http.StatusInternalServerError, "Something went wrong"},
	fault.Invalid:      {http.StatusBadRequest, "This does not work"},
	fault.Unauthorized: {http.StatusForbidden, "Please sign in"},
	fault.Forbidden:    {http.StatusForbidden, "You may not do this"},
	fault.NotFound:     {http.StatusNotFound, "There is nothing here"},
	fault.Conflict:     {http.StatusConflict, "This is done already"},
	fault.TooLarge:     {http.StatusRequestEntityTooLarge, "This is too large"},
	fault.TooMany:      {http.StatusTooManyRequests, "Please wait a little"},
	fault.Unavailable:  {http.StatusServiceUnavailable, "Not available just now"},
}

// Fault answers with an error's page and logs what the page does not say.
func (p *Pages) Fault(w http.ResponseWriter, r *http.Request, err error) {
	f := faults[fault.KindOf(err)]
	if f.status >= http.StatusInternalServerError {
		p.cfg.Log.ErrorContext(r.Context(), "page failed", "path", r.URL.Path, "error", err)
	}
	retryAfter(w, err)
	p.Write(w, r, f.status, Error{Status: f.status, Title: f.title, Message: fault.Message(err)})
}

// Slow answers with a form to somebody who has to wait before he sends it again; the
// view says so.
func (p *Pages) Slow(w http.ResponseWriter, r *http.Request, err error, v View) {
	retryAfter(w, err)
	p.Write(w, r, http.StatusTooManyRequests, v)
}

func retryAfter(w http.ResponseWriter, err error) {
	if wait := fault.Wait(err); wait > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(wait, 10))
	}
}

// ActionURL lets a form post to any URI that the authorization server has checked:
// html/template would refuse an application's own scheme.
func (v FormPost) ActionURL() template.URL {
	if u, err := url.Parse(v.Action); err != nil || u.Scheme == "" || strings.EqualFold(u.Scheme, "javascript") {
		return "about:blank"
	}
	return template.URL(v.Action) //nolint:gosec // a registered redirect URI
}
