-- +goose Up
-- What a client registered beyond the basics, as JSON (RFC 7591 §2).
ALTER TABLE clients ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}';

-- The browser session a grant came of; empty when none did.
ALTER TABLE grants ADD COLUMN session_id TEXT NOT NULL DEFAULT '';
-- The rarer facts of a grant, as JSON; empty when there are none.
ALTER TABLE grants ADD COLUMN context TEXT NOT NULL DEFAULT '';
CREATE INDEX grants_session ON grants (session_id) WHERE session_id <> '';

-- The rarer facts of a token (audience, binding, details, actor), as JSON;
-- empty when there are none.
ALTER TABLE access_tokens ADD COLUMN extras TEXT NOT NULL DEFAULT '';
