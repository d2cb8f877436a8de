-- +goose Up
-- What lets somebody register clients (RFC 7591 §3).
CREATE TABLE initial_access_tokens (
    id         TEXT   PRIMARY KEY,        -- what operators call it by; no secret
    hash       BYTEA  NOT NULL UNIQUE,    -- SHA-256 of the token
    name       TEXT   NOT NULL,           -- whom it was given to
    policy     TEXT   NOT NULL,           -- what its clients may get, as JSON
    uses_left  BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX initial_access_tokens_expiry ON initial_access_tokens (expires_at);

-- The clients that registered themselves and what they manage themselves by
-- (RFC 7592 §2).
CREATE TABLE registrations (
    client_id  TEXT   PRIMARY KEY REFERENCES clients (id) ON DELETE CASCADE,
    hash       BYTEA  NOT NULL,           -- SHA-256 of the registration access token
    token_id   TEXT   NOT NULL,           -- the initial access token; empty: open registration
    policy     TEXT   NOT NULL            -- what it may get, as JSON
);
