package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/store"
)

// The token types of RFC 8693 §3 that this server exchanges.
const (
	accessTokenType = "urn:ietf:params:oauth:token-type:access_token"
	jwtTokenType    = "urn:ietf:params:oauth:token-type:jwt"
)

// exchange is RFC 8693: a token for another one that may do less, never more. Its
// user, its end and its keys stay within those of the subject token, and it ends
// with the same grant.
func (s *Service) exchange(ctx context.Context, c *call) (*answer, error) {
	format, err := exchangeFormat(c)
	if err != nil {
		return nil, err
	}
	subject, err := s.exchangeable(ctx, c, "subject_token")
	if err != nil {
		return nil, err
	}
	if !subject.extras.Bound.heldBy(c.bound) {
		return nil, invalidGrant("the subject_token is bound to a key: prove that you hold it")
	}
	scope, err := exchangeScope(c, subject)
	if err != nil {
		return nil, err
	}
	actor, err := s.actor(ctx, c, subject)
	if err != nil {
		return nil, err
	}
	i, err := s.exchanged(ctx, c, subject, scope, actor, format)
	if err != nil {
		return nil, err
	}
	s.cfg.Log.InfoContext(ctx, "token exchanged", "client", c.client.ID, "from", subject.clientID, "scope", i.answer.Scope)
	i.grantType = TokenExchange
	return i.answer, s.commit(ctx, i)
}

// exchangeFormat checks which kinds of tokens are named; empty means the client's
// own format.
func exchangeFormat(c *call) (string, error) {
	types := []string{accessTokenType, jwtTokenType}
	switch {
	case c.client.Public():
		return "", unauthorizedClient("token exchange needs a client that proves itself")
	case c.form["subject_token"] == "" || c.form["subject_token_type"] == "":
		return "", invalidRequest("subject_token and subject_token_type are needed (RFC 8693 §2.1)")
	case (c.form["actor_token"] == "") != (c.form["actor_token_type"] == ""):
		return "", invalidRequest("actor_token and actor_token_type go together (RFC 8693 §2.1)")
	case !slices.Contains(types, c.form["subject_token_type"]), c.form["actor_token_type"] != "" && !slices.Contains(types, c.form["actor_token_type"]):
		return "", invalidRequest("this server exchanges access tokens of its own alone: the type must be " + accessTokenType + " or " + jwtTokenType)
	case c.form["requested_token_type"] == jwtTokenType:
		return JWT, nil
	case c.form["requested_token_type"] != "" && c.form["requested_token_type"] != accessTokenType:
		return "", invalidRequest("this server issues access tokens alone: requested_token_type must be " + accessTokenType + " or " + jwtTokenType)
	}
	return "", nil
}

// exchangeable looks up a token that the client may exchange: its own, or one of a
// client that its registration names. Anything else is told alike.
func (s *Service) exchangeable(ctx context.Context, c *call, name string) (*live, error) {
	l, err := s.lookUp(ctx, c.form[name], nil, whole)
	if err != nil && !errors.Is(err, errDead) {
		return nil, err
	}
	if err != nil || l.refresh || !c.client.exchanges(l.clientID) {
		return nil, invalidRequest("the " + name + " is unknown, expired or revoked, or the client may not exchange it")
	}
	return l, nil
}

func (c *Client) exchanges(from string) bool {
	return from == c.ID || slices.Contains(c.ExchangeFrom, from) || slices.Contains(c.ExchangeFrom, "*")
}

// exchangeScope is what is asked for, or else all that subject and client share;
// never more than either has.
func exchangeScope(c *call, subject *live) ([]string, error) {
	asked := unique(strings.Fields(c.form["scope"]))
	if len(asked) == 0 {
		return slices.DeleteFunc(slices.Clone(subject.scope), func(w string) bool {
			return !slices.Contains(c.client.Scopes, w) || w == openid
		}), nil
	}
	if err := within(asked, c.client.Scopes); err != nil {
		return nil, err
	}
	return asked, within(asked, subject.scope)
}

// actorClaim is the "act" claim (RFC 8693 §4.1): who acts, and for whom he acted.
type actorClaim struct {
	Subject  string          `json:"sub"`
	ClientID string          `json:"client_id,omitempty"`
	Actor    json.RawMessage `json:"act,omitempty"`
}

// maxActors bounds the chain of those who act for one another.
const maxActors = 10

// actor is who will act by the new token: whom the actor_token names, before those
// who acted by the subject token already.
func (s *Service) actor(ctx context.Context, c *call, subject *live) (json.RawMessage, error) {
	before := subject.extras.Actor
	if c.form["actor_token"] == "" {
		return before, nil
	}
	a, err := s.exchangeable(ctx, c, "actor_token")
	if err != nil {
		return nil, err
	}
	if strings.Count(string(before), `"act"`) >= maxActors-1 {
		return nil, invalidRequest("too many act for one another")
	}
	return json.Marshal(actorClaim{Subject: a.subject(), ClientID: a.clientID, Actor: before})
}

