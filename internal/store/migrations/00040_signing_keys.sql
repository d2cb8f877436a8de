-- +goose Up
-- From when a key signs. Its predecessor of the same algorithm is retired then.
ALTER TABLE signing_keys ADD COLUMN active_at BIGINT NOT NULL DEFAULT 0;
UPDATE signing_keys SET active_at = created_at;
-- The how manieth of its algorithm it is: processes that make the successor at
-- the same time make the same generation, and one of them wins.
ALTER TABLE signing_keys ADD COLUMN generation BIGINT NOT NULL DEFAULT 1;
CREATE UNIQUE INDEX signing_keys_generation ON signing_keys (algorithm, generation);
-- The fingerprint of the key that private_key is encrypted by; empty: it is not.
ALTER TABLE signing_keys ADD COLUMN sealed_by TEXT NOT NULL DEFAULT '';
