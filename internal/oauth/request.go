package oauth

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/identity"
)

// request is a checked authorization request: what is stored while the user
// signs in, and all that consent and issue ever look at.
type request struct {
	ClientID     string    `json:"client_id"`
	RedirectURI  string    `json:"redirect_uri"`      // where the answer goes
	SentURI      string    `json:"sent_uri"`          // as the request named it; empty when it did not
	ResponseType []string  `json:"response_type"`     // sorted words
	ResponseMode string    `json:"response_mode"`     // query, fragment or form_post
	Scope        []string  `json:"scope"`             // granted when the user agrees
	State        string    `json:"state,omitempty"`   // goes back as it came
	Nonce        string    `json:"nonce,omitempty"`   // goes into the id_token
	Challenge    string    `json:"challenge"`         // S256
	Prompt       string    `json:"prompt,omitempty"`  // none, login or consent
	MaxAge       *int64    `json:"max_age,omitempty"` // seconds since the user's last sign-in
	Hint         string    `json:"login_hint,omitempty"`
	Locales      string    `json:"ui_locales,omitempty"` // the languages of the pages
	Begun        time.Time `json:"begun"`

	Claims    *claimsRequest  `json:"claims,omitempty"`                // OpenID Connect Core §5.5
	Resources []string        `json:"resources,omitempty"`             // RFC 8707
	Details   json.RawMessage `json:"authorization_details,omitempty"` // RFC 9396

	Once []onceID `json:"once,omitempty"` // what may lead to one answer only
	Key  string   `json:"jkt,omitempty"`  // thumbprint of the key that the code needs (RFC 9449 §10)

	Device   []byte `json:"device,omitempty"`    // the hash of the device code that the answer is for; nil: an application
	UserCode string `json:"user_code,omitempty"` // as the device shows it

	pushed, signed bool
	audience       string // this server's own API, which every client may name
}

// maxState bounds what is stored and sent back.
const maxState = 2000

// responseTypes are the answers this server gives, words sorted, and the grants
// that each needs: what comes by the browser alone is implicit, and a hybrid is
// both (OAuth 2.0 Multiple Response Types §5).
var responseTypes = map[string][]string{
	"code":                {AuthorizationCode},
	"token":               {Implicit},
	"id_token token":      {Implicit},
	"id_token":            {Implicit},
	"code id_token":       {AuthorizationCode, Implicit},
	"code token":          {AuthorizationCode, Implicit},
	"code id_token token": {AuthorizationCode, Implicit},
}

// beginRequest settles where errors may go: until this succeeds there is no address to
// trust, and the user sees a page (RFC 6749 §4.1.2.1).
func (c *Client) beginRequest(a *asking, audience string, now time.Time) (*request, error) {
	f := a.Form
	uri, err := c.redirectURI(f["redirect_uri"])
	if err != nil {
		return nil, err
	}
	r := &request{ClientID: c.ID, RedirectURI: uri, SentURI: f["redirect_uri"], Begun: now.Truncate(time.Millisecond), ResponseMode: "query", audience: audience,
		Once: a.Once, Key: a.Key, pushed: a.pushed, signed: a.Signed}
	if len(f["state"]) <= maxState {
		r.State = f["state"]
	}
	r.ResponseType = strings.Fields(f["response_type"])
	slices.Sort(r.ResponseType)
	if slices.Contains(r.ResponseType, "token") || slices.Contains(r.ResponseType, "id_token") {
		r.ResponseMode = "fragment"
	}
	if f["response_mode"] == "form_post" || f["response_mode"] == "fragment" {
		r.ResponseMode = f["response_mode"]
	}
	return r, nil
}

// complete checks the rest; its errors go to the redirect URI.
func (r *request) complete(c *Client, a *asking) error {
	if len(a.twice) > 0 {
		if slices.Contains(a.twice, "state") {
			r.State = ""
		}
		return invalidRequest("a parameter was sent more than once")
	}
	checks := []func(*Client, form) error{r.checkWay, r.checkType, r.checkMode, r.checkScope, r.checkChallenge, r.checkOpenID, r.checkTarget}
	for _, check := range checks {
		if err := check(c, a.Form); err != nil {
			return err
		}
	}
	return nil
}

func (r *request) checkType(c *Client, f form) error {
	if len(r.ResponseType) == 0 {
		return invalidRequest("response_type is missing")
	}
	needs, ok := responseTypes[strings.Join(r.ResponseType, " ")]
	if !ok {
		return &Failure{Code: "unsupported_response_type", Description: "this server does not know that response_type"}
	}
	if slices.ContainsFunc(needs, func(g string) bool { return !c.may(g) }) || !c.answers(r.ResponseType) {
		return unauthorizedClient("the client is not registered for this response_type")
	}
	if slices.Contains(r.ResponseType, "token") && (c.DPoPBound || c.CertificateBound) {
		return unauthorizedClient("the client's tokens are bound to its key: they cannot come by the browser")
	}
	if len(f["state"]) > maxState || len(f["nonce"]) > maxState {
		return invalidRequest("state and nonce may have 2000 bytes at most")
	}
	return nil
}

// answers reports whether the client has not narrowed its response types to
// others; sorted holds the words in order.
func (c *Client) answers(sorted []string) bool {
	return len(c.ResponseTypes) == 0 || slices.ContainsFunc(c.ResponseTypes, func(known string) bool {
		words := strings.Fields(known)
		slices.Sort(words)
		return slices.Equal(words, sorted)
	})
}

