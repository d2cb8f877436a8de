package sluice_test

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

// The page that shows the API runs its own scripts alone, and its client signs people in by
// PKCE and nothing else.
func TestExplorer(t *testing.T) {
	t.Parallel()
	cfg := sluice.Config{}
	srv := sluicetest.NewServer(t, sluicetest.User("kermit@example.com", "green"), sluicetest.Config(func(c *sluice.Config) { cfg = *c }))
	cfg.Issuer = srv.URL
	if err := srv.Admin.SetUpExplorer(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	a := srv.Get(t, "/activiti-app/api-explorer.html")
	policy := a.Header.Get("Content-Security-Policy")
	if a.Status != 200 || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "script-src 'self';") || !strings.Contains(policy, "default-src 'none'") || a.Header.Get("Cross-Origin-Opener-Policy") != "same-origin" {
		t.Errorf("%d %v", a.Status, a.Header)
	}
	if strings.Contains(a.Body, "<style") || regexp.MustCompile(`<script[^>]*>[^<]`).MatchString(a.Body) {
		t.Errorf("the page has script or style in it: %s", a.Body)
	}
	named := regexp.MustCompile(`(?:src|href)="(/[^"]*)"`).FindAllStringSubmatch(a.Body, -1)
	if len(named) != 4 {
		t.Fatalf("%s", a.Body)
	}
	for _, one := range named {
		for _, accept := range []string{"gzip, br", "identity", "gzip;q=0"} {
			f := srv.Get(t, one[1], "Accept-Encoding", accept)
			packed := f.Header.Get("Content-Encoding") == "gzip"
			if f.Status != 200 || len(f.Body) < 100 || packed && accept != "gzip, br" || !strings.Contains(f.Header.Get("Cache-Control"), "immutable") {
				t.Errorf("%s, %s: %d %v", one[1], accept, f.Status, f.Header)
			}
		}
	}
	if a := srv.Get(t, "/activiti-app/api-explorer/x/swagger-ui.css"); a.Status != 404 {
		t.Errorf("%d", a.Status)
	}
	if a := srv.Get(t, "/"); !strings.Contains(a.Body, "/activiti-app/api-explorer.html") {
		t.Error("the first page does not lead there")
	}

	page := srv.URL + "/activiti-app/api-explorer.html"
	query := url.Values{"client_id": {"sluice-api-explorer"}, "response_type": {"code"}, "redirect_uri": {page}, "scope": {"read write"}, "state": {"s"}}
	b := srv.Browser(t) // the page is on the same server: the browser follows the answer there
	if b.Open(t, "/oauth/authorize?"+query.Encode()); b.At.Query().Get("error") != "invalid_request" {
		t.Errorf("without PKCE: %v", b.At)
	}
	verifier := strings.Repeat("v", 43)
	sum := sha256.Sum256([]byte(verifier))
	query.Set("code_challenge", base64.RawURLEncoding.EncodeToString(sum[:]))
	query.Set("code_challenge_method", "S256")
	b.Open(t, "/oauth/authorize?"+query.Encode())
	b.SignIn(t, "kermit@example.com", "green")
	b.Submit(t, "decision", "allow")
	form := url.Values{"grant_type": {"authorization_code"}, "client_id": {"sluice-api-explorer"}, "code": {b.At.Query().Get("code")}, "redirect_uri": {page}, "code_verifier": {verifier}}
	token := srv.Post(t, "/oauth/token", form)
	if token.Status != 200 || token.Text("refresh_token") != "" {
		t.Fatalf("%d %s", token.Status, token.Body)
	}
	if a := srv.Call(t, token.Text("access_token"), "GET", "profile", nil); a.Text("email") != "kermit@example.com" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	// A server that has moved takes the client along.
	cfg.Issuer = "https://elsewhere.example"
	for range 2 {
		if err := srv.Admin.SetUpExplorer(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
	c, err := srv.Admin.Client(t.Context(), "sluice-api-explorer")
	if err != nil || len(c.RedirectURIs) != 1 || c.RedirectURIs[0] != "https://elsewhere.example/activiti-app/api-explorer.html" || !c.Public {
		t.Errorf("%+v %v", c, err)
	}
}

func TestExplorerSwitchedOff(t *testing.T) {
	t.Parallel()
	cfg := sluice.Config{}
	srv := sluicetest.NewServer(t, sluicetest.Config(func(c *sluice.Config) { c.APIExplorer = false; cfg = *c }))
	if err := srv.Admin.SetUpExplorer(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := srv.Admin.Client(t.Context(), "sluice-api-explorer"); err == nil {
		t.Error("there is a client for a page that is not there")
	}
	for _, path := range []string{"/activiti-app/api-explorer.html", "/activiti-app/api-explorer/"} {
		if a := srv.Get(t, path); a.Status != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
}

// What is embedded of swagger-ui is the file that npm has of swagger-ui-dist 5.35.0.
func TestSwaggerUIIsAsItCame(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"swagger-ui-bundle.js": "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
		"swagger-ui.css":       "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d",
	} {
		f, err := os.Open("internal/api/explorer/" + name + ".gz")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, r); err != nil || hex.EncodeToString(sum.Sum(nil)) != want {
			t.Errorf("%s: %x %v", name, sum.Sum(nil), err)
		}
	}
}
