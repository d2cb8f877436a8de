-- +goose Up
-- What a form of an open task holds before it is submitted.
CREATE TABLE form_drafts (
    task_id TEXT   PRIMARY KEY,
    content TEXT   NOT NULL,             -- JSON: values by field
    user_id TEXT   NOT NULL,
    at      BIGINT NOT NULL
);

-- What was submitted, by whom, in which form.
CREATE TABLE submitted_forms (
    id            BIGINT PRIMARY KEY,
    form_id       TEXT   NOT NULL,
    task_id       TEXT   NOT NULL,       -- empty: a start form
    instance_id   TEXT   NOT NULL,       -- empty: of a task of its own
    definition_id TEXT   NOT NULL,
    content       TEXT   NOT NULL,       -- JSON: values by field
    outcome       TEXT   NOT NULL,
    user_id       TEXT   NOT NULL,
    at            BIGINT NOT NULL
);
CREATE INDEX submitted_forms_task ON submitted_forms (task_id) WHERE task_id <> '';
CREATE INDEX submitted_forms_instance ON submitted_forms (instance_id) WHERE instance_id <> '';

-- What people have done, for lists of ended tasks.
CREATE INDEX tasks_assignee_ended ON tasks (assignee, ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX tasks_owner ON tasks (owner) WHERE owner <> '';
CREATE INDEX jobs_queue ON jobs (queue, id);