// subject is the "sub" that a live token has.
func (l *live) subject() string {
	if l.user != nil {
		return subject(l.user.ID, "")
	}
	return subject(0, l.clientID)
}

// exchanged makes the token.
func (s *Service) exchanged(ctx context.Context, c *call, subject *live, scope []string, actor json.RawMessage, format string) (*issue, error) {
	var g *signIn
	var err error
	if subject.grantID != "" {
		if g, err = s.readGrant(ctx, subject.grantID); err != nil {
			return nil, err
		}
	} else if subject.clientID != c.client.ID {
		return nil, invalidRequest("a client's own token cannot be exchanged by another client")
	}
	client := *c.client
	if format != "" {
		client.TokenFormat = format
	}
	target, err := s.target(c, subject)
	if err != nil {
		return nil, err
	}
	i, err := s.newTokensFor(&call{client: &client, form: form{}, now: c.now, bound: c.bound}, g, subject.user, scope, func(i *issue) {
		i.extras.Actor = actor
		i.extras.Audience = target
		if subject.expires.Before(i.expires) {
			i.expires = subject.expires
			i.answer.ExpiresIn = max(int64(i.expires.Sub(i.issued)/time.Second), 0)
		}
	})
	if err != nil {
		return nil, err
	}
	i.answer.IssuedType = accessTokenType
	if format == JWT {
		i.answer.IssuedType = jwtTokenType
	}
	return i, nil
}

// target is what the token is to be for: the resources and the audience that are
// named, as far as the client is registered for them or the subject token was for
// them; else what the subject token was for. This server's own API is no exception:
// a token for something else does not become one for it.
func (s *Service) target(c *call, subject *live) ([]string, error) {
	asked := unique(append(strings.Fields(c.form["resource"]), strings.Fields(c.form["audience"])...))
	if len(asked) == 0 {
		return subject.extras.Audience, nil
	}
	allowed := append(s.audienceOf(&subject.extras), c.client.Resources...)
	for _, r := range asked {
		if !slices.Contains(allowed, r) {
			return nil, invalidTarget("the client may not ask for a token for this resource or audience, or there is none")
		}
	}
	return asked, nil
}

// jwtBearer is RFC 7523 §2.1: somebody whom the client's registration names has
// signed that this user stands behind the request.
func (s *Service) jwtBearer(ctx context.Context, c *call) (*answer, error) {
	st, err := s.vouched(ctx, c)
	if err != nil {
		return nil, err
	}
	scope, err := c.client.scope(c.form["scope"])
	if err != nil {
		return nil, err
	}
	user, err := s.activeUserNamed(ctx, st.Subject, "the assertion's subject is no active user here")
	if err != nil {
		return nil, err
	}
	g, err := newSignIn(c.client, user, JWTBearer, scope, c.now)
	if err != nil {
		return nil, err
	}
	i, err := s.newIssue(c, g, user, scope)
	if err != nil {
		return nil, err
	}
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		first, err := once(ctx, tx, "grant assertion", st.Issuer, st.ID, st.Expiry.Time().Add(clockLeeway))
		if err == nil && !first {
			err = invalidGrant("the assertion has been used")
		}
		if err != nil {
			return err
		}
		if err := g.insert(ctx, tx); err != nil {
			return err
		}
		return i.insert(ctx, tx)
	})
	return i.answer, err
}

// vouched checks the assertion (RFC 7523 §3).
func (s *Service) vouched(ctx context.Context, c *call) (*statement, error) {
	text := c.form["assertion"]
	if text == "" {
		return nil, invalidRequest("assertion is missing")
	}
	bad := func(why string) error { return invalidGrant("the assertion is not accepted: " + why) }
	signed, ok := parseSigned(text, "")
	if !ok || !slices.Contains([]string{"", "jwt", "authorization-grant+jwt"}, typeOf(signed)) {
		return nil, bad("it is no JWT signed by an algorithm that this server knows")
	}
	claimed, ok := readStatement(signed.UnsafePayloadWithoutVerification())
	if !ok {
		return nil, bad("its claims cannot be read")
	}
	issuer := slices.IndexFunc(c.client.AssertionIssuers, func(i AssertionIssuer) bool { return i.Issuer == claimed.Issuer })
	if issuer < 0 {
		return nil, bad("the client is not registered for its issuer")
	}
	by := c.client.AssertionIssuers[issuer]
	payload, ok, err := s.verifySigned(ctx, signed, by.JWKS, by.JWKSURI)
	if err != nil {
		return nil, err
	}
	st, read := readStatement(payload)
	switch {
	case !ok || !read:
		return nil, bad("none of its issuer's keys has signed it")
	case !s.forUs(st, ""):
		return nil, bad("aud must be this server's issuer")
	case !st.inTime(c.now):
		return nil, bad("it has no exp, or one that is past or more than an hour away")
	case st.Subject == "" || st.ID == "" || len(st.ID) > maxID:
		return nil, bad("it needs sub and jti")
	}
	return st, nil
}
