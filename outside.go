package sluice

import (
	"context"
	"strconv"
	"time"

	"github.com/sluicehq/sluice/internal/delegate"
	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/identity"
	"github.com/sluicehq/sluice/internal/juel"
)

// MailConfig is how processes send mail; docs/delegates.md tells of the task.
type MailConfig struct {
	// Host is the SMTP server and Port its port. Without a host, tasks that send mail
	// wait as dead jobs. sluice.mail.host, sluice.mail.port. Default none and 587.
	Host string
	Port int
	// User and Password sign in to it. sluice.mail.user, sluice.mail.password or
	// sluice.mail.password-file. Empty means that nobody signs in.
	User, Password string
	// From is the sender of mails whose task names none. sluice.mail.from.
	From string
	// TLS is mandatory (STARTTLS), opportunistic, implicit (TLS from the first byte) or
	// none. sluice.mail.tls. Default mandatory.
	TLS string
	// Timeout bounds the sending of one mail. sluice.mail.timeout. Default 30s.
	Timeout time.Duration
}

// RestCallConfig is where the REST calls of processes may go.
type RestCallConfig struct {
	// Allow are the destinations, [scheme://]host[:port]; the scheme is https unless
	// given, a host may be * or begin with "*.". sluice.rest-call.allow, with commas.
	// Default https://*.
	Allow []string
	// Private are ranges of private addresses that may be called too, this machine's own
	// among them. sluice.rest-call.private, with commas. Default none.
	Private []string
	// Timeout bounds a call. sluice.rest-call.timeout. Default 30s.
	Timeout time.Duration
	// MaxAnswer bounds the bytes of an answer. sluice.rest-call.max-answer-bytes.
	// Default 1 MiB.
	MaxAnswer int
}

func defaultMail() MailConfig {
	return MailConfig{Port: 587, TLS: "mandatory", Timeout: 30 * time.Second}
}

func defaultRestCall() RestCallConfig {
	return RestCallConfig{Allow: []string{"https://*"}, Timeout: 30 * time.Second, MaxAnswer: 1 << 20}
}

// outside is the room's own form of the configuration.
func (c Config) outside() delegate.Config {
	return delegate.Config{
		Calls: delegate.Calls{Allow: c.RestCall.Allow, Private: c.RestCall.Private, Timeout: c.RestCall.Timeout, MaxAnswer: int64(c.RestCall.MaxAnswer)},
		Mail:  delegate.Mail(c.Mail),
	}
}

func (c Config) validateOutside(p *problems) {
	p.add(c.Mail.Port < 1 || c.Mail.Port > 65535, "sluice.mail.port", "%d is not from 1 to 65535", c.Mail.Port)
	p.add(c.Mail.Timeout < time.Second || c.Mail.Timeout > 10*time.Minute, "sluice.mail.timeout", "%s is not from 1s to 10m", c.Mail.Timeout)
	p.add(c.RestCall.Timeout < time.Second || c.RestCall.Timeout > 10*time.Minute, "sluice.rest-call.timeout", "%s is not from 1s to 10m", c.RestCall.Timeout)
	p.add(c.RestCall.MaxAnswer < 1024 || c.RestCall.MaxAnswer > 64<<20, "sluice.rest-call.max-answer-bytes", "%d is not from 1024 to %d", c.RestCall.MaxAnswer, 64<<20)
	o := c.outside()
	_, _, err := delegate.Defaults(delegate.Config{Calls: o.Calls})
	p.add(err != nil, "sluice.rest-call.allow", "%v", err)
	_, _, err = delegate.Defaults(delegate.Config{Mail: o.Mail})
	p.add(err != nil, "sluice.mail.tls", "%v", err)
}

// Bean is an object that expressions of processes see by name: its properties and methods
// are those that it names itself.
type Bean = juel.Object

// WithBean registers a bean by the name that expressions use: ${name.method(…)}.
func WithBean(name string, b Bean) Option {
	return func(s *Server) error {
		if s.beans == nil {
			s.beans = map[string]Bean{}
		}
		s.beans[name] = b
		return nil
	}
}

// known returns what processes can call by name: what comes along, and the program's own,
// which comes first.
func (s *Server) known() (map[string]engine.Delegate, map[string]juel.Object, error) {
	cfg := s.cfg.outside()
	cfg.Users, cfg.Directory = s.person, directory{s.users}
	delegates, beans, err := delegate.Defaults(cfg)
	if err != nil {
		return nil, nil, err
	}
	for name, d := range s.delegates {
		delegates[name] = d
	}
	for name, b := range s.beans {
		beans[name] = b
	}
	return delegates, beans, nil
}

// fetcher reads from the services that forms name, by the rules of REST calls.
func (s *Server) fetcher() func(context.Context, string) ([]byte, error) {
	f, err := delegate.NewFetcher(s.cfg.outside().Calls)
	if err != nil {
		return func(context.Context, string) ([]byte, error) { return nil, err } // Validate has refused it
	}
	return f.Get
}

// person tells expressions of processes who somebody is.
func (s *Server) person(ctx context.Context, id string) (delegate.User, bool, error) {
	n, _ := strconv.ParseInt(id, 10, 64) // 0, which is nobody's, when it is no number
	u, err := s.users.ByID(ctx, n)
	if fault.Is(err, fault.NotFound) {
		return delegate.User{}, false, nil
	}
	if err != nil {
		return delegate.User{}, false, err
	}
	return personOf(u), true, nil
}

func personOf(u *identity.User) delegate.User {
	return delegate.User{ID: idText(u.ID), FirstName: u.FirstName, LastName: u.LastName, Email: u.Email, Tenant: identity.TenantName(u.TenantID), GroupID: idText(u.PrimaryGroupID)}
}

// userByEmail and groupByName find the people whom a model of another server means.
func (s *Server) userByEmail(ctx context.Context, tenantID, email string) (string, error) {
	found, _, err := s.users.List(ctx, identity.UserQuery{Email: email, Status: identity.Active, Limit: identity.MaxPage})
	id := ""
	for _, u := range found {
		if identity.TenantName(u.TenantID) == tenantID && (id == "" || u.Email == email) {
			id = strconv.FormatInt(u.ID, 10)
		}
	}
	return id, err
}

func (s *Server) groupByName(ctx context.Context, tenantID, name string) (string, error) {
	groups, _, err := s.users.Groups(ctx, identity.GroupQuery{Named: []string{name}, Status: identity.Active, Limit: identity.MaxPage})
	if err != nil {
		return "", err
	}
	for _, g := range groups {
		if g.Name == name && identity.TenantName(g.TenantID) == tenantID {
			return strconv.FormatInt(g.ID, 10), nil
		}
	}
	return "", nil
}
