package sluice

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/magiconair/properties"

	"github.com/sluicehq/sluice/internal/page"
)

// LoadOptions says where settings come from.
type LoadOptions struct {
	// Dir is where activiti-app.properties and application.properties are looked
	// for, and in its folder config. Empty means the working directory.
	Dir string
	// Files are read after those, in this order; each must exist.
	Files []string
	// Environ is the environment, as os.Environ gives it.
	Environ []string
	// Set holds key=value pairs, as --set gives them; they win over everything.
	Set []string
}

// setting is a value and where it came from.
type setting struct {
	name, value, source string
}

// LoadConfig reads the settings over the defaults: the property files, then the
// environment (SECURITY_OAUTH2_CLIENT_CHECKTOKEN), then Set. Values may refer to
// others and to the environment by ${name} and ${name:default}. It returns every
// problem at once, those of Validate included; warnings name settings that APS
// knows and that have no effect here.
func LoadConfig(o LoadOptions) (cfg Config, warnings []string, err error) {
	l := &loader{values: map[string]setting{}}
	for _, name := range []string{"activiti-app.properties", "application.properties"} {
		for _, dir := range []string{o.Dir, filepath.Join(o.Dir, "config")} {
			l.file(filepath.Join(dir, name), false)
		}
	}
	for _, name := range o.Files {
		l.file(name, true)
	}
	l.environment(o.Environ)
	l.flags(o.Set)
	cfg = DefaultConfig()
	l.apply(&cfg)
	if cfg.Bearer.SignIn.half() {
		l.warnings = append(l.warnings, "security.oauth2.client: people sign in at another server only when userAuthorizationUri, accessTokenUri and userInfoUri are all set")
	}
	l.problems = append(l.problems, cfg.Validate())
	return cfg, l.warnings, errors.Join(l.problems...)
}

type loader struct {
	values   map[string]setting // by relaxed name
	names    []string           // relaxed names in the order of first sight
	env      map[string]string
	problems []error
	warnings []string
}

func (l *loader) problem(format string, args ...any) {
	l.problems = append(l.problems, fmt.Errorf(format, args...))
}

func (l *loader) put(s setting) {
	r := relaxed(s.name)
	if _, ok := l.values[r]; !ok {
		l.names = append(l.names, r)
	}
	l.values[r] = s
}

// file reads one property file.
func (l *loader) file(name string, must bool) {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) && !must {
		return
	}
	if err != nil {
		l.problem("reading the configuration: %w", err)
		return
	}
	p, err := parseProperties(text)
	if err != nil {
		l.problem("%s: %w", name, err)
		return
	}
	for _, k := range p.Keys() {
		v, _ := p.Get(k)
		l.put(setting{name: k, value: strings.TrimSpace(v), source: name})
	}
}

// parseProperties reads Java's format; placeholders are ours to expand.
func parseProperties(text []byte) (*properties.Properties, error) {
	loader := properties.Loader{Encoding: properties.ISO_8859_1, DisableExpansion: true}
	return loader.LoadBytes(text)
}

// environment takes the variables that spell a key of ours. Others are only
// there for placeholders.
func (l *loader) environment(environ []string) {
	l.env = map[string]string{}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		l.env[name] = value
		if name != strings.ToUpper(name) || !strings.Contains(name, "_") {
			continue
		}
		_, known := lookupKey(name)
		_, secretFile := lookupKey(strings.TrimSuffix(name, "_FILE"))
		switch {
		case known || (secretFile && strings.HasSuffix(name, "_FILE")):
			l.put(setting{name: name, value: value, source: "environment variable " + name})
		case strings.HasPrefix(name, "SLUICE_") && !strings.HasPrefix(name, "SLUICE_TEST_"):
			// Not refused: a cluster sets variables such as SLUICE_PORT_8080_TCP for
			// a service of that name.
			l.warnings = append(l.warnings, fmt.Sprintf("environment variable %s is no setting of Sluice%s", name, suggestion(name)))
		}
	}
}

