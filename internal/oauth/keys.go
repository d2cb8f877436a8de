package oauth

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sluicehq/sluice/internal/store"
)

// keyring holds the signing keys, the current one first.
type keyring struct {
	signer jose.Signer // id_token: typ JWT
	access jose.Signer // access token: typ at+jwt (RFC 9068 §2.1)
	public jose.JSONWebKeySet
}

// signingAlgorithm is what every client library reads; ADF takes no EdDSA.
const signingAlgorithm = jose.RS256

// loadKeys reads the keys and makes the first one.
func loadKeys(ctx context.Context, db *store.DB, now func() time.Time) (*keyring, error) {
	ring, err := readKeys(ctx, db)
	if err != nil || ring != nil {
		return ring, err
	}
	if err := makeKey(ctx, db, now()); err != nil {
		return nil, fmt.Errorf("making the first signing key: %w", err)
	}
	return readKeys(ctx, db)
}

// makeKey makes the first signing key. The sequence's row lets one process at a
// time through, so that several starters agree on one key.
func makeKey(ctx context.Context, db *store.DB, now time.Time) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	id := make([]byte, 12)
	_, _ = rand.Read(id) // never fails
	return db.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.Next(ctx, "signing_key"); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRow(ctx, []any{&n}, `SELECT COUNT(*) FROM signing_keys`); err != nil || n > 0 {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO signing_keys (id, algorithm, private_key, created_at) VALUES ($1, $2, $3, $4)`,
			base64.RawURLEncoding.EncodeToString(id), string(signingAlgorithm), der, store.Millis(now))
		return err
	})
}

// readKeys returns nil when there is no key yet.
func readKeys(ctx context.Context, db *store.DB) (*keyring, error) {
	var ring *keyring
	err := db.Query(ctx, func(r store.Row) error {
		var id, algorithm string
		var der []byte
		if err := r.Scan(&id, &algorithm, &der); err != nil {
			return err
		}
		if ring == nil {
			ring = &keyring{}
		}
		return ring.add(id, algorithm, der)
	}, `SELECT id, algorithm, private_key FROM signing_keys ORDER BY created_at DESC, id`)
	if err != nil {
		return nil, fmt.Errorf("reading the signing keys: %w", err)
	}
	return ring, nil
}

func (k *keyring) add(id, algorithm string, der []byte) error {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return fmt.Errorf("reading signing key %s: %w", id, err)
	}
	private := jose.JSONWebKey{Key: parsed, KeyID: id, Algorithm: algorithm, Use: "sig"}
	k.public.Keys = append(k.public.Keys, private.Public())
	if k.signer != nil {
		return nil
	}
	key := jose.SigningKey{Algorithm: jose.SignatureAlgorithm(algorithm), Key: private}
	if k.signer, err = jose.NewSigner(key, (&jose.SignerOptions{}).WithType("JWT")); err != nil {
		return err
	}
	k.access, err = jose.NewSigner(key, (&jose.SignerOptions{}).WithType("at+jwt"))
	return err
}

// jwks answers the public keys (RFC 7517).
func (s *Service) jwks(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=300")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	writeJSON(w, http.StatusOK, s.keys.public)
}
