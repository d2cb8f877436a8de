package bearer

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/binary"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// The reference vectors of SipHash-2-4 with 128 bits: key 00…0f, input 00, 01, ….
func TestDigest(t *testing.T) {
	t.Parallel()
	var key, input [64]byte
	for i := range key {
		key[i], input[i] = byte(i), byte(i)
	}
	k := &digestKey{binary.LittleEndian.Uint64(key[:8]), binary.LittleEndian.Uint64(key[8:16])}
	for n, want := range map[int]string{
		0: "a3817f04ba25a8e66df67214c7550293", 1: "da87c1d86b99af44347659119b22fc45", 2: "8177228da4a45dc7fca38bdef60affe4",
	} {
		d := k.of(string(input[:n]))
		got := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, d.high), d.low)
		if hex.EncodeToString(got) != want {
			t.Errorf("%d bytes: %x, want %s", n, got, want)
		}
	}
	seen := map[digest]int{}
	for n := range 4096 {
		d := k.of(strings.Repeat("a", n))
		if other, ok := seen[d]; ok {
			t.Fatalf("lengths %d and %d have one digest", n, other)
		}
		seen[d] = n
	}
	if one, two := newDigestKey(), newDigestKey(); *one == *two {
		t.Error("two processes have one key")
	}
}

// A digest is compared in whole: two tokens with the same first half are two.
func TestFactsAreForTheWholeDigest(t *testing.T) {
	t.Parallel()
	c := Cached(ValidatorFunc(func(context.Context, string) (*Token, error) { return &Token{}, nil }))
	if _, err := c.Validate(t.Context(), "good"); err != nil {
		t.Fatal(err)
	}
	d, now := c.key.of("good"), c.clock.nano()
	if c.good.get(d) == nil || c.seen(d).fact == nil {
		t.Error("what is remembered is not known")
	}
	if c.good.get(digest{d.high, d.low + 1}) != nil || !c.seen(digest{d.high, d.low + 1}).empty() {
		t.Error("another token with the same first half is known")
	}
	c.bad.add(d, now+1e9)
	if c.bad.get(d) == nil || c.bad.get(digest{d.high, d.low + 1}) != nil {
		t.Error("a refusal is for one token")
	}
	for at, refused := range map[int64]bool{now: true, now + 1e9 - 1: true, now + 1e9: false} {
		if _, known, err := c.seen(d).at(c, "good", d, at); !known || (err != nil) != refused {
			t.Errorf("%d ns after it was remembered: known %v, %v", at-now, known, err)
		}
	}
}

// Private, symmetric and weak keys have no business in a published set.
func TestKeysThatAreDropped(t *testing.T) {
	t.Parallel()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	weak := &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 1023, 1), E: 65537}
	for name, key := range map[string]any{"private": private, "symmetric": []byte("secret-secret-secret-secret-secret"), "weak": weak} {
		text, err := jose.JSONWebKey{Key: key, KeyID: "k"}.MarshalJSON()
		if err != nil {
			t.Fatal(name, err)
		}
		if keys, err := readKeys([]byte(`{"keys":[` + string(text) + `]}`)); err != nil || len(keys) != 0 {
			t.Errorf("%s: %d keys, %v", name, len(keys), err)
		}
	}
}
