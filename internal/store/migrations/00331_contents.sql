-- +goose Up
-- What contents are besides bytes of a task or an instance.
ALTER TABLE attachments ADD COLUMN related BOOLEAN NOT NULL DEFAULT TRUE;    -- given with the task or instance, not in a form
ALTER TABLE attachments ADD COLUMN field_name TEXT NOT NULL DEFAULT '';      -- what the form calls its field
ALTER TABLE attachments ADD COLUMN source TEXT NOT NULL DEFAULT '';          -- the repository that has it
ALTER TABLE attachments ADD COLUMN source_id TEXT NOT NULL DEFAULT '';       -- its id there
ALTER TABLE attachments ADD COLUMN link BOOLEAN NOT NULL DEFAULT FALSE;      -- it stays there
ALTER TABLE attachments ADD COLUMN file TEXT NOT NULL DEFAULT '';            -- in the folder of contents; empty: in pieces here
UPDATE attachments SET related = FALSE WHERE field <> '';
CREATE INDEX attachments_source ON attachments (source_id, source) WHERE source_id <> '';
CREATE INDEX attachments_loose ON attachments (at) WHERE task_id = '' AND instance_id = '';

-- Files of the folder whose contents are gone.
CREATE TABLE lost_files (
    file TEXT PRIMARY KEY
);
