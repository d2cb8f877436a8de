package bearer

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
)

// DPoPConfig takes tokens that are bound to a key of the caller's, who proves on
// every request that he holds it (RFC 9449).
type DPoPConfig struct {
	// Base is the beginning of the addresses under which callers reach this
	// program: scheme, host, and the path that a proxy cuts off. A proof's "htu"
	// must be Base and the request's path; the Host header says nothing, since the
	// caller writes it. Empty means the scheme and host of Config.Resource; one of
	// the two is needed.
	Base string
	// Algorithms that proofs may be signed with. Nil means ES256, EdDSA, PS256 and
	// RS256. Symmetric ones and "none" never are.
	Algorithms []string
	// Window is how far in the past or the future a proof may have been made.
	// 0 means 60 s.
	Window time.Duration
	// Required refuses plain bearer tokens.
	Required bool
	// Nonces makes clients put a value of ours into their proofs (RFC 9449 §9), so
	// that none can be made in advance. They learn it from the first answer.
	Nonces bool
	// NonceKey makes and checks nonces; processes that answer for the same address
	// need the same one. 32 bytes or more; nil means a random one.
	NonceKey []byte
	// Remember records a proof's id until a moment and reports whether it is the
	// first of its kind, for processes that share that memory; an error means that
	// it cannot be known. Nil means a memory of this process.
	Remember func(ctx context.Context, id string, until time.Time) (first bool, err error)
	// Size is the most proofs this process remembers. When it is full, requests are
	// answered with 503: a proof that may be a repeated one is never taken. 0 means
	// 200 000.
	Size int
}

// dpop checks proofs. It is safe for concurrent use.
type dpop struct {
	cfg        DPoPConfig
	now        func() time.Time
	base       *url.URL
	algorithms []jose.SignatureAlgorithm
}

// newDPoP checks cfg; resource is Config.Resource.
func newDPoP(cfg DPoPConfig, resource string, now func() time.Time) (*dpop, error) {
	var problems []error
	d := &dpop{now: now}
	if d.base = baseOf(cfg.Base, resource); d.base == nil {
		problems = append(problems, errors.New("bearer: DPoPConfig.Base must be an http(s) URL without query and fragment, or Config.Resource be set"))
	}
	if cfg.Algorithms == nil {
		cfg.Algorithms = []string{"ES256", "EdDSA", "PS256", "RS256"}
	}
	for _, a := range cfg.Algorithms {
		if !slices.Contains(asymmetric, a) {
			problems = append(problems, fmt.Errorf("bearer: DPoPConfig.Algorithms: %q is not an asymmetric algorithm", a))
		}
		d.algorithms = append(d.algorithms, jose.SignatureAlgorithm(a))
	}
	if cfg.NonceKey != nil && len(cfg.NonceKey) < sha256.Size {
		problems = append(problems, errors.New("bearer: DPoPConfig.NonceKey must have 32 bytes or more"))
	}
	if cfg.NonceKey == nil {
		cfg.NonceKey = make([]byte, sha256.Size)
		_, _ = rand.Read(cfg.NonceKey) // never fails
	}
	if cfg.Window == 0 {
		cfg.Window = time.Minute
	}
	if cfg.Size == 0 {
		cfg.Size = 200_000
	}
	if cfg.Remember == nil {
		cfg.Remember = (&proofs{now: now, keep: 2 * cfg.Window, size: cfg.Size}).remember
	}
	d.cfg = cfg
	return d, errors.Join(problems...)
}

