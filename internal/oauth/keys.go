package oauth

import (
	"crypto"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/sluicehq/sluice/internal/fault"
)

// signingAlgorithms are what this server signs with; it has keys of both. RS256
// is what every client library reads (RFC 9068 §2.1, OpenID Connect Core §3.1.3.7),
// ES256 is some 25 times faster to sign.
var signingAlgorithms = []string{string(jose.RS256), string(jose.ES256)}

// The types of the JWTs that are signed here. A verifier tells them apart by
// "typ", so that one never passes for another (RFC 8725 §3.11).
const (
	typeID     = "JWT"
	typeAccess = "at+jwt"     // RFC 9068 §2.1
	typeLogout = "logout+jwt" // OpenID Connect Back-Channel Logout §2.4
)

// KeyState is what a signing key is doing.
type KeyState string

// The states, in the order in which a key goes through them. Each follows from the
// key's and its successor's times alone, so that every process sees the same.
const (
	KeyNext    KeyState = "next"    // published, so that verifiers know it when it begins to sign
	KeyActive  KeyState = "active"  // signs
	KeyRetired KeyState = "retired" // published while a token that it signed may live
	keyGone    KeyState = "gone"    // about to be deleted
)

// maxTokenTTL is the longest life of anything signed here; check and Validate hold
// every setting and client to it.
const maxTokenTTL = 24 * time.Hour

// signingKey is one key with its times. It is never changed after it was read.
type signingKey struct {
	id         string
	algorithm  string
	generation int64
	sealedBy   string // fingerprint; empty: not encrypted
	created    time.Time
	active     time.Time // when it begins to sign
	retired    time.Time // when its successor begins; zero: there is none yet
	*pair
}

// Format keeps the private key out of whatever prints a key.
func (k *signingKey) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "signing key %s", k.id) }

// state is the key's at a time; keep is how long a retired key stays.
func (k *signingKey) state(now time.Time, keep time.Duration) KeyState {
	switch {
	case now.Before(k.active):
		return KeyNext
	case k.retired.IsZero() || now.Before(k.retired):
		return KeyActive
	case now.Before(k.retired.Add(keep)):
		return KeyRetired
	default:
		return keyGone
	}
}

// pair is a private key and what signs by it.
type pair struct {
	private jose.JSONWebKey
	signers sync.Map // typ → jose.Signer
}

func newPair(id, algorithm string, private crypto.Signer) *pair {
	return &pair{private: jose.JSONWebKey{Key: private, KeyID: id, Algorithm: algorithm, Use: "sig"}}
}

func (p *pair) signer(typ string) (jose.Signer, error) {
	if known, ok := p.signers.Load(typ); ok {
		return known.(jose.Signer), nil
	}
	key := jose.SigningKey{Algorithm: jose.SignatureAlgorithm(p.private.Algorithm), Key: p.private}
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		return nil, fmt.Errorf("preparing signing key %s: %w", p.private.KeyID, err)
	}
	p.signers.Store(typ, signer)
	return signer, nil
}

// keyring is the keys as they were read at a time; it is never changed.
type keyring struct {
	keys []*signingKey // the newest of each algorithm first
	read time.Time
}

// newKeyring tells each key when its successor begins.
func newKeyring(keys []*signingKey, read time.Time) *keyring {
	slices.SortFunc(keys, func(a, b *signingKey) int {
		if a.algorithm != b.algorithm {
			return slices.Index(signingAlgorithms, a.algorithm) - slices.Index(signingAlgorithms, b.algorithm)
		}
		return int(b.generation - a.generation)
	})
	for i, k := range keys {
		if i > 0 && keys[i-1].algorithm == k.algorithm {
			k.retired = keys[i-1].active
		}
	}
	return &keyring{keys: keys, read: read}
}

func (r *keyring) of(algorithm string) []*signingKey {
	var list []*signingKey
	for _, k := range r.keys {
		if k.algorithm == algorithm {
			list = append(list, k)
		}
	}
	return list
}

// newest is the algorithm's latest key, or nil.
func (r *keyring) newest(algorithm string) *signingKey {
	for _, k := range r.keys {
		if k.algorithm == algorithm {
			return k
		}
	}
	return nil
}

// signing is the key that signs at a time. When the clock stands before all of
// them, the oldest does: it has been published longest.
func (r *keyring) signing(algorithm string, now time.Time) *signingKey {
	var last *signingKey
	for _, k := range r.keys {
		if k.algorithm != algorithm {
			continue
		}
		if last = k; !now.Before(k.active) {
			break
		}
	}
	return last
}

func (r *keyring) find(id string) *signingKey {
	for _, k := range r.keys {
		if k.id == id {
			return k
		}
	}
	return nil
}

// published are the public keys that verifiers may need.
func (r *keyring) published(now time.Time, keep time.Duration) jose.JSONWebKeySet {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range r.keys {
		if k.state(now, keep) != keyGone {
			set.Keys = append(set.Keys, k.private.Public())
		}
	}
	return set
}

// sign makes a JWT of the given type.
func (k *keyStore) sign(algorithm, typ string, claims any) (string, error) {
	if algorithm == string(jose.RS256) {
		k.wait()
	}
	key := k.current(signingAge).signing(algorithm, k.now())
	if key == nil {
		return "", fmt.Errorf("signing: this process has no key of %s", algorithm)
	}
	signer, err := key.signer(typ)
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(claims).Serialize()
}

var errNotOurs = errors.New("no key of this server has signed it")

// verify returns the claims of a JWT that one of our keys signed, also a retired
// one. Nothing in them has been checked.
func (k *keyStore) verify(token, typ string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil || len(signed.Signatures) != 1 {
		return nil, errNotOurs
	}
	header := signed.Signatures[0].Protected
	key := k.current(signingAge).find(header.KeyID)
	if key == nil { // it may be another process's newest
		key = k.current(publishedAge).find(header.KeyID)
	}
	if key == nil || key.algorithm != header.Algorithm || header.ExtraHeaders[jose.HeaderType] != typ {
		return nil, errNotOurs
	}
	claims, err := signed.Verify(key.private.Public().Key)
	if err != nil {
		return nil, errNotOurs
	}
	return claims, nil
}

// idTokenAlg is what the client's id_tokens are signed with (OpenID Connect
// Registration §2: RS256 for a client that does not say).
func (c *Client) idTokenAlg() string {
	if c.IDTokenAlg != "" {
		return c.IDTokenAlg
	}
	return string(jose.RS256)
}

// accessTokenAlg is what the client's JWT access tokens are signed with.
func (s *Service) accessTokenAlg(c *Client) string {
	if c.AccessTokenAlg != "" {
		return c.AccessTokenAlg
	}
	return s.cfg.SigningAlg
}

// jwks answers the public keys (RFC 7517). Verifiers may keep them for as long as
// a new key is published, at the least, before it signs.
func (s *Service) jwks(w http.ResponseWriter, r *http.Request) {
	s.keys.wait()
	set := s.keys.current(publishedAge).published(s.now(), s.keys.keep())
	if len(set.Keys) == 0 {
		s.refuse(w, r, fault.New(fault.Unavailable, "this process has no signing keys"))
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=300")
	openToAll(w)
	writeJSON(w, http.StatusOK, set)
}
