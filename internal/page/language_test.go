package page

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/internal/fault"
)

// composed are texts that are put together while the server runs.
var composed = []string{
	"There were too many attempts. Please try again in a second.",
	"There were too many attempts. Please try again in {1} seconds.",
	"There were too many attempts. Please try again in {1} minutes.",
}

// wanted collects every text that a page can show: those of the templates, of this
// package, and those that other rooms hand over.
func wanted(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{Yes: true, No: true, Nothing: true, fault.Message(errors.New("x")): true}
	for text := range maps.Values(common) {
		found[text] = true
	}
	for _, f := range faults {
		found[f.title] = true
	}
	for _, v := range []View{Login{}, Consent{}, Device{}, DeviceDone{}, DeviceDone{Allowed: true}, LogoutConfirm{}, LoggedOut{}, FormPost{}} {
		text, _ := v.title()
		found[text] = true
	}
	for _, text := range composed {
		found[text] = true
	}
	said := regexp.MustCompile(`(?:\{\{t|\((?:say|code|plain)) ("(?:[^"\\]|\\.)*")`)
	files, err := filepath.Glob("templates/*.html")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range said.FindAllStringSubmatch(string(body), -1) {
			text, err := strconv.Unquote(m[1])
			if err != nil {
				t.Fatal(err)
			}
			found[text] = true
		}
	}
	for _, name := range []string{"csrf.go", "../identity/login.go", "../identity/elsewhere.go", "../identity/password.go", "../oauth/authorize.go", "../oauth/client.go", "../oauth/device.go",
		"../oauth/logout.go", "../oauth/respond.go", "../throttle/memory.go", "../../sluice.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			for _, e := range shown(n) {
				if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if text, err := strconv.Unquote(lit.Value); err == nil && text != "" && text[0] >= 'A' && text[0] <= 'Z' && !strings.Contains(text, "%") {
						found[text] = true
					}
				}
			}
			return true
		})
	}
	return found
}

// shown returns what a piece of source hands to a page: the texts of a view, the
// message of a fault, the words for a scope.
func shown(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.CompositeLit:
		if kind, ok := n.Type.(*ast.SelectorExpr); !ok || !named(kind.X, "page") {
			return nil
		}
		var list []ast.Expr
		for _, e := range n.Elts {
			if pair, ok := e.(*ast.KeyValueExpr); ok && (named(pair.Key, "Title") || named(pair.Key, "Message") || named(pair.Key, "Text")) {
				list = append(list, pair.Value)
			}
		}
		return list
	case *ast.CallExpr:
		if f, ok := n.Fun.(*ast.SelectorExpr); ok && named(f.X, "fault") {
			return n.Args
		}
	case *ast.FuncDecl:
		if n.Name.Name != "textOf" {
			return nil
		}
		var list []ast.Expr
		ast.Inspect(n, func(n ast.Node) bool {
			if r, ok := n.(*ast.ReturnStmt); ok {
				list = append(list, r.Results...)
			}
			return true
		})
		return list
	}
	return nil
}

