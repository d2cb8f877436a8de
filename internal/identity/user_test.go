package identity

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/bearer"
	"github.com/sluicehq/sluice/internal/fault"
)

func create(t *testing.T, s *Service, n NewUser) *User {
	t.Helper()
	u, err := s.Create(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func ptr[T any](v T) *T { return &v }

func TestUsersAreNumberedAsInAPS(t *testing.T) {
	t.Parallel()
	s := setup(t, nil)
	for i, want := range []int64{1, 1001, 1002} {
		if u := create(t, s, NewUser{Email: strings.Repeat("x", i+1)}); u.ID != want {
			t.Errorf("user %d has the number %d", i, u.ID)
		}
	}
}

func TestNewUsersAreChecked(t *testing.T) {
	t.Parallel()
	s := setup(t, nil)
	create(t, s, NewUser{Email: "kermit@example.com", ExternalID: "k1"})
	for name, c := range map[string]struct {
		user NewUser
		kind fault.Kind
	}{
		"no login":                {NewUser{}, fault.Invalid},
		"white space":             {NewUser{Email: "a b"}, fault.Invalid},
		"line break":              {NewUser{Email: "a\n"}, fault.Invalid},
		"not UTF-8":               {NewUser{Email: "a\xff"}, fault.Invalid},
		"too long":                {NewUser{Email: strings.Repeat("x", 201)}, fault.Invalid},
		"name too long":           {NewUser{Email: "x", FirstName: strings.Repeat("x", 201)}, fault.Invalid},
		"the same login":          {NewUser{Email: "kermit@example.com"}, fault.Conflict},
		"differs by case":         {NewUser{Email: "KERMIT@example.com"}, fault.Conflict},
		"the same external id":    {NewUser{Email: "other", ExternalID: "k1"}, fault.Conflict},
		"a plain name is a login": {NewUser{Email: "admin"}, fault.Internal},
	} {
		_, err := s.Create(t.Context(), c.user)
		if (c.kind == fault.Internal) != (err == nil) || err != nil && fault.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// R136: matching is exact after a documented case rule; nothing else is folded.
//
// Requirement R136, RFC 7662 §2.2 MUST: user names are compared exactly, after one documented rule of case
func TestLookup(t *testing.T) {
	t.Parallel()
	exact, folded := setup(t, nil), setup(t, func(c *Config) { c.CaseSensitive = false })
	external := setup(t, func(c *Config) { c.UseExternalID = true })
	for _, s := range []*Service{exact, folded, external} {
		create(t, s, NewUser{Email: "Kermit@example.com", ExternalID: "frog"})
	}
	for _, c := range []struct {
		s     *Service
		name  string
		found bool
	}{
		{exact, "Kermit@example.com", true}, {exact, "kermit@example.com", false}, {exact, "Kermit@example.com ", false},
		{folded, "kERMIT@EXAMPLE.com", true}, {folded, " Kermit@example.com", false}, {folded, "Kermit@example.com\u200b", false},
		{folded, "\u212aermit@example.com", false}, {folded, "Kerm\u0131t@example.com", false}, {folded, "", false},
		{external, "frog", true}, {external, "Kermit@example.com", false}, {external, "", false}, {external, "FROG", false},
	} {
		if _, err := c.s.Lookup(t.Context(), c.name); (err == nil) != c.found || err != nil && !fault.Is(err, fault.NotFound) {
			t.Errorf("%q: %v, found should be %v", c.name, err, c.found)
		}
	}
}

func TestAuthenticateTellsNothing(t *testing.T) {
	t.Parallel()
	s := setup(t, nil)
	create(t, s, NewUser{Email: "kermit", Password: "green"})
	create(t, s, NewUser{Email: "gone", Password: "green", Inactive: true})
	create(t, s, NewUser{Email: "nopassword"})
	var messages []string
	for login, password := range map[string]string{"kermit": "blue", "gone": "green", "nobody": "green", "nopassword": ""} {
		_, err := s.Authenticate(t.Context(), login, password)
		if !fault.Is(err, fault.Unauthorized) {
			t.Errorf("%s: %v", login, err)
			continue
		}
		messages = append(messages, err.Error())
	}
	for _, m := range messages {
		if m != messages[0] {
			t.Errorf("%q and %q differ", m, messages[0])
		}
	}
	if u, err := s.Authenticate(t.Context(), "kermit", "green"); err != nil || u.Email != "kermit" {
		t.Error(err)
	}
}

func TestBootstrapMakesOneAdministrator(t *testing.T) {
	t.Parallel()
	s := setup(t, nil)
	var wg sync.WaitGroup
	made := make([]bool, 4)
	for i := range made {
		wg.Go(func() {
			var err error
			if made[i], err = s.Bootstrap(t.Context(), NewUser{Email: "admin", Password: "p"}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	n := 0
	for _, m := range made {
		if m {
			n++
		}
	}
	u, err := s.ByEmail(t.Context(), "admin")
	if n != 1 || err != nil || !u.Admin || u.ID != 1 {
		t.Errorf("%d made; %+v %v", n, u, err)
	}
}

func TestTheLastAdministratorStays(t *testing.T) {
	t.Parallel()
	s := setup(t, nil)
	admin := create(t, s, NewUser{Email: "admin", Admin: true})
	groups, _, err := s.Groups(t.Context(), GroupQuery{UserID: admin.ID})
	if err != nil || len(groups) != 1 {
		t.Fatal(groups, err)
	}
	if _, err := s.Update(t.Context(), admin.ID, UserUpdate{Status: ptr(Inactive)}); !fault.Is(err, fault.Forbidden) {
		t.Errorf("deactivating: %v", err)
	}
	if err := s.RemoveMember(t.Context(), groups[0].ID, admin.ID); !fault.Is(err, fault.Forbidden) {
		t.Errorf("leaving: %v", err)
	}
	create(t, s, NewUser{Email: "second", Admin: true})
	if _, err := s.Update(t.Context(), admin.ID, UserUpdate{Status: ptr(Inactive)}); err != nil {
		t.Errorf("deactivating one of two: %v", err)
	}
}

func TestListsArePagedAndFiltered(t *testing.T) {
	t.Parallel()
	s := setup(t, nil)
	for _, n := range []NewUser{{Email: "ann@x.org", FirstName: "Ann", LastName: "100%"}, {Email: "bob@x.org", FirstName: "Bob", LastName: "Marley"},
		{Email: "cy@y.org", FirstName: "Cy", LastName: "Young", Inactive: true}} {
		create(t, s, n)
	}
	for _, c := range []struct {
		q     UserQuery
		total int
		first string
	}{
		{UserQuery{Sort: "emailAsc"}, 3, "ann@x.org"}, {UserQuery{Sort: "emailDesc"}, 3, "cy@y.org"}, {UserQuery{Sort: "emailAsc", Offset: 1, Limit: 1}, 3, "bob@x.org"},
		{UserQuery{Filter: "MARL"}, 1, "bob@x.org"}, {UserQuery{Filter: "x.org", Sort: "emailAsc"}, 2, "ann@x.org"}, {UserQuery{Filter: "%"}, 1, "ann@x.org"},
		{UserQuery{Filter: "_"}, 0, ""}, {UserQuery{Status: Inactive}, 1, "cy@y.org"}, {UserQuery{Email: "BOB@X.ORG"}, 1, "bob@x.org"}, {UserQuery{GroupID: 99}, 0, ""},
	} {
		users, total, err := s.List(t.Context(), c.q)
		if err != nil || total != c.total || (c.first != "" && (len(users) == 0 || users[0].Email != c.first)) || c.q.Limit == 1 && len(users) != 1 {
			t.Errorf("%+v: %d of %d, %v", c.q, len(users), total, err)
		}
	}
	if _, _, err := s.List(t.Context(), UserQuery{Sort: "email; DROP TABLE users"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("an unknown sort: %v", err)
	}
}

// call runs a handler behind RequireToken or RequireBasic and tells who called.
func call(h func(http.Handler, Deny) http.Handler, r *http.Request) (who string, err error) {
	next := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { who = FromContext(r.Context()).Email })
	h(next, func(_ http.ResponseWriter, _ *http.Request, e error) { err = e }).ServeHTTP(httptest.NewRecorder(), r)
	return who, err
}

func TestWhoIsCalling(t *testing.T) {
	t.Parallel()
	s := setup(t, nil)
	admin := create(t, s, NewUser{Email: "admin", Admin: true})
	create(t, s, NewUser{Email: "kermit", ExternalID: "frog"})
	create(t, s, NewUser{Email: "gone", Inactive: true})
	as := func(kind, value string) map[string]string {
		return map[string]string{"activiti-user-value-type": kind, "activiti-user": value}
	}
	for name, c := range map[string]struct {
		token   *bearer.Token
		headers map[string]string
		who     string
		kind    fault.Kind
	}{
		"by name":                 {&bearer.Token{Username: "kermit"}, nil, "kermit", 0},
		"by number":               {&bearer.Token{UserID: admin.ID, Username: "kermit"}, nil, "admin", 0},
		"unknown":                 {&bearer.Token{Username: "nobody"}, nil, "", fault.Forbidden},
		"inactive":                {&bearer.Token{Username: "gone"}, nil, "", fault.Forbidden},
		"no user":                 {&bearer.Token{ClientID: "kermit", Subject: "kermit"}, nil, "", fault.Forbidden},
		"no token":                {nil, nil, "", fault.Unauthorized},
		"as user by e-mail":       {&bearer.Token{Username: "admin"}, as("userEmailType", "kermit"), "kermit", 0},
		"as user by id":           {&bearer.Token{Username: "admin"}, as("userIdType", "1001"), "kermit", 0},
		"as user by external id":  {&bearer.Token{Username: "admin"}, as("userExternalIdType", "frog"), "kermit", 0},
		"as unknown":              {&bearer.Token{Username: "admin"}, as("userEmailType", "nobody"), "", fault.Forbidden},
		"as inactive":             {&bearer.Token{Username: "admin"}, as("userEmailType", "gone"), "", fault.Forbidden},
		"as, no kind":             {&bearer.Token{Username: "admin"}, map[string]string{"activiti-user": "kermit"}, "", fault.Invalid},
		"as, no number":           {&bearer.Token{Username: "admin"}, as("userIdType", "kermit"), "", fault.Invalid},
		"as, by a plain user":     {&bearer.Token{Username: "kermit"}, as("userEmailType", "admin"), "", fault.Forbidden},
		"as himself, plain user":  {&bearer.Token{Username: "kermit"}, as("userEmailType", "kermit"), "", fault.Forbidden},
		"as empty, by plain user": {&bearer.Token{Username: "kermit"}, map[string]string{"activiti-user": ""}, "", fault.Forbidden},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		for n, v := range c.headers {
			r.Header.Set(n, v)
		}
		if c.token != nil {
			r = r.WithContext(bearer.NewContext(r.Context(), c.token))
		}
		who, err := call(s.RequireToken, r)
		if who != c.who || (err == nil) != (c.who != "") || err != nil && fault.KindOf(err) != c.kind {
			t.Errorf("%s: %q %v", name, who, err)
		}
	}
}

// What Basic remembers ends with the password and with the user.
func TestBasic(t *testing.T) {
	t.Parallel()
	s := setup(t, nil)
	u := create(t, s, NewUser{Email: "kermit", Password: "green"})
	try := func(login, password string) error {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.SetBasicAuth(login, password)
		who, err := call(s.RequireBasic, r)
		if err == nil && who != login {
			t.Errorf("called as %q", who)
		}
		return err
	}
	for range 2 { // the second time from memory
		if err := try("kermit", "green"); err != nil {
			t.Error("the right password is refused", err)
		}
	}
	if !fault.Is(try("kermit", "blue"), fault.Unauthorized) || !fault.Is(try("nobody", "green"), fault.Unauthorized) {
		t.Error("wrong credentials")
	}
	if _, err := s.Update(t.Context(), u.ID, UserUpdate{Password: ptr("blue")}); err != nil {
		t.Fatal(err)
	}
	if !fault.Is(try("kermit", "green"), fault.Unauthorized) || try("kermit", "blue") != nil {
		t.Error("after the password changed")
	}
	if _, err := s.Update(t.Context(), u.ID, UserUpdate{Status: ptr(Inactive)}); err != nil {
		t.Fatal(err)
	}
	if !fault.Is(try("kermit", "blue"), fault.Unauthorized) {
		t.Error("after the user was deactivated")
	}
}

// Lesson L04, session fixation: a sign-in gives the session a new id
func TestSessions(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := setup(t, func(c *Config) { c.Now = func() time.Time { return now } })
	u := create(t, s, NewUser{Email: "kermit"})
	start := func(with *http.Cookie) *http.Cookie {
		r := httptest.NewRequest(http.MethodPost, "/login", nil)
		if with != nil {
			r.AddCookie(with)
		}
		w := httptest.NewRecorder()
		if err := s.StartSession(w, r, u); err != nil {
			t.Fatal(err)
		}
		return w.Result().Cookies()[0]
	}
	signedIn := func(c *http.Cookie) bool {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.AddCookie(c)
		session, err := s.Session(r)
		if err != nil {
			t.Fatal(err)
		}
		return session != nil && session.User.ID == u.ID
	}
	first := start(nil)
	if !first.HttpOnly || first.SameSite != http.SameSiteLaxMode || first.Path != "/" || len(first.Value) < 40 || !signedIn(first) {
		t.Errorf("cookie %+v", first)
	}
	second := start(first)
	if second.Value == first.Value || signedIn(first) || !signedIn(second) {
		t.Error("a new sign-in must give a new id and end the old one")
	}
	if signedIn(&http.Cookie{Name: first.Name, Value: "guess"}) {
		t.Error("a guess is signed in")
	}
	r := httptest.NewRequest(http.MethodPost, "/logout", nil)
	r.AddCookie(second)
	if err := s.EndSession(httptest.NewRecorder(), r); err != nil || signedIn(second) {
		t.Error("signed out and still in", err)
	}
	third := start(nil)
	now = now.Add(61 * time.Minute)
	if signedIn(third) {
		t.Error("the session outlived its hour")
	}
	if n, err := s.Sweep(t.Context(), 10); err != nil || n != 1 {
		t.Errorf("swept %d, %v", n, err)
	}
	fourth := start(nil)
	if _, err := s.Update(t.Context(), u.ID, UserUpdate{Status: ptr(Inactive)}); err != nil || signedIn(fourth) {
		t.Error("a deactivated user is still signed in", err)
	}
}

// Requirement R076, RFC 6749 §10.15
func TestNextStaysOnThisServer(t *testing.T) {
	t.Parallel()
	for next, want := range map[string]string{
		"/": "/", "/oauth/authorize/continue?request=x": "/oauth/authorize/continue?request=x", "": "/", "//evil.com": "/", "/\\evil.com": "/",
		"https://evil.com": "/", "javascript:alert(1)": "/", "/\tevil": "/", "/\r\nX: y": "/", "///evil.com": "/", "/é": "/", "evil": "/", "/%2f/evil.com": "/",
	} {
		if got := local(next); got != want {
			t.Errorf("%q becomes %q, want %q", next, got, want)
		}
	}
}

func FuzzNext(f *testing.F) {
	for _, s := range []string{"/", "//x", "/\\x", "/a?b=c", "https://x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, next string) {
		got := local(next)
		if got[0] != '/' || strings.HasPrefix(got, "//") || strings.ContainsAny(got, "\\\r\n\t") {
			t.Errorf("%q becomes %q", next, got)
		}
	})
}
