-- +goose Up
-- A session is ended by its public id, too.
CREATE INDEX sessions_sid ON sessions (sid);

-- Work that one process at a time does for all on this database.
CREATE TABLE leases (
    name       TEXT   PRIMARY KEY,
    holder     TEXT   NOT NULL,           -- drawn by each process as it starts
    expires_at BIGINT NOT NULL            -- unless it is renewed, somebody else may take it
);
