package oauth

import (
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"
)

// checkRedirectURI says why a URI must not be registered: it has to be absolute,
// without fragment, user info or wildcard, and plain http only to this very
// machine (RFC 6749 §3.1.2, RFC 9700 §2.1). Apps may use a scheme of their own
// (RFC 8252 §7.1).
func checkRedirectURI(uri string) error {
	u, err := url.Parse(uri)
	switch {
	case err != nil || len(uri) > 2000:
		return errors.New("it is no URI of at most 2000 characters")
	case strings.ContainsFunc(uri, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' || r == '*' || r == '#' }):
		return errors.New("space, non-ASCII, backslash, * and # are not allowed in it")
	case u.Scheme == "":
		return errors.New("it must be absolute")
	case u.User != nil:
		return errors.New("it must not carry user information")
	}
	switch strings.ToLower(u.Scheme) {
	case "https":
		if u.Host == "" {
			return errors.New("it names no host")
		}
	case "http":
		if !loopback(u.Hostname()) {
			return errors.New("plain http is allowed for localhost, 127.0.0.1 and [::1] only")
		}
	case "javascript", "data", "vbscript", "file", "about", "blob", "ws", "wss", "ftp", "view-source", "filesystem":
		return errors.New("that scheme is not allowed")
	}
	if u.Opaque != "" {
		return errors.New("it needs a / after the scheme")
	}
	return nil
}

// checkRedirect is checkRedirectURI for a client of a server that lets web
// addresses have a fragment: pages whose router lives behind the # have one.
func (c *Client) checkRedirect(uri string) error {
	address, fragment, has := strings.Cut(uri, "#")
	if !has || !c.fragments || !strings.HasPrefix(address, "http") {
		return checkRedirectURI(uri)
	}
	if strings.ContainsFunc(fragment, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' || r == '*' || r == '#' }) {
		return errors.New("space, non-ASCII, backslash, * and # are not allowed in its fragment")
	}
	return checkRedirectURI(address)
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// registered reports whether uri is one of the client's. The comparison is byte
// for byte; only where a loopback URI was registered without a port may the
// request name one (RFC 8252 §7.3, RFC 9700 §2.1).
func (c *Client) registered(uri string) bool { return listed(c.RedirectURIs, uri) }

// listed is the same for any list of addresses.
func listed(list []string, uri string) bool {
	return slices.ContainsFunc(list, func(known string) bool {
		return known == uri || (known == withoutPort(uri) && loopbackWithoutPort(known))
	})
}

func loopbackWithoutPort(uri string) bool {
	u, err := url.Parse(uri)
	return err == nil && u.Scheme == "http" && u.Port() == "" && loopback(u.Hostname())
}

// withoutPort cuts ":digits" behind the host of an http URI and leaves every
// other byte as it is.
func withoutPort(uri string) string {
	rest, ok := strings.CutPrefix(uri, "http://")
	if !ok {
		return uri
	}
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	colon := strings.LastIndexByte(rest[:end], ':')
	if colon < 0 || colon+1 == end || strings.Trim(rest[colon+1:end], "0123456789") != "" || end-colon > 6 {
		return uri
	}
	return "http://" + rest[:colon] + rest[end:]
}

// redirectURI settles where the answer goes: the one that was sent and is
// registered, or the only registered one.
func (c *Client) redirectURI(sent string) (string, error) {
	switch {
	case sent == "" && len(c.RedirectURIs) == 1:
		return c.RedirectURIs[0], nil
	case sent == "":
		return "", invalidRequest("redirect_uri is missing; the client has registered several")
	case !c.registered(sent):
		return "", invalidRequest("redirect_uri is not one that the client has registered")
	}
	return sent, nil
}
