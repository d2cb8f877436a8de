package main

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// raw is the least that a completed task takes: the instance and the task are read,
// both are changed, the next task is made, with its history; nine statements in two
// round trips, by pgx alone. Nothing is decided and nothing is looked up.
type raw struct{ pool *pgxpool.Pool }

func newRaw(ctx context.Context, url string, connections int32) (*raw, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = connections
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	_, err = pool.Exec(ctx, `CREATE TABLE raw_instances (id TEXT PRIMARY KEY, rev BIGINT NOT NULL, state BYTEA NOT NULL);
		CREATE TABLE raw_tasks (id TEXT PRIMARY KEY, instance_id TEXT NOT NULL, name TEXT NOT NULL, assignee TEXT NOT NULL, created_at BIGINT NOT NULL, ended_at BIGINT);
		CREATE INDEX raw_tasks_assignee ON raw_tasks (assignee, created_at) WHERE ended_at IS NULL;
		CREATE INDEX raw_tasks_instance ON raw_tasks (instance_id);
		CREATE TABLE raw_links (task_id TEXT NOT NULL, user_id TEXT NOT NULL, PRIMARY KEY (task_id, user_id));
		CREATE TABLE raw_activities (id TEXT PRIMARY KEY, instance_id TEXT NOT NULL, activity TEXT NOT NULL, started_at BIGINT NOT NULL, ended_at BIGINT);
		CREATE INDEX raw_activities_instance ON raw_activities (instance_id, started_at)`)
	return &raw{pool}, err
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// story begins an instance, which is not counted, and completes seven tasks of it.
func (r *raw) story(ctx context.Context, timed func(func() error) error) error {
	instance, task, visit, now := newID(), newID(), newID(), time.Now().UnixMilli()
	var begin pgx.Batch
	begin.Queue(`INSERT INTO raw_instances (id, rev, state) VALUES ($1, 1, $2)`, instance, make([]byte, 80))
	begin.Queue(`INSERT INTO raw_tasks (id, instance_id, name, assignee, created_at) VALUES ($1, $2, 'Task', 'kermit', $3)`, task, instance, now)
	begin.Queue(`INSERT INTO raw_activities (id, instance_id, activity, started_at) VALUES ($1, $2, 'task', $3)`, visit, instance, now)
	if err := r.pool.SendBatch(ctx, &begin).Close(); err != nil {
		return err
	}
	for range 7 {
		next, nextVisit := newID(), newID()
		if err := timed(func() error { return r.complete(ctx, instance, task, visit, next, nextVisit) }); err != nil {
			return err
		}
		task, visit = next, nextVisit
	}
	return nil
}

func (r *raw) complete(ctx context.Context, instance, task, visit, next, nextVisit string) error {
	conn, err := r.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	var rev int64
	var state []byte
	var assignee string
	var reads pgx.Batch
	reads.Queue(`BEGIN`)
	reads.Queue(`SELECT rev, state FROM raw_instances WHERE id = $1 FOR UPDATE`, instance).QueryRow(func(row pgx.Row) error { return row.Scan(&rev, &state) })
	reads.Queue(`SELECT assignee FROM raw_tasks WHERE id = $1 AND ended_at IS NULL`, task).QueryRow(func(row pgx.Row) error { return row.Scan(&assignee) })
	if err := conn.SendBatch(ctx, &reads).Close(); err != nil {
		return err
	}
	now := time.Now().UnixMilli()
	var writes pgx.Batch
	writes.Queue(`UPDATE raw_instances SET rev = rev + 1, state = $3 WHERE id = $1 AND rev = $2`, instance, rev, state)
	writes.Queue(`UPDATE raw_tasks SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL`, task, now)
	writes.Queue(`UPDATE raw_activities SET ended_at = $2 WHERE id = $1`, visit, now)
	writes.Queue(`INSERT INTO raw_tasks (id, instance_id, name, assignee, created_at) VALUES ($1, $2, 'Task', $3, $4)`, next, instance, assignee, now)
	writes.Queue(`INSERT INTO raw_links (task_id, user_id) VALUES ($1, $2)`, next, assignee)
	writes.Queue(`INSERT INTO raw_activities (id, instance_id, activity, started_at) VALUES ($1, $2, 'task', $3)`, nextVisit, instance, now)
	writes.Queue(`COMMIT`)
	return conn.SendBatch(ctx, &writes).Close()
}
