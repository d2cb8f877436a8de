-- +goose Up
-- What people draw before it is deployed: processes, forms, apps and decision tables.
CREATE TABLE models (
    id           BIGINT  PRIMARY KEY,
    kind         INTEGER NOT NULL,       -- APS: 0 process, 2 form, 3 app, 4 decision table
    name         TEXT    NOT NULL,
    description  TEXT    NOT NULL,
    key          TEXT    NOT NULL,       -- the number or key by which files of its app name it; empty: its id
    file         TEXT    NOT NULL,       -- its path in the app that it came with; empty: made of name and id
    tenant_id    TEXT    NOT NULL,
    reference_id BIGINT  NOT NULL,       -- the process model that it was made for; 0: none, it can be used again
    version      INTEGER NOT NULL,
    comment      TEXT    NOT NULL,
    content      BYTEA   NOT NULL,       -- the file, as it came
    editor       BYTEA,                  -- a process's JSON of APS's editor, as it came
    created_by   BIGINT  NOT NULL,       -- 0: nobody
    created_at   BIGINT  NOT NULL,
    updated_by   BIGINT  NOT NULL,
    updated_at   BIGINT  NOT NULL
);
CREATE INDEX models_tenant ON models (tenant_id, kind, updated_at);
CREATE INDEX models_creator ON models (created_by, kind, updated_at);
CREATE INDEX models_reference ON models (reference_id) WHERE reference_id <> 0;

-- What a model was before.
CREATE TABLE model_versions (
    id          BIGINT  PRIMARY KEY,
    model_id    BIGINT  NOT NULL REFERENCES models (id) ON DELETE CASCADE,
    name        TEXT    NOT NULL,
    description TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    comment     TEXT    NOT NULL,
    content     BYTEA   NOT NULL,
    editor      BYTEA,
    updated_by  BIGINT  NOT NULL,
    updated_at  BIGINT  NOT NULL,
    UNIQUE (model_id, version)
);

-- What an app is made of, in its order.
CREATE TABLE model_uses (
    app_id   BIGINT  NOT NULL REFERENCES models (id) ON DELETE CASCADE,
    model_id BIGINT  NOT NULL REFERENCES models (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    PRIMARY KEY (app_id, model_id)
);
CREATE INDEX model_uses_model ON model_uses (model_id);

-- Files of an app that are no models here: stencils, data models, documents, pictures.
CREATE TABLE model_files (
    app_id BIGINT NOT NULL REFERENCES models (id) ON DELETE CASCADE,
    name   TEXT   NOT NULL,
    bytes  BYTEA  NOT NULL,
    PRIMARY KEY (app_id, name)
);
