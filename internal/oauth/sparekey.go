package oauth

import (
	"crypto/rand"
	"crypto/rsa"
	"sync/atomic"
)

// SpareKey is an RSA key that is made while something else goes on: it takes a tenth of
// a second, as much as all the rest of a first start. It is used once.
type SpareKey struct {
	done chan struct{}
	key  atomic.Pointer[rsa.PrivateKey]
	err  error
}

// MakeSpareKey begins to make a key for Config.SpareKey.
func MakeSpareKey() *SpareKey {
	s := &SpareKey{done: make(chan struct{})}
	go func() {
		defer close(s.done)
		key, err := newRSA()
		s.key.Store(key)
		s.err = err
	}()
	return s
}

// take is the spare key once it is made, and another one after it has been taken.
func (s *SpareKey) take() (*rsa.PrivateKey, error) {
	if s == nil {
		return newRSA()
	}
	<-s.done
	if key := s.key.Swap(nil); key != nil || s.err != nil {
		return key, s.err
	}
	return newRSA()
}

func newRSA() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) }
