package delegate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	netmail "net/mail"
	"slices"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/sluicehq/sluice/internal/engine"
)

// Mail says how mails are sent.
type Mail struct {
	// Host is the SMTP server; empty means that mails cannot be sent, and tasks that do
	// wait as dead jobs. Port is its port; 0 means 587.
	Host string
	Port int
	// User and Password sign in; both may be empty.
	User, Password string
	// From is the sender of mails that name none.
	From string
	// TLS is mandatory (STARTTLS, the default), opportunistic, implicit (TLS from the
	// first byte) or none.
	TLS string
	// Timeout bounds the sending of one mail; 0 means 30 s.
	Timeout time.Duration
}

// TLSPolicies are the values of Mail.TLS.
var TLSPolicies = []string{"mandatory", "opportunistic", "implicit", "none"}

// Limits of a mail.
const (
	maxRecipients = 100
	maxSubject    = 2000
	maxMail       = 10 << 20 // bytes of its texts
)

// mailTask is the task of the type mail, with Activiti's fields: to, from, cc, bcc,
// subject, text, html, charset, textVar, htmlVar, ignoreException,
// exceptionVariableName.
type mailTask struct{ cfg Mail }

func newMailTask(cfg Mail) (*mailTask, error) {
	if cfg.Port == 0 {
		cfg.Port = 587
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.TLS == "" {
		cfg.TLS = TLSPolicies[0]
	}
	if !slices.Contains(TLSPolicies, cfg.TLS) {
		return nil, fmt.Errorf("the TLS policy %q is none of %v", cfg.TLS, TLSPolicies)
	}
	if cfg.From != "" {
		if _, err := netmail.ParseAddress(cfg.From); err != nil {
			return nil, fmt.Errorf("%q is no sender of mails", cfg.From)
		}
	}
	return &mailTask{cfg}, nil
}

// letter is a mail that has been prepared.
type letter struct {
	From                         string
	To, CC, BCC                  []string
	Subject, Text, HTML, Charset string
	Quiet                        bool
}

// Run is never called: the engine sees an engine.Outside.
func (*mailTask) Run(context.Context, *engine.Execution) error {
	return errors.New("a mail is sent outside of the transaction")
}

// Prepare implements engine.Outside.
func (t *mailTask) Prepare(_ context.Context, x *engine.Execution) (string, error) {
	f := &fields{x: x}
	l := letter{From: f.text("from"), Subject: f.text("subject"), Text: f.content("text", "textVar"), HTML: f.content("html", "htmlVar"),
		Charset: f.text("charset"), Quiet: f.yes("ignoreException")}
	if l.From == "" {
		l.From = t.cfg.From
	}
	l.To, l.CC, l.BCC = f.addresses("to"), f.addresses("cc"), f.addresses("bcc")
	if f.err != nil {
		return "", f.err
	}
	if err := l.check(); err != nil {
		return "", err
	}
	text, err := json.Marshal(l)
	return string(text), err
}

// content is a text of the model, or what a variable holds: as it is.
func (f *fields) content(name, variable string) string {
	if of := f.text(variable); of != "" {
		return f.string(f.variable(of))
	}
	return f.text(name)
}

// addresses reads recipients with commas or semicolons between.
func (f *fields) addresses(name string) []string {
	text := strings.ReplaceAll(f.text(name), ";", ",")
	if strings.Trim(text, ", \t\r\n") == "" {
		return nil
	}
	list, err := netmail.ParseAddressList(strings.Trim(strings.TrimSpace(text), ","))
	if err != nil {
		f.err = errors.Join(f.err, fmt.Errorf("the field %s of the mail holds no addresses", name))
		return nil
	}
	all := make([]string, len(list))
	for i, a := range list {
		all[i] = a.String()
	}
	return all
}

func (l *letter) check() error {
	switch n := len(l.To) + len(l.CC) + len(l.BCC); {
	case n == 0:
		return errors.New("the mail has no recipient")
	case n > maxRecipients:
		return fmt.Errorf("the mail has %d recipients; %d are allowed", n, maxRecipients)
	case l.From == "":
		return errors.New("the mail has no sender: neither the task nor sluice.mail.from names one")
	case len(l.Subject) > maxSubject || strings.ContainsAny(l.Subject, "\r\n"):
		return fmt.Errorf("the mail's subject has more than one line or %d bytes", maxSubject)
	case len(l.Text)+len(l.HTML) > maxMail:
		return fmt.Errorf("the mail has more than %d bytes", maxMail)
	case l.Text == "" && l.HTML == "":
		return errors.New("the mail has no text")
	}
	if _, err := netmail.ParseAddress(l.From); err != nil {
		return errors.New("the mail's sender is no address")
	}
	return nil
}

// Call implements engine.Outside. The Message-ID is made of the key, so that a mail which
// is sent twice can be told by it.
func (t *mailTask) Call(ctx context.Context, key, text string) (string, error) {
	var l letter
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		return "", fmt.Errorf("reading the prepared mail: %w", err)
	}
	err := t.send(ctx, key, &l)
	if err != nil && l.Quiet {
		return err.Error(), nil
	}
	return "", err
}

