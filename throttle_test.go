package sluice_test

import (
	"database/sql"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/bearer/bearertest"
	"github.com/sluicehq/sluice/sluicetest"
)

// entry is a place where something can be guessed.
type entry struct {
	try                   func(t *testing.T, srv *sluicetest.Server, name, secret string) sluicetest.Answer
	known, right, unknown string
	wrong                 int // the status of a wrong guess
}

const guarded = "guarded@example.com"

// asClient posts a form as a client.
func asClient(path string, pairs ...string) func(*testing.T, *sluicetest.Server, string, string) sluicetest.Answer {
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return func(t *testing.T, srv *sluicetest.Server, name, secret string) sluicetest.Answer {
		return srv.PostAs(t, name, secret, path, form)
	}
}

var entries = map[string]entry{
	"sign-in page": {wrong: 200, known: guarded, right: "green", unknown: "nobody@example.com",
		try: func(t *testing.T, srv *sluicetest.Server, name, secret string) sluicetest.Answer {
			b := srv.Browser(t)
			b.SignIn(t, name, secret)
			return b.Page
		}},
	"password grant": {wrong: 400, known: guarded, right: "green", unknown: "nobody@example.com",
		try: func(t *testing.T, srv *sluicetest.Server, name, secret string) sluicetest.Answer {
			return srv.Post(t, "/oauth/token", url.Values{"client_id": {"spa"}, "grant_type": {"password"}, "username": {name}, "password": {secret}})
		}},
	"Basic at the API": {wrong: 401, known: guarded, right: "green", unknown: "nobody@example.com",
		try: func(t *testing.T, srv *sluicetest.Server, name, secret string) sluicetest.Answer {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/activiti-app/api/enterprise/profile", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.SetBasicAuth(name, secret)
			return srv.Do(t, r)
		}},
	"client at token":      {wrong: 401, known: "chosen", right: "chosen secret", unknown: "nobody", try: asClient("/oauth/token", "grant_type", "client_credentials")},
	"client at introspect": {wrong: 401, known: "chosen", right: "chosen secret", unknown: "nobody", try: asClient("/oauth/introspect", "token", "x")},
	"client at revoke":     {wrong: 401, known: "chosen", right: "chosen secret", unknown: "nobody", try: asClient("/oauth/revoke", "token", "x")},
	"client in the body": {wrong: 401, known: "chosen", right: "chosen secret", unknown: "nobody",
		try: func(t *testing.T, srv *sluicetest.Server, name, secret string) sluicetest.Answer {
			return srv.Post(t, "/oauth/token", url.Values{"client_id": {name}, "client_secret": {secret}, "grant_type": {"client_credentials"}})
		}},
}

// guardedServer has a user, two clients with secrets and a public one.
func guardedServer(t *testing.T, options ...sluicetest.Option) (*sluicetest.Server, *bearertest.Clock) {
	t.Helper()
	h := bearertest.NewClock()
	client := func(id, secret string, grants ...string) sluicetest.Option {
		return sluicetest.Client(sluice.NewClient{Client: sluice.Client{ID: id, GrantTypes: grants, Scopes: []string{"read"}}, Secret: secret})
	}
	basic := true
	srv := sluicetest.NewServer(t, append([]sluicetest.Option{sluicetest.User(guarded, "green"), client("spa", "", "password", "urn:ietf:params:oauth:grant-type:device_code"),
		client("chosen", "chosen secret", "client_credentials"), sluicetest.With(sluice.WithClock(h.Now)),
		sluicetest.Config(func(c *sluice.Config) { c.Bearer.BasicAuth = &basic })}, options...)...)
	return srv, h
}

// count reads one of the server's own counters.
func count(t *testing.T, srv *sluicetest.Server, name string) int {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(srv.Get(t, "/management/prometheus").Body)
	if found == nil {
		t.Fatalf("there is no counter %s", name)
	}
	n, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}

const (
	hashes     = "sluice_identity_hashes_total"
	statements = "sluice_store_statements_total"
)

var formToken = regexp.MustCompile(`name="form_token" value="[^"]*"`)

// shown is an answer without what is of one request alone.
func shown(a sluicetest.Answer, name string) string {
	body := strings.ReplaceAll(formToken.ReplaceAllString(a.Body, ""), name, "NAME")
	return fmt.Sprint(a.Status, " ", a.Header.Get("Retry-After"), " ", a.Header.Get("WWW-Authenticate"), " ", body)
}

