package store

import (
	"fmt"
	"path/filepath"
	"testing"
)

// However many texts of statements there are, a connection keeps a bounded number and
// goes on working.
func TestAConnectionKeepsABoundedNumberOfStatements(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "s.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	lite, kept := db.backend.(*sqliteDB), 0
	for i := range readers * (maxStatements + 2) {
		n := 0
		if err := db.QueryRow(t.Context(), []any{&n}, fmt.Sprintf(`SELECT %d`, i)); err != nil || n != i {
			t.Fatal(i, n, err)
		}
	}
	for i := range maxStatements + 2 {
		n := 0
		err := db.Write(t.Context(), func(tx *Tx) error {
			kept = max(kept, len(lite.queue.conn.statements))
			return tx.QueryRow(t.Context(), []any{&n}, fmt.Sprintf(`SELECT %d + $1`, i), 1)
		})
		if err != nil || n != i+1 {
			t.Fatal(i, n, err)
		}
	}
	if most := maxStatements + 10; kept > most || kept < maxStatements {
		t.Errorf("the writing connection kept %d statements", kept)
	}
	for range readers {
		r := <-lite.readers
		defer func() { lite.readers <- r }()
		if len(r.statements) > maxStatements/2 {
			t.Errorf("a reading connection keeps %d statements", len(r.statements))
		}
	}
}
