-- +goose Up
-- A used code stays as long as its grant, so that a second use ends what the first
-- one gave. Housekeeping looks for the others alone.
DROP INDEX codes_expiry;
CREATE INDEX codes_unused ON codes (expires_at) WHERE used_at IS NULL;

-- A client's own id within its id: a token that is written while its client is being
-- deleted does not count for one that is made again under the same id.
ALTER TABLE clients ADD COLUMN birth BIGINT NOT NULL DEFAULT 0;
ALTER TABLE access_tokens ADD COLUMN client_birth BIGINT NOT NULL DEFAULT 0;
