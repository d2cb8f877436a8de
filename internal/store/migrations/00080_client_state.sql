-- +goose Up
-- A disabled client gets nothing, and nothing that it got counts.
ALTER TABLE clients ADD COLUMN status TEXT NOT NULL DEFAULT 'active'; -- active | disabled
-- The secret before the present one, while both are good; empty: there is none.
ALTER TABLE clients ADD COLUMN old_secret_hash TEXT NOT NULL DEFAULT '';
ALTER TABLE clients ADD COLUMN old_secret_until BIGINT;
