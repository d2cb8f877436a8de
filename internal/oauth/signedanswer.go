package oauth

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

const (
	typeIntrospection  = "token-introspection+jwt"
	introspectionMedia = "application/" + typeIntrospection
)

// signedIntrospection is what a signed answer says (RFC 9701 §5). It has neither
// sub nor exp of its own, so that it cannot pass for an access token.
type signedIntrospection struct {
	Issuer        string `json:"iss"`
	Audience      string `json:"aud"`
	IssuedAt      int64  `json:"iat"`
	Introspection any    `json:"token_introspection"`
}

// answerIntrospection writes the answer as JSON or, for a caller that prefers it,
// signed for that caller alone.
func (s *Service) answerIntrospection(w http.ResponseWriter, r *http.Request, caller *Client, answer any) {
	w.Header().Add("Vary", "Accept")
	if !prefers(r.Header.Values("Accept"), introspectionMedia, "application/json") {
		writeJSON(w, http.StatusOK, answer)
		return
	}
	token, err := s.keys.sign(caller.introspectionAlg(), typeIntrospection,
		signedIntrospection{Issuer: s.cfg.Issuer, Audience: caller.ID, IssuedAt: s.now().Unix(), Introspection: answer})
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", introspectionMedia)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
	_, _ = strings.NewReader(token).WriteTo(w) // the caller is gone: nothing left to tell
}

func (c *Client) introspectionAlg() string {
	if c.IntrospectionAlg != "" {
		return c.IntrospectionAlg
	}
	return c.idTokenAlg()
}

// prefers reports whether an Accept header names media, and not with a lower
// weight than other (RFC 9110 §12.5.1). Wildcards do not ask for media.
func prefers(accept []string, media, other string) bool {
	if len(accept) == 0 {
		return false // what most callers send
	}
	weight := map[string]float64{}
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		name, parameters, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		q, err := strconv.ParseFloat(parameters["q"], 64)
		if parameters["q"] == "" || err != nil {
			q = 1
		}
		weight[name] = max(weight[name], q)
	}
	return weight[media] > 0 && weight[media] >= weight[other]
}
