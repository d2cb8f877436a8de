package oauth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"log/slog"
	"strings"
)

// MasterKey encrypts the signing keys at rest, by AES-256-GCM. It never shows
// itself: whatever prints it gets its fingerprint.
type MasterKey struct {
	aead        cipher.AEAD
	fingerprint string
}

// errMasterKey says what is wanted and holds nothing of what was given.
var errMasterKey = errors.New("it must be 32 random bytes in base64 or hex, such as `openssl rand -base64 32` prints")

// ParseMasterKey reads 32 bytes in base64 (either alphabet, padded or not) or hex.
// Its error does not hold the text.
func ParseMasterKey(text string) (*MasterKey, error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != 32 {
		plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
		if raw, err = base64.RawStdEncoding.DecodeString(plain); err != nil || len(raw) != 32 {
			return nil, errMasterKey
		}
	}
	// What encrypts and what names the key are derived apart, so that the name
	// gives nothing away and the key may serve other uses.
	secret, err := hkdf.Key(sha256.New, raw, nil, "sluice signing keys", 32)
	if err != nil {
		return nil, errMasterKey
	}
	name, err := hkdf.Key(sha256.New, raw, nil, "sluice key fingerprint", 6)
	if err != nil {
		return nil, errMasterKey
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, errMasterKey
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, errMasterKey
	}
	return &MasterKey{aead: aead, fingerprint: hex.EncodeToString(name)}, nil
}

// Fingerprint names the key: 12 hexadecimal digits.
func (m *MasterKey) Fingerprint() string {
	if m == nil {
		return ""
	}
	return m.fingerprint
}

// String returns the fingerprint.
func (m *MasterKey) String() string { return "key " + m.Fingerprint() }

// GoString keeps the key out of %#v.
func (m *MasterKey) GoString() string { return m.String() }

// LogValue keeps the key out of logs.
func (m *MasterKey) LogValue() slog.Value { return slog.StringValue(m.String()) }

// bound is what an encrypted key is tied to: under another kid or algorithm it
// does not open.
func bound(kid, algorithm string) []byte {
	return []byte("sluice signing key\x00" + kid + "\x00" + algorithm)
}

func (m *MasterKey) seal(kid, algorithm string, private []byte) []byte {
	none := private[:0] // this AEAD draws its nonce itself and puts it in front
	return m.aead.Seal(nil, none, private, bound(kid, algorithm))
}

func (m *MasterKey) open(kid, algorithm string, sealed []byte) ([]byte, error) {
	private, err := m.aead.Open(nil, nil, sealed, bound(kid, algorithm))
	if err != nil {
		return nil, errors.New("what is stored was changed")
	}
	return private, nil
}
