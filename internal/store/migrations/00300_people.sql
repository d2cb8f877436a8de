-- +goose Up
-- What APS knows of people beyond their names: tenants, pictures, first groups, and
-- groups that belong together.
CREATE TABLE tenants (
    id         BIGINT  PRIMARY KEY,
    name       TEXT    NOT NULL,
    domain     TEXT    NOT NULL,         -- empty: none
    active     BOOLEAN NOT NULL,
    max_users  BIGINT  NOT NULL,         -- 0: as many as come
    created_at BIGINT,                   -- NULL: with the database
    updated_at BIGINT
);
INSERT INTO tenants (id, name, domain, active, max_users) VALUES (1, 'Default tenant', '', TRUE, 0);
INSERT INTO tenants (id, name, domain, active, max_users)
    SELECT t.tenant_id, 'Tenant ' || CAST(t.tenant_id AS TEXT), '', TRUE, 0
    FROM (SELECT tenant_id FROM users UNION SELECT tenant_id FROM user_groups) t WHERE t.tenant_id > 1;

ALTER TABLE users ADD COLUMN account_type TEXT NOT NULL DEFAULT 'enterprise'; -- enterprise | trial
ALTER TABLE users ADD COLUMN primary_group_id BIGINT REFERENCES user_groups (id) ON DELETE SET NULL;
ALTER TABLE users ADD COLUMN picture_id BIGINT; -- NULL: none

CREATE TABLE pictures (
    id         BIGINT PRIMARY KEY,
    user_id    BIGINT NOT NULL UNIQUE REFERENCES users (id) ON DELETE CASCADE,
    kind       TEXT   NOT NULL,          -- image/png | image/jpeg
    bytes      BYTEA  NOT NULL,          -- written by us, never as they came
    created_at BIGINT NOT NULL
);

CREATE TABLE group_relations (
    group_id   BIGINT NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
    related_id BIGINT NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
    kind       TEXT   NOT NULL,
    PRIMARY KEY (group_id, related_id)
);
CREATE INDEX group_relations_related ON group_relations (related_id);
CREATE INDEX user_groups_parent ON user_groups (parent_id);
