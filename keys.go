package sluice

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// key is one setting: how it is spelled and where its value goes.
type key struct {
	name   string
	set    func(c *Config, value string) error
	secret bool // may come from a file named by the key with "-file" behind it
	todo   bool // known to APS, without effect here: a warning
}

// keys are all settings but the gateway's routes.
var keys = []key{
	{name: "sluice.addr", set: text(func(c *Config) *string { return &c.Addr })},
	{name: "server.port", set: setPort},
	{name: "server.address", set: setHost},
	{name: "sluice.data", set: text(func(c *Config) *string { return &c.Data })},
	{name: "sluice.database", secret: true, set: text(func(c *Config) *string { return &c.Database })},
	{name: "sluice.database-connections", set: whole(func(c *Config) *int { return &c.DatabaseConnections })},
	{name: "sluice.role", set: text(func(c *Config) *string { return (*string)(&c.Role) })},
	{name: "sluice.demo", set: flag(func(c *Config) *bool { return &c.Demo })},
	{name: "sluice.issuer", set: text(func(c *Config) *string { return &c.Issuer })},
	{name: "sluice.insecure-http", set: flag(func(c *Config) *bool { return &c.InsecureHTTP })},
	{name: "sluice.insecure-introspection", set: flag(func(c *Config) *bool { return &c.Bearer.InsecureIntrospection })},
	{name: "sluice.log-level", set: text(func(c *Config) *string { return &c.LogLevel })},
	{name: "sluice.log-format", set: text(func(c *Config) *string { return &c.LogFormat })},
	{name: "sluice.shutdown-timeout", set: duration(func(c *Config) *time.Duration { return &c.ShutdownTimeout })},
	{name: "sluice.metrics", set: text(func(c *Config) *string { return &c.Metrics })},
	{name: "sluice.metrics-token", secret: true, set: text(func(c *Config) *string { return &c.MetricsToken })},
	{name: "sluice.tls.certificate", set: text(func(c *Config) *string { return &c.TLS.Certificate })},
	{name: "sluice.tls.key", set: text(func(c *Config) *string { return &c.TLS.Key })},
	{name: "sluice.tls.client-certificates", set: flag(func(c *Config) *bool { return &c.TLS.ClientCertificates })},
	{name: "sluice.tls.client-certificates-addr", set: text(func(c *Config) *string { return &c.TLS.ClientCertificatesAddr })},
	{name: "sluice.tls.client-certificates-url", set: text(func(c *Config) *string { return &c.TLS.ClientCertificatesURL })},
	{name: "sluice.tls.client-ca", set: text(func(c *Config) *string { return &c.TLS.ClientCA })},
	{name: "sluice.tls.client-certificate-header", set: text(func(c *Config) *string { return &c.TLS.ClientCertificateHeader })},
	{name: "sluice.trusted-proxies", set: list(func(c *Config) *[]string { return &c.TrustedProxies })},
	{name: "sluice.throttle.enabled", set: flag(func(c *Config) *bool { return &c.Throttle.Enabled })},
	{name: "sluice.throttle.free-attempts", set: whole(func(c *Config) *int { return &c.Throttle.FreeAttempts })},
	{name: "sluice.throttle.base-delay", set: duration(func(c *Config) *time.Duration { return &c.Throttle.BaseDelay })},
	{name: "sluice.throttle.max-delay", set: duration(func(c *Config) *time.Duration { return &c.Throttle.MaxDelay })},
	{name: "sluice.throttle.forget-after", set: duration(func(c *Config) *time.Duration { return &c.Throttle.ForgetAfter })},
	{name: "sluice.throttle.address-free-attempts", set: whole(func(c *Config) *int { return &c.Throttle.AddressFreeAttempts })},
	{name: "sluice.throttle.address-forget-after", set: duration(func(c *Config) *time.Duration { return &c.Throttle.AddressForgetAfter })},
	{name: "sluice.throttle.exempt-addresses", set: list(func(c *Config) *[]string { return &c.Throttle.ExemptAddresses })},
	{name: "sluice.audit.tokens", set: text(func(c *Config) *string { return &c.Audit.Tokens })},
	{name: "sluice.housekeeping.interval", set: duration(func(c *Config) *time.Duration { return &c.HousekeepingInterval })},
	{name: "sluice.audit.retention", set: duration(func(c *Config) *time.Duration { return &c.Audit.Retention })},
	{name: "sluice.process.history", set: text(func(c *Config) *string { return &c.Process.History })},
	{name: "sluice.process.job-workers", set: whole(func(c *Config) *int { return &c.Process.Workers })},
	{name: "sluice.process.job-poll", set: duration(func(c *Config) *time.Duration { return &c.Process.Poll })},
	{name: "sluice.process.job-lease", set: duration(func(c *Config) *time.Duration { return &c.Process.Lease })},
	{name: "sluice.process.job-retries", set: whole(func(c *Config) *int { return &c.Process.Retries })},
	{name: "sluice.process.job-retry-wait", set: duration(func(c *Config) *time.Duration { return &c.Process.RetryWait })},
	{name: "sluice.process.max-steps", set: whole(func(c *Config) *int { return &c.Process.MaxSteps })},
	{name: "sluice.process.max-variable-bytes", set: whole(func(c *Config) *int { return &c.Process.MaxVariable })},
	{name: "sluice.process.max-content-bytes", set: whole(func(c *Config) *int { return &c.Process.MaxContent })},
	{name: "sluice.api-explorer", set: flag(func(c *Config) *bool { return &c.APIExplorer })},
	{name: "sluice.process.max-loose-contents", set: whole(func(c *Config) *int { return &c.Process.MaxLooseContents })},
	{name: "sluice.process.max-loose-bytes", set: whole(func(c *Config) *int { return &c.Process.MaxLooseBytes })},
	{name: "sluice.process.content-folder", set: text(func(c *Config) *string { return &c.Process.ContentFolder })},
	{name: "sluice.process.max-deployment-bytes", set: whole(func(c *Config) *int { return &c.Process.MaxDeployment })},
	{name: "sluice.mail.host", set: text(func(c *Config) *string { return &c.Mail.Host })},
	{name: "sluice.mail.port", set: whole(func(c *Config) *int { return &c.Mail.Port })},
	{name: "sluice.mail.user", set: text(func(c *Config) *string { return &c.Mail.User })},
	{name: "sluice.mail.password", secret: true, set: text(func(c *Config) *string { return &c.Mail.Password })},
	{name: "sluice.mail.from", set: text(func(c *Config) *string { return &c.Mail.From })},
	{name: "sluice.mail.tls", set: text(func(c *Config) *string { return &c.Mail.TLS })},
	{name: "sluice.mail.timeout", set: duration(func(c *Config) *time.Duration { return &c.Mail.Timeout })},
	{name: "sluice.rest-call.allow", set: list(func(c *Config) *[]string { return &c.RestCall.Allow })},
	{name: "sluice.rest-call.private", set: list(func(c *Config) *[]string { return &c.RestCall.Private })},
	{name: "sluice.rest-call.timeout", set: duration(func(c *Config) *time.Duration { return &c.RestCall.Timeout })},
	{name: "sluice.rest-call.max-answer-bytes", set: whole(func(c *Config) *int { return &c.RestCall.MaxAnswer })},
	{name: "sluice.session-ttl", set: duration(func(c *Config) *time.Duration { return &c.SessionTTL })},
	{name: "sluice.key", secret: true, set: text(func(c *Config) *string { return &c.Key })},
	{name: "sluice.key-previous", secret: true, set: text(func(c *Config) *string { return &c.PreviousKey })},
	{name: "sluice.password-concurrency", set: whole(func(c *Config) *int { return &c.PasswordConcurrency })},
	{name: "sluice.oauth.code-ttl", set: duration(func(c *Config) *time.Duration { return &c.OAuth.CodeTTL })},
	{name: "sluice.oauth.refresh-ttl", set: duration(func(c *Config) *time.Duration { return &c.OAuth.RefreshTTL })},
	{name: "sluice.oauth.refresh-grace", set: duration(func(c *Config) *time.Duration { return &c.OAuth.RefreshGrace })},
	{name: "sluice.oauth.authorization-request-ttl", set: duration(func(c *Config) *time.Duration { return &c.OAuth.RequestTTL })},
	{name: "sluice.oauth.signing-alg", set: text(func(c *Config) *string { return &c.OAuth.SigningAlg })},
	{name: "sluice.oauth.key-rotation", set: duration(func(c *Config) *time.Duration { return &c.OAuth.KeyRotation })},
	{name: "sluice.oauth.key-overlap", set: duration(func(c *Config) *time.Duration { return &c.OAuth.KeyOverlap })},
	{name: "sluice.oauth.pushed-request-ttl", set: duration(func(c *Config) *time.Duration { return &c.OAuth.PushedTTL })},
	{name: "sluice.oauth.device-code-ttl", set: duration(func(c *Config) *time.Duration { return &c.OAuth.DeviceTTL })},
	{name: "sluice.oauth.device-without-client-secret", set: flag(func(c *Config) *bool { return &c.OAuth.DeviceWithoutSecret })},
	{name: "sluice.oauth.dpop-nonces", set: flag(func(c *Config) *bool { return &c.OAuth.DPoPNonces })},
	{name: "sluice.oauth.token-parameters-in-query", set: flag(func(c *Config) *bool { return &c.OAuth.TokenParametersInQuery })},
	{name: "sluice.oauth.refresh-without-client-id", set: flag(func(c *Config) *bool { return &c.OAuth.RefreshWithoutClientID })},
	{name: "sluice.oauth.userinfo-without-openid", set: flag(func(c *Config) *bool { return &c.OAuth.UserinfoWithoutOpenID })},
	{name: "sluice.oauth.basic-without-colon", set: flag(func(c *Config) *bool { return &c.OAuth.BasicWithoutColon })},
	{name: "sluice.oauth.ignore-public-client-secret", set: flag(func(c *Config) *bool { return &c.OAuth.IgnorePublicClientSecret })},
	{name: "sluice.oauth.password-error-401", set: flag(func(c *Config) *bool { return &c.OAuth.PasswordError401 })},
	{name: "sluice.oauth.ignore-bearer-at-token", set: flag(func(c *Config) *bool { return &c.OAuth.IgnoreBearerAtToken })},
	{name: "sluice.oauth.fragment-redirect-uris", set: flag(func(c *Config) *bool { return &c.OAuth.FragmentRedirectURIs })},
	{name: "sluice.oauth.keycloak-realm", set: text(func(c *Config) *string { return &c.OAuth.KeycloakRealm })},
	{name: "sluice.oauth.cors-client-origins", set: flag(func(c *Config) *bool { return &c.OAuth.CORSClientOrigins })},
	{name: "sluice.oauth.fetch-private-hosts", set: list(func(c *Config) *[]string { return &c.OAuth.FetchPrivateHosts })},
	{name: "sluice.oauth.open-registrations-per-day", set: whole(func(c *Config) *int { return &c.OAuth.OpenRegistrations })},
	{name: "sluice.insecure-open-registration", set: flag(func(c *Config) *bool { return &c.OAuth.InsecureOpenRegistration })},
	{name: "sluice.insecure-loopback-fetch", set: flag(func(c *Config) *bool { return &c.OAuth.InsecureLoopbackFetch })},
	{name: "sluice.oauth.logout-redirect-uri", set: flag(func(c *Config) *bool { return &c.OAuth.LogoutRedirectURI })},
	{name: "sluice.oauth.revocation-receivers", set: list(func(c *Config) *[]string { return &c.OAuth.RevocationReceivers })},
	{name: "authentication.oauth.jwt", set: flag(func(c *Config) *bool { return &c.OAuth.JWT })},
	{name: "authentication.oauth.corsFilter", set: flag(func(c *Config) *bool { return &c.OAuth.CORSFilter })},
	{name: "authentication.oauth.tokenValidityInSeconds", set: seconds(func(c *Config) *time.Duration { return &c.OAuth.AccessTTL })},
	{name: "security.oauth2.authentication.enabled", set: flag(func(c *Config) *bool { return &c.Bearer.Enabled })},
	{name: "security.oauth2.basicAuth.enabled", set: setBasic},
	{name: "security.oauth2.client.clientId", set: text(func(c *Config) *string { return &c.Bearer.ClientID })},
	{name: "security.oauth2.client.clientSecret", secret: true, set: text(func(c *Config) *string { return &c.Bearer.ClientSecret })},
	{name: "security.oauth2.client.checkToken", set: text(func(c *Config) *string { return &c.Bearer.CheckToken })},
	{name: "security.oauth2.client.dialect", set: text(func(c *Config) *string { return &c.Bearer.Dialect })},
	{name: "security.oauth2.client.authMethod", set: text(func(c *Config) *string { return &c.Bearer.AuthMethod })},
	{name: "security.oauth2.client.privateKey", secret: true, set: text(func(c *Config) *string { return &c.Bearer.PrivateKey })},
	{name: "security.oauth2.client.keyId", set: text(func(c *Config) *string { return &c.Bearer.KeyID })},
	{name: "security.oauth2.client.certificate", secret: true, set: text(func(c *Config) *string { return &c.Bearer.Certificate })},
	{name: "security.oauth2.client.usernameAttribute", set: list(func(c *Config) *[]string { return &c.Bearer.UsernameAttributes })},
	{name: "security.oauth2.audience", set: text(func(c *Config) *string { return &c.Bearer.Audience })},
	{name: "security.oauth2.jwt.issuers", set: list(func(c *Config) *[]string { return &c.Bearer.JWT.Issuers })},
	{name: "security.oauth2.jwt.jwks", set: list(func(c *Config) *[]string { return &c.Bearer.JWT.JWKS })},
	{name: "security.oauth2.jwt.audience", set: text(func(c *Config) *string { return &c.Bearer.JWT.Audience })},
	{name: "security.oauth2.jwt.algorithms", set: list(func(c *Config) *[]string { return &c.Bearer.JWT.Algorithms })},
	{name: "security.oauth2.jwt.any-type", set: flag(func(c *Config) *bool { return &c.Bearer.JWT.AnyType })},
	{name: "security.oauth2.revocations.issuer", set: text(func(c *Config) *string { return &c.Bearer.Revocations.Issuer })},
	{name: "security.oauth2.revocations.jwks", set: text(func(c *Config) *string { return &c.Bearer.Revocations.JWKS })},
	{name: "security.oauth2.revocations.audience", set: text(func(c *Config) *string { return &c.Bearer.Revocations.Audience })},
	{name: "security.oauth2.override.url", set: text(func(c *Config) *string { return &c.Bearer.Override.URL })},
	{name: "security.oauth2.override.headers", set: list(func(c *Config) *[]string { return &c.Bearer.Override.Headers })},
	{name: "security.oauth2.override.clientId", set: text(func(c *Config) *string { return &c.Bearer.Override.ClientID })},
	{name: "security.oauth2.override.clientSecret", secret: true, set: text(func(c *Config) *string { return &c.Bearer.Override.ClientSecret })},
	{name: "security.oauth2.override.token-only", set: flag(func(c *Config) *bool { return &c.Bearer.Override.TokenOnly })},
	{name: "security.oauth2.dpop.required", set: flag(func(c *Config) *bool { return &c.Bearer.DPoPRequired })},
	{name: "security.oauth2.dpop.nonces", set: flag(func(c *Config) *bool { return &c.Bearer.DPoPNonces })},
	{name: "security.oauth2.dpop.memory", set: text(func(c *Config) *string { return &c.Bearer.DPoPMemory })},
	{name: "security.oauth2.client.userAuthorizationUri", set: text(func(c *Config) *string { return &c.Bearer.SignIn.AuthorizationURL })},
	{name: "security.oauth2.client.accessTokenUri", set: text(func(c *Config) *string { return &c.Bearer.SignIn.TokenURL })},
	{name: "security.oauth2.client.userInfoUri", set: text(func(c *Config) *string { return &c.Bearer.SignIn.UserInfoURL })},
	{name: "security.oauth2.client.scope", set: list(func(c *Config) *[]string { return &c.Bearer.SignIn.Scopes })},
	{name: "security.oauth2.client.issuer", set: text(func(c *Config) *string { return &c.Bearer.SignIn.Issuer })},
	{name: "sluice.sign-in.title", set: text(func(c *Config) *string { return &c.Bearer.SignIn.Title })},
	{name: "security.oauth2.client.tokenName", todo: true},
	{name: "security.authentication.use-externalid", set: flag(func(c *Config) *bool { return &c.Users.UseExternalID })},
	{name: "security.authentication.casesensitive", set: flag(func(c *Config) *bool { return &c.Users.CaseSensitive })},
	{name: "security.cookie.max-age", set: seconds(func(c *Config) *time.Duration { return &c.Users.RememberTTL })},
	{name: "security.csrf.disabled", set: flag(func(c *Config) *bool { return &c.Users.CSRFDisabled })},
	{name: "sluice.users.create", set: flag(func(c *Config) *bool { return &c.Users.Create })},
	{name: "sluice.users.groups-claim", set: text(func(c *Config) *string { return &c.Users.GroupsClaim })},
	{name: "sluice.users.service-user", set: text(func(c *Config) *string { return &c.Users.ServiceUser })},
	{name: "cors.enabled", set: flag(func(c *Config) *bool { return &c.CORS.Enabled })},
	{name: "cors.allowed.origins", set: list(func(c *Config) *[]string { return &c.CORS.Origins })},
	{name: "cors.allowed.origin.patterns", set: list(func(c *Config) *[]string { return &c.CORS.OriginPatterns })},
	{name: "cors.allowed.methods", set: list(func(c *Config) *[]string { return &c.CORS.Methods })},
	{name: "cors.allowed.headers", set: list(func(c *Config) *[]string { return &c.CORS.Headers })},
	{name: "cors.exposed.headers", set: list(func(c *Config) *[]string { return &c.CORS.Exposed })},
	{name: "cors.support.credentials", set: flag(func(c *Config) *bool { return &c.CORS.Credentials })},
	{name: "cors.preflight.maxage", set: seconds(func(c *Config) *time.Duration { return &c.CORS.MaxAge })},
}