func named(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

// Every language says all that the pages can say, with the same placeholders, and
// nothing that no page says any more.
func TestEveryCatalogueHasEveryText(t *testing.T) {
	t.Parallel()
	found := wanted(t)
	for _, must := range []string{"Sign in", "Allow {1} to act for you?", "See your name", "This address does not exist.", "This sign-in link does not work", "The form is larger than 64 KiB.",
		"The e-mail address or the password is wrong. Please try again."} {
		if !found[must] {
			t.Errorf("the search for texts misses %q", must)
		}
	}
	placeholder := regexp.MustCompile(`\{[0-9]\}`)
	for _, lang := range Languages[1:] {
		c, err := readCatalogue(lang)
		if err != nil {
			t.Fatal(err)
		}
		for text := range found {
			switch own, ok := c.texts[text]; {
			case !ok || own == "":
				t.Errorf("%s lacks %q", lang, text)
			case !slices.Equal(placeholder.FindAllString(text, -1), placeholder.FindAllString(own, -1)):
				t.Errorf("%s has other placeholders in %q", lang, own)
			}
		}
		for text := range c.texts {
			if !found[text] {
				t.Errorf("%s has %q, which no page says", lang, text)
			}
		}
	}
}

func TestLanguageIsChosen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ locales, accept, want string }{
		{"", "", "en"}, {"", "de", "de"}, {"", "de-CH, en;q=0.5", "de"}, {"", "en;q=0.5, fr;q=0.9", "fr"}, {"", "it, es;q=0.1", "es"}, {"", "it", "en"},
		{"", "de;q=0, fr", "fr"}, {"", "de;q=0", "en"}, {"", "de;q=x, es;q=0.2", "es"}, {"", "de;q=NaN, es", "es"}, {"", "*", "en"}, {"", "DE-at", "de"}, {"", "deutsch", "en"},
		{"fr", "de", "fr"}, {"it fr-CA de", "de", "fr"}, {"it", "de", "de"}, {"en", "de", "en"}, {strings.Repeat("x", 300) + " fr", "", "en"}, {"", strings.Repeat("x,", 300) + "fr", "en"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/login?"+url.Values{"ui_locales": {c.locales}}.Encode(), nil)
		r.Header.Set("Accept-Language", c.accept)
		if got := language(r); got != c.want {
			t.Errorf("ui_locales %q, Accept-Language %q: %s, want %s", c.locales, c.accept, got, c.want)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/login?ui_locales=de", nil)
	if got := language(WithLocales(r, "es")); got != "es" {
		t.Errorf("what the stored request asks for: %s", got)
	}
	if got := language(WithLocales(r, "")); got != "de" {
		t.Errorf("a stored request that asks for nothing: %s", got)
	}
}

// Each page says its language, is in it, and hands it on with its form.
func TestPagesInEveryLanguage(t *testing.T) {
	t.Parallel()
	p := setup(t, false)
	for lang, word := range map[string]string{"en": "Sign in", "de": "Anmelden", "fr": "Se connecter", "es": "Iniciar sesión"} {
		for _, v := range views() {
			w := httptest.NewRecorder()
			p.Write(w, httptest.NewRequest(http.MethodGet, "/?ui_locales="+lang, nil), 200, v)
			want := lang
			switch v.(type) {
			case Home, DemoCallback:
				want = "en"
			}
			if !strings.Contains(w.Body.String(), `<html lang="`+want+`">`) || w.Header().Get("Content-Language") != want {
				t.Errorf("%T does not say that it is in %s: %s", v, want, w.Header().Get("Content-Language"))
			}
			if strings.Contains(w.Body.String(), "form_token") != strings.Contains(w.Body.String(), `name="ui_locales" value="`+lang+`"`) {
				t.Errorf("%T forgets the language with its form", v)
			}
		}
		w := httptest.NewRecorder()
		p.Write(w, httptest.NewRequest(http.MethodGet, "/?ui_locales="+lang, nil), 200, Login{})
		if !strings.Contains(w.Body.String(), "<title>"+word+" · Sluice</title>") || !strings.Contains(w.Body.String(), `<h1 id="title">`+word+"</h1>") {
			t.Errorf("%s: %s", lang, w.Body)
		}
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Accept-Language", "de")
	p.Fault(w, r, fault.New(fault.NotFound, "a text of tomorrow"))
	if !strings.Contains(w.Body.String(), "Hier ist nichts") || !strings.Contains(w.Body.String(), "a text of tomorrow") {
		t.Errorf("a text without a translation: %s", w.Body)
	}
}

func TestSentencesWithNames(t *testing.T) {
	t.Parallel()
	c := &catalogue{texts: map[string]string{"{1} of {2}": "{2}: {1}", "wait {1} seconds": "{1} Sekunden warten"}}
	for got, want := range map[string]string{
		c.text("{1} of {2}", "a", "{1}"): "{1}: a", c.text("no {1} here"): "no {1} here", c.text("{0} {x} {", "a"): "{0} {x} {", c.text("all {1}", "<b>"): "all <b>",
		c.message("wait 30 seconds"): "30 Sekunden warten", c.message("wait for 30 seconds"): "wait for 30 seconds",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
