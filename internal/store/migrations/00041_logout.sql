-- +goose Up
-- The session's public id ("sid"), which outlasts a new cookie of the same user;
-- empty: it follows from the hash, as it did before.
ALTER TABLE sessions ADD COLUMN sid TEXT NOT NULL DEFAULT '';

-- What is to be told to another server. A row is written by the transaction that
-- makes it true and leaves when it was delivered or is too old.
CREATE TABLE outbox (
    id         TEXT   PRIMARY KEY,
    kind       TEXT   NOT NULL,           -- who delivers it
    target     TEXT   NOT NULL,           -- whom it is for; a failure holds up all of one target
    payload    TEXT   NOT NULL,           -- JSON; no secret
    attempts   BIGINT NOT NULL DEFAULT 0,
    next_at    BIGINT NOT NULL,           -- when it is due; while it is being sent, when that is given up
    last_error TEXT   NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL
);
CREATE INDEX outbox_due ON outbox (next_at);
CREATE INDEX outbox_target ON outbox (kind, target);
