-- +goose Up
-- A row of a task, an instance, a variable or an activity lives on as its own history:
-- ended_at is NULL while it runs. What runs is found by partial indexes.

CREATE TABLE deployments (
    id          TEXT   PRIMARY KEY,
    name        TEXT   NOT NULL,
    category    TEXT   NOT NULL,
    key         TEXT   NOT NULL,           -- empty: none; APS: the app's id
    tenant_id   TEXT   NOT NULL,
    deployed_at BIGINT NOT NULL
);
CREATE INDEX deployments_name ON deployments (tenant_id, name, deployed_at);

CREATE TABLE resources (
    deployment_id TEXT   NOT NULL REFERENCES deployments (id) ON DELETE CASCADE,
    name          TEXT   NOT NULL,         -- path inside the deployment
    bytes         BYTEA  NOT NULL,         -- as they came
    PRIMARY KEY (deployment_id, name)
);

CREATE TABLE definitions (
    id            TEXT    PRIMARY KEY,     -- key:version:unique part
    key           TEXT    NOT NULL,
    version       INTEGER NOT NULL,
    name          TEXT    NOT NULL,
    description   TEXT    NOT NULL,
    category      TEXT    NOT NULL,        -- targetNamespace unless set otherwise
    deployment_id TEXT    NOT NULL REFERENCES deployments (id) ON DELETE CASCADE,
    resource      TEXT    NOT NULL,        -- the BPMN file
    start_form    BOOLEAN NOT NULL,
    diagram       BOOLEAN NOT NULL,
    suspended     BOOLEAN NOT NULL DEFAULT FALSE,
    history       TEXT    NOT NULL DEFAULT '', -- level of its instances; empty: the engine's
    tenant_id     TEXT    NOT NULL,
    deployed_at   BIGINT  NOT NULL,
    UNIQUE (tenant_id, key, version)
);
CREATE INDEX definitions_deployment ON definitions (deployment_id);

-- Forms and decision tables that came with a deployment.
CREATE TABLE forms (
    id            TEXT    PRIMARY KEY,
    key           TEXT    NOT NULL,        -- what formKey names
    version       INTEGER NOT NULL,
    name          TEXT    NOT NULL,
    deployment_id TEXT    NOT NULL REFERENCES deployments (id) ON DELETE CASCADE,
    tenant_id     TEXT    NOT NULL,
    json          TEXT    NOT NULL,
    UNIQUE (tenant_id, key, version)
);
CREATE INDEX forms_deployment ON forms (deployment_id);

CREATE TABLE decision_tables (
    id            TEXT    PRIMARY KEY,
    key           TEXT    NOT NULL,
    version       INTEGER NOT NULL,
    name          TEXT    NOT NULL,
    model_id      TEXT    NOT NULL,        -- APS: the model's id, by which tasks may name it
    deployment_id TEXT    NOT NULL REFERENCES deployments (id) ON DELETE CASCADE,
    resource      TEXT    NOT NULL,
    tenant_id     TEXT    NOT NULL,
    UNIQUE (tenant_id, key, version)
);
CREATE INDEX decision_tables_deployment ON decision_tables (deployment_id);
CREATE INDEX decision_tables_model ON decision_tables (model_id);

