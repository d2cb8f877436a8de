-- +goose Up
-- The searches that users keep, in the order that they like.
CREATE TABLE filters (
    id       BIGINT  PRIMARY KEY,
    user_id  BIGINT  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind     TEXT    NOT NULL,           -- task | process
    app_id   BIGINT  NOT NULL,           -- 0: of no app
    name     TEXT    NOT NULL,
    icon     TEXT    NOT NULL,           -- empty: none
    recent   BOOLEAN NOT NULL,
    position BIGINT  NOT NULL,
    query    TEXT    NOT NULL            -- JSON
);
CREATE INDEX filters_user ON filters (user_id, kind, app_id, position);
