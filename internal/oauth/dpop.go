package oauth

import (
	"context"
	"errors"
	"net/http"

	"github.com/sluicehq/sluice/bearer"
	"github.com/sluicehq/sluice/internal/fault"
)

// newProofs makes the check of DPoP proofs at this server's own endpoints. Proofs
// are remembered in the database, and the nonces' key is there too, so that every
// process on it knows both.
func (s *Service) newProofs(ctx context.Context) (*bearer.Proofs, error) {
	if s.cfg.DPoPNonces {
		var err error
		if s.nonceKey, err = s.NonceKey(ctx); err != nil {
			return nil, err
		}
	}
	return bearer.NewProofs(*s.proofConfig(), s.cfg.Now)
}

// proofConfig is how proofs are checked at every endpoint of this server's own.
func (s *Service) proofConfig() *bearer.DPoPConfig {
	return &bearer.DPoPConfig{Base: s.cfg.Issuer, Algorithms: proofAlgorithms, Nonces: s.cfg.DPoPNonces, NonceKey: s.nonceKey, Remember: s.Remember}
}

// proofAlgorithms are what proofs may be signed with.
var proofAlgorithms = []string{"ES256", "ES384", "EdDSA", "PS256", "RS256"}

// proofHeader is where a request has its DPoP proof (RFC 9449 §4.1), in the form in which
// net/http keeps names: any other is converted each time.
const proofHeader = "Dpop"

// NonceKey is what processes on this database make and know the nonces of DPoP proofs
// by; it serves as bearer.DPoPConfig.NonceKey.
func (s *Service) NonceKey(ctx context.Context) ([]byte, error) {
	return s.db.SharedKey(ctx, "dpop nonce")
}

// proved settles which keys the caller of an endpoint has proved to hold: that of
// its DPoP proof and that of its certificate, when the client wants its tokens
// bound by it. Nil means none.
func (s *Service) proved(r *http.Request, c *Client) (*confirmation, error) {
	var bound confirmation
	if len(r.Header[proofHeader]) > 0 {
		var err error
		if bound.JKT, err = s.proofs.Thumbprint(r); err != nil {
			return nil, proofFailure(err)
		}
	} else if c.DPoPBound {
		return nil, &Failure{Code: "invalid_dpop_proof", Description: "the client is registered for tokens that are bound to a key: send a DPoP proof"}
	}
	if c.CertificateBound {
		if bound.X5TS = s.certificatePrint(r); bound.X5TS == "" {
			return nil, invalidRequest("the client is registered for tokens that are bound to its certificate: come with it")
		}
	}
	if bound == (confirmation{}) {
		return nil, nil
	}
	return &bound, nil
}

// proofFailure tells what the bearer module says of a proof as a token endpoint
// does (RFC 9449 §5, §8).
func proofFailure(err error) error {
	var e *bearer.Error
	if !errors.As(err, &e) {
		return fault.Wrap(fault.Unavailable, err, "the proof cannot be checked now")
	}
	return &Failure{Code: e.Code, Description: e.Description}
}

// tellNonce gives a client that sends proofs the nonce for the next one.
func (s *Service) tellNonce(w http.ResponseWriter, r *http.Request) {
	if len(r.Header[proofHeader]) == 0 {
		return
	}
	if nonce := s.proofs.Nonce(); nonce != "" {
		w.Header().Set("DPoP-Nonce", nonce)
	}
}

// heldBy reports whether the caller has proved to hold every key that something
// is bound to; nil is bound to none.
func (c *confirmation) heldBy(proved *confirmation) bool {
	switch {
	case c == nil:
		return true
	case proved == nil:
		return false
	}
	return (c.JKT == "" || c.JKT == proved.JKT) && (c.X5TS == "" || c.X5TS == proved.X5TS)
}

// refreshBond is what a refresh token is bound to: the keys of a client that has
// no other proof of itself (RFC 9449 §5, RFC 8705 §4).
func (i *issue) refreshBond() (string, error) {
	if i.extras.Bound == nil || !i.client.Public() {
		return "", nil
	}
	return textOfJSON(i.extras.Bound)
}
