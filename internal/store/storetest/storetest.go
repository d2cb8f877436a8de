// Package storetest opens a fresh, migrated database for a test: SQLite in the
// test's own directory, or a database of its own on the PostgreSQL server that
// SLUICE_TEST_POSTGRES names. Only tests import it.
package storetest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"

	"github.com/sluicehq/sluice/internal/store"
)

// Open returns a migrated database that is closed, and on PostgreSQL dropped,
// when the test ends.
func Open(t testing.TB) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), Migrated(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := db.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return db
}

// migrated is a file with all migrations, which are run once for all tests of a program:
// most of what a test of a server would take is they.
var migrated = sync.OnceValues(func() (file []byte, err error) {
	dir, err := os.MkdirTemp("", "sluice-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "sluice.db")
	db, err := store.Open(context.Background(), store.Config{Path: path})
	if err != nil {
		return nil, err
	}
	_, err = db.Migrate(context.Background())
	if err := errors.Join(err, db.Close()); err != nil { // closing moves everything into the file
		return nil, err
	}
	return os.ReadFile(path)
})

// Migrated returns where a database is that has nothing in it but what the migrations put
// there, for tests that open it themselves. On PostgreSQL opening has to run them.
func Migrated(t testing.TB) store.Config {
	t.Helper()
	cfg := Config(t)
	if cfg.Path == "" {
		return cfg
	}
	file, err := migrated()
	if err == nil {
		err = os.WriteFile(cfg.Path, file, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// Config returns where a fresh, empty database is, for tests that open it
// themselves.
func Config(t testing.TB) store.Config {
	t.Helper()
	server := os.Getenv("SLUICE_TEST_POSTGRES")
	if server == "" {
		return store.Config{Path: filepath.Join(t.TempDir(), "sluice.db")}
	}
	return store.Config{URL: create(t, server), Connections: 6}
}

// create makes a database on the server and returns its URL.
func create(t testing.TB, server string) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal("SLUICE_TEST_POSTGRES is not a URL")
	}
	admin, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	name := "sluice_" + strings.ToLower(rand.Text()[:16])
	if _, err := admin.ExecContext(context.Background(), `CREATE DATABASE `+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.ExecContext(context.Background(), `DROP DATABASE `+name+` WITH (FORCE)`); err != nil {
			t.Error(err)
		}
		_ = admin.Close()
	})
	u.Path = "/" + name
	return u.String()
}
