-- +goose Up
-- Ids that count once until they expire: of assertions, request objects and
-- proofs, and of pushed requests that were answered.
CREATE TABLE seen_ids (
    hash       BYTEA  PRIMARY KEY,        -- SHA-256 of what it is the id of, and the id
    expires_at BIGINT NOT NULL
);
CREATE INDEX seen_ids_expiry ON seen_ids (expires_at);

-- Authorization requests that clients have pushed (RFC 9126).
CREATE TABLE pushed_requests (
    hash       BYTEA  PRIMARY KEY,        -- SHA-256 of the request_uri
    client_id  TEXT   NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    parameters TEXT   NOT NULL,           -- as they were sent and checked, as JSON
    expires_at BIGINT NOT NULL
);
CREATE INDEX pushed_requests_expiry ON pushed_requests (expires_at);

-- Devices that wait for their users (RFC 8628).
CREATE TABLE device_codes (
    hash       BYTEA  PRIMARY KEY,        -- SHA-256 of the device code
    user_code  BYTEA  NOT NULL UNIQUE,    -- SHA-256 of the user code, without its hyphen
    client_id  TEXT   NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    parameters TEXT   NOT NULL,           -- the checked request, as JSON
    status     TEXT   NOT NULL,           -- pending | approved | denied | redeemed
    grant_id   TEXT   REFERENCES grants (id) ON DELETE CASCADE, -- once approved
    pause      BIGINT NOT NULL,           -- milliseconds between two polls
    polled_at  BIGINT,
    expires_at BIGINT NOT NULL
);
CREATE INDEX device_codes_expiry ON device_codes (expires_at);
CREATE INDEX device_codes_grant ON device_codes (grant_id);

-- The key that a public client's refresh token needs (RFC 9449 §5), as JSON; empty:
-- none.
ALTER TABLE refresh_tokens ADD COLUMN bound TEXT NOT NULL DEFAULT '';

-- Keys that all processes on this database share.
CREATE TABLE shared_keys (
    name  TEXT  PRIMARY KEY,
    value BYTEA NOT NULL
);
