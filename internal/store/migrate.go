package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate runs the steps that are missing, each in a transaction. On PostgreSQL
// a session lock lets one starter at a time through; for SQLite see up.
func migrate(ctx context.Context, dialect goose.Dialect, pool *sql.DB) (int, error) {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return 0, fmt.Errorf("reading migrations: %w", err)
	}
	// A room's steps have numbers of their own range: a lower one may come later.
	opts := []goose.ProviderOption{goose.WithAllowOutofOrder(true)}
	if dialect == goose.DialectPostgres {
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return 0, fmt.Errorf("preparing the migration lock: %w", err)
		}
		opts = append(opts, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(dialect, pool, dir, opts...)
	if err != nil {
		return 0, fmt.Errorf("reading migrations: %w", err)
	}
	return up(ctx, provider)
}

// up tries again after a failure that another starter explains: on SQLite two
// may read the same version, and the one that comes second finds the first
// one's tables. Its next look sees the version that the first one committed.
func up(ctx context.Context, provider *goose.Provider) (int, error) {
	steps := 0
	for {
		before, err := provider.GetDBVersion(ctx)
		if err != nil {
			return steps, fmt.Errorf("reading the schema's version: %w", err)
		}
		done, err := provider.Up(ctx)
		var partial *goose.PartialError
		if errors.As(err, &partial) {
			done = partial.Applied
		}
		steps += len(done)
		if err == nil {
			return steps, nil
		}
		after, again := provider.GetDBVersion(ctx)
		if again != nil || after == before {
			return steps, fmt.Errorf("migrating the database: %w", err)
		}
	}
}
