package oauth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"strings"
)

// The prefixes let secret scanners recognise what leaked.
const (
	codePrefix    = "slc_ac_"
	accessPrefix  = "slc_at_"
	refreshPrefix = "slc_rt_"
	secretPrefix  = "slc_cs_"
)

// newSecret returns prefix and 256 random bits.
func newSecret(prefix string) string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return prefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// hash is how a code or token is kept.
func hash(secret string) []byte {
	h := sha256.Sum256([]byte(secret))
	return h[:]
}

// A generated client secret has 256 bits and needs no slow hash; one that a
// person chose does. The stored form says which it is.
const digestForm = "sha256:"

func digestSecret(secret string) string {
	return digestForm + base64.RawStdEncoding.EncodeToString(hash(secret))
}

func isDigest(stored string) bool { return strings.HasPrefix(stored, digestForm) }

// digestMatches compares a generated secret with its stored form in constant
// time.
func digestMatches(stored, secret string) bool {
	return subtle.ConstantTimeCompare([]byte(stored), []byte(digestSecret(secret))) == 1
}

// seal hides successor so that only the bearer of old can read it. old is kept
// nowhere, so the database alone does not give the successor away. Each key is
// used once, which makes the fixed nonce sound.
func seal(old, successor string) []byte {
	aead := sealer(old)
	return aead.Seal(nil, make([]byte, aead.NonceSize()), []byte(successor), nil) //nolint:gosec // G407: each key seals one text
}

// unseal returns what seal hid.
func unseal(old string, sealed []byte) (string, error) {
	aead := sealer(old)
	text, err := aead.Open(nil, make([]byte, aead.NonceSize()), sealed, nil)
	if err != nil {
		return "", errors.New("unsealing a successor")
	}
	return string(text), nil
}

func sealer(old string) cipher.AEAD {
	key := sha256.Sum256([]byte("sluice refresh successor\x00" + old))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // the key has 32 bytes
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // AES has the right block size
	}
	return aead
}
