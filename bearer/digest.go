package bearer

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
)

// digest stands for a token in memory, so that no token is kept there: SipHash-2-4
// with 128 bits (Aumasson and Bernstein, 2012) under a key that this process made
// up. Whoever does not know the key can neither aim at a place in a table nor find
// a second token for a digest.
type digest struct{ high, low uint64 }

// digestKey makes digests.
type digestKey struct{ k0, k1 uint64 }

func newDigestKey() *digestKey {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return &digestKey{binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:])}
}

// of returns token's digest. The conversion to bytes copies nothing.
func (k *digestKey) of(token string) digest {
	v0, v1 := k.k0^0x736f6d6570736575, k.k1^0x646f72616e646f6d^0xee
	v2, v3 := k.k0^0x6c7967656e657261, k.k1^0x7465646279746573
	rest := []byte(token)
	for ; len(rest) >= 8; rest = rest[8:] {
		word := binary.LittleEndian.Uint64(rest)
		v3 ^= word
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
		v0 ^= word
	}
	word := uint64(len(token)) << 56
	for i, c := range rest {
		word |= uint64(c) << (8 * i)
	}
	v3 ^= word
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0 ^= word
	v2 ^= 0xee
	for range 4 {
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	}
	first := v0 ^ v1 ^ v2 ^ v3
	v1 ^= 0xdd
	for range 4 {
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	}
	return digest{first, v0 ^ v1 ^ v2 ^ v3}
}

func sipRound(a, b, c, d uint64) (v0, v1, v2, v3 uint64) {
	a += b
	b = bits.RotateLeft64(b, 13) ^ a
	a = bits.RotateLeft64(a, 32)
	c += d
	d = bits.RotateLeft64(d, 16) ^ c
	a += d
	d = bits.RotateLeft64(d, 21) ^ a
	c += b
	b = bits.RotateLeft64(b, 17) ^ c
	c = bits.RotateLeft64(c, 32)
	return a, b, c, d
}
