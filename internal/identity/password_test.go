package identity

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/page"
	"github.com/sluicehq/sluice/internal/store/storetest"
)

func setup(t *testing.T, change func(*Config)) *Service {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	pages, err := page.New(page.Config{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{CaseSensitive: true, SessionTTL: time.Hour, PasswordConcurrency: 2, Log: log, Now: time.Now}
	if change != nil {
		change(&cfg)
	}
	return New(storetest.Open(t), pages, cfg)
}

// springHash computes what Spring's StandardPasswordEncoder stores.
func springHash(salt, password string) string {
	sum := sha256.Sum256([]byte(salt + password))
	for range 1023 {
		sum = sha256.Sum256(sum[:])
	}
	return hex.EncodeToString([]byte(salt)) + hex.EncodeToString(sum[:])
}

func TestImportedHashesVerifyAndAreReplaced(t *testing.T) {
	t.Parallel()
	s := setup(t, nil)
	crypted, err := bcrypt.GenerateFromPassword([]byte("admin"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	weak := argon{memory: 8, time: 1, threads: 1}
	salt := []byte("0123456789abcdef")
	for name, stored := range map[string]string{
		"spring": springHash("saltsalt", "admin"), "bcrypt": string(crypted), "argon2id, cheaper": weak.format(salt, weak.key("admin", salt)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			login := strings.ReplaceAll(name, " ", "")
			if _, err := s.Create(t.Context(), NewUser{Email: login, PasswordHash: stored}); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Authenticate(t.Context(), login, "Admin"); !fault.Is(err, fault.Unauthorized) {
				t.Errorf("wrong password: %v", err)
			}
			for range 2 { // before and after the hash is replaced
				if _, err := s.Authenticate(t.Context(), login, "admin"); err != nil {
					t.Fatal(err)
				}
			}
			u, err := s.ByEmail(t.Context(), login)
			if err != nil || !strings.HasPrefix(u.passwordHash, "$argon2id$v=19$m=19456,t=2,p=1$") {
				t.Errorf("stored form afterwards: %.30s %v", u.passwordHash, err)
			}
		})
	}
}

func TestVerifyRefusesWhatIsNoHash(t *testing.T) {
	t.Parallel()
	for _, stored := range []string{
		"", "admin", "$argon2id$", "$argon2id$v=19$m=99999999,t=2,p=1$c2FsdHNhbHQ$AAAA", "$argon2id$v=19$m=19456,t=2,p=1$$", "$argon2i$v=19$m=8,t=1,p=1$x$y",
		"$2a$", strings.Repeat("z", springSize), strings.Repeat("0", springSize),
	} {
		if argonDefault.verify(stored, "admin") || argonDefault.verify(stored, "") {
			t.Errorf("%q matches", stored)
		}
	}
	long := strings.Repeat("x", 72)
	crypted, err := bcrypt.GenerateFromPassword([]byte(long), bcrypt.MinCost)
	if err != nil || !argonDefault.verify(string(crypted), long) || argonDefault.verify(string(crypted), long+"more") {
		t.Error("bcrypt must not take a longer password by its first 72 bytes", err)
	}
}

func TestPasswordLimits(t *testing.T) {
	t.Parallel()
	s := setup(t, nil)
	for _, bad := range []string{"", strings.Repeat("x", maxPassword+1), "a\x00b", "\xff"} {
		if _, err := s.HashPassword(t.Context(), bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("%.5q: %v", bad, err)
		}
	}
	stored, err := s.HashPassword(t.Context(), strings.Repeat("x", maxPassword))
	if err != nil {
		t.Fatal(err)
	}
	if right, err := s.VerifyHash(t.Context(), stored, strings.Repeat("x", maxPassword+50)); right || err != nil {
		t.Errorf("a longer password: %v %v", right, err)
	}
}

// Sign-ins wait for a place among the slow hashes; a full queue and an ended
// context are not taken for a wrong password.
func TestHashesAreBounded(t *testing.T) {
	t.Parallel()
	s := setup(t, nil)
	for range cap(s.hashes) {
		s.hashes <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.VerifyHash(ctx, "", "x"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("no place in time: %v", err)
	}
	for range cap(s.queued) {
		s.queued <- struct{}{}
	}
	if _, err := s.VerifyHash(t.Context(), "", "x"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a full queue: %v", err)
	}
}

func FuzzVerify(f *testing.F) {
	for _, s := range []string{"$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAA", "$2a$04$", springHash("saltsalt", "a"), ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, stored string) {
		if costs, _, _, err := parseArgon(stored); err == nil && costs.memory > 1<<20 {
			t.Errorf("%q would take too much", stored)
		}
	})
}