// Wherever one can guess: five tries, then 429 for everybody, the right secret and
// unknown names included, without a hash; known and unknown names cannot be told
// apart.
//
// Requirement R006, RFC 6749 §2.3.1 MUST: guessing a client's secret is slowed down, and the answers do not differ
// Requirement R048, RFC 6749 §4.3.2 MUST: guessing a user's password is slowed down, from many addresses too
func TestGuessing(t *testing.T) {
	t.Parallel()
	for name, e := range entries {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, h := guardedServer(t)
			for i := range 8 {
				before := count(t, srv, hashes)
				known := e.try(t, srv, e.known, fmt.Sprint("guess ", i))
				between := count(t, srv, hashes)
				unknown := e.try(t, srv, e.unknown, fmt.Sprint("guess ", i))
				after := count(t, srv, hashes)
				if a, b := shown(known, e.known), shown(unknown, e.unknown); a != b {
					t.Errorf("guess %d: known and unknown differ:\n%s\n%s", i, a, b)
				}
				status, wait, cost := e.wrong, "", 1
				if i >= 5 {
					status, wait, cost = http.StatusTooManyRequests, "1", 0
				}
				if known.Status != status || known.Header.Get("Retry-After") != wait || between-before != cost || after-between != cost {
					t.Errorf("guess %d: %d, Retry-After %q, hashes %d and %d", i, known.Status, known.Header.Get("Retry-After"), between-before, after-between)
				}
				if i >= 5 && !strings.Contains(known.Body, "Please try again in a second.") {
					t.Errorf("guess %d says: %s", i, known.Body)
				}
			}
			if a := e.try(t, srv, e.known, e.right); a.Status != http.StatusTooManyRequests {
				t.Errorf("the right one within the delay: %d %s", a.Status, a.Body)
			}
			h.Move(time.Second)
			if a := e.try(t, srv, e.known, e.right); a.Status != 200 || strings.Contains(a.Body, `action="/login"`) {
				t.Errorf("the right one after the delay: %d %s", a.Status, a.Body)
			}
			if a := e.try(t, srv, e.known, "a guess after success"); a.Status != e.wrong {
				t.Errorf("a guess after success: %d %s", a.Status, a.Body)
			}
		})
	}
}

// A generated secret is not counted when it is right: it costs no statement more,
// works while others guess, and a wrong one looks as that of an unknown client.
//
// Requirement R006, RFC 6749 §2.3.1
func TestGeneratedSecret(t *testing.T) {
	t.Parallel()
	srv, _ := guardedServer(t)
	secret, err := srv.Admin.CreateClient(t.Context(), sluice.NewClient{Client: sluice.Client{ID: "made", GrantTypes: []string{"client_credentials"}, Scopes: []string{"read"}}, GenerateSecret: true})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(id, secret string) sluicetest.Answer {
		return srv.PostAs(t, id, secret, "/oauth/token", url.Values{"grant_type": {"client_credentials"}})
	}
	cost := func() int { // of the cheapest of some: the server has other work beside, such as making its keys
		least := math.MaxInt
		for range 5 {
			before := count(t, srv, statements)
			if a := ask("made", secret); a.Status != 200 {
				t.Fatalf("%d %s", a.Status, a.Body)
			}
			least = min(least, count(t, srv, statements)-before)
		}
		return least
	}
	ask("made", secret) // the client is remembered from now on
	quiet, noHash := cost(), count(t, srv, hashes)
	for i := range 8 {
		a, b := ask("made", fmt.Sprint("guess ", i)), ask("nobody", fmt.Sprint("guess ", i))
		if shown(a, "made") != shown(b, "nobody") || (i >= 5) != (a.Status == http.StatusTooManyRequests) {
			t.Errorf("guess %d: %s and %s", i, shown(a, "made"), shown(b, "nobody"))
		}
	}
	if n := count(t, srv, hashes) - noHash; n != 10 {
		t.Errorf("%d hashes for five guesses at each", n)
	}
	if n := cost(); n != quiet || quiet > 2 {
		t.Errorf("%d statements while somebody guesses, %d before", n, quiet)
	}
}

// golang.org/x/oauth2 tries the header first and then the body: who knows the secret
// is not counted as guessing for that.
//
// Lesson L19, x/oauth2: trying the header first and then the body is no guess
func TestSecretInTheWrongWay(t *testing.T) {
	t.Parallel()
	srv, _ := guardedServer(t, sluicetest.Client(sluice.NewClient{Secret: "a secret", Client: sluice.Client{ID: "post", GrantTypes: []string{"client_credentials"},
		ClientMetadata: sluice.ClientMetadata{AuthMethod: "client_secret_post"}}}))
	for i := range 10 {
		form := url.Values{"grant_type": {"client_credentials"}}
		if a := srv.PostAs(t, "post", "a secret", "/oauth/token", form); a.Status != 401 {
			t.Fatalf("by the header: %d %s", a.Status, a.Body)
		}
		form.Set("client_id", "post")
		form.Set("client_secret", "a secret")
		if a := srv.Post(t, "/oauth/token", form); a.Status != 200 {
			t.Fatalf("try %d in the body: %d %s", i, a.Status, a.Body)
		}
	}
}