func (r *request) checkMode(_ *Client, f form) error {
	switch mode := f["response_mode"]; {
	case strings.Contains(r.RedirectURI, "#") && r.ResponseMode == "fragment":
		r.ResponseMode = "query" // for the error: the address has one fragment already
		return invalidRequest("the redirect URI has a fragment, so nothing can be answered in another")
	case mode == "" || mode == "form_post" || mode == "fragment":
		return nil
	case mode == "query" && r.ResponseMode == "query":
		return nil
	case mode == "query":
		return invalidRequest("tokens are never sent in the query")
	default:
		return invalidRequest("this server does not know that response_mode")
	}
}

// checkWay checks how the request came, and what it is bound to.
func (r *request) checkWay(c *Client, f form) error {
	switch {
	case c.RequirePAR && !r.pushed:
		return invalidRequest("the client is registered for pushed requests alone (RFC 9126)")
	case c.RequireSignedRequest && !r.signed:
		return invalidRequest("the client is registered for signed request objects alone (RFC 9101)")
	case f["dpop_jkt"] == "":
		return nil
	case len(f["dpop_jkt"]) != thumbprintLength:
		return invalidRequest("dpop_jkt must be the SHA-256 thumbprint of a key (RFC 9449 §10)")
	case r.Key != "" && r.Key != f["dpop_jkt"]:
		return invalidRequest("dpop_jkt is not the key of the DPoP proof (RFC 9449 §10.1)")
	}
	r.Key = f["dpop_jkt"]
	return nil
}

// thumbprintLength is the length of a SHA-256 digest in base64url.
const thumbprintLength = 43

func (r *request) checkScope(c *Client, f form) (err error) {
	r.Scope, err = c.scope(f["scope"])
	if err == nil && slices.Contains(r.ResponseType, "id_token") && !slices.Contains(r.Scope, openid) {
		return invalidScope("response_type id_token needs the scope openid")
	}
	return err
}

// checkChallenge is RFC 7636 §4.3, §4.4.1 with S256 alone: a method left out
// would mean plain.
func (r *request) checkChallenge(c *Client, f form) error {
	challenge, method := f["code_challenge"], f["code_challenge_method"]
	code := slices.Contains(r.ResponseType, "code")
	switch {
	case challenge == "" && method != "":
		return invalidRequest("code_challenge_method was sent without code_challenge")
	case challenge == "" && code && c.Public():
		return invalidRequest("a client without a secret needs code_challenge (PKCE, RFC 7636)")
	case challenge == "":
		return nil
	case method != "S256":
		return invalidRequest("code_challenge_method must be S256")
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(challenge) // passes over line ends
	if err != nil || len(raw) != 32 || len(challenge) != thumbprintLength {
		return invalidRequest("code_challenge must be the 43 characters of an S256 digest")
	}
	r.Challenge = challenge
	return nil
}

// checkOpenID reads what OpenID Connect Core §3.1.2.1 adds.
func (r *request) checkOpenID(c *Client, f form) error {
	r.Nonce, r.Hint = f["nonce"], f["login_hint"]
	if len(f["ui_locales"]) <= maxState {
		r.Locales = f["ui_locales"]
	}
	if slices.Contains(r.ResponseType, "id_token") && r.Nonce == "" {
		return invalidRequest("response_type id_token needs a nonce")
	}
	prompts := strings.Fields(f["prompt"])
	for _, p := range prompts {
		if !slices.Contains([]string{"none", "login", "consent", "select_account"}, p) {
			return invalidRequest("this server does not know that prompt")
		}
	}
	if slices.Contains(prompts, "none") && len(prompts) > 1 {
		return invalidRequest("prompt none goes with no other")
	}
	r.Prompt = strings.Join(prompts, " ")
	if text := f["max_age"]; text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return invalidRequest("max_age is a number of seconds")
		}
		r.MaxAge = &n
	} else {
		r.MaxAge = c.DefaultMaxAge
	}
	var err error
	if r.Claims, err = readClaims(f["claims"]); err != nil {
		return err
	}
	return r.Claims.checkACR()
}

// checkTarget reads what the tokens are to be for: resource (RFC 8707 §2.1) and
// authorization_details (RFC 9396 §3).
func (r *request) checkTarget(c *Client, f form) (err error) {
	r.Resources = unique(strings.Fields(f["resource"]))
	for _, asked := range r.Resources {
		if asked != r.audience && !slices.Contains(c.Resources, asked) {
			return invalidTarget("the client may not ask for a token for this resource, or there is none")
		}
	}
	r.Details, err = c.checkDetails(f["authorization_details"])
	return err
}

func (r *request) prompts(what string) bool {
	return slices.Contains(strings.Fields(r.Prompt), what)
}

// suits reports whether a session, which may be nil, answers the request.
func (r *request) suits(session *identity.Session) bool {
	return session != nil && r.signedIn(session.AuthTime) && r.Claims.isFor(subject(session.User.ID, ""))
}

// asked are the words a user agrees to: scopes and resources.
func (r *request) asked() []string { return append(slices.Clone(r.Scope), r.Resources...) }

// signedIn reports whether a sign-in at that time is recent enough for the
// request.
func (r *request) signedIn(at time.Time) bool {
	if (r.prompts("login") || r.prompts("select_account")) && at.Before(r.Begun) {
		return false
	}
	return r.MaxAge == nil || !at.Add(time.Duration(*r.MaxAge)*time.Second).Before(r.Begun)
}
