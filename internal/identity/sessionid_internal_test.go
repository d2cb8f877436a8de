package identity

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
	"github.com/sluicehq/sluice/internal/store/storetest"
)

// A session from before public ids were kept is found by the beginning of its hash, and
// no other is; an id that is kept is no such beginning.
func TestSessionsOfBothKindsAreFoundByTheirIDs(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	prefix := slices.Repeat([]byte{7}, publicBytes)
	follows := base64.RawURLEncoding.EncodeToString(prefix)
	fill := func(last byte) []byte { return slices.Concat(prefix, slices.Repeat([]byte{last}, 32-publicBytes)) }
	beside := slices.Repeat([]byte{7}, 32)
	beside[publicBytes-1]++
	sessions := map[string][]byte{"": fill(0xff), "kept": fill(3), "another": beside}
	err := db.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO users (id, email, email_folded, first_name, last_name, company, status, password_hash, created_at, updated_at)
			VALUES (1, 'a', 'a', '', '', '', 'active', '', 0, 0)`)
		for sid, hash := range sessions {
			if err == nil {
				_, err = tx.Exec(t.Context(), `INSERT INTO sessions (hash, sid, user_id, auth_at, amr, address, agent, expires_at) VALUES ($1, $2, 1, 0, '', '', '', 9)`, hash, sid)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s := New(db, nil, Config{})
	find := func(id string) (found []string) {
		t.Helper()
		first, last := hashesOf(id)
		err := db.Query(t.Context(), func(r store.Row) error {
			var sid string
			err := r.Scan(&sid)
			found = append(found, sid)
			return err
		}, `SELECT sid FROM sessions WHERE `+withPublicID, id, first, last)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	for id, want := range map[string][]string{follows: {""}, "kept": {"kept"}, "another": {"another"}, "": nil, "none": nil, strings.Repeat("B", 16): nil} {
		if got := find(id); !slices.Equal(got, want) {
			t.Errorf("%q: %q, not %q", id, got, want)
		}
	}
	if err := s.RevokeSession(context.Background(), strings.Repeat("B", 16)); !fault.Is(err, fault.NotFound) {
		t.Errorf("%v", err)
	}
	if db.Name() == "sqlite" {
		usesIndexes(t, db)
	}
}

func usesIndexes(t *testing.T, db *store.DB) {
	t.Helper()
	var plan []string
	err := db.Query(t.Context(), func(r store.Row) error {
		var id, parent, unused int
		var detail string
		err := r.Scan(&id, &parent, &unused, &detail)
		plan = append(plan, detail)
		return err
	}, `EXPLAIN QUERY PLAN DELETE FROM sessions WHERE `+withPublicID+` RETURNING hash`, "a", []byte{1}, []byte{2})
	if err != nil || len(plan) == 0 || slices.ContainsFunc(plan, func(s string) bool { return strings.HasPrefix(s, "SCAN") }) {
		t.Errorf("%q %v", plan, err)
	}
}