// Which way a client is registered for is told to nobody who does not know its secret.
func TestGuessingInTheWrongWay(t *testing.T) {
	t.Parallel()
	of := func(id, method, secret string) sluicetest.Option {
		return sluicetest.Client(sluice.NewClient{Secret: secret, Client: sluice.Client{ID: id, GrantTypes: []string{"authorization_code"}, RedirectURIs: []string{"http://127.0.0.1/cb"},
			ClientMetadata: sluice.ClientMetadata{AuthMethod: method, TLSDNS: map[string]string{"tls_client_auth": "app.example.com"}[method]}}})
	}
	srv, _ := guardedServer(t, of("post", "client_secret_post", "a secret"), of("tls", "tls_client_auth", ""), of("disabled", "", "a secret"))
	if err := srv.Admin.SetClientActive(t.Context(), "disabled", false); err != nil {
		t.Fatal(err)
	}
	for i := range 7 {
		guess := fmt.Sprint("guess ", i)
		if i == 0 {
			guess = "a secret" // right, but of no use to a disabled client
		}
		var want string
		for _, id := range []string{"nobody", "post", "tls", "disabled"} {
			if id == "post" && i == 0 {
				srv.PostAs(t, "post", "another guess", "/oauth/introspect", url.Values{"token": {"x"}})
				continue
			}
			before := count(t, srv, hashes)
			got := fmt.Sprint(shown(srv.PostAs(t, id, guess, "/oauth/introspect", url.Values{"token": {"x"}}), id), count(t, srv, hashes)-before)
			if want == "" {
				want = got
			}
			if got != want {
				t.Errorf("guess %d at %s: %s, want %s", i, id, got, want)
			}
		}
	}
}

// However a login is spelled, it is one account; a disabled user's right password is
// as wrong as any.
func TestGuessingAtOneAccount(t *testing.T) {
	t.Parallel()
	srv, _ := guardedServer(t, sluicetest.User("gone@example.com", "green"))
	if err := srv.Admin.SetUserActive(t.Context(), "gone@example.com", false); err != nil {
		t.Fatal(err)
	}
	grant := entries["password grant"]
	for i, name := range []string{guarded, "Guarded@example.com", "GUARDED@example.com", "guarded@EXAMPLE.com", "guarded@Example.com"} {
		if a := grant.try(t, srv, name, fmt.Sprint("guess ", i)); a.Status != 400 {
			t.Errorf("%s: %d", name, a.Status)
		}
		if a := grant.try(t, srv, "gone@example.com", "green"); a.Status != 400 {
			t.Errorf("the disabled user: %d", a.Status)
		}
	}
	for _, name := range []string{guarded, "gone@example.com"} {
		if a := grant.try(t, srv, name, "green"); a.Status != http.StatusTooManyRequests {
			t.Errorf("%s after five guesses: %d %s", name, a.Status, a.Body)
		}
	}
}

// RFC 8628 §5.1: user codes that people can type can be guessed.
//
// Requirement R159, RFC 8628 §5.1
func TestGuessingUserCodes(t *testing.T) {
	t.Parallel()
	srv, h := guardedServer(t)
	begun := srv.Post(t, "/oauth/device_authorization", url.Values{"client_id": {"spa"}})
	enter := func(code string) sluicetest.Answer {
		b := srv.Browser(t)
		b.Open(t, "/device")
		b.Submit(t, "user_code", code)
		return b.Page
	}
	for i, code := range []string{"BBBB-BBBC", "BBBB-BBBD", "BBBB-BBBF", "BBBB-BBBG", "BBBB-BBBH"} {
		if a := enter("no code"); a.Status != 400 {
			t.Errorf("what cannot be a code: %d", a.Status)
		}
		if a := enter(code); a.Status != 400 {
			t.Errorf("guess %d: %d %s", i, a.Status, a.Body)
		}
	}
	for _, code := range []string{"BBBB-BBBJ", begun.Text("user_code")} {
		a := enter(code)
		if a.Status != http.StatusTooManyRequests || a.Header.Get("Retry-After") != "1" || !strings.Contains(a.Body, "Please try again in a second.") || !strings.Contains(a.Body, `action="/device"`) {
			t.Errorf("%s within the delay: %d %s", code, a.Status, a.Body)
		}
	}
	h.Move(time.Second)
	if a := enter(begun.Text("user_code")); a.Status != 200 || !strings.Contains(a.Body, "Sign in") {
		t.Errorf("after the delay: %d %s", a.Status, a.Body)
	}
}

