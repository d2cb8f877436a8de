package sluice_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice"
)

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What comes later wins: defaults, the two files, their twins in ./config, named
// files, environment, --set.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sources := []func(*sluice.LoadOptions, string){
		func(_ *sluice.LoadOptions, v string) {
			write(t, dir, "activiti-app.properties", "sluice.session-ttl="+v)
		},
		func(_ *sluice.LoadOptions, v string) {
			write(t, dir, "config/activiti-app.properties", "sluice.session-ttl="+v)
		},
		func(_ *sluice.LoadOptions, v string) {
			write(t, dir, "application.properties", "sluice.session-ttl="+v)
		},
		func(_ *sluice.LoadOptions, v string) {
			write(t, dir, "config/application.properties", "sluice.session-ttl="+v)
		},
		func(o *sluice.LoadOptions, v string) {
			o.Files = []string{write(t, dir, "named", "sluice.session-ttl: "+v)}
		},
		func(o *sluice.LoadOptions, v string) { o.Environ = []string{"SLUICE_SESSION_TTL=" + v, "HOME=/x"} },
		func(o *sluice.LoadOptions, v string) { o.Set = []string{"sluice.session-ttl=" + v} },
	}
	o := sluice.LoadOptions{Dir: dir}
	for i, source := range sources {
		source(&o, fmt.Sprintf("%dm", i+1))
		cfg, _, err := sluice.LoadConfig(o)
		if err != nil || cfg.SessionTTL != time.Duration(i+1)*time.Minute {
			t.Errorf("source %d: %s %v", i, cfg.SessionTTL, err)
		}
	}
}

func load(t *testing.T, text string, environ ...string) (sluice.Config, []string, error) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "activiti-app.properties", text)
	return sluice.LoadConfig(sluice.LoadOptions{Dir: dir, Environ: environ})
}

func TestKeysDoWhatTheDocumentationSays(t *testing.T) {
	t.Parallel()
	cfg, warnings, err := load(t, `
# as in the documentation
Server.port = 9191
security.oauth2.authentication.enabled=true
security.oauth2.client.clientId=resource
security.oauth2.client.clientSecret=resource-secret
security.oauth2.client.checkToken=http\://localhost\:9191/oauth/check_token
security.oauth2.client.userInfoUri=http://localhost:9191/me
security.oauth2.basicAuth.enabled=true
security.authentication.use-externalid=true
security.authentication.casesensitive=false
authentication.oauth.jwt=true
authentication.oauth.corsFilter=true
authentication.oauth.tokenValidityInSeconds=120
cors.enabled=true
cors.allowed.origins=https://a.example.com, https://b.example.com
cors.preflight.maxage=5
zuul.routes.bpm.path=/bpm/**
zuul.routes.bpm.url=http://localhost:9999/activiti-app
datasource.url=jdbc:h2:mem:activiti
datasource.password=${DB_PASSWORD}
`)
	if err != nil {
		t.Fatal(err)
	}
	b := cfg.Bearer
	if cfg.Addr != "127.0.0.1:9191" || b.ClientID != "resource" || b.ClientSecret != "resource-secret" || b.CheckToken != "http://localhost:9191/oauth/check_token" ||
		!b.Basic() || !cfg.Users.UseExternalID || cfg.Users.CaseSensitive || !cfg.OAuth.JWT || !cfg.OAuth.CORSFilter || cfg.OAuth.AccessTTL != 2*time.Minute ||
		len(cfg.CORS.Origins) != 2 || cfg.CORS.MaxAge != 5*time.Second {
		t.Errorf("%+v", cfg)
	}
	if len(cfg.Routes) != 1 || cfg.Routes[0] != (sluice.RouteConfig{Name: "bpm", Path: "/bpm", URL: "http://localhost:9999/activiti-app", StripPath: true}) {
		t.Errorf("routes %+v", cfg.Routes)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "userInfoUri") {
		t.Errorf("warnings %q", warnings)
	}
}

func TestBasicIsOnExactlyWhenOAuthIsOffUnlessSaid(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"": false, "security.oauth2.authentication.enabled=false": true,
		"security.oauth2.authentication.enabled=false\nsecurity.oauth2.basicAuth.enabled=false": false, "security.oauth2.basicAuth.enabled=true": true} {
		if cfg, _, err := load(t, text); err != nil || cfg.Bearer.Basic() != want {
			t.Errorf("%q: %v %v", text, cfg.Bearer.Basic(), err)
		}
	}
}

