-- +goose Up
-- The apps on people's landing pages, and which deployments are of which app: the number
-- of an app is what APS calls appDefinitionId.
CREATE TABLE apps (
    id          BIGINT  PRIMARY KEY,
    name        TEXT    NOT NULL,
    description TEXT    NOT NULL,
    theme       TEXT    NOT NULL,
    icon        TEXT    NOT NULL,
    model_id    BIGINT  NOT NULL,        -- what it was published from; 0: nothing that is kept
    tenant_id   TEXT    NOT NULL,
    shown       BOOLEAN NOT NULL         -- on the landing page
);
CREATE UNIQUE INDEX apps_model ON apps (model_id) WHERE model_id <> 0;
CREATE UNIQUE INDEX apps_name ON apps (tenant_id, name) WHERE model_id = 0;

-- Who may see an app; everybody of its tenant when nobody is named.
CREATE TABLE app_readers (
    app_id   BIGINT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    user_id  TEXT   NOT NULL,            -- empty: a group
    group_id TEXT   NOT NULL,            -- number or name; empty: a user
    PRIMARY KEY (app_id, user_id, group_id)
);

-- The one with the largest number is the app's newest.
CREATE TABLE app_deployments (
    id            BIGINT PRIMARY KEY,
    app_id        BIGINT NOT NULL REFERENCES apps (id),
    deployment_id TEXT   NOT NULL UNIQUE REFERENCES deployments (id) ON DELETE CASCADE,
    created_by    TEXT   NOT NULL        -- empty: by the command line
);
CREATE INDEX app_deployments_app ON app_deployments (app_id, id);