func (l *loader) flags(set []string) {
	for _, pair := range set {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			l.problem("--set needs key=value, not %q", name)
			continue
		}
		if _, known := lookupKey(name); !known && !isOurs(name) && !isRoute(name) {
			l.problem("--set %s: there is no such setting%s", name, suggestion(name))
			continue
		}
		l.put(setting{name: name, value: value, source: "--set"})
	}
}

// apply moves the values into the configuration, in the order of the key table,
// so that server.port comes after sluice.addr.
func (l *loader) apply(cfg *Config) {
	known := map[string]bool{}
	for i := range keys {
		k := &keys[i]
		r := relaxed(k.name)
		known[r] = true
		if s, ok := l.values[r]; ok {
			l.applyKey(cfg, k, s)
		}
		if s, ok := l.values[r+"file"]; ok && k.secret {
			known[r+"file"] = true
			l.applyFile(cfg, k, s)
		}
	}
	routes, grants := map[string]*RouteConfig{}, map[string]*GrantConfig{}
	for _, r := range l.names {
		s := l.values[r]
		switch {
		case known[r]:
		case isRoute(s.name):
			l.route(routes, s)
		case strings.HasPrefix(strings.ToLower(s.name), grantPrefix):
			l.grant(grants, s)
		case strings.HasPrefix(strings.ToLower(s.name), scopePrefix):
			l.scope(&cfg.OAuth, s)
		case isOurs(s.name):
			l.problem("%s: %s is no setting of Sluice%s", s.source, s.name, suggestion(s.name))
		}
	}
	l.finishRoutes(cfg, routes)
	for _, name := range slices.Sorted(maps.Keys(grants)) {
		cfg.OAuth.Grants = append(cfg.OAuth.Grants, *grants[name])
	}
}

// scopePrefix is the namespace of what the operator's own scopes allow.
const scopePrefix = "sluice.scope."

// scope reads one sentence about one scope: sluice.scope.orders:read.description.de. A
// scope's name may have dots itself.
func (l *loader) scope(o *OAuthConfig, s setting) {
	value, err := l.expand(s.value, nil)
	name, language, described := strings.Cut(s.name[len(scopePrefix):]+".", ".description.")
	language = strings.TrimSuffix(language, ".")
	known := language == "" || slices.Contains(page.Languages, language)
	switch {
	case err != nil:
		l.problem("%s: %s: %w", s.source, s.name, err)
	case name == "" || !described || !known:
		l.problem("%s: %s is no setting of a scope (description, or description with one of %s)", s.source, s.name, strings.Join(page.Languages, ", "))
	case value == "" || len(value) > maxScopeText:
		l.problem("%s: %s must be a sentence of at most %d bytes", s.source, s.name, maxScopeText)
	default:
		if o.ScopeTexts == nil {
			o.ScopeTexts = map[string]map[string]string{}
		}
		if o.ScopeTexts[name] == nil {
			o.ScopeTexts[name] = map[string]string{}
		}
		o.ScopeTexts[name][language] = value
	}
}

// maxScopeText bounds what a scope is said to allow, in bytes.
const maxScopeText = 200

// grantPrefix is the namespace of the operator's own grants.
const grantPrefix = "sluice.oauth.grants."

// grant reads one setting of one grant: sluice.oauth.grants.external_token.url.
func (l *loader) grant(grants map[string]*GrantConfig, s setting) {
	name, part, _ := strings.Cut(s.name[len(grantPrefix):], ".")
	value, err := l.expand(s.value, nil)
	if err != nil {
		l.problem("%s: %s: %w", s.source, s.name, err)
		return
	}
	g := grants[name]
	if g == nil {
		g = &GrantConfig{Name: name}
		grants[name] = g
	}
	switch relaxed(part) {
	case "type":
		g.Type = value
	case "url":
		g.URL = value
	case "clientid":
		g.ClientID = value
	case "secret":
		g.Secret = value
	default:
		l.problem("%s: %s is no setting of a grant (type, url, client-id, secret)", s.source, s.name)
	}
}