// ours are the namespaces in which an unknown key is a mistake. A real
// activiti-app.properties holds hundreds of others, which are not looked at.
var ours = []string{"sluice.", "security.oauth2.", "security.authentication.", "authentication.oauth.", "cors.", "server."}

// routePrefixes are the namespaces of the gateway's routes, in relaxed form.
var routePrefixes = []string{"zuul.routes.", "sluice.gateway.routes."}

func text(at func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error {
		*at(c) = v
		return nil
	}
}

func flag(at func(*Config) *bool) func(*Config, string) error {
	return func(c *Config, v string) error {
		b, err := parseBool(v)
		if err == nil {
			*at(c) = b
		}
		return err
	}
}

func parseBool(v string) (bool, error) {
	switch strings.ToLower(v) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	}
	return false, errors.New("it must be true or false")
}

func duration(at func(*Config) *time.Duration) func(*Config, string) error {
	return func(c *Config, v string) error {
		d, err := time.ParseDuration(v)
		if err != nil {
			return errors.New("it must be a duration such as 90s, 10m or 12h")
		}
		*at(c) = d
		return nil
	}
}

func seconds(at func(*Config) *time.Duration) func(*Config, string) error {
	return func(c *Config, v string) error {
		n, err := strconv.ParseInt(v, 10, 32)
		if err != nil {
			return errors.New("it must be a whole number of seconds")
		}
		*at(c) = time.Duration(n) * time.Second
		return nil
	}
}

