-- +goose Up
-- What another authorization server has told of: its tokens that are checked here by
-- their signature alone must stay refused when this program begins anew.
CREATE TABLE foreign_revocations (
    member     TEXT   NOT NULL,           -- token_hash | sub | client_id
    name       TEXT   NOT NULL,           -- its value; a token is named by its SHA-256
    ended_at   BIGINT NOT NULL,           -- tokens issued later stand
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (member, name)
);
CREATE INDEX foreign_revocations_expiry ON foreign_revocations (expires_at);