func TestRelaxedNames(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"server.port=81", "Server.Port=81", "SERVER_PORT=81"} {
		if cfg, _, err := load(t, text); err != nil || cfg.Addr != "127.0.0.1:81" {
			t.Errorf("%s: %s %v", text, cfg.Addr, err)
		}
	}
	cfg, _, err := load(t, "", "SECURITY_OAUTH2_CLIENT_CHECKTOKEN=https://x/i", "SECURITY_OAUTH2_CLIENT_CLIENT_ID=a", "SECURITY_OAUTH2_CLIENT_CLIENTSECRET=b", "SERVER_PORT=82")
	if err != nil || cfg.Bearer.CheckToken != "https://x/i" || cfg.Bearer.ClientID != "a" || cfg.Addr != "127.0.0.1:82" {
		t.Errorf("%v %v", cfg, err)
	}
}

func TestPlaceholders(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"sluice.data=${base}/d\nbase=/srv":     "/srv/d",
		"sluice.data=${none:/x}/d":             "/x/d",
		"sluice.data=${none:${base:/y}}/d":     "/y/d",
		"sluice.data=${none:}x":                "x",
		"sluice.data=${HOME_OF_DATA}/d":        "/env/d",
		"sluice.data=${home.of.data}/d":        "/env/d",
		"sluice.data=a${base}b${base}\nbase=-": "a-b-",
		"sluice.data=$x{y}":                    "$x{y}",
	} {
		if cfg, _, err := load(t, text, "HOME_OF_DATA=/env"); err != nil || cfg.Data != want {
			t.Errorf("%q: %q %v", text, cfg.Data, err)
		}
	}
	for _, text := range []string{"sluice.data=${none}", "sluice.data=${a}\na=${b}\nb=${a}", "sluice.data=${sluice.data}", "sluice.data=${open"} {
		if _, _, err := load(t, text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func TestSecretsFromFiles(t *testing.T) {
	t.Parallel()
	secret := write(t, t.TempDir(), "secret", "from a file\n")
	cfg, _, err := load(t, "security.oauth2.client.clientSecret-file="+secret)
	if err != nil || cfg.Bearer.ClientSecret != "from a file" {
		t.Errorf("%q %v", cfg.Bearer.ClientSecret, err)
	}
	if _, _, err := load(t, "security.oauth2.client.clientSecret-file=/does/not/exist"); err == nil {
		t.Error("a missing file was accepted")
	}
}

// Every problem at once, each with its key, none with a secret.
func TestProblems(t *testing.T) {
	t.Parallel()
	_, _, err := load(t, `
sluice.sesion-ttl=1h
security.oauth2.client.checktokn=x
cors.enable=true
server.port=99999
sluice.demo=maybe
sluice.oauth.code-ttl=soon
authentication.oauth.tokenValidityInSeconds=1.5
`)
	for _, part := range []string{"sluice.sesion-ttl", "did you mean sluice.session-ttl", "checktokn", "did you mean security.oauth2.client.checkToken", "cors.enable", "server.port", "sluice.demo", "code-ttl", "tokenValidityInSeconds", "activiti-app.properties"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q is missing in: %v", part, err)
		}
	}
	cfg := sluice.DefaultConfig()
	cfg.Addr, cfg.Demo, cfg.Role, cfg.Issuer = "0.0.0.0:80", true, "none", "http://id.example.com/"
	cfg.Database, cfg.LogLevel, cfg.LogFormat = "mysql://root:hunter2@db/x", "loud", "xml"
	cfg.OAuth.CodeTTL, cfg.OAuth.AccessTTL, cfg.SessionTTL, cfg.PasswordConcurrency = time.Hour, 0, 0, 0
	cfg.DatabaseConnections, cfg.HousekeepingInterval = 1, time.Millisecond
	cfg.Bearer.CheckToken, cfg.Bearer.ClientSecret = "http://id.example.com/introspect", "hunter2"
	cfg.CORS.Enabled = true
	cfg.TrustedProxies = []string{"10.0.0.0/8", "0.0.0.0/0", "proxy.example.com"}
	err = cfg.Validate()
	for _, part := range []string{"sluice.demo", "sluice.role", "sluice.issuer", "sluice.database", "sluice.log-level", "sluice.log-format", "code-ttl", "tokenValidityInSeconds",
		"session-ttl", "password-concurrency", "database-connections", "housekeeping.interval", "checkToken", "clientId", "cors.allowed.origins", "insecure-introspection", `sluice.trusted-proxies: "0.0.0.0/0"`, `"proxy.example.com"`} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q is missing in: %v", part, err)
		}
	}
	cfg.Database = "postgres://sluice:hunter2@db/sluice"
	if shown := fmt.Sprintf("%v %+v %#v %s", cfg, cfg, cfg, err); strings.Contains(shown, "hunter2") {
		t.Errorf("a secret is shown: %s", shown)
	}
}

