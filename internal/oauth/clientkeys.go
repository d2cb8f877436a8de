package oauth

import (
	"context"
	jsontext "encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/maypok86/otter/v2"

	"github.com/sluicehq/sluice/internal/fault"
)

const (
	// keysPause is the shortest time between two fetches of one key set: what a
	// flood of unknown key ids costs whoever publishes it.
	keysPause = 10 * time.Second
	// firstPause is the same while there is no set at all.
	firstPause = time.Second
	// keysFresh is when a set is fetched anew in the background, so that a key
	// which the client has withdrawn does not work for ever.
	keysFresh = 10 * time.Minute
	// keysAge is how long a set is used when fetching it anew keeps failing.
	keysAge = 24 * time.Hour
	// maxKeySets bounds how many sets are remembered.
	maxKeySets = 1000
)

// keySets remembers public keys of clients: parsed ones by the digest of their
// text, fetched ones by their address.
type keySets struct {
	now     func() time.Time
	fetch   func(ctx context.Context, address string) ([]byte, error)
	parsed  *otter.Cache[string, []jose.JSONWebKey]
	fetched *otter.Cache[string, *keySet]
}

func newKeySets(now func() time.Time, fetch func(context.Context, string) ([]byte, error)) *keySets {
	return &keySets{
		now: now, fetch: fetch,
		parsed:  otter.Must(&otter.Options[string, []jose.JSONWebKey]{MaximumSize: maxKeySets}),
		fetched: otter.Must(&otter.Options[string, *keySet]{MaximumSize: maxKeySets}),
	}
}

// clientKeys returns the public keys of a client that may have signed under a key
// id; without an id all of them. No key and no error means that the id is known
// to be wrong; an error means that the keys cannot be known now, and is of the
// kind Unavailable.
func (s *Service) clientKeys(ctx context.Context, c *Client, kid string) ([]jose.JSONWebKey, error) {
	return s.publicKeysOf(ctx, c.JWKS, c.JWKSURI, kid)
}

// publicKeysOf is clientKeys for any pair of jwks and jwks_uri that a
// registration holds.
func (s *Service) publicKeysOf(ctx context.Context, jwks jsontext.RawMessage, uri, kid string) ([]jose.JSONWebKey, error) {
	if uri != "" {
		return s.keySets.at(uri).find(ctx, kid)
	}
	if len(jwks) == 0 {
		return nil, nil
	}
	keys, err := s.keySets.parse(jwks)
	return withID(keys, kid), err
}

// parse reads a registered set, or remembers it.
func (k *keySets) parse(text jsontext.RawMessage) ([]jose.JSONWebKey, error) {
	digest := string(hash(string(text)))
	if keys, ok := k.parsed.GetIfPresent(digest); ok {
		return keys, nil
	}
	keys, err := publicKeys(text)
	if err != nil {
		return nil, fmt.Errorf("reading registered keys: %w", err)
	}
	keys = forSignatures(keys)
	k.parsed.Set(digest, keys)
	return keys, nil
}

func (k *keySets) at(uri string) *keySet {
	if set, ok := k.fetched.GetIfPresent(uri); ok {
		return set
	}
	set, _ := k.fetched.SetIfAbsent(uri, &keySet{owner: k, uri: uri})
	return set
}

// withID returns the keys with that id; without an id, all.
func withID(keys []jose.JSONWebKey, id string) []jose.JSONWebKey {
	if id == "" {
		return keys
	}
	var found []jose.JSONWebKey
	for _, k := range keys {
		if k.KeyID == id {
			found = append(found, k)
		}
	}
	return found
}

// forSignatures drops keys that are for encryption.
func forSignatures(keys []jose.JSONWebKey) []jose.JSONWebKey {
	var found []jose.JSONWebKey
	for _, k := range keys {
		if k.Use == "" || k.Use == "sig" {
			found = append(found, k)
		}
	}
	return found
}

// readKeySet takes the public signing keys out of a fetched set. Others in it are
// dropped, since not everything that is published there is meant for us.
func readKeySet(text []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []jsontext.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, errors.New("reading fetched keys: it is no JWK Set")
	}
	if len(set.Keys) > maxClientKeys {
		return nil, fmt.Errorf("reading fetched keys: there are more than %d", maxClientKeys)
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(raw) == nil && k.Valid() && k.IsPublic() {
			keys = append(keys, k)
		}
	}
	if keys = forSignatures(keys); len(keys) == 0 {
		return nil, errors.New("reading fetched keys: there is no public signing key among them")
	}
	return keys, nil
}

// keySet is one address's keys. One fetch serves all who wait, and outlives the
// caller that began it; the last good set stays when fetching fails.
type keySet struct {
	owner *keySets
	uri   string

	mu      sync.Mutex
	keys    []jose.JSONWebKey
	fetched time.Time // the last success
	tried   time.Time
	failure error         // of the last try
	flight  chan struct{} // closed when the fetch under way has ended
}

// find returns the keys under an id, fetching them when they are unknown.
func (k *keySet) find(ctx context.Context, id string) ([]jose.JSONWebKey, error) {
	for {
		keys, wait, err := k.look(id)
		if wait == nil {
			return keys, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, fault.Wrap(fault.Unavailable, ctx.Err(), "the client's keys are still being fetched")
		}
	}
}

// look returns keys, or what to wait for, or why neither is to be had.
func (k *keySet) look(id string) (keys []jose.JSONWebKey, wait <-chan struct{}, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.owner.now()
	known := !k.fetched.IsZero() && now.Sub(k.fetched) < keysAge
	pause := keysPause
	if !known {
		pause = firstPause
	}
	mayFetch := k.flight == nil && (k.tried.IsZero() || now.Sub(k.tried).Abs() >= pause)
	if known {
		keys = withID(k.keys, id)
	}
	switch {
	case len(keys) > 0:
		if mayFetch && now.Sub(k.fetched) >= keysFresh {
			k.begin(now)
		}
		return keys, nil, nil
	case mayFetch:
		k.begin(now)
		return nil, k.flight, nil
	case k.flight != nil:
		return nil, k.flight, nil
	default:
		return nil, nil, k.failure // nil: the set is as good as new and has no such key
	}
}

// begin starts a fetch; k.mu is held. It ends after fetchTimeout at the latest.
func (k *keySet) begin(now time.Time) {
	done := make(chan struct{})
	k.tried, k.flight = now, done
	go func() {
		text, err := k.owner.fetch(context.Background(), k.uri)
		var keys []jose.JSONWebKey
		if err == nil {
			keys, err = readKeySet(text)
			err = fault.Wrap(fault.Unavailable, err, "what the client publishes as its keys cannot be read")
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.failure = err; err == nil {
			k.keys, k.fetched = keys, now
		}
		k.flight = nil
		close(done)
	}()
}
