-- +goose Up
CREATE TABLE sequences (
    name  TEXT   PRIMARY KEY,
    value BIGINT NOT NULL
);

CREATE TABLE users (
    id            BIGINT PRIMARY KEY,
    email         TEXT   NOT NULL UNIQUE,
    email_folded  TEXT   NOT NULL UNIQUE, -- lower case: two users may not differ by case alone
    first_name    TEXT   NOT NULL,
    last_name     TEXT   NOT NULL,
    external_id   TEXT   UNIQUE,
    company       TEXT   NOT NULL,
    tenant_id     BIGINT,
    status        TEXT   NOT NULL,        -- active | inactive
    password_hash TEXT   NOT NULL,        -- empty: nobody signs in by password
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL
);

CREATE TABLE user_groups (
    id          BIGINT PRIMARY KEY,
    name        TEXT   NOT NULL,
    external_id TEXT   UNIQUE,
    kind        BIGINT NOT NULL,          -- 0 system (capabilities), 1 functional (organisation)
    parent_id   BIGINT REFERENCES user_groups (id),
    manager_id  BIGINT REFERENCES users (id),
    tenant_id   BIGINT,
    status      TEXT   NOT NULL,          -- active | inactive
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL
);

CREATE TABLE memberships (
    group_id BIGINT NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
    user_id  BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (group_id, user_id)
);
CREATE INDEX memberships_user ON memberships (user_id);

CREATE TABLE capabilities (
    id       BIGINT PRIMARY KEY,
    group_id BIGINT NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
    name     TEXT   NOT NULL,
    UNIQUE (group_id, name)
);

CREATE TABLE sessions (
    hash       BYTEA  PRIMARY KEY,        -- SHA-256 of the cookie
    user_id    BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    auth_at    BIGINT NOT NULL,
    amr        TEXT   NOT NULL,
    address    TEXT   NOT NULL,
    agent      TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);
