package bearer

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	jsontext "encoding/json"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
)

// keySet holds one issuer's keys. It fetches them when a key id is unknown, one
// fetch for all who wait and at most one in fetchPause; never because a signature
// is wrong. The last good set stays when fetching fails.
type keySet struct {
	issuer string
	now    func() time.Time
	client *http.Client
	fixed  bool
	leeway time.Duration // how far the issuer's clock may differ

	insecure bool

	mu      sync.Mutex
	address string // empty until discovered
	keys    []jose.JSONWebKey
	fetched time.Time // the last success
	tried   time.Time
	begun   uint64 // how many fetches have begun, and the last one that succeeded
	good    uint64
	lastErr error
	flight  chan struct{}
}

const (
	// fetchPause bounds what a flood of unknown key ids costs the issuer; a new
	// key is accepted after it at the latest.
	fetchPause = 10 * time.Second
	// keysAge is when keys are fetched anew in the background, so that a key which
	// the issuer has withdrawn does not work here for ever.
	keysAge      = 10 * time.Minute
	fetchTimeout = 1800 * time.Millisecond
	maxKeys      = 100
)

func newKeySet(cfg JWTConfig) (*keySet, error) {
	k := &keySet{issuer: cfg.Issuer, now: cfg.Now, client: quiet(cfg.Client, nil), address: cfg.JWKS, leeway: cfg.Leeway, insecure: cfg.InsecureHTTP}
	if cfg.Keys == nil {
		return k, k.checkAddresses()
	}
	keys, err := readKeys(cfg.Keys)
	if err == nil && len(keys) == 0 {
		err = errors.New("no public signing key in it")
	}
	if err != nil {
		return nil, fmt.Errorf("bearer: JWTConfig.Keys: %w", err)
	}
	k.keys, k.fixed = keys, true
	return k, nil
}

// checkAddresses refuses what keys must not be fetched from.
func (k *keySet) checkAddresses() error {
	switch {
	case k.address == "" && k.issuer == "":
		return nil // that it is missing is told already
	case k.address == "":
		return checkAddress("JWTConfig.Issuer (its keys are found by it, unless JWKS or Keys is set)", k.issuer, k.insecure)
	case strings.HasPrefix(k.address, filePrefix):
		return nil
	}
	return checkAddress("JWTConfig.JWKS", k.address, k.insecure)
}

const filePrefix = "file://"