func (l *loader) applyKey(cfg *Config, k *key, s setting) {
	value, err := l.expand(s.value, nil)
	if err == nil {
		if k.todo {
			l.warnings = append(l.warnings, fmt.Sprintf("%s: %s has no effect in this version", s.source, k.name))
			return
		}
		err = k.set(cfg, value)
	}
	if err != nil {
		l.problem("%s: %s: %w", s.source, k.name, err)
	}
}

// applyFile reads a secret from the file that a "-file" key names.
func (l *loader) applyFile(cfg *Config, k *key, s setting) {
	name, err := l.expand(s.value, nil)
	if err == nil {
		var content []byte
		if content, err = os.ReadFile(name); err == nil {
			err = k.set(cfg, strings.TrimRight(string(content), "\r\n"))
		}
	}
	if err != nil {
		l.problem("%s: %s-file: %w", s.source, k.name, err)
	}
}

func isRoute(name string) bool {
	lower := strings.ToLower(name)
	return slices.ContainsFunc(routePrefixes, func(p string) bool { return strings.HasPrefix(lower, p) })
}

// route reads one setting of one route: zuul.routes.bpm.url.
func (l *loader) route(routes map[string]*RouteConfig, s setting) {
	rest := s.name
	for _, p := range routePrefixes {
		if strings.HasPrefix(strings.ToLower(rest), p) {
			rest = rest[len(p):]
		}
	}
	name, part, _ := strings.Cut(rest, ".")
	value, err := l.expand(s.value, nil)
	if err != nil {
		l.problem("%s: %s: %w", s.source, s.name, err)
		return
	}
	r := routes[name]
	if r == nil {
		r = &RouteConfig{Name: name, StripPath: true}
		routes[name] = r
	}
	switch relaxed(part) {
	case "path":
		r.Path = strings.TrimSuffix(strings.TrimSuffix(value, "**"), "/")
	case "url":
		r.URL = value
	case "stripprefix", "strippath":
		if r.StripPath, err = parseBool(value); err != nil {
			l.problem("%s: %s: %w", s.source, s.name, err)
		}
	default:
		if strings.HasPrefix(strings.ToLower(s.name), "sluice.") {
			l.problem("%s: %s is no setting of a route (path, url, strip-path)", s.source, s.name)
		}
	}
}

func (l *loader) finishRoutes(cfg *Config, routes map[string]*RouteConfig) {
	for _, r := range routes {
		if r.Path == "" || r.URL == "" {
			l.problem("gateway route %s needs a path and a url", r.Name)
		}
		cfg.Routes = append(cfg.Routes, *r)
	}
	slices.SortFunc(cfg.Routes, func(a, b RouteConfig) int { return strings.Compare(a.Name, b.Name) })
}

// expand replaces ${name} and ${name:default}; defaults may hold placeholders
// themselves. seen are the names that are being replaced, to find circles.
func (l *loader) expand(value string, seen []string) (string, error) {
	begin := strings.Index(value, "${")
	if begin < 0 {
		return value, nil
	}
	end := closing(value, begin+2)
	if end < 0 {
		return "", errors.New("a ${ has no }")
	}
	inner, err := l.placeholder(value[begin+2:end], seen)
	if err != nil {
		return "", err
	}
	rest, err := l.expand(value[end+1:], seen)
	return value[:begin] + inner + rest, err
}

// closing returns the index of the } that belongs to the ${ before from.
func closing(value string, from int) int {
	depth := 1
	for i := from; i < len(value); i++ {
		switch {
		case strings.HasPrefix(value[i:], "${"):
			depth++
		case value[i] == '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

func (l *loader) placeholder(inner string, seen []string) (string, error) {
	name, fallback, hasFallback := strings.Cut(inner, ":")
	if slices.Contains(seen, relaxed(name)) {
		return "", fmt.Errorf("the placeholder ${%s} refers to itself", name)
	}
	if s, ok := l.values[relaxed(name)]; ok {
		return l.expand(s.value, append(seen, relaxed(name)))
	}
	if v, ok := l.env[name]; ok {
		return v, nil
	}
	if v, ok := l.env[strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(name))]; ok {
		return v, nil
	}
	if hasFallback {
		return l.expand(fallback, seen)
	}
	return "", fmt.Errorf("the placeholder ${%s} has no value", name)
}