// Two servers on one database count together.
//
// Requirement R048, RFC 6749 §4.3.2
func TestServersShareCounts(t *testing.T) {
	t.Parallel()
	first, h := guardedServer(t)
	second := sluicetest.NewServer(t, sluicetest.With(sluice.WithClock(h.Now)), sluicetest.Config(func(c *sluice.Config) { c.Database, c.Data = first.Config.Database, first.Config.Data }))
	grant := entries["password grant"]
	for i := range 5 {
		grant.try(t, []*sluicetest.Server{first, second}[i%2], guarded, fmt.Sprint("guess ", i))
	}
	for name, srv := range map[string]*sluicetest.Server{"first": first, "second": second} {
		if a := grant.try(t, srv, guarded, "green"); a.Status != http.StatusTooManyRequests {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	if err := second.Admin.UnlockUser(t.Context(), guarded); err != nil {
		t.Fatal(err)
	}
	if a := grant.try(t, first, guarded, "green"); a.Status != 200 {
		t.Errorf("unlocked: %d %s", a.Status, a.Body)
	}
}

// An address counts as what it is: a header of a stranger's choice gives nobody new
// tries, that of a named proxy tells the callers apart.
func TestForgedAddress(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		proxies string
		said    func(i int) string
		refused bool
	}{
		"a stranger makes up callers":      {"10.0.0.1", func(i int) string { return fmt.Sprintf("192.0.2.%d", i) }, true},
		"a proxy has many callers":         {"127.0.0.1", func(i int) string { return fmt.Sprintf("192.0.2.%d", i) }, false},
		"a proxy's caller makes up others": {"127.0.0.1", func(i int) string { return fmt.Sprintf("192.0.2.%d, 198.51.100.1", i) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, _ := guardedServer(t, sluicetest.Config(func(cfg *sluice.Config) { cfg.TrustedProxies = []string{c.proxies} }))
			status := 0
			for i := range 51 {
				form := url.Values{"client_id": {"spa"}, "grant_type": {"password"}, "username": {fmt.Sprint("user", i)}, "password": {"x"}}
				status = srv.Post(t, "/oauth/token", form, "X-Forwarded-For", c.said(i)).Status
			}
			if (status == http.StatusTooManyRequests) != c.refused {
				t.Errorf("the 51st: %d", status)
			}
		})
	}
}

// When attempts cannot be counted, nobody comes in: 503, not the answer to a guess.
func TestUncountedIsUnchecked(t *testing.T) {
	t.Parallel()
	srv, _ := guardedServer(t)
	if srv.Config.Database != "" {
		t.Skip("what is locked here is a file")
	}
	db, err := sql.Open("sqlite", filepath.Join(srv.Config.Data, "sluice.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	held, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := held.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	before := count(t, srv, hashes)
	var wait sync.WaitGroup
	for _, secret := range []string{"green", "a guess"} {
		wait.Go(func() {
			a := entries["password grant"].try(t, srv, guarded, secret)
			if a.Status != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" || a.Text("error") != "temporarily_unavailable" {
				t.Errorf("%s: %d %s", secret, a.Status, a.Body)
			}
		})
	}
	wait.Wait()
	if n := count(t, srv, hashes) - before; n != 0 {
		t.Errorf("%d hashes", n)
	}
	if err := held.Close(); err != nil { // which rolls back
		t.Fatal(err)
	}
}

// Sessions go on while somebody guesses.
func TestSessionsGoOn(t *testing.T) {
	t.Parallel()
	srv, _ := guardedServer(t)
	b := srv.Browser(t)
	b.SignIn(t, guarded, "green")
	for i := range 7 {
		entries["sign-in page"].try(t, srv, guarded, fmt.Sprint("guess ", i))
	}
	if b.Open(t, "/"); b.Page.Status != 200 || !strings.Contains(b.Page.Body, guarded) {
		t.Errorf("the session: %d %s", b.Page.Status, b.Page.Body)
	}
}

func TestThrottleSettingsAreChecked(t *testing.T) {
	t.Parallel()
	cfg, _, err := load(t, `
sluice.throttle.free-attempts=0
sluice.throttle.base-delay=1ms
sluice.throttle.max-delay=25h
sluice.throttle.forget-after=1h
sluice.throttle.address-free-attempts=-1
sluice.throttle.address-forget-after=1ms
sluice.throttle.exempt-addresses=::/0
`)
	if err == nil {
		err = cfg.Validate()
	}
	for _, key := range []string{"free-attempts", "base-delay", "max-delay", "forget-after", "address-free-attempts", "address-forget-after", "exempt-addresses"} {
		if err == nil || !strings.Contains(err.Error(), "sluice.throttle."+key+":") {
			t.Errorf("%s is missing in: %v", key, err)
		}
	}
	if cfg, _, err = load(t, "sluice.throttle.enabled=false"); err != nil || cfg.Validate() != nil || cfg.Throttle.Enabled {
		t.Errorf("off: %v", err)
	}
}