// readKeys takes the public signing keys out of a JWK Set; symmetric, private and
// encryption keys have no business there and are dropped.
func readKeys(text []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []jsontext.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, errors.New("it is no JWK Set")
	}
	if len(set.Keys) > maxKeys {
		return nil, errors.New("it holds too many keys")
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(raw) == nil && decent(&k) && (k.Use == "" || k.Use == "sig") {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// find returns the keys that may have signed under a key id; without an id, all.
// payload is the token's, which nobody has verified.
func (k *keySet) find(ctx context.Context, id string, payload []byte) ([]jose.JSONWebKey, error) {
	k.mu.Lock()
	asked := k.begun
	k.mu.Unlock()
	for {
		keys, wait, err := k.look(id, payload, asked)
		if wait == nil {
			return keys, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// look returns keys, or what to wait for, or why neither is to be had.
func (k *keySet) look(id string, payload []byte, asked uint64) (keys []jose.JSONWebKey, wait <-chan struct{}, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, key := range k.keys {
		if id == "" || key.KeyID == id {
			keys = append(keys, key)
		}
	}
	now := k.now()
	if len(keys) > 0 {
		if !k.fixed && now.Sub(k.fetched) > keysAge && now.Sub(k.tried) > fetchPause && k.flight == nil {
			k.fetch(now)
		}
		return keys, nil, nil
	}
	switch {
	case k.fixed:
		return nil, nil, ErrInvalid
	case k.flight != nil:
		return nil, k.flight, nil
	case k.tried.IsZero() || now.Sub(k.tried) >= fetchPause || (k.fetched.IsZero() && now.Sub(k.tried) >= time.Second):
		k.fetch(now)
		return nil, k.flight, nil
	case k.lastErr == nil && (k.good > asked || issuedAt(payload).Add(k.leeway).Before(k.fetched)):
		return nil, nil, ErrInvalid // the set is younger than the request, or than the token
	}
	return nil, nil, k.unsure(now)
}

// unsure is why a key that is not in the set may be a good one. With other keys at
// hand it says nothing of other tokens.
func (k *keySet) unsure(now time.Time) error {
	err := k.lastErr
	if err == nil {
		err = errors.New("the issuer's keys were fetched before this token was made")
	}
	if len(k.keys) == 0 {
		return err
	}
	e := tryAgain(fetchPause - now.Sub(k.tried))
	e.alone = true
	return fmt.Errorf("%w: %w", err, e)
}

// fetch begins a fetch; k.mu is held.
func (k *keySet) fetch(now time.Time) {
	k.tried, k.flight = now, make(chan struct{})
	k.begun++
	number := k.begun
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
		defer cancel()
		keys, address, err := k.load(ctx)
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.lastErr = err; err == nil {
			k.keys, k.address, k.fetched, k.good = keys, address, now, number
		}
		close(k.flight)
		k.flight = nil
	}()
}

func (k *keySet) load(ctx context.Context) (keys []jose.JSONWebKey, address string, err error) {
	k.mu.Lock()
	address = k.address
	k.mu.Unlock()
	if address == "" {
		if address, err = k.discover(ctx); err != nil {
			return nil, "", err
		}
	}
	text, err := k.get(ctx, address)
	if err != nil {
		return nil, "", fmt.Errorf("fetching the issuer's keys: %w", err)
	}
	keys, err = readKeys(text)
	if err == nil && len(keys) == 0 {
		err = errors.New("no public signing key in it")
	}
	if err != nil {
		return nil, "", fmt.Errorf("reading the issuer's keys: %w", err)
	}
	return keys, address, nil
}

// discover finds the keys' address in the issuer's metadata.
func (k *keySet) discover(ctx context.Context) (string, error) {
	u, err := url.Parse(k.issuer)
	if err != nil || u.Host == "" {
		return "", errors.New("the issuer is no URL, so its keys cannot be found; set JWTConfig.JWKS")
	}
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	base := u.Scheme + "://" + u.Host
	for _, address := range []string{base + "/.well-known/oauth-authorization-server" + path, base + path + "/.well-known/openid-configuration"} {
		var text []byte
		if text, err = k.get(ctx, address); err != nil {
			continue
		}
		var metadata struct {
			Issuer string `json:"issuer"`
			JWKS   string `json:"jwks_uri"`
		}
		if json.Unmarshal(text, &metadata) != nil || metadata.Issuer != k.issuer || metadata.JWKS == "" {
			err = errors.New("the metadata is not this issuer's")
			continue
		}
		if err = checkAddress("jwks_uri of the issuer's metadata", metadata.JWKS, k.insecure); err != nil {
			continue
		}
		return metadata.JWKS, nil
	}
	return "", fmt.Errorf("finding the issuer's keys: %w", err)
}

func (k *keySet) get(ctx context.Context, address string) ([]byte, error) {
	if path, ok := strings.CutPrefix(address, filePrefix); ok {
		return readFile(path)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("the address is wrong")
	}
	req.Header.Set("Accept", "application/json")
	resp, err := k.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answered %d", resp.StatusCode)
	}
	return limitedText(resp.Body)
}

// readFile reads a key set that somebody else keeps fresh.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return limitedText(f)
}

func limitedText(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxAnswer+1))
	if err == nil && len(text) > maxAnswer {
		err = errors.New("the answer is larger than 64 KiB")
	}
	return text, err
}

// unverifiedIssuer reads "iss" of what looks like a JWT.
func unverifiedIssuer(token string) string {
	_, rest, one := strings.Cut(token, ".")
	payload, last, two := strings.Cut(rest, ".")
	if !one || !two || strings.Contains(last, ".") {
		return ""
	}
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return ""
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(raw, &claims) != nil {
		return ""
	}
	return claims.Issuer
}
