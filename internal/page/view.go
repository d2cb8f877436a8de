package page

// Login is the sign-in page. It posts email, password and next to /login.
type Login struct {
	Client  string // the application the user comes from; empty when unknown
	Email   string // filled in again after a mistake
	Message string // what went wrong; empty at first
	Next    string // the local address to go on to
	// Elsewhere is another server at which the user may sign in, by ElsewhereURL; empty:
	// there is none.
	Elsewhere, ElsewhereURL string
}

// ScopeText is one thing an application asks for, in words; without words its name
// is shown. Own are the operator's words by language, "" for all others; they come
// before Text.
type ScopeText struct {
	Name, Text string
	Own        map[string]string
}

// Consent asks whether an application may act for the user. It posts request and
// decision (allow or deny) to /oauth/consent.
type Consent struct {
	Client, ClientID string
	User, Email      string
	Request          string // the stored request's id
	RedirectHost     string // where the user will be sent
	UserCode         string // what a device shows, which is asked for then; empty: an application
	Scopes           []ScopeText
	Resources        []string     // other APIs the tokens are for
	Details          []DetailText // RFC 9396
	Switch           string       // where another user signs in
	// What the application's makers promise and ask for; may be empty.
	PolicyURI, TermsURI string
}

// DetailText is one of a request's authorization details.
type DetailText struct {
	Type    string
	Members []Detail
}

// Detail is a named value: the application's own word, one of this package's texts,
// or members.
type Detail struct {
	Name    string
	Value   string
	Text    string
	Members []Detail
}

// What a detail's Text may be.
const (
	Yes     = "yes"
	No      = "no"
	Nothing = "nothing"
)

// Device asks for the code that a device shows. It posts user_code to /device.
type Device struct {
	Code    string // filled in already; may be empty
	Message string // what went wrong; empty at first
}

// DeviceDone says what became of a device's sign-in.
type DeviceDone struct {
	Client  string
	Allowed bool
}

// LogoutConfirm asks whether to sign out. It posts Fields to Action.
type LogoutConfirm struct {
	Email  string
	Client string // the application that asks; empty when the user came by himself
	Action string
	Fields []Field
	Next   string // where to go instead
}

// LoggedOut says that the user is signed out.
type LoggedOut struct {
	Client    string // the application that asked; empty when nobody did
	ClientURI string // its home page; may be empty
	// Frames are pages of applications that are loaded so that they forget the user
	// (OpenID Connect Front-Channel Logout §2); Next is where the browser goes a moment
	// later, empty: nowhere.
	Frames []string
	Next   string
}

// Error says what went wrong and what to do.
type Error struct {
	Status         int
	Title, Message string
	Detail         string // for an application's developer; empty means none
	Link           Link   // what the user can do; without Href there is none
}

// Field is a hidden field.
type Field struct{ Name, Value string }

// FormPost carries an answer to an application by a form that posts itself, or by
// its button without JavaScript (OAuth 2.0 Form Post Response Mode).
type FormPost struct {
	Action string
	Fields []Field
}

// Account is a user of the demo.
type Account struct{ Email, Password, Role string }

// Link leads on.
type Link struct{ Href, Text, Note string }

// Home says what runs here.
type Home struct {
	Version, Issuer string
	User            string // who is signed in; empty means nobody
	Demo            bool
	Accounts        []Account
	Curl            []string
	Links           []Link
}

// DemoCallback shows what the demo's application was sent.
type DemoCallback struct {
	Code, State        string
	Error, Description string
	Curl               string // the line that redeems the code
}

func (Login) name() string         { return "login" }
func (Consent) name() string       { return "consent" }
func (Device) name() string        { return "device" }
func (DeviceDone) name() string    { return "devicedone" }
func (LogoutConfirm) name() string { return "logout" }
func (LoggedOut) name() string     { return "loggedout" }
func (Error) name() string         { return "error" }
func (FormPost) name() string      { return "formpost" }
func (Home) name() string          { return "home" }
func (DemoCallback) name() string  { return "callback" }

func (Login) title() (string, []string)     { return "Sign in", nil }
func (v Consent) title() (string, []string) { return "Allow {1}?", []string{v.Client} }
func (Device) title() (string, []string)    { return "Connect a device", nil }
func (v DeviceDone) title() (string, []string) {
	if v.Allowed {
		return "Your device is connected", nil
	}
	return "Your device was not connected", nil
}
func (LogoutConfirm) title() (string, []string) { return "Sign out", nil }
func (LoggedOut) title() (string, []string)     { return "Signed out", nil }
func (v Error) title() (string, []string)       { return v.Title, nil }
func (FormPost) title() (string, []string)      { return "One moment", nil }
func (Home) title() (string, []string)          { return "Sluice", nil }
func (DemoCallback) title() (string, []string)  { return "Back at the application", nil }