func list(at func(*Config) *[]string) func(*Config, string) error {
	return func(c *Config, v string) error {
		*at(c) = nil
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.TrimSpace(part); part != "" {
				*at(c) = append(*at(c), part)
			}
		}
		return nil
	}
}

func setBasic(c *Config, v string) error {
	b, err := parseBool(v)
	if err == nil {
		c.Bearer.BasicAuth = &b
	}
	return err
}

func whole(at func(*Config) *int) func(*Config, string) error {
	return func(c *Config, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil {
			return errors.New("it must be a whole number")
		}
		*at(c) = n
		return nil
	}
}

func setPort(c *Config, v string) error {
	if n, err := strconv.Atoi(v); err != nil || n < 0 || n > 65535 {
		return errors.New("it must be a port from 0 to 65535")
	}
	c.Addr = c.Addr[:strings.LastIndex(c.Addr, ":")+1] + v
	return nil
}

func setHost(c *Config, v string) error {
	if strings.Contains(v, ":") && !strings.HasPrefix(v, "[") {
		v = "[" + v + "]"
	}
	c.Addr = v + c.Addr[max(strings.LastIndex(c.Addr, ":"), 0):]
	return nil
}

// relaxed spells a key in one way, as Spring's relaxed binding reads it:
// Server.port, server.port and SERVER_PORT are one key.
func relaxed(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '-' || r == '_' || r == '.':
			return -1
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return r
	}, name)
}

func lookupKey(name string) (*key, bool) {
	r := relaxed(name)
	for i := range keys {
		if relaxed(keys[i].name) == r {
			return &keys[i], true
		}
	}
	return nil, false
}

// isOurs reports whether a key of a file stands in one of our namespaces.
func isOurs(name string) bool {
	lower := strings.ToLower(name)
	return slices.ContainsFunc(ours, func(p string) bool { return strings.HasPrefix(lower, p) })
}

// suggestion names the known key that is nearest to a mistaken one.
func suggestion(name string) string {
	best, distance := "", 1+len(name)/4
	for _, k := range keys {
		if d := editDistance(relaxed(name), relaxed(k.name)); d <= distance {
			best, distance = k.name, d-1
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", best)
}

// editDistance is Levenshtein's.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// Keys returns the names of all settings but the gateway's routes, as
// docs/configuration.md describes them.
func Keys() []string {
	var names []string
	for _, k := range keys {
		names = append(names, k.name)
	}
	return names
}
