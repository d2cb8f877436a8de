package bearer

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
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