CREATE TABLE instances (
    id               TEXT    PRIMARY KEY,
    definition_id    TEXT    NOT NULL REFERENCES definitions (id),
    business_key     TEXT    NOT NULL,     -- empty: none
    name             TEXT    NOT NULL,
    parent_id        TEXT    NOT NULL,     -- the calling instance; empty: none
    parent_execution TEXT    NOT NULL,     -- its waiting execution
    root_id          TEXT    NOT NULL,
    started_by       TEXT    NOT NULL,
    start_activity   TEXT    NOT NULL,
    started_at       BIGINT  NOT NULL,
    ended_at         BIGINT,
    end_activity     TEXT    NOT NULL DEFAULT '',
    delete_reason    TEXT    NOT NULL DEFAULT '',
    suspended        BOOLEAN NOT NULL DEFAULT FALSE,
    tenant_id        TEXT    NOT NULL,
    rev              BIGINT  NOT NULL,
    state            BYTEA                 -- the execution tree; NULL when it has ended
);
CREATE INDEX instances_definition ON instances (definition_id, started_at);
CREATE INDEX instances_started ON instances (started_at);
CREATE INDEX instances_ended ON instances (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX instances_parent ON instances (parent_id) WHERE parent_id <> '';
CREATE INDEX instances_business_key ON instances (business_key) WHERE business_key <> '';
CREATE INDEX instances_started_by ON instances (started_by, started_at);

CREATE TABLE tasks (
    id            TEXT    PRIMARY KEY,
    instance_id   TEXT    NOT NULL,        -- empty: a task of its own
    execution_id  TEXT    NOT NULL,
    definition_id TEXT    NOT NULL,
    key           TEXT    NOT NULL,        -- the user task's id in the process
    parent_id     TEXT    NOT NULL,        -- the task whose checklist it is on; empty: none
    name          TEXT    NOT NULL,
    description   TEXT    NOT NULL,
    category      TEXT    NOT NULL,
    assignee      TEXT    NOT NULL,        -- empty: nobody
    owner         TEXT    NOT NULL,
    delegation    TEXT    NOT NULL,        -- '' | pending | resolved
    priority      INTEGER NOT NULL,
    form_key      TEXT    NOT NULL,
    created_at    BIGINT  NOT NULL,
    claimed_at    BIGINT,
    due_at        BIGINT,
    ended_at      BIGINT,
    ended_by      TEXT    NOT NULL DEFAULT '',
    delete_reason TEXT    NOT NULL DEFAULT '',
    suspended     BOOLEAN NOT NULL DEFAULT FALSE,
    tenant_id     TEXT    NOT NULL,
    rev           BIGINT  NOT NULL
);
CREATE INDEX tasks_instance ON tasks (instance_id);
CREATE INDEX tasks_assignee ON tasks (assignee, created_at) WHERE ended_at IS NULL;
CREATE INDEX tasks_open ON tasks (created_at) WHERE ended_at IS NULL;
CREATE INDEX tasks_due ON tasks (due_at) WHERE ended_at IS NULL AND due_at IS NOT NULL;
CREATE INDEX tasks_ended ON tasks (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX tasks_parent ON tasks (parent_id) WHERE parent_id <> '';

-- Who has to do with a task, an instance or a definition: exactly one of the three is set,
-- and one of user and group.
CREATE TABLE links (
    task_id       TEXT NOT NULL,
    instance_id   TEXT NOT NULL,
    definition_id TEXT NOT NULL,
    kind          TEXT NOT NULL,           -- candidate | participant | starter | assignee | owner | one's own
    user_id       TEXT NOT NULL,
    group_id      TEXT NOT NULL,
    PRIMARY KEY (task_id, instance_id, definition_id, kind, user_id, group_id)
);
CREATE INDEX links_user ON links (user_id, kind, task_id) WHERE user_id <> '';
CREATE INDEX links_group ON links (group_id, kind, task_id) WHERE group_id <> '';
CREATE INDEX links_instance ON links (instance_id) WHERE instance_id <> '';
CREATE INDEX links_definition ON links (definition_id) WHERE definition_id <> '';

CREATE TABLE variables (
    instance_id  TEXT   NOT NULL,          -- empty: of a task of its own
    execution_id TEXT   NOT NULL,          -- the scope; the instance's id for the process itself; empty: a task's
    task_id      TEXT   NOT NULL,          -- set for variables local to a task
    name         TEXT   NOT NULL,
    type         TEXT   NOT NULL,          -- null | string | integer | long | short | double | boolean | date | json | list | map | bytes
    text         TEXT,
    number       BIGINT,                   -- integers, booleans (0, 1) and dates (milliseconds)
    fraction     DOUBLE PRECISION,
    bytes        BYTEA,                    -- big values and binary ones
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    ended_at     BIGINT,                   -- when its scope ended
    rev          BIGINT NOT NULL,
    PRIMARY KEY (instance_id, execution_id, task_id, name)
);
CREATE INDEX variables_task ON variables (task_id) WHERE task_id <> '';
CREATE INDEX variables_text ON variables (name, text) WHERE type = 'string';

-- History level full: each value that a variable has had.
CREATE TABLE variable_updates (
    id           TEXT   PRIMARY KEY,
    instance_id  TEXT   NOT NULL,
    execution_id TEXT   NOT NULL,
    task_id      TEXT   NOT NULL,
    activity     TEXT   NOT NULL,          -- id of the activities row during which it was set; empty: unknown
    name         TEXT   NOT NULL,
    type         TEXT   NOT NULL,
    text         TEXT,
    number       BIGINT,
    fraction     DOUBLE PRECISION,
    bytes        BYTEA,
    at           BIGINT NOT NULL,
    rev          BIGINT NOT NULL
);
CREATE INDEX variable_updates_instance ON variable_updates (instance_id, at);

-- What an instance has been through, one row for each time an activity was entered.
CREATE TABLE activities (
    id            TEXT   PRIMARY KEY,
    instance_id   TEXT   NOT NULL,
    definition_id TEXT   NOT NULL,
    execution_id  TEXT   NOT NULL,
    activity_id   TEXT   NOT NULL,         -- the element's id; a sequence flow has type sequenceFlow
    name          TEXT   NOT NULL,
    type          TEXT   NOT NULL,
    task_id       TEXT   NOT NULL,
    assignee      TEXT   NOT NULL,
    called_id     TEXT   NOT NULL,         -- the instance that a call activity started
    started_at    BIGINT NOT NULL,
    ended_at      BIGINT,
    delete_reason TEXT   NOT NULL DEFAULT '',
    tenant_id     TEXT   NOT NULL
);
CREATE INDEX activities_instance ON activities (instance_id, started_at);
CREATE INDEX activities_open ON activities (activity_id) WHERE ended_at IS NULL;

CREATE TABLE jobs (
    id            TEXT    PRIMARY KEY,
    queue         TEXT    NOT NULL,        -- ready | timer | suspended | dead
    kind          TEXT    NOT NULL,        -- what runs: continue | timer | start-timer | signal | outside …
    instance_id   TEXT    NOT NULL,        -- empty: a start timer's
    execution_id  TEXT    NOT NULL,
    definition_id TEXT    NOT NULL,
    activity_id   TEXT    NOT NULL,
    payload       TEXT    NOT NULL,        -- JSON, what kind needs
    due_at        BIGINT  NOT NULL,        -- not before
    repeat        TEXT    NOT NULL,        -- the timer's text when it repeats
    done          INTEGER NOT NULL,        -- how often it has fired
    retries       INTEGER NOT NULL,        -- attempts left
    exclusive     BOOLEAN NOT NULL,        -- not beside another job of its instance
    lease_owner   TEXT    NOT NULL DEFAULT '',
    lease_until   BIGINT  NOT NULL DEFAULT 0,
    message       TEXT    NOT NULL DEFAULT '', -- of the last failure
    trace         TEXT    NOT NULL DEFAULT '',
    created_at    BIGINT  NOT NULL,
    tenant_id     TEXT    NOT NULL,
    rev           BIGINT  NOT NULL
);
CREATE INDEX jobs_due ON jobs (due_at) WHERE queue IN ('ready', 'timer');
CREATE INDEX jobs_instance ON jobs (instance_id) WHERE instance_id <> '';
CREATE INDEX jobs_leased ON jobs (lease_owner) WHERE lease_owner <> '';
CREATE INDEX jobs_definition ON jobs (definition_id) WHERE instance_id = '';

CREATE TABLE subscriptions (
    id            TEXT   PRIMARY KEY,
    kind          TEXT   NOT NULL,         -- message | signal
    name          TEXT   NOT NULL,
    instance_id   TEXT   NOT NULL,         -- empty: a start event's
    execution_id  TEXT   NOT NULL,
    definition_id TEXT   NOT NULL,
    activity_id   TEXT   NOT NULL,
    created_at    BIGINT NOT NULL,
    tenant_id     TEXT   NOT NULL
);
CREATE INDEX subscriptions_name ON subscriptions (kind, name);
CREATE INDEX subscriptions_instance ON subscriptions (instance_id) WHERE instance_id <> '';
CREATE INDEX subscriptions_definition ON subscriptions (definition_id) WHERE instance_id = '';

CREATE TABLE comments (
    id          BIGINT PRIMARY KEY,
    task_id     TEXT   NOT NULL,
    instance_id TEXT   NOT NULL,
    user_id     TEXT   NOT NULL,
    message     TEXT   NOT NULL,
    at          BIGINT NOT NULL
);
CREATE INDEX comments_task ON comments (task_id, at) WHERE task_id <> '';
CREATE INDEX comments_instance ON comments (instance_id, at) WHERE instance_id <> '';

-- Records of contents that belong to a task or an instance; the bytes are pieces of
-- at most a megabyte, so that none is held in memory whole.
CREATE TABLE attachments (
    id          BIGINT PRIMARY KEY,
    task_id     TEXT   NOT NULL,
    instance_id TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    description TEXT   NOT NULL,
    media_type  TEXT   NOT NULL,
    url         TEXT   NOT NULL,           -- empty: the bytes are here
    field       TEXT   NOT NULL,           -- the form field it was given in; empty: related content
    size        BIGINT NOT NULL,
    user_id     TEXT   NOT NULL,
    at          BIGINT NOT NULL
);
CREATE INDEX attachments_task ON attachments (task_id) WHERE task_id <> '';
CREATE INDEX attachments_instance ON attachments (instance_id) WHERE instance_id <> '';
CREATE TABLE attachment_pieces (
    attachment_id BIGINT  NOT NULL REFERENCES attachments (id) ON DELETE CASCADE,
    piece         INTEGER NOT NULL,
    bytes         BYTEA   NOT NULL,
    PRIMARY KEY (attachment_id, piece)
);

-- What a decision table was asked and what it said.
CREATE TABLE decisions (
    id           TEXT   PRIMARY KEY,
    table_id     TEXT   NOT NULL,
    table_key    TEXT   NOT NULL,
    instance_id  TEXT   NOT NULL,
    execution_id TEXT   NOT NULL,
    activity_id  TEXT   NOT NULL,
    failed       BOOLEAN NOT NULL,
    audit        TEXT   NOT NULL,          -- JSON: inputs, rules, outputs, problem
    at           BIGINT NOT NULL,
    tenant_id    TEXT   NOT NULL
);
CREATE INDEX decisions_instance ON decisions (instance_id, at);
