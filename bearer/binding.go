package bearer

import "strings"

// stands checks the facts that hold for every route: time, audience, binding.
func (s *Server) stands(t *Token) error {
	now := s.cfg.Now()
	switch {
	case !t.Expiry.IsZero() && now.After(t.Expiry.Add(expiryLeeway)):
		return invalidToken("the token has expired")
	case t.NotBefore.After(now.Add(s.cfg.Leeway)) || t.IssuedAt.After(now.Add(s.cfg.Leeway)):
		return invalidToken("the token is not valid yet")
	case s.cfg.Audience != "" && !contains(t.Audience, s.cfg.Audience):
		return invalidToken("the token is meant for another service")
	case len(t.Confirmation) > 0 && string(t.Confirmation) != "null":
		return invalidToken("the token is bound to a key, which this service does not check")
	case t.Type != "" && !strings.EqualFold(t.Type, "Bearer"):
		return invalidToken("the token is of another type")
	}
	return nil
}

func contains(list []string, want string) bool {
	for _, s := range list {
		if s == want {
			return true
		}
	}
	return false
}