func baseOf(base, resource string) *url.URL {
	text := base
	if text == "" {
		text = resource
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.RawQuery != "" || u.Fragment != "" {
		return nil
	}
	if base == "" {
		return &url.URL{Scheme: u.Scheme, Host: u.Host}
	}
	return u
}

func invalidProof(text string) *Error {
	return &Error{Status: http.StatusUnauthorized, Code: "invalid_dpop_proof", Description: text}
}

var (
	errNoProof    = invalidProof("the scheme DPoP needs one DPoP header")
	errTwoProofs  = invalidProof("more than one DPoP header")
	errProofForm  = invalidProof("the proof is no JWT of the type dpop+jwt with a public key and an accepted algorithm")
	errProofSign  = invalidProof("the proof's signature is wrong")
	errProofClaim = invalidProof("the proof lacks a claim, or one has the wrong type")
	errProofMade  = invalidProof("the proof was made for another method or address")
	errProofToken = invalidProof("the proof was made for another token")
	errProofTime  = invalidProof("the proof is too old, or made in the future")
	errProofAgain = invalidProof("the proof has been used")
	errNeedsNonce = &Error{Status: http.StatusUnauthorized, Code: "use_dpop_nonce", Description: "the proof needs the nonce in DPoP-Nonce"}
)

// proofClaims are the claims of RFC 9449 §4.2.
type proofClaims struct {
	ID      string `json:"jti"`
	Method  string `json:"htm"`
	Address string `json:"htu"`
	Issued  int64  `json:"iat"`
	Token   string `json:"ath"`
	Nonce   string `json:"nonce"`
}

// maxProof and maxProofID are longer than any real ones.
const (
	maxProof   = 8 << 10
	maxProofID = 256
)

// check is RFC 9449 §7.1: the request's one proof must be made for this very token
// by the key with that thumbprint.
func (d *dpop) check(r *http.Request, token, thumbprint string) error {
	sum := sha256.Sum256([]byte(token))
	_, err := d.prove(r, base64.RawURLEncoding.EncodeToString(sum[:]), thumbprint)
	return err
}

// prove is RFC 9449 §4.3: the request's one proof must be signed by the key with
// that thumbprint, or by any when it is empty, be made for this very request and
// the token with that digest, which is empty when there is none, be recent, and not
// have been seen. It returns the key's thumbprint.
func (d *dpop) prove(r *http.Request, digest, thumbprint string) (string, error) {
	headers := r.Header["Dpop"]
	switch {
	case len(headers) == 0:
		return "", errNoProof
	case len(headers) > 1:
		return "", errTwoProofs
	}
	signed, key, err := d.parse(headers[0])
	if err != nil {
		return "", err
	}
	sum, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", errProofForm
	}
	print := base64.RawURLEncoding.EncodeToString(sum)
	if thumbprint != "" && !same(print, thumbprint) {
		return "", errOtherKey
	}
	payload, err := signed.Verify(key)
	if err != nil {
		return "", errProofSign
	}
	var claims proofClaims
	if json.Unmarshal(payload, &claims) != nil {
		return "", errProofClaim
	}
	if err := d.checkClaims(r, digest, &claims); err != nil {
		return "", err
	}
	return print, d.checkFirst(r.Context(), print, &claims)
}

// parse reads a proof as far as that is possible without trusting it.
func (d *dpop) parse(proof string) (*jose.JSONWebSignature, *jose.JSONWebKey, error) {
	if len(proof) > maxProof {
		return nil, nil, errProofForm
	}
	signed, ok := parseSigned(proof, d.algorithms)
	if !ok {
		return nil, nil, errProofForm
	}
	header := signed.Signatures[0].Protected
	key := header.JSONWebKey
	if typeOf(header) != "dpop+jwt" || key == nil || !decent(key) {
		return nil, nil, errProofForm
	}
	return signed, key, nil
}

// decent reports whether a key is public, and of a size that is safe and cheap to
// check.
func decent(key *jose.JSONWebKey) bool {
	if !key.Valid() || !key.IsPublic() {
		return false
	}
	switch k := key.Key.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen() >= 2048 && k.N.BitLen() <= 4096 && k.E <= 1<<24
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}

func (d *dpop) checkClaims(r *http.Request, digest string, c *proofClaims) error {
	now, issued := d.now(), time.Unix(c.Issued, 0)
	switch {
	case c.ID == "" || len(c.ID) > maxProofID || c.Issued <= 0 || c.Issued > lastSecond || (c.Token == "" && digest != ""):
		return errProofClaim
	case c.Method != r.Method || !d.addressed(r, c.Address):
		return errProofMade
	case digest != "" && !same(c.Token, digest):
		return errProofToken
	case now.Sub(issued) > d.cfg.Window || issued.Sub(now) > d.cfg.Window:
		return errProofTime
	case d.cfg.Nonces && !d.knows(c.Nonce):
		return errNeedsNonce
	}
	return nil
}

