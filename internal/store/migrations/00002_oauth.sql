-- +goose Up
CREATE TABLE clients (
    id            TEXT   PRIMARY KEY,
    name          TEXT   NOT NULL,
    secret_hash   TEXT   NOT NULL,        -- empty: a public client
    grant_types   TEXT   NOT NULL,        -- space separated
    redirect_uris TEXT   NOT NULL,        -- space separated
    scope         TEXT   NOT NULL,        -- space separated: what may be asked for
    token_format  TEXT   NOT NULL,        -- opaque | jwt | empty: as the server is set
    access_ttl    BIGINT NOT NULL,        -- milliseconds; 0: as the server is set
    refresh_ttl   BIGINT NOT NULL,        -- milliseconds; 0: as the server is set
    skip_consent  BIGINT NOT NULL,
    introspect    BIGINT NOT NULL,        -- may introspect every token
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL
);

-- One sign-in of one user at one client: the family of all that came of it.
CREATE TABLE grants (
    id         TEXT   PRIMARY KEY,
    client_id  TEXT   NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    user_id    BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind       TEXT   NOT NULL,           -- the grant_type, or "implicit"
    scope      TEXT   NOT NULL,
    nonce      TEXT   NOT NULL,
    auth_at    BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX grants_client ON grants (client_id);
CREATE INDEX grants_user ON grants (user_id);

-- A request at /oauth/authorize while its user signs in and consents.
CREATE TABLE authorization_requests (
    hash       BYTEA  PRIMARY KEY,        -- SHA-256 of the id in the browser's address
    browser    BYTEA  NOT NULL,           -- SHA-256 of the cookie of the browser that began it
    client_id  TEXT   NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    parameters TEXT   NOT NULL,           -- the checked request, as JSON
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX authorization_requests_expiry ON authorization_requests (expires_at);

CREATE TABLE codes (
    hash           BYTEA  PRIMARY KEY,
    grant_id       TEXT   NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    redirect_uri   TEXT   NOT NULL,       -- as sent; empty: the request named none
    code_challenge TEXT   NOT NULL,       -- S256; empty: the request had none
    expires_at     BIGINT NOT NULL,
    used_at        BIGINT
);
CREATE INDEX codes_grant ON codes (grant_id);
CREATE INDEX codes_expiry ON codes (expires_at);

CREATE TABLE access_tokens (
    hash       BYTEA  PRIMARY KEY,
    grant_id   TEXT   REFERENCES grants (id) ON DELETE CASCADE, -- NULL: client credentials
    client_id  TEXT   NOT NULL,
    user_id    BIGINT,
    scope      TEXT   NOT NULL,
    issued_at  BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX access_tokens_grant ON access_tokens (grant_id);
CREATE INDEX access_tokens_expiry ON access_tokens (expires_at);

CREATE TABLE refresh_tokens (
    hash       BYTEA  PRIMARY KEY,
    grant_id   TEXT   NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    issued_at  BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT,
    successor  BYTEA                      -- sealed by this very token, which is not stored
);
CREATE INDEX refresh_tokens_grant ON refresh_tokens (grant_id);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);

CREATE TABLE consents (
    user_id    BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id  TEXT   NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    scope      TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, client_id)
);

CREATE TABLE signing_keys (
    id          TEXT   PRIMARY KEY,       -- the kid
    algorithm   TEXT   NOT NULL,
    private_key BYTEA  NOT NULL,          -- PKCS #8
    created_at  BIGINT NOT NULL
);