func (t *mailTask) send(ctx context.Context, key string, l *letter) error {
	if t.cfg.Host == "" {
		return errors.New("mails cannot be sent: sluice.mail.host is not set")
	}
	m, err := l.message(key)
	if err != nil {
		return fmt.Errorf("making the mail: %w", err)
	}
	client, err := mail.NewClient(t.cfg.Host, t.options()...)
	if err != nil {
		return fmt.Errorf("preparing the connection to the mail server: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, t.cfg.Timeout)
	defer cancel()
	if err := client.DialAndSendWithContext(ctx, m); err != nil {
		return fmt.Errorf("sending the mail by %s: %w", t.cfg.Host, err)
	}
	return nil
}

func (t *mailTask) options() []mail.Option {
	all := []mail.Option{mail.WithPort(t.cfg.Port), mail.WithTimeout(t.cfg.Timeout)}
	switch t.cfg.TLS {
	case "implicit":
		all = append(all, mail.WithSSL())
	case "none":
		all = append(all, mail.WithTLSPolicy(mail.NoTLS))
	case "opportunistic":
		all = append(all, mail.WithTLSPolicy(mail.TLSOpportunistic))
	default:
		all = append(all, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if t.cfg.User != "" {
		all = append(all, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(t.cfg.User), mail.WithPassword(t.cfg.Password))
	}
	return all
}

func (l *letter) message(key string) (*mail.Msg, error) {
	charset := mail.CharsetUTF8
	if l.Charset != "" && !strings.EqualFold(l.Charset, "utf-8") && !strings.EqualFold(l.Charset, "us-ascii") {
		return nil, fmt.Errorf("the charset %q is not sent; use UTF-8", l.Charset)
	}
	m := mail.NewMsg(mail.WithCharset(charset))
	from, err := netmail.ParseAddress(l.From)
	if err != nil {
		return nil, err
	}
	domain := from.Address[strings.LastIndexByte(from.Address, '@')+1:]
	m.SetMessageIDWithValue(key + "@" + domain)
	if err := errors.Join(m.From(l.From), m.To(l.To...), m.Cc(l.CC...), m.Bcc(l.BCC...)); err != nil {
		return nil, err
	}
	m.Subject(l.Subject)
	switch {
	case l.Text != "" && l.HTML != "":
		m.SetBodyString(mail.TypeTextPlain, l.Text)
		m.AddAlternativeString(mail.TypeTextHTML, l.HTML)
	case l.HTML != "":
		m.SetBodyString(mail.TypeTextHTML, l.HTML)
	default:
		m.SetBodyString(mail.TypeTextPlain, l.Text)
	}
	return m, nil
}

// Apply implements engine.Outside.
func (*mailTask) Apply(_ context.Context, x *engine.Execution, problem string) error {
	f := &fields{x: x}
	name := f.text("exceptionVariableName")
	if problem == "" || name == "" || f.err != nil {
		return f.err
	}
	return x.Set(name, problem)
}