// checkFirst lets a proof through once. It is the last check, so that a proof
// that is refused for another reason is not used up.
func (d *dpop) checkFirst(ctx context.Context, thumbprint string, c *proofClaims) error {
	sum := sha256.Sum256([]byte(thumbprint + "\x00" + c.ID))
	first, err := d.cfg.Remember(ctx, base64.RawURLEncoding.EncodeToString(sum[:]), time.Unix(c.Issued, 0).Add(d.cfg.Window))
	if err != nil {
		return fmt.Errorf("remembering a DPoP proof: %w", err)
	}
	if !first {
		return errProofAgain
	}
	return nil
}

// addressed reports whether htu is the request's address. Query and fragment do
// not count; scheme, host and path are compared as RFC 3986 §6.2.2 and §6.2.3 say.
func (d *dpop) addressed(r *http.Request, htu string) bool {
	u, err := url.Parse(htu)
	if err != nil || u.User != nil || u.Opaque != "" {
		return false
	}
	path := sentPath(r)
	below := strings.TrimSuffix(d.base.EscapedPath(), "/")
	if strings.HasPrefix(path, below+"/") { // no proxy has cut it off
		below = ""
	}
	return strings.EqualFold(u.Scheme, d.base.Scheme) && normalHost(u) == normalHost(d.base) &&
		normalPath(u.EscapedPath()) == normalPath(below+path)
}

func normalHost(u *url.URL) string {
	host := strings.ToLower(u.Host)
	switch strings.ToLower(u.Scheme) {
	case "http":
		return strings.TrimSuffix(host, ":80")
	case "https":
		return strings.TrimSuffix(host, ":443")
	}
	return host
}

// normalPath spells percent-encoding in one way.
func normalPath(path string) string {
	if path == "" {
		return "/"
	}
	if !strings.Contains(path, "%") {
		return path
	}
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] != '%' || i+2 >= len(path) {
			b.WriteByte(path[i])
			continue
		}
		code := strings.ToUpper(path[i : i+3])
		if c, err := url.PathUnescape(code); err == nil && unreserved(c[0]) {
			code = c
		}
		b.WriteString(code)
		i += 2
	}
	return b.String()
}

func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// A nonce is the minute it was made in and a MAC over it, so that nothing has to
// be kept. It is good for as long as the next one is told, and some minutes more.
const (
	nonceStep = time.Minute
	nonceLife = 5      // steps
	nonceSize = 8 + 16 // bytes: the step and half a MAC
)

func (d *dpop) nonce() string { return d.nonceOf(d.now().Unix() / int64(nonceStep/time.Second)) }

func (d *dpop) nonceOf(step int64) string {
	text := binary.BigEndian.AppendUint64(nil, uint64(step))
	m := hmac.New(sha256.New, d.cfg.NonceKey)
	m.Write([]byte("dpop nonce"))
	m.Write(text)
	return base64.RawURLEncoding.EncodeToString(m.Sum(text)[:nonceSize])
}

func (d *dpop) knows(nonce string) bool {
	raw, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(raw) != nonceSize {
		return false
	}
	step := int64(binary.BigEndian.Uint64(raw[:8]))
	age := d.now().Unix()/int64(nonceStep/time.Second) - step
	return age >= -1 && age <= nonceLife && same(nonce, d.nonceOf(step))
}

// proofs remembers proof ids in two generations: when the younger one is old
// enough that nothing in the older counts any more, the older is dropped.
type proofs struct {
	now  func() time.Time
	keep time.Duration // how long an id must be remembered
	size int

	mu       sync.Mutex
	young    map[string]struct{}
	old      map[string]struct{}
	youngest time.Time // when young was begun
}

var errProofsFull = errors.New("too many DPoP proofs are remembered")

func (p *proofs) remember(_ context.Context, id string, _ time.Time) (first bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turn(p.now())
	_, young := p.young[id]
	_, old := p.old[id]
	switch {
	case young || old:
		return false, nil
	case len(p.young)+len(p.old) >= p.size:
		return false, errProofsFull
	}
	p.young[id] = struct{}{}
	return true, nil
}

// turn begins a new generation when it is time.
func (p *proofs) turn(now time.Time) {
	switch age := now.Sub(p.youngest); {
	case p.young == nil || age >= 2*p.keep:
		p.old, p.young, p.youngest = nil, map[string]struct{}{}, now
	case age >= p.keep:
		p.old, p.young, p.youngest = p.young, map[string]struct{}{}, now
	}
}
