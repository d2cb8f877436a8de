-- +goose Up
-- Every change of a client counts it up, so that a statement can tell whether a
-- client that a process remembers is still what it was.
ALTER TABLE clients ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
