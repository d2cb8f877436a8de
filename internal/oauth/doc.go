// Package oauth is the authorization server: clients, authorization requests,
// consent, grants, tokens, signing keys, introspection and metadata.
//
// It serves
//
//	/oauth/authorize            RFC 6749 §3.1: the user's browser begins here
//	/oauth/authorize/continue   the one dispatcher that login and consent return to
//	/oauth/consent              the user's answer
//	/oauth/logout               OpenID Connect RP-Initiated Logout
//	/oauth/logout/confirm       the user's yes to it
//	/oauth/token                RFC 6749 §3.2
//	/oauth/introspect           RFC 7662
//	/oauth/check_token          the older Spring dialect of the same
//	/oauth/revoke               RFC 7009
//	/oauth/register             RFC 7591 and, with a client's id behind it, RFC 7592
//	/oauth/userinfo             OpenID Connect Core §5.3
//	/oauth/jwks                 RFC 7517
//	/.well-known/…              RFC 8414 and OpenID Connect Discovery
//
// # The token endpoint
//
// One pipeline (token.go): parse the form, authenticate the client, check that
// it may use the grant, run the grant, write the answer. A grant is one function
// and fills in its part only.
//
// # What is kept
//
// A row in grants is one user's sign-in at one client; codes, access and refresh
// tokens point to it, and revoking it ends them all. Codes and tokens are kept
// as SHA-256 hashes and consumed by one guarded statement. Whether the grant,
// the user and the client still stand is asked at every introspection and
// refresh, so that disabling a user ends the next call.
//
// It must not know processes, tasks or the REST API behind the tokens.
package oauth
