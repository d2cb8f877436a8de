package bearer

import (
	"fmt"
	"log/slog"
)

// What holds a secret, or what is nobody's business, prints itself: by %v, %+v and
// %#v and in slog. A struct that is logged by accident tells nothing then.

// String names the subject and the client only.
func (t Token) String() string {
	return fmt.Sprintf("token of %s for client %s", t.Subject, t.ClientID)
}

// GoString is String.
func (t Token) GoString() string { return t.String() }

// LogValue is String.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// String names the endpoint and the client only.
func (i *Introspection) String() string {
	return fmt.Sprintf("introspection at %s as %s", i.URL, i.ClientID)
}

// GoString is String.
func (i *Introspection) GoString() string { return i.String() }

// LogValue is String.
func (i *Introspection) LogValue() slog.Value { return slog.StringValue(i.String()) }

// String tells what ended, but not the token.
func (r Revocation) String() string {
	what := ""
	if r.Token != "" {
		what = "one token, "
	}
	return fmt.Sprintf("revocation of %ssubject %q, user %q, client %q", what, r.Subject, r.Username, r.ClientID)
}

// GoString is String.
func (r Revocation) GoString() string { return r.String() }

// LogValue is String.
func (r Revocation) LogValue() slog.Value { return slog.StringValue(r.String()) }

// String names the endpoint and the client only.
func (c HTTPConfig) String() string { return fmt.Sprintf("validation at %s as %s", c.URL, c.ClientID) }

// GoString is String.
func (c HTTPConfig) GoString() string { return c.String() }

// LogValue is String.
func (c HTTPConfig) LogValue() slog.Value { return slog.StringValue(c.String()) }
