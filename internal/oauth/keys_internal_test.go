package oauth

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
	"github.com/sluicehq/sluice/internal/store/storetest"
)

const (
	rs = "RS256"
	es = "ES256"
)

// keyTest is one process's view of the keys, with a clock and a log to look at.
type keyTest struct {
	*keyStore
	mu  sync.Mutex
	at  time.Time
	log bytes.Buffer
}

func (k *keyTest) clock() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.at
}

func (k *keyTest) move(d time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.at = k.at.Add(d)
}

func newKeyTest(db *store.DB, at time.Time, change func(*Config)) *keyTest {
	k := &keyTest{at: at}
	cfg := Config{Now: k.clock, Log: slog.New(slog.NewTextHandler(&k.log, nil)), KeyRotation: 48 * time.Hour, KeyOverlap: 12 * time.Hour}
	if change != nil {
		change(&cfg)
	}
	k.keyStore = newKeyStore(db, cfg)
	return k
}

// start waits for the first keys too, so that the clock does not move beneath them.
func (k *keyTest) start(ctx context.Context) error {
	err := k.keyStore.start(ctx)
	k.wait()
	return err
}

func (k *keyTest) states(t *testing.T, algorithm string) string {
	t.Helper()
	ring, err := k.list(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, x := range ring.of(algorithm) {
		words = append(words, string(x.state(k.clock(), k.keep())))
	}
	return strings.Join(words, " ")
}

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

// A key is published before it signs and after, and then it is gone; who signs
// changes at the announced moment.
func TestKeysRotateThroughTheirStates(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	k := newKeyTest(storetest.Open(t), noon, nil)
	if err := k.start(ctx); err != nil {
		t.Fatal(err)
	}
	first := k.ring.Load().signing(es, k.clock()).id
	for _, step := range []struct {
		hours  int
		states string
		signs  bool // the first key still signs
	}{{0, "active", true}, {35, "active", true}, {36, "next active", true}, {47, "next active", true}, {48, "active retired", false}, {83, "active retired", false},
		{84, "active", false}} {
		k.mu.Lock()
		k.at = noon.Add(time.Duration(step.hours) * time.Hour)
		k.mu.Unlock()
		if err := k.load(ctx); err != nil {
			t.Fatal(err)
		}
		if err := k.rotateDue(ctx); err != nil {
			t.Fatal(err)
		}
		got := k.states(t, es)
		if step.hours == 84 { // its own successor is due at the same hour
			got = strings.TrimPrefix(got, "next ")
		}
		if got != step.states || (k.current(0).signing(es, k.clock()).id == first) != step.signs {
			t.Errorf("after %d hours: %s", step.hours, got)
		}
		if n := len(k.current(0).published(k.clock(), k.keep()).Keys); n < 2 {
			t.Errorf("after %d hours %d keys are published", step.hours, n)
		}
	}
}

// Eight processes whose clocks reach the hour together make one successor of each
// algorithm, and all sign with the same key.
func TestProcessesAgreeOnKeys(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := storetest.Open(t)
	nodes := make([]*keyTest, 8)
	for i := range nodes {
		nodes[i] = newKeyTest(db, noon, nil)
	}
	all := func(fn func(*keyTest) error) {
		t.Helper()
		var wg sync.WaitGroup
		for _, n := range nodes {
			wg.Go(func() {
				if err := fn(n); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	all(func(k *keyTest) error { return k.start(ctx) })
	for round := 1; round <= 3; round++ {
		all(func(k *keyTest) error {
			k.move(48 * time.Hour)
			if err := k.load(ctx); err != nil {
				return err
			}
			return k.rotateDue(ctx)
		})
		ids := map[string]bool{}
		for _, n := range nodes {
			for _, algorithm := range signingAlgorithms {
				ids[n.current(0).signing(algorithm, n.clock().Add(12*time.Hour)).id] = true
				if newest := n.current(0).newest(algorithm); newest.generation != int64(round+1) {
					t.Errorf("round %d: generation %d of %s", round, newest.generation, algorithm)
				}
			}
		}
		if len(ids) != 2 {
			t.Errorf("round %d: %d keys sign", round, len(ids))
		}
	}
}

// A running process signs with another's new key and knows its kid without a
// restart.
func TestNewKeysAreNoticed(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := storetest.Open(t)
	a, b := newKeyTest(db, noon, nil), newKeyTest(db, noon, nil)
	for _, k := range []*keyTest{a, b} {
		if err := k.start(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.rotate(ctx, []string{es}, true); err != nil {
		t.Fatal(err)
	}
	token, err := a.sign(es, typeID, map[string]any{"a": "b"})
	if err != nil {
		t.Fatal(err)
	}
	b.move(2 * time.Second)
	if _, err := b.verify(token, typeID); err != nil {
		t.Error("an unknown kid is not looked up:", err)
	}
	if _, err := b.verify(token, typeAccess); err == nil {
		t.Error("a token of one type passes as another")
	}
	b.move(signingAge)
	if got, want := b.current(signingAge).signing(es, b.clock()).id, a.ring.Load().signing(es, a.clock()).id; got != want {
		t.Errorf("it signs with %s, the others with %s", got, want)
	}
}

func mustMaster(t *testing.T) (*MasterKey, string) {
	t.Helper()
	raw := make([]byte, 32)
	_, _ = rand.Read(raw)
	text := base64.StdEncoding.EncodeToString(raw)
	m, err := ParseMasterKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return m, text
}

// storedKeys returns what the database holds.
func storedKeys(t *testing.T, k *keyTest) (stored [][]byte, by map[string]int) {
	t.Helper()
	rows, err := k.rows(context.Background(), k.db)
	if err != nil {
		t.Fatal(err)
	}
	by = map[string]int{}
	for _, x := range rows {
		stored = append(stored, x.stored)
		by[x.sealedBy]++
	}
	return stored, by
}

// From open keys to encrypted ones, to others, and never by a key that is wrong or
// missing. The signing keys stay the same throughout.
func TestKeysAreEncryptedAtRest(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := storetest.Open(t)
	one, _ := mustMaster(t)
	two, _ := mustMaster(t)
	open := newKeyTest(db, noon, nil)
	if err := open.start(ctx); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(open.log.String(), "level=WARN") || !strings.Contains(open.log.String(), "not encrypted") {
		t.Errorf("no warning: %s", &open.log)
	}
	token, err := open.sign(rs, typeID, map[string]any{"a": "b"})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name          string
		key, previous *MasterKey
		wrong         string // what the refusal says; empty: it starts
	}{
		{"configured later", one, nil, ""},
		{"left out", nil, nil, "set sluice.key"},
		{"another", two, nil, "sluice.key-previous"},
		{"another, with the old one", two, one, ""},
		{"the old one", one, nil, "sluice.key-previous"},
		{"again", two, nil, ""},
	} {
		k := newKeyTest(db, noon, func(c *Config) { c.Key, c.PreviousKey = step.key, step.previous })
		err := k.start(ctx)
		if step.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), step.wrong) {
				t.Errorf("%s: %v", step.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", step.name, err)
			continue
		}
		stored, by := storedKeys(t, k)
		if len(by) != 1 || by[step.key.Fingerprint()] != 2 {
			t.Errorf("%s: encrypted by %v", step.name, by)
		}
		for _, s := range stored {
			if _, err := x509.ParsePKCS8PrivateKey(s); err == nil {
				t.Errorf("%s: a key lies open", step.name)
			}
		}
		if _, err := k.verify(token, typeID); err != nil {
			t.Errorf("%s: the key has changed: %v", step.name, err)
		}
		if strings.Contains(k.log.String(), "WARN") {
			t.Errorf("%s: %s", step.name, &k.log)
		}
	}
	if err := open.rotate(ctx, []string{es}, true); !fault.Is(err, fault.Invalid) {
		t.Errorf("a key would lie open beside encrypted ones: %v", err)
	}
}

// An encrypted key opens under its own kid and algorithm alone.
func TestEncryptedKeysAreBoundToTheirIDs(t *testing.T) {
	t.Parallel()
	m, _ := mustMaster(t)
	sealed := m.seal("kid", rs, []byte("private"))
	if got, err := m.open("kid", rs, sealed); err != nil || string(got) != "private" {
		t.Fatal(got, err)
	}
	for _, c := range [][2]string{{"other", rs}, {"kid", es}, {"kid\x00RS256", ""}} {
		if _, err := m.open(c[0], c[1], sealed); err == nil {
			t.Errorf("it opens as %q", c)
		}
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := m.open("kid", rs, sealed); err == nil {
		t.Error("a changed key opens")
	}
}

func TestMasterKeysAreParsed(t *testing.T) {
	t.Parallel()
	raw := bytes.Repeat([]byte{0xfb, 0xef}, 16)
	want := ""
	for _, text := range []string{hex.EncodeToString(raw), base64.StdEncoding.EncodeToString(raw), base64.RawStdEncoding.EncodeToString(raw),
		base64.URLEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw)} {
		m, err := ParseMasterKey(text)
		if err != nil || (want != "" && m.Fingerprint() != want) {
			t.Errorf("%q: %v", text, err)
			continue
		}
		want = m.Fingerprint()
	}
	for _, text := range []string{"", "hunter2", strings.Repeat("a", 62), base64.StdEncoding.EncodeToString(raw[:31]), base64.StdEncoding.EncodeToString(append(raw, 1)), hex.EncodeToString(raw) + "0"} {
		if _, err := ParseMasterKey(text); err == nil || (text != "" && strings.Contains(err.Error(), text)) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A database of the first version, with one open RS256 key, goes on signing with
// it.
func TestKeysOfTheFirstVersionStay(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := storetest.Open(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	// The columns that the first version wrote; the migration has filled the others.
	if _, err := db.Exec(ctx, `INSERT INTO signing_keys (id, algorithm, private_key, created_at, active_at) VALUES ($1, $2, $3, $4, $4)`,
		"old", rs, der, store.Millis(noon.Add(-time.Hour))); err != nil {
		t.Fatal(err)
	}
	k := newKeyTest(db, noon, nil)
	if err := k.start(ctx); err != nil {
		t.Fatal(err)
	}
	if got := k.current(0).signing(rs, noon).id; got != "old" {
		t.Errorf("it signs with %s", got)
	}
	if got := k.states(t, rs) + ", " + k.states(t, es); got != "active, active" {
		t.Errorf("%s", got)
	}
}

// A revoked key is gone at once, and another signs.
func TestRevokedKeysAreGone(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	k := newKeyTest(storetest.Open(t), noon, nil)
	if err := k.start(ctx); err != nil {
		t.Fatal(err)
	}
	for round, prepare := range []func() error{func() error { return nil }, func() error { return k.rotate(ctx, []string{es}, false) }} {
		if err := prepare(); err != nil {
			t.Fatal(err)
		}
		token, err := k.sign(es, typeID, struct{}{})
		if err != nil {
			t.Fatal(err)
		}
		bad := k.current(0).signing(es, k.clock()).id
		if err := k.revoke(ctx, bad); err != nil {
			t.Fatal(err)
		}
		if _, err := k.verify(token, typeID); err == nil {
			t.Errorf("round %d: what it signed is believed", round)
		}
		if got := k.states(t, es); got != "active" {
			t.Errorf("round %d: %s", round, got)
		}
		if k.current(0).signing(es, k.clock()).id == bad {
			t.Errorf("round %d: it still signs", round)
		}
	}
	if err := k.revoke(ctx, "nobody"); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
}

// Rotating by hand in a loop ends before verifiers refuse the key set.
func TestRotationByHandIsBounded(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	k := newKeyTest(storetest.Open(t), noon, nil)
	if err := k.start(ctx); err != nil {
		t.Fatal(err)
	}
	var err error
	n := 0
	for ; err == nil && n < 100; n++ {
		k.move(time.Second)
		err = k.rotate(ctx, []string{es}, true)
	}
	if !fault.Is(err, fault.Conflict) || n != maxPublished {
		t.Errorf("after %d rotations: %v", n, err)
	}
}

// numbers is how %v prints bytes.
func numbers(b []byte) string { return fmt.Sprintf("%v", b) }

// Whatever prints a key, a ring, the store or the configuration, shows no secret.
func TestNothingPrintsAKey(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	master, text := mustMaster(t)
	raw, _ := base64.StdEncoding.DecodeString(text)
	k := newKeyTest(storetest.Open(t), noon, func(c *Config) { c.Key = master })
	if err := k.start(ctx); err != nil {
		t.Fatal(err)
	}
	ring := k.current(0)
	secrets := []string{text, hex.EncodeToString(raw), numbers(raw)}
	for _, x := range ring.keys {
		switch key := x.private.Key.(type) {
		case *rsa.PrivateKey:
			secrets = append(secrets, key.D.String(), key.Primes[0].String(), hex.EncodeToString(key.D.Bytes()))
		case *ecdsa.PrivateKey:
			d, err := key.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			secrets = append(secrets, numbers(d), hex.EncodeToString(d), base64.RawURLEncoding.EncodeToString(d))
		}
	}
	var printed strings.Builder
	var log bytes.Buffer
	for _, v := range []any{master, *master, ring, *ring, ring.keys, ring.keys[0], *ring.keys[0], k.keyStore, &Config{Key: master}, Config{Key: master}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x"} {
			_, _ = fmt.Fprintf(&printed, verb+"\n", v)
		}
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
	}
	for _, s := range secrets {
		if strings.Contains(printed.String(), s) || strings.Contains(log.String(), s) || strings.Contains(k.log.String(), s) {
			t.Errorf("a secret of %d characters is printed", len(s))
		}
	}
}

// A new database's RSA key is made while the rest goes on: who needs it waits for it, who
// does not goes on, and a second process begins with it.
func TestTheFirstRSAKeyIsMadeMeanwhile(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	k := newKeyTest(db, time.Now(), nil)
	if err := k.keyStore.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if k.first == nil {
		t.Fatal("nobody makes it")
	}
	for _, algorithm := range []string{es, rs} {
		if token, err := k.sign(algorithm, typeAccess, struct{}{}); err != nil {
			t.Errorf("%s: %v", algorithm, err)
		} else if _, err := k.verify(token, typeAccess); err != nil {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
	if k.making() {
		t.Error("what needs the key did not wait for it")
	}
	second := newKeyTest(db, time.Now(), nil)
	if err := second.start(t.Context()); err != nil || second.first != nil {
		t.Errorf("a second process makes one too: %v", err)
	}
	ring, err := k.list(t.Context())
	if err != nil || len(ring.of(rs)) != 1 || len(ring.of(es)) != 1 {
		t.Errorf("%+v %v", ring, err)
	}
}
