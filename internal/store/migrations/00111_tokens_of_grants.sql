-- +goose Up
-- A client's own tokens belong to no grant: they need no place in that index.
DROP INDEX access_tokens_grant;
CREATE INDEX access_tokens_grant ON access_tokens (grant_id) WHERE grant_id IS NOT NULL;
