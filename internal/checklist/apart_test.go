package checklist

// What becomes of a rule that is not simply kept.
const (
	otherwise  = "deviation"   // something else is done on purpose
	notOffered = "not offered" // the rule is about what this server does not have
)

// exception is a rule that is deliberately not kept as it stands, and why. Tests
// may prove what is done instead, by a line with the rule's id.
type exception struct {
	id, source, section, level, text string
	kind, reason                     string
}

var apart = []exception{
	{"R012", "RFC 6749", "3.1", "MUST", "an authorization endpoint with a query of its own keeps it", notOffered,
		"the endpoint's address is the issuer and a fixed path; an issuer with a query is refused at start"},
	{"R131", "RFC 7662", "4", "SHOULD", "trying out tokens is slowed down", otherwise,
		"nothing is slowed down: only clients that prove themselves may ask, and a token has 256 random bits; the module remembers refusals, so that a flood of them does not reach the server"},
	{"R243", "OAuth 2.1", "4.1.1", "MUST", "confidential clients use PKCE too", otherwise,
		"they may, and then have to; without a challenge their code is bound to their own proof and to the redirection URI, and what is deployed keeps working"},
	{"R252", "RFC 9728", "3.3", "MUST", "a client of ours compares the resource with the one it asked for", notOffered,
		"nothing in Sluice reads the metadata of a foreign resource"},
	{"R083", "RFC 6750", "2.3", "SHOULD", "answers to tokens in the query are marked private", notOffered,
		"tokens in the query are never taken, and nothing switches them on"},
}
