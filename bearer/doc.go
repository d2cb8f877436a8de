// Package bearer checks OAuth 2 bearer tokens in front of HTTP handlers: quickly,
// strictly, and without ever telling trouble of its own as a bad token.
//
// # Quick start
//
// A [Validator] tells what a token is. A [Server] asks it, decides from the facts,
// and answers refusals as RFC 6750 says:
//
//	check, err := bearer.New(bearer.Config{
//		Validator: bearer.Cached(&bearer.Introspection{
//			URL: "https://id.example.com/oauth/introspect", ClientID: "tasks", ClientSecret: secret,
//		}),
//		Audience: "https://api.example.com",
//	})
//	if err != nil {
//		return err // every problem of the configuration at once
//	}
//	mux.Handle("GET /tasks", check.Require(list, bearer.Scope("tasks.read")))
//
// In the handler, [FromContext] returns the [Token]:
//
//	token := bearer.FromContext(r.Context())
//	tasks, err := store.TasksOf(token.Username)
//
// A Token is shared between requests: it is for reading.
//
// Programs that choose by themselves what a request needs call [Server.Authenticate]
// and [Server.Authorize], and answer with [Server.Deny]; programs without HTTP
// requests, such as gRPC servers, call [Server.AuthenticateToken].
//
// # What the caller sees
//
//	no token                                  401, a challenge without error
//	inactive, expired, forged, for others     401 invalid_token
//	malformed                                 401 invalid_token
//	nothing behind the scheme, two headers,
//	  header and query both                   400 invalid_request
//	scope missing                             403 insufficient_scope
//	sign-in too weak or too old               401 insufficient_user_authentication
//	nobody can know now                       503 and Retry-After, never 401
//
// A client that reads 401 throws its session away. That is why a server that is
// down, slow, limiting, or answers what it should not, is never told as one: only a
// validator's error that wraps [ErrInvalid] is a bad token, every other means that
// nobody can know.
//
// # Validators
//
//	Introspection      asks an authorization server: RFC 7662, Spring's check_token,
//	                   tokeninfo, userinfo; by Basic, body, private_key_jwt or certificate
//	JWT                checks signed tokens here, with their issuer's keys (RFC 9068)
//	ByIssuer           several issuers, opaque tokens and JWTs side by side
//	HTTPValidator      asks an endpoint of your own, which sees the request too
//	ValidatorFunc      asks a function
//	Cached, NewCache   remembers what another validator said
//	RevocationList     refuses what was revoked though its signature still holds
//
// JWTs of one issuer, and opaque tokens of another:
//
//	local, err := bearer.NewJWT(bearer.JWTConfig{Issuer: "https://id.example.com", Audience: "https://api.example.com"})
//	validator := bearer.Cached(bearer.ByIssuer{
//		Issuers: map[string]bearer.Validator{"https://id.example.com": local},
//		Opaque:  &bearer.Introspection{URL: "https://old.example.com/oauth/check_token", Dialect: bearer.CheckToken, …},
//	})
//
// A validator of your own is one method. It returns an error that wraps
// [ErrInvalid] for a token that is definitely bad, an [*Error] to choose the answer
// itself, and any other error when it cannot know.
//
// # The cache
//
// A [Cache] remembers facts, never verdicts: expiry, audience, scope and bindings
// are checked on every request. Facts are used for 30 seconds, asked anew in the
// background after 15, and never used after the token's end; refusals are
// remembered for 5 seconds, apart from the facts; trouble is not remembered. A
// thousand callers with one new token ask once, and none of them can spoil it for
// the others by leaving. A validator that keeps failing is spared but for a probe
// in half a second. Tokens themselves are not kept in memory: a keyed hash stands
// for each. A known token costs no allocation.
//
// # Routes
//
// What a route needs is said by options: [Scope] (all of them), [AnyScope] (one of
// them), [Audience], [ACR] and [MaxAge] (RFC 9470):
//
//	mux.Handle("POST /payments", check.Require(pay, bearer.Scope("payments"), bearer.ACR("mfa"), bearer.MaxAge(5*time.Minute)))
//
// # Tokens that are bound to their holder
//
// With [Config.DPoP] callers prove on every request that they hold a key
// (RFC 9449), with [Config.Certificates] they show a TLS client certificate
// (RFC 8705). A token that is bound in a way that this program does not check is
// refused: taken as a plain one, it would be worth as much as a stolen one.
//
// # Revocation
//
// [Server.Revoke] ends one token, or all of a subject, a user or a client. It counts
// on the very next request, also against an answer that is under way. A
// [RevocationReceiver] takes signed events from the authorization server and passes
// them on; RevocationList makes them count for JWTs.
//
// # Telling clients where to go
//
// With [Config.Resource] challenges name the protected resource document
// (RFC 9728), which [Server.Metadata] answers at [Server.MetadataPath].
//
// # Logs and metrics
//
// Each request is one event: to [Config.Observe], and to [Config.Log] at level
// debug. Trouble is logged at level warn, once a second at most. [Server.Stats] and
// [Server.Caches] count; package bearerprom tells Prometheus. None of it ever holds
// a token, and what holds a secret prints itself without it.
//
// # Tests
//
// Package bearertest has a validator that knows tokens by heart, keys that sign
// tokens and proofs, and an authorization server that fails as a test asks:
//
//	check, err := bearer.New(bearer.Config{Validator: bearertest.Tokens{"good": {Username: "kermit"}}})
//
// The package depends on the standard library and two small modules, and on
// nothing else of Sluice.
package bearer
