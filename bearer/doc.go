// Package bearer checks OAuth 2 bearer tokens in front of HTTP handlers.
//
// A Validator tells what a token is; a Server asks it for each request, decides
// from the facts, and answers refusals as RFC 6750 says:
//
//	check, err := bearer.New(bearer.Config{
//		Validator: &bearer.Introspection{
//			URL: "https://id.example.com/oauth/introspect", ClientID: "api", ClientSecret: secret,
//		},
//	})
//	if err != nil { … }
//	http.Handle("/tasks", check.Require(tasks, bearer.Scope("read")))
//
// Inside the handler, FromContext returns the token.
//
// # What the caller sees
//
//	no token                                  401, challenge without error
//	inactive, expired, forged                 401 invalid_token
//	malformed, two Authorization headers,
//	  header and query both                   400 invalid_request
//	scope missing                             403 insufficient_scope
//	the validator cannot know                 503 and Retry-After, never 401
//
// A client that reads 401 throws its session away; that is why trouble between
// this program and the authorization server is never told as one.
//
// # Validators
//
// Introspection asks an authorization server by RFC 7662. ValidatorFunc makes any
// function one. An authorization server in the same process can be one itself.
// Cached puts a short memory in front of any of them.
//
// The package depends on nothing else of Sluice.
package bearer