// Requirement R116, RFC 7662 §2 MUST: tokens are asked about by https or on this machine, else the server does not start
// Requirement R137, RFC 8414 §2
func TestInsecureSettingsNeedTheirName(t *testing.T) {
	t.Parallel()
	const check = "security.oauth2.client.checkToken=http://id.example.com/i\nsecurity.oauth2.client.clientId=a\nsecurity.oauth2.client.clientSecret=b\n"
	for text, fine := range map[string]bool{
		check: false, check + "sluice.insecure-introspection=true": true, strings.Replace(check, "http:", "https:", 1): true, strings.Replace(check, "=b", "=", 1): false,
		"sluice.issuer=http://id.example.com": false, "sluice.issuer=http://id.example.com\nsluice.insecure-http=true": true, "sluice.issuer=https://id.example.com": true,
		"sluice.issuer=https://id.example.com?x": false, "sluice.issuer=https://id.example.com#x": false, "sluice.demo=true\nsluice.addr=:8080": false, "sluice.demo=true": true,
	} {
		if _, _, err := load(t, text); (err == nil) != fine {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestUnknownVariablesOfTheEnvironmentAreAWarning(t *testing.T) {
	t.Parallel()
	_, warnings, err := load(t, "", "SLUICE_PORT_8080_TCP=tcp://10.0.0.1:8080", "SLUICE_TEST_POSTGRES=x")
	if err != nil || len(warnings) != 1 {
		t.Errorf("%q %v", warnings, err)
	}
}

// What an operator's own scopes allow is read by scope and language.
func TestScopesAreDescribed(t *testing.T) {
	t.Parallel()
	cfg, _, err := sluice.LoadConfig(sluice.LoadOptions{Dir: t.TempDir(), Set: []string{"sluice.scope.orders:read.description=See your orders",
		"sluice.scope.orders:read.description.de=Ihre Bestellungen sehen", "sluice.scope.a.b.description=Do a.b"}})
	if got := fmt.Sprint(cfg.OAuth.ScopeTexts); err != nil || got != "map[a.b:map[:Do a.b] orders:read:map[:See your orders de:Ihre Bestellungen sehen]]" {
		t.Errorf("%s %v", got, err)
	}
	for _, wrong := range []string{"sluice.scope.x.description.xx=A", "sluice.scope.x=A", "sluice.scope.description=A", "sluice.scope.x.description=", "sluice.scope.x.description=" + strings.Repeat("A", 201), "sluice.scope.x.title=A"} {
		if _, _, err := sluice.LoadConfig(sluice.LoadOptions{Dir: t.TempDir(), Set: []string{wrong}}); err == nil {
			t.Errorf("%.60s is taken", wrong)
		}
	}
}

// docs/configuration.md names every key, and no other of ours.
func TestTheDocumentationNamesEveryKey(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)`").FindAllStringSubmatch(string(text), -1) {
		documented[m[1]] = true
	}
	for _, name := range sluice.Keys() {
		if !documented[name] {
			t.Errorf("%s is not documented", name)
		}
		delete(documented, name)
	}
	for name := range documented {
		if !strings.Contains(name, "{name}") {
			t.Errorf("%s is documented and does not exist", name)
		}
	}
}

func FuzzProperties(f *testing.F) {
	for _, s := range []string{"a=b", "sluice.data=${x:${y}}", "server.port=1\\\n2", "\\u0041=b", "zuul.routes.a.path=/x\nzuul.routes.a.url=http://h", "a=${a}", "=", "sluice.data=${", "cors.enabled:true"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		dir := t.TempDir()
		name := write(t, dir, "x.properties", text)
		cfg, _, err := sluice.LoadConfig(sluice.LoadOptions{Dir: dir, Files: []string{name}})
		if err == nil && cfg.Validate() != nil {
			t.Errorf("%q was accepted and is not valid", text)
		}
	})
}
