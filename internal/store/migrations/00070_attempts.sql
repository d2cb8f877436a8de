-- +goose Up
-- Attempts to prove a password, a secret or a user code that were not right, or are
-- being checked: a leaking counter for each account, for each account and network
-- that it was proved from, and for each network.
CREATE TABLE attempts (
    key         BYTEA  PRIMARY KEY,       -- SHA-256 of what is counted
    owner       BYTEA  NOT NULL,          -- SHA-256 of the account; the same as key for a network's own
    next_at     BIGINT NOT NULL,          -- nothing is checked before
    clear_at    BIGINT NOT NULL,          -- when the last failure is forgotten
    known_until BIGINT NOT NULL,          -- until when the account is known to come from that network; 0: not
    expires_at  BIGINT NOT NULL           -- the latest of the three
);
CREATE INDEX attempts_owner ON attempts (owner);
CREATE INDEX attempts_expiry ON attempts (expires_at);
