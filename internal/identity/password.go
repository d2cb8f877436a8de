package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"github.com/sluicehq/sluice/internal/fault"
)

// maxPassword bounds what is hashed, in bytes.
const maxPassword = 1000

// argon is a set of argon2id costs. The default is OWASP's first choice for a
// small memory.
type argon struct {
	memory, time uint32
	threads      uint8
}

var argonDefault = argon{memory: 19 << 10, time: 2, threads: 1}

// argonCheap is for tests: they hash again and again what nobody wants to know.
var argonCheap = argon{memory: 64, time: 1, threads: 1}

const (
	saltSize = 16
	keySize  = 32
)

// HashPassword returns the PHC string of argon2id for a password. It waits for a
// place among the hashes that run; a full queue is an Unavailable fault.
func (s *Service) HashPassword(ctx context.Context, password string) (string, error) {
	if err := checkPassword(password); err != nil {
		return "", err
	}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	var stored string
	err := s.slow(ctx, func() { stored = s.costs.format(salt, s.costs.key(password, salt)) })
	return stored, err
}

func checkPassword(password string) error {
	if password == "" || len(password) > maxPassword || !utf8.ValidString(password) || strings.ContainsRune(password, 0) {
		return fault.New(fault.Invalid, "a password is text of 1 to %d bytes", maxPassword)
	}
	return nil
}

// VerifyHash reports whether secret belongs to the stored form. Any form that is
// not one, also the empty one, costs a hash and does not match: time tells
// nothing. An error means that it could not be checked.
func (s *Service) VerifyHash(ctx context.Context, stored, secret string) (bool, error) {
	if len(secret) > maxPassword {
		secret = secret[:maxPassword+1] // matches nothing, costs as much
	}
	var right bool
	err := s.slow(ctx, func() { right = s.costs.verify(stored, secret) })
	return right, err
}

// slow runs fn in one of the places for slow hashes.
func (s *Service) slow(ctx context.Context, fn func()) error {
	select {
	case s.queued <- struct{}{}:
		defer func() { <-s.queued }()
	default:
		return fault.New(fault.Unavailable, "Too many sign-ins at once. Try again in a moment.")
	}
	select {
	case s.hashes <- struct{}{}:
		defer func() { <-s.hashes }()
	case <-ctx.Done():
		return fault.Wrap(fault.Unavailable, ctx.Err(), "The sign-in took too long. Try again in a moment.")
	}
	s.hashed.Add(1)
	fn()
	return nil
}

// verify checks the three stored forms. What is no such form is checked against a
// hash that nothing matches; so is what does not match an imported form, which would
// show by its own time that the user exists.
func (a argon) verify(stored, secret string) bool {
	switch {
	case strings.HasPrefix(stored, "$argon2id$"):
		costs, salt, want, err := parseArgon(stored)
		if err == nil {
			return subtle.ConstantTimeCompare(costs.key(secret, salt), want) == 1
		}
	case strings.HasPrefix(stored, "$2"):
		// bcrypt reads 72 bytes; a longer password would match by its beginning.
		if len(secret) <= 72 && bcrypt.CompareHashAndPassword([]byte(stored), []byte(secret)) == nil {
			return true
		}
	case len(stored) == springSize && verifySpring(stored, secret):
		return true
	}
	a.key(secret, make([]byte, saltSize))
	return false
}

// outdated reports whether a stored form should be replaced by today's.
func (a argon) outdated(stored string) bool {
	costs, _, _, err := parseArgon(stored)
	return err != nil || costs != a
}

// springSize is the length of what Spring's StandardPasswordEncoder stores: the
// hex form of an 8-byte salt and a SHA-256 digest.
const springSize = 2 * (8 + sha256.Size)

// verifySpring checks such a hash: SHA-256 applied 1024 times to salt and
// password (the encoder's site-wide secret is empty, as in APS).
func verifySpring(stored, secret string) bool {
	raw, err := hex.DecodeString(stored)
	if err != nil {
		return false
	}
	sum := sha256.Sum256(append(raw[:8:8], secret...))
	for range 1023 {
		sum = sha256.Sum256(sum[:])
	}
	return subtle.ConstantTimeCompare(sum[:], raw[8:]) == 1
}

func (a argon) key(secret string, salt []byte) []byte {
	return argon2.IDKey([]byte(secret), salt, a.time, a.memory, a.threads, keySize)
}

func (a argon) format(salt, key []byte) string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, a.memory, a.time, a.threads, b64(salt), b64(key))
}

// parseArgon reads a PHC string and refuses costs that would hold the server up.
func parseArgon(stored string) (a argon, salt, key []byte, err error) {
	parts := strings.Split(stored, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return a, nil, nil, errors.New("no argon2id hash")
	}
	if _, err = fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &a.memory, &a.time, &a.threads); err != nil {
		return a, nil, nil, errors.New("no argon2id costs")
	}
	if a.memory == 0 || a.memory > 1<<20 || a.time == 0 || a.time > 20 || a.threads == 0 || a.threads > 16 {
		return a, nil, nil, errors.New("argon2id costs out of bounds")
	}
	if salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil || len(salt) < 8 {
		return a, nil, nil, errors.New("no argon2id salt")
	}
	if key, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil || len(key) != keySize {
		return a, nil, nil, errors.New("no argon2id key")
	}
	return a, salt, key, nil
}
