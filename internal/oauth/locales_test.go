package oauth_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice"
)

// OpenID Connect Core §3.1.2.1: ui_locales lists the user's languages, and every page
// of a sign-in is in the first of them that there is.
func TestPagesSpeakTheRequestsLanguage(t *testing.T) {
	t.Parallel()
	srv := setup(t, client("tv", "", func(c *sluice.Client) {
		c.AuthMethod, c.GrantTypes = "none", []string{"urn:ietf:params:oauth:grant-type:device_code"}
	}))
	b := srv.Browser(t)
	in := func(lang, words string) {
		t.Helper()
		if !strings.Contains(b.Page.Body, `<html lang="`+lang+`">`) || b.Page.Header.Get("Content-Language") != lang || !strings.Contains(b.Page.Body, words) {
			t.Fatalf("at %s the page is not in %s, or does not say %q: %s", b.At, lang, words, b.Page.Body)
		}
	}
	query := form("client_id", "web", "response_type", "code", "scope", "read", "ui_locales", "it de-CH fr")
	b.Open(t, "/oauth/authorize?"+query.Encode())
	in("de", "um mit <strong>web</strong> fortzufahren")
	b.SignIn(t, kermit, "wrong")
	in("de", "Die E-Mail-Adresse oder das Passwort ist falsch.")
	b.SignIn(t, kermit, password)
	in("de", "web erlauben, für Sie zu handeln?")
	in("de", "Ihre Aufgaben, Prozesse und Inhalte sehen")
	if away := b.Submit(t, "decision", "allow"); away == nil || away.Query().Get("code") == "" {
		t.Fatalf("sent to %v", away)
	}
	query = form("client_id", "web", "response_type", "code", "scope", "read", "ui_locales", "fr", "response_mode", "form_post")
	b.Open(t, "/oauth/authorize?"+query.Encode())
	in("fr", "Vous allez être renvoyé vers l’application.")
	b.Open(t, "/oauth/authorize?ui_locales=es&client_id=nobody")
	in("es", "Este enlace de inicio de sesión no funciona")
	b.Open(t, "/oauth/authorize?client_id=nobody&ui_locales=tlh")
	in("en", "This sign-in link does not work")

	begun := srv.Post(t, "/oauth/device_authorization", form("client_id", "tv", "scope", "read"))
	b.Open(t, "/device?ui_locales=fr")
	b.Submit(t, "user_code", "BCDF-GHJK")
	in("fr", "Ce code est inconnu.")
	b.Submit(t, "user_code", begun.Text("user_code"))
	in("fr", "Autoriser tv à agir pour vous ?")
	b.Submit(t, "decision", "deny")
	in("fr", "n’a pas été connecté")

	b.Open(t, "/oauth/logout?ui_locales=de")
	in("de", "Sie sind als <strong>kermit@example.com</strong> angemeldet.")
	b.Submit(t)
	in("de", "Sie sind abgemeldet")

	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/login", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Language", "es-MX,es;q=0.9,en;q=0.8")
	if a := srv.Do(t, r); a.Header.Get("Content-Language") != "es" || !strings.Contains(a.Body, "Iniciar sesión") {
		t.Errorf("by the browser's wish: %s", a.Body)
	}
	offered, _ := srv.Get(t, "/.well-known/openid-configuration").JSON["ui_locales_supported"].([]any)
	if !slices.Equal(offered, []any{"en", "de", "es", "fr"}) {
		t.Errorf("ui_locales_supported is %v", offered)
	}
}
