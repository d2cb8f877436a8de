package sluice_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

// byPage signs the user in at the client "app" by a page and returns the tokens.
func byPage(t *testing.T, srv *sluicetest.Server, scope string) sluicetest.Answer {
	t.Helper()
	away := srv.Browser(t).Authorize(t, url.Values{"client_id": {"app"}, "response_type": {"code"}, "redirect_uri": {callback}, "scope": {scope}}, kermit, password)
	a := srv.PostAs(t, "app", "app secret", "/oauth/token",
		url.Values{"grant_type": {"authorization_code"}, "code": {away.Query().Get("code")}, "redirect_uri": {callback}})
	if a.Status != 200 {
		t.Fatal(a.Body)
	}
	return a
}

func byPassword(t *testing.T, srv *sluicetest.Server, user string) sluicetest.Answer {
	t.Helper()
	a := srv.PostAs(t, "app", "app secret", "/oauth/token", url.Values{"grant_type": {"password"}, "username": {user}, "password": {password}, "scope": {"read"}})
	if a.Status != 200 {
		t.Fatal(a.Body)
	}
	return a
}

// counts checks in every place whether what was issued counts.
func counts(t *testing.T, srv *sluicetest.Server, name string, issued sluicetest.Answer, want bool) {
	t.Helper()
	token := issued.Text("access_token")
	if a := srv.PostAs(t, "app", "app secret", "/oauth/introspect", url.Values{"token": {token}}); a.JSON["active"] != want {
		t.Errorf("%s: introspection says %s", name, a.Body)
	}
	if a := srv.Call(t, token, http.MethodGet, "profile", nil); (a.Status == 200) != want || (!want && a.Status != 401) {
		t.Errorf("%s: the API answers %d", name, a.Status)
	}
	a := srv.PostAs(t, "app", "app secret", "/oauth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {issued.Text("refresh_token")}})
	if (a.Status == 200) != want || (!want && (a.Status != 400 || a.Text("error") != "invalid_grant")) {
		t.Errorf("%s: a refresh is answered %d %s", name, a.Status, a.Body)
	}
}

// operator opens the same database beside the running server, as the command line
// does.
func operator(t *testing.T, srv *sluicetest.Server) *sluice.Admin {
	t.Helper()
	a, err := sluice.OpenAdmin(t.Context(), srv.Config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// A withdrawn consent ends what rests on it with the running server's next request,
// and what does not rest on it stays.
//
// RFC 6749 §6: a revoked consent on refresh
func TestRevokedConsentOnRefresh(t *testing.T) {
	t.Parallel()
	ctx := sluice.WithActor(t.Context(), "cli", "root")
	srv := newServer(t, sluicetest.User(gonzo, password))
	admin := operator(t, srv)
	first, second, own, other := byPage(t, srv, "read"), byPage(t, srv, "openid write"), byPassword(t, srv, kermit), byPassword(t, srv, gonzo)
	list, more, err := admin.Consents(ctx, sluice.Selection{User: kermit})
	if err != nil || more || len(list) != 1 || list[0].User != kermit || list[0].ClientID != "app" || fmt.Sprint(list[0].Scopes) != "[read openid write]" || list[0].Created.IsZero() {
		t.Fatalf("%+v %v %v", list, more, err)
	}
	for name, wrong := range map[string][2]string{"no such user": {"nobody@example.com", "app"}, "not agreed": {kermit, "spa"}, "another's": {gonzo, "app"}} {
		if err := admin.RevokeConsent(ctx, wrong[0], wrong[1]); err == nil {
			t.Errorf("%s: nothing is said", name)
		}
	}
	counts(t, srv, "before", first, true)
	if err := admin.RevokeConsent(ctx, kermit, "app"); err != nil {
		t.Fatal(err)
	}
	counts(t, srv, "the first", first, false)
	counts(t, srv, "the second", second, false)
	counts(t, srv, "a password grant", own, true)
	counts(t, srv, "another user's", other, true)
	if list, _, err := admin.Consents(ctx, sluice.Selection{}); err != nil || len(list) != 0 {
		t.Errorf("%+v %v", list, err)
	}
	who := "user:" + jsonText(t, list[0].UserID)
	if got := recorded(t, srv, sluice.AuditQuery{Event: "consent.revoke"}); !slices.Equal(got, []string{"consent.revoke success cli " + who}) {
		t.Errorf("%q", got)
	}
	if got := recorded(t, srv, sluice.AuditQuery{Event: "grant.revoke"}); !slices.Equal(got, slices.Repeat([]string{"grant.revoke success cli " + who}, 2)) {
		t.Errorf("%q", got)
	}
	b := srv.Browser(t)
	b.SignIn(t, kermit, password)
	if away := b.Open(t, "/oauth/authorize?"+url.Values{"client_id": {"app"}, "response_type": {"code"}, "redirect_uri": {callback}, "scope": {"read"}, "prompt": {"none"}}.Encode()); away == nil || away.Query().Get("error") != "consent_required" {
		t.Errorf("he is not asked again: %v", away)
	}
}

// One grant ends and no other; what is listed opens nothing.
func TestGrantsAreListedAndRevoked(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	srv := newServer(t, sluicetest.User(gonzo, password))
	admin := operator(t, srv)
	a, b, c := byPage(t, srv, "read"), byPassword(t, srv, kermit), byPassword(t, srv, gonzo)
	all, more, err := admin.Grants(ctx, sluice.Selection{})
	if err != nil || more || len(all) != 3 {
		t.Fatalf("%+v %v %v", all, more, err)
	}
	if g := all[0]; g.User != gonzo || g.ClientID != "app" || g.GrantType != "password" || fmt.Sprint(g.Scopes) != "[read]" || g.Session != "" {
		t.Errorf("the newest is not the first: %+v", g)
	}
	if g := all[2]; g.User != kermit || g.GrantType != "authorization_code" || g.Session == "" {
		t.Errorf("%+v", g)
	}
	var paged []sluice.UserGrant
	for more := true; more; {
		var part []sluice.UserGrant
		if part, more, err = admin.Grants(ctx, sluice.Selection{Offset: len(paged), Limit: 1}); err != nil || len(part) != 1 {
			t.Fatal(part, err)
		}
		paged = append(paged, part...)
	}
	if jsonText(t, paged) != jsonText(t, all) {
		t.Errorf("page by page: %v", paged)
	}
	for _, test := range []struct {
		q    sluice.Selection
		want int
	}{{sluice.Selection{User: kermit}, 2}, {sluice.Selection{User: gonzo, ClientID: "app"}, 1}, {sluice.Selection{ClientID: "spa"}, 0}, {sluice.Selection{Offset: 3}, 0}} {
		if got, _, err := admin.Grants(ctx, test.q); err != nil || len(got) != test.want {
			t.Errorf("%+v: %d of %d, %v", test.q, len(got), test.want, err)
		}
	}
	if _, _, err := admin.Grants(ctx, sluice.Selection{User: "nobody@example.com"}); err == nil {
		t.Error("a user who does not exist has grants")
	}
	for range 2 { // the second time, it has ended already
		if err := admin.RevokeGrant(ctx, all[1].ID); err != nil {
			t.Fatal(err)
		}
	}
	counts(t, srv, "by page", a, true)
	counts(t, srv, "revoked", b, false)
	counts(t, srv, "another's", c, true)
	if err := admin.RevokeGrant(ctx, "none"); err == nil || !strings.Contains(err.Error(), `there is no grant "none"`) {
		t.Error(err)
	}
	events, _, err := admin.Audit(ctx, sluice.AuditQuery{Event: "grant.revoke"})
	if err != nil || len(events) != 1 || events[0].Actor != "program" || events[0].Details["reason"] != "an administrator ended it" || events[0].Details["grant"] != all[1].ID {
		t.Errorf("%+v %v", events, err)
	}
}

// A session ends by its public id, with what came of it; its cookie is asked for anew.
func TestSessionsAreListedAndRevoked(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	srv := newServer(t, sluicetest.User(gonzo, password))
	admin := operator(t, srv)
	here, there := srv.Browser(t), srv.Browser(t)
	here.SignIn(t, kermit, password)
	there.SignIn(t, kermit, password)
	srv.Browser(t).SignIn(t, gonzo, password)
	openid := byPage(t, srv, "openid read")
	all, more, err := admin.Sessions(ctx, sluice.Selection{User: kermit})
	if err != nil || more || len(all) != 3 || all[0].User != kermit || all[0].Address != "127.0.0.1" || !strings.Contains(all[0].Agent, "Go") || !all[0].Expires.After(all[0].AuthTime) {
		t.Fatalf("%+v %v %v", all, more, err)
	}
	grants, _, err := admin.Grants(ctx, sluice.Selection{})
	if err != nil || len(grants) != 1 {
		t.Fatal(grants, err)
	}
	counts(t, srv, "before", openid, true)
	if err := admin.RevokeSession(ctx, grants[0].Session); err != nil {
		t.Fatal(err)
	}
	counts(t, srv, "of the ended session", openid, false)
	for _, wrong := range []string{grants[0].Session, "", "none", strings.Repeat("A", 16)} {
		if err := admin.RevokeSession(ctx, wrong); err == nil || !strings.Contains(err.Error(), "there is no session") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if !signedIn(t, here) || !signedIn(t, there) {
		t.Error("another session ended too")
	}
	if n, err := admin.RevokeSessions(ctx, kermit); err != nil || n != 2 {
		t.Errorf("%d %v", n, err)
	}
	if signedIn(t, here) || signedIn(t, there) {
		t.Error("a session goes on")
	}
	if left, _, err := admin.Sessions(ctx, sluice.Selection{}); err != nil || len(left) != 1 || left[0].User != gonzo {
		t.Errorf("%+v %v", left, err)
	}
	events, _, err := admin.Audit(ctx, sluice.AuditQuery{Event: "session.end", Oldest: true})
	if err != nil || len(events) != 3 || events[0].Actor != "program" || events[0].Details["session"] != grants[0].Session || events[0].Details["reason"] != "an administrator ended it" {
		t.Errorf("%+v %v", events, err)
	}
}

// signedIn reports whether the server still knows the browser's user.
func signedIn(t *testing.T, b *sluicetest.Browser) bool {
	t.Helper()
	away := b.Open(t, "/oauth/authorize?"+url.Values{"client_id": {"app"}, "response_type": {"code"}, "redirect_uri": {callback}, "scope": {"read"}, "prompt": {"none"}}.Encode())
	if away == nil {
		t.Fatal("no answer")
	}
	return away.Query().Get("error") != "login_required"
}

// What was not delivered is seen with where it goes and why it did not arrive, and
// without what it tells.
func TestOutboxIsListed(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	d := newDoor(t)
	srv := pushing(t, d)
	admin := operator(t, srv)
	issued := byPassword(t, srv, kermit)
	byPassword(t, srv, kermit)
	grants, _, err := admin.Grants(ctx, sluice.Selection{})
	if err != nil || len(grants) != 2 {
		t.Fatal(grants, err)
	}
	for _, g := range grants {
		if err := admin.RevokeGrant(ctx, g.ID); err != nil {
			t.Fatal(err)
		}
	}
	list, more, err := admin.Outbox(ctx, 0, 0)
	host := strings.TrimPrefix(d.URL, "http://")
	if err != nil || more || len(list) != 2 || list[0].Kind != "revocation" || list[0].Host != host || list[0].Attempts != 0 || list[0].LastError != "" || list[0].Next.IsZero() {
		t.Fatalf("%+v %v %v", list, more, err)
	}
	if part, more, err := admin.Outbox(ctx, 1, 1); err != nil || more || len(part) != 1 || part[0].ID != list[1].ID {
		t.Errorf("%+v %v %v", part, more, err)
	}
	if part, more, err := admin.Outbox(ctx, 0, 1); err != nil || !more || len(part) != 1 || part[0].ID != list[0].ID {
		t.Errorf("%+v %v %v", part, more, err)
	}
	if text := jsonText(t, list); strings.Contains(text, revocations) || strings.Contains(text, "token_hashes") || strings.Contains(text, issued.Text("access_token")) {
		t.Error(text)
	}
}
