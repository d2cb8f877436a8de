package oauth_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/internal/store"
	"github.com/sluicehq/sluice/sluicetest"
)

func keepHouse(t *testing.T, srv *sluicetest.Server) map[string]int64 {
	t.Helper()
	done, err := srv.Admin.Housekeeping(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return done.Rows
}

func countRows(t *testing.T, db *store.DB, table string) (n int) {
	t.Helper()
	if err := db.QueryRow(t.Context(), []any{&n}, `SELECT COUNT(*) FROM `+table); err != nil {
		t.Fatal(err)
	}
	return n
}

// A used code is remembered as long as what came of it lives: its second use, long
// after, ends the family.
func TestUsedCodeIsRememberedAsLongAsItsGrant(t *testing.T) {
	t.Parallel()
	clock := newClock()
	srv := setup(t, clock.option())
	once := code(t, srv, "client_id", "web", "redirect_uri", callback)
	a := asWeb(t, srv, codeForm(once)...)
	if a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	unused := code(t, srv, "client_id", "web", "redirect_uri", callback)
	clock.Move(24 * time.Hour)
	rows := keepHouse(t, srv)
	if rows["codes"] != 1 || rows["access_tokens"] != 1 {
		t.Errorf("the unused code and the access token leave, not %v", rows)
	}
	if !active(t, srv, a.Text("refresh_token")) {
		t.Fatal("the refresh token is dead")
	}
	for _, c := range []string{unused, once} {
		if a := asWeb(t, srv, codeForm(c)...); a.Text("error") != "invalid_grant" {
			t.Errorf("%d %s", a.Status, a.Body)
		}
	}
	if active(t, srv, a.Text("refresh_token")) {
		t.Error("a code's second use ended nothing")
	}
}

// A grant leaves with the last of what came of it, and its used code with it; a grant
// from which something can come stays.
func TestGrantLeavesWithItsLastToken(t *testing.T) {
	t.Parallel()
	clock := newClock()
	srv := setup(t, clock.option(), client("brief", "secret", func(c *sluice.Client) { c.RefreshTTL = time.Hour }))
	db := tables(t, srv)
	once := code(t, srv, "client_id", "brief", "redirect_uri", callback)
	if a := srv.PostAs(t, "brief", "secret", "/oauth/token", form(codeForm(once)...)); a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	long := tokens(t, srv)
	if keepHouse(t, srv); countRows(t, db, "grants") != 2 || countRows(t, db, "codes") != 1 {
		t.Error("something went that lives")
	}
	clock.Move(25 * time.Hour)
	keepHouse(t, srv)
	if grants, codes := countRows(t, db, "grants"), countRows(t, db, "codes"); grants != 1 || codes != 0 {
		t.Errorf("%d grants and %d codes are left, not 1 and 0", grants, codes)
	}
	if !active(t, srv, long.Text("refresh_token")) {
		t.Error("the other grant's refresh token is dead")
	}
	if _, err := db.Exec(t.Context(), `DELETE FROM refresh_tokens`); err != nil {
		t.Fatal(err)
	}
	if rows := keepHouse(t, srv); rows["grants"] != 1 || countRows(t, db, "grants") != 0 {
		t.Errorf("a grant that was left behind: %v", rows)
	}
}

// A token that is written while its client is being deleted, as PostgreSQL lets it,
// is not one of the client that is made again under the same id.
func TestTokenOfADeletedClientIsNotItsNamesakes(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	srv := setup(t)
	db := tables(t, srv)
	token := asWeb(t, srv, "grant_type", "client_credentials").Text("access_token")
	type row struct {
		scope                  string
		birth, issued, expires int64
	}
	var late row
	err := db.QueryRow(ctx, []any{&late.scope, &late.birth, &late.issued, &late.expires},
		`SELECT scope, client_birth, issued_at, expires_at FROM access_tokens WHERE client_id = 'web'`)
	if err != nil || late.birth == 0 || !active(t, srv, token) {
		t.Fatalf("%+v %v", late, err)
	}
	if err := srv.Admin.DeleteClient(ctx, "web"); err != nil {
		t.Fatal(err)
	}
	if n := countRows(t, db, "access_tokens"); n != 0 {
		t.Errorf("%d tokens outlived their client", n)
	}
	write := func(birth int64) {
		t.Helper()
		_, err := db.Exec(ctx, `INSERT INTO access_tokens (hash, client_id, scope, issued_at, expires_at, client_birth) VALUES ($1, 'web', $2, $3, $4, $5)
			ON CONFLICT (hash) DO UPDATE SET client_birth = excluded.client_birth`, sum256([]byte(token)), late.scope, late.issued, late.expires, birth)
		if err != nil {
			t.Fatal(err)
		}
	}
	write(late.birth)
	again := sluice.Client{ID: "web", GrantTypes: []string{"client_credentials"}, Scopes: []string{"read"}}
	if _, err := srv.Admin.CreateClient(ctx, sluice.NewClient{Client: again, Secret: "secret"}); err != nil {
		t.Fatal(err)
	}
	if active(t, srv, token) {
		t.Error("the new client has the old one's token")
	}
	var birth int64
	if err := db.QueryRow(ctx, []any{&birth}, `SELECT birth FROM clients WHERE id = 'web'`); err != nil || birth == late.birth {
		t.Fatal(birth, err)
	}
	if write(birth); !active(t, srv, token) {
		t.Error("with the new client's birth it lives: else this test proves nothing")
	}
}

// A client's many grants leave in small steps too, and nobody else's do.
func TestManyGrantsOfADeletedClient(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	srv := setup(t)
	db := tables(t, srv)
	tokens(t, srv)
	_, err := db.Exec(ctx, `INSERT INTO grants (id, client_id, user_id, kind, scope, nonce, auth_at, created_at)
		WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1203)
		SELECT 'made-' || i, CASE WHEN i % 3 = 0 THEN 'other' ELSE 'web' END, user_id, kind, scope, nonce, auth_at, created_at FROM n CROSS JOIN grants`)
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Admin.DeleteClient(ctx, "web"); err != nil {
		t.Fatal(err)
	}
	if n := countRows(t, db, "grants"); n != 401 {
		t.Errorf("%d grants are left, not 401", n)
	}
}
